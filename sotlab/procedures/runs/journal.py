"""The journal of a run: append-only JSON lines, the record of what was asked and what happened.

Without a ``run_close`` line a run was interrupted. Each line has ``event``, ``wall`` (local time with its offset) and
``t`` (bench time since the run began [s]).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sotlab.analysis.values import plain
from sotlab.errors import RunError
from sotlab.procedures.runs.durable import DurableFile

__all__ = ["Journal", "cut_torn_line", "read_journal"]


class Journal:
    """Writes the journal.

    Parameters
    ----------
    path : Path
        The file; lines are appended.
    bench_time : callable
        Returns the bench time since the run began [s]; None from who does not know it.
    """

    def __init__(self, path: Path, bench_time: Callable[[], float | None]) -> None:
        self._file = DurableFile(path)
        self._bench_time = bench_time

    def write(self, event: str, **fields: Any) -> None:
        """Append one line and flush it.

        Raises
        ------
        RunError
            If it cannot be written.
        """
        wall = datetime.now().astimezone().isoformat(timespec="milliseconds")
        line = {"event": event, "wall": wall, "t": self._bench_time(), **fields}
        self._file.write(json.dumps(plain(line), ensure_ascii=False, allow_nan=False, default=str) + "\n")

    def close(self) -> None:
        """Sync and close the file."""
        self._file.close()


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the journal's lines; a torn last line is left out.

    Raises
    ------
    RunError
        If the file cannot be read, or a line before the last is not JSON.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise RunError(f"{path}: the journal cannot be read: {error.strerror}") from error
    events = []
    for number, line in enumerate(lines[:-1], start=1):  # what follows the last line feed is torn, or empty
        try:
            event = json.loads(line)
            named = isinstance(event["event"], str)
        except (ValueError, RecursionError, KeyError, TypeError):  # also numbers of thousands of digits
            named = False
        if not named:
            raise RunError(f"{path}: line {number} of the journal is damaged")
        events.append(event)
    return events


def cut_last_lines(path: Path, lines: int) -> bytes:
    """Cut whole lines off the end of a file, and return them."""
    with open(path, "rb+") as file:
        text = file.read()
        kept = b"".join(text.splitlines(keepends=True)[:-lines])
        file.truncate(len(kept))
        return text[len(kept) :]


def cut_torn_line(path: Path) -> bytes:
    """Cut what follows the last line feed of a file of lines, and return it.

    Zeros, which a file system may leave at the end after a loss of power, are cut too.
    """
    with open(path, "rb+") as file:
        text = file.read()
        end = text.rstrip(b"\x00").rfind(b"\n") + 1
        if end < len(text):
            file.truncate(end)
        return text[end:]
