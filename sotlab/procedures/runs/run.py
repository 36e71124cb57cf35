"""One run, from its folder to its results: what the command line, the window and a script all use."""

from __future__ import annotations

import getpass
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock
from pymeasure.experiment import Procedure

from sotlab.errors import SotlabError
from sotlab.procedures.runs.bus import Bus
from sotlab.procedures.runs.catalog import index
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.live import LiveReduction
from sotlab.procedures.runs.reduce import live_reduction
from sotlab.procedures.runs.resume import prepare_resume
from sotlab.procedures.runs.scan import Scan
from sotlab.procedures.runs.status import StatusFile
from sotlab.procedures.runs.worker import RunWorker

__all__ = ["Run", "summary"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """A run that there is: its folder, taken, and what was cut off its files."""

    folder: RunFolder
    lock: FileLock
    cut: Sequence[Mapping[str, Any]] = ()


class Run:
    """A procedure with its folder, its worker and its live reduction.

    Examples
    --------
    >>> run = Run(STFMRFieldSweep(station="virtual:stfmr"), Path("runs"))   # doctest: +SKIP
    >>> run.start()                                                         # doctest: +SKIP
    >>> run.wait()                                                          # doctest: +SKIP
    """

    def __init__(
        self, procedure: Procedure, out: Path, sample_name: str = "sample", *, begun: Begun | None = None
    ) -> None:
        """Make a new folder below ``out``, or go on in the one that was ``begun``."""
        if begun is None:
            folder = RunFolder.create(out, type(procedure).__name__, sample_name)
            begun = Begun(folder, folder.lock())
        self.procedure = procedure
        self.folder = begun.folder
        self.bus = Bus()
        self.worker = RunWorker(procedure, self.folder, self.bus, operator=_operator(), cut=begun.cut)
        self._lock = begun.lock
        self._live: LiveReduction | None = None
        self._status: StatusFile | None = None

    @classmethod
    def resume(cls, path: Path, **options: Any) -> Run:
        """Return the run in a folder, ready to measure exactly the points that are missing.

        Parameters
        ----------
        path : Path
            The run folder.
        **options
            As :func:`~sotlab.procedures.runs.resume.prepare_resume` takes them.

        Raises
        ------
        RunError, UsageError
            If it is going on, has ended well, or cannot be gone on with.
        """
        folder = RunFolder.open(path)
        lock = folder.lock()
        try:
            scan, cut = prepare_resume(folder, **options)
            return cls(scan, path, begun=Begun(folder, lock, cut))
        except BaseException:
            lock.release()
            raise

    def start(self) -> None:
        """Begin to measure, in the worker's thread."""
        scan = self.procedure
        if isinstance(scan, Scan) and scan.ANALYSIS is not None:
            columns = {**scan.ANALYSIS.columns, **scan.ANALYSIS.axes}
            reduce = live_reduction(scan.ANALYSIS.kind, lambda: self.worker.analysis_settings)
            self._live = LiveReduction(self.bus, columns, reduce, scan.past.rows)
        self._status = StatusFile(self.folder, self.bus, scan)
        self.worker.start()

    def stop(self) -> None:
        """Ask the worker to stop: it makes the bench safe and keeps what was measured."""
        self.worker.stop()

    def emergency_stop(self) -> dict[str, str | None]:
        """Make the outputs safe at once, even while a driver hangs in the worker; return what came of it by role."""
        self.worker.stop()
        return self.worker.make_safe_now()

    @property
    def running(self) -> bool:
        """Whether the worker is still at it."""
        return self.worker.is_alive()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, at most ``timeout_s``; return whether it has ended.

        PyMeasure's ``Worker.join`` would stop the worker after its time-out; this does not.
        """
        threading.Thread.join(self.worker, timeout_s)
        if self.worker.is_alive():
            return False
        if self._live is not None:
            self._live.close()
            self._live = None
        if self._status is not None:
            self._status.close()
            self._status = None
        self._lock.release()
        index(self.folder.path)
        return True

    @property
    def status(self) -> str:
        """PyMeasure's word for the state: Queued, Running, Finished, Aborted, Failed."""
        return Procedure.STATUS_STRINGS[self.procedure.status]

    def raise_error(self) -> None:
        """Raise what ended the run, if it failed.

        Raises
        ------
        SotlabError
            What was raised, or a line that names what was if it was no error of ours.
        """
        error = self.worker.error
        if error is None:
            return
        ours = isinstance(error, SotlabError)
        what = str(error) if ours else f"{type(self.procedure).__name__}: {type(error).__name__}: {error}"
        rows = self.worker.results.rows
        raise (type(error) if ours else SotlabError)(f"{what} [{rows} rows are in {self.folder.path}]") from error

    def __enter__(self) -> Run:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.stop()
        self.wait()


def _operator() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, as in a bare container
        return ""


def summary(run: Run) -> dict[str, Any]:
    """Return what to tell of a run that has ended."""
    scan = run.procedure if isinstance(run.procedure, Scan) else None
    told = {
        "run": run.folder.run_id,
        "folder": str(run.folder.path),
        "data": str(run.folder.data),
        "status": run.status.lower(),
        "rows": run.worker.results.rows,
        "reducible": bool(scan and scan.ANALYSIS and run.worker.results.rows),
        "unsafe": run.worker.unsafe,
    }
    if scan is not None:
        told |= {"simulated": scan.simulated == "True", "station": scan.station}
    return told
