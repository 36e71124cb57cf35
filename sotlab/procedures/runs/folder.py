"""The folder of one run: ``runs/<date>/<id>_<procedure>_<sample>/`` and the files in it."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from sotlab.errors import RunError

__all__ = ["LOCK", "RunFolder"]

#: Held by who writes into the folder.
LOCK = ".lock"


@dataclass(frozen=True)
class RunFolder:
    """Where the files of a run are.

    Parameters
    ----------
    path : Path
        The folder.
    run_id : str
        ``<date>-<time>-<milliseconds><random>``: sorts by time, and does not repeat between machines.
    procedure : str
        Name of the procedure.
    """

    path: Path
    run_id: str
    procedure: str

    @classmethod
    def create(cls, out: Path, procedure: str, sample: str) -> RunFolder:
        """Make a new folder below ``out``.

        Raises
        ------
        RunError
            If it cannot be made.
        """
        now = datetime.now()
        run_id = f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}{secrets.token_hex(1)}"
        name = re.sub(r"[^A-Za-z0-9._+-]+", "-", f"{run_id}_{procedure}_{sample}")
        path = out / f"{now:%Y-%m-%d}" / name
        try:
            path.mkdir(parents=True, exist_ok=False)
        except OSError as error:
            raise RunError(
                f"{path}: the run's folder cannot be made: {error.strerror}; choose another with --out"
            ) from error
        return cls(path, run_id, procedure)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return the folder of a run that there is.

        Raises
        ------
        RunError
            If it is no run folder.
        """
        match = re.match(r"(?P<id>\d{8}-\d{6}-[0-9a-f]{5})_(?P<procedure>[^_]+)", path.resolve().name)
        if match is None or not path.is_dir():
            raise RunError(f"{path}: this is no run folder")
        return cls(path, match["id"], match["procedure"])

    def lock(self) -> FileLock:
        """Return the lock of who writes into the folder, taken.

        The lock is the operating system's, and ends with its process however that ends.

        Raises
        ------
        RunError
            If somebody has it: the run is going on.
        """
        lock = FileLock(self.path / LOCK, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise RunError(f"{self.path}: this run is going on; stop it first, in the program that runs it") from None
        except OSError as error:
            raise RunError(f"{self.path}: the folder cannot be locked: {error.strerror}") from error
        return lock

    def is_going_on(self) -> bool:
        """Return whether a program writes into the folder now."""
        if not (self.path / LOCK).exists():
            return False
        try:
            self.lock().release()
        except RunError:
            return True
        return False

    @property
    def data(self) -> Path:
        """The rows: PyMeasure's CSV."""
        return self.path / f"{self.run_id}_{self.procedure}.csv"

    @property
    def arrays(self) -> Path:
        """Traces and buffers, as they come."""
        return self.path / "arrays.bin"

    @property
    def gathered_arrays(self) -> Path:
        """The same when the run has ended, as HDF5."""
        return self.path / "arrays.h5"

    @property
    def journal(self) -> Path:
        """What was asked and what happened."""
        return self.path / "events.jsonl"

    @property
    def results(self) -> Path:
        """What was made of the rows."""
        return self.path / "results.json"

    @property
    def report(self) -> Path:
        """The page that shows it."""
        return self.path / "report.html"
