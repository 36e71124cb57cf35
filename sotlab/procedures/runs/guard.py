"""A process that makes the bench safe when the program that measures is gone, or hangs.

It is in a process group of its own, has imported all that it needs, and reads a pipe from the program. The operating
system closes the pipe however the program ends, ``kill -9`` too: if a run is being watched then, the guard makes its
outputs safe and writes so into the run's journal.

Lines of JSON go both ways. To the guard: ``watch`` (with ``station``, ``roles``, ``journal``), ``release``, ``safe``.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from sotlab.errors import RunError, SotlabError
from sotlab.instruments.station import Station
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.journal import Journal, cut_torn_line

__all__ = ["Guard"]


class Guard:
    """The program's side: one guard for as many runs as follow each other.

    Raises
    ------
    SotlabError
        If the guard does not start: nothing is measured without one.
    """

    def __init__(self) -> None:
        own_group: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        self._lock = threading.Lock()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                **own_group,
            )
        except OSError as error:
            raise SotlabError(f"the guard process cannot be started: {error.strerror}") from error
        self._to_guard: Any = self._process.stdin
        self._from_guard: Any = self._process.stdout

    @classmethod
    @functools.cache
    def of_this_program(cls) -> Guard:
        """Return the guard that all runs of this program share; it takes seconds to start."""
        return cls()

    def watch(self, bench: Station, journal: Path) -> None:
        """Make the bench's open outputs safe if this program ends before it says :meth:`release`.

        Parameters
        ----------
        bench : Station
            The open station, reached by others too.
        journal : Path
            The journal of the run.
        """
        self._tell("watch", station=str(bench.path.resolve()), roles=bench.actuators, journal=str(journal.resolve()))

    def release(self) -> None:
        """Say that the bench is safe: what happens to this program from now on is no concern of the guard's."""
        self._tell("release")

    def make_safe(self) -> dict[str, str | None]:
        """Make the watched outputs safe now, over sessions of the guard's own; return what came of it."""
        return self._tell("safe")["outputs"]

    def close(self) -> None:
        """End the guard."""
        with self._lock:
            self._to_guard.close()
            self._process.wait()
            self._from_guard.close()

    def _tell(self, command: str, **fields: Any) -> dict[str, Any]:
        with self._lock:
            try:
                self._to_guard.write(json.dumps({"command": command, **fields}) + "\n")
                self._to_guard.flush()
                answer = self._from_guard.readline()
            except (OSError, ValueError) as error:
                raise SotlabError(f"the guard process is gone ({error}); nothing is measured without it") from error
        if not answer:
            raise SotlabError("the guard process is gone; nothing is measured without it")
        return json.loads(answer)


def main() -> None:
    """Watch over the program at the other end of the pipe, until it is gone."""
    watched: dict[str, Any] | None = None
    for line in sys.stdin:
        message = json.loads(line)
        answer: dict[str, Any] = {"ok": True}
        if message["command"] == "watch":
            watched = message
        elif message["command"] == "release":
            watched = None
        elif watched is not None:
            answer["outputs"] = _rescue(watched, borrow=True)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    if watched is not None:
        _when_alone(watched)


def _rescue(watched: dict[str, Any], *, borrow: bool) -> dict[str, str | None]:
    try:
        return Station.rescue(watched["station"], watched["roles"], borrow=borrow)
    except SotlabError as error:  # above all: another program has the station, and has made it safe
        return {role: str(error) for role in watched["roles"]}


def _when_alone(watched: dict[str, Any]) -> None:
    """Make safe what a program left that is gone, and say so in its run's journal."""
    folder = RunFolder.open(Path(watched["journal"]).parent)
    try:
        lock = folder.lock()  # nobody resumes the run meanwhile
    except RunError:
        lock = None
    try:
        outputs = _rescue(watched, borrow=False)
        torn = cut_torn_line(folder.journal) if lock is not None else b""
        journal = Journal(folder.journal, lambda: None)
        journal.write("made_safe", by="guard", outputs=outputs, cut=torn.decode("utf-8", "replace") or None)
        journal.close()
    finally:
        if lock is not None:
            lock.release()


if __name__ == "__main__":
    main()
