"""One run beside the window: started, followed and reduced off the GUI thread, told to it through a queue.

The GUI thread only empties the queue, by a timer. It never waits for the run: opening the station, measuring, making
safe, reducing and writing the report may all take as long as they like.
"""

from __future__ import annotations

import importlib
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from sotlab.analysis.values import rows_of
from sotlab.errors import InstrumentError, SotlabError
from sotlab.instruments.station_file import StationConfig, load_sample
from sotlab.procedures.runs.provenance import keep_results
from sotlab.procedures.runs.reduce import find_analysis, reduce_runs, write_page
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.scan import Scan

__all__ = ["Ended", "Measurement", "Reduced", "prepare"]

#: What a report imports late.
LATE = ("matplotlib.backends.backend_agg", "matplotlib.mathtext")

_preparing = threading.Lock()


def prepare(scan_class: type[Scan]) -> None:
    """Import what a run and its report will need.

    An import holds the interpreter up for tens of milliseconds, from whichever thread: it is better done before
    points come than between them.
    """
    if scan_class.ANALYSIS is None:
        return
    with _preparing:
        find_analysis(scan_class.ANALYSIS.kind)
        for entry in entry_points(group="sotlab.plots", name=scan_class.ANALYSIS.kind):
            entry.load()
        for module in LATE:
            importlib.import_module(module)


@dataclass(frozen=True)
class Ended:
    """How a run ended: 'Finished', 'Aborted' or 'Failed'; what ended it; what could not be made safe."""

    status: str
    rows: int
    error: str | None = None
    unsafe: str | None = None


@dataclass(frozen=True)
class Reduced:
    """What was made of the rows: values by name with their units, and flags; or why nothing was."""

    spectra: tuple[Mapping[str, Any], ...] = ()
    flags: tuple[str, ...] = ()
    error: str | None = None


class Measurement:
    """A run that is followed from start to report in a thread of its own.

    Parameters
    ----------
    scan : Scan
        What to measure; it opens its station itself, in the worker's thread.
    out : Path
        Folder of runs.

    Attributes
    ----------
    news : SimpleQueue of (topic, record)
        What the run's bus told, and ``ask`` with what the operator is to do, until :meth:`answer`; then ``ended``
        (:class:`Ended`) and, if there were rows, ``reduced`` (:class:`Reduced`).
    run : Run or None
        The run, as soon as it is there.
    """

    def __init__(self, scan: Scan, out: Path) -> None:
        self.scan = scan
        self.out = out
        self.news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.run: Run | None = None
        self._stopped = False
        self._answered = threading.Event()
        scan.operator = self._ask
        # Not a daemon: the interpreter must not leave while outputs are being made safe.
        self._thread = threading.Thread(target=self._follow, name="follow the run", daemon=False)

    def start(self) -> None:
        """Begin; return at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the run to stop, also one that is about to start; return at once."""
        self._stopped = True
        if self.run is not None:
            self.run.stop()

    def answer(self) -> None:
        """Tell the run that the operator has done what was asked."""
        self._answered.set()

    def _ask(self, message: str) -> None:
        """Have the window ask the operator, and wait for the answer; called by the worker's thread."""
        self._answered.clear()
        self.news.put(("ask", message))
        while not self._answered.wait(0.05):
            if self._stopped:
                raise InstrumentError(f"stopped while the operator was asked: {message}")

    @property
    def active(self) -> bool:
        """Whether anything of it is still going on: the run, its making safe, its report."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the end; only for when there is no event loop any more."""
        self._thread.join()

    def _follow(self) -> None:
        try:
            prepare(type(self.scan))
            ended = self._measure()
        except Exception as error:
            ended = Ended("Failed", 0, _one_line(error))
        self.news.put(("ended", ended))
        if ended.rows and self.scan.ANALYSIS is not None and self.run is not None:
            self.news.put(("reduced", _reduce(self.run)))

    def _measure(self) -> Ended:
        run = Run(self.scan, self.out, _sample_name(self.scan))
        run.bus.subscribe(lambda topic, record: self.news.put((topic, record)))
        self.run = run
        if self._stopped:  # asked before there was a run to tell it to
            run.stop()
        run.start()
        run.wait()
        error = None
        try:
            run.raise_error()
        except SotlabError as failure:
            error = str(failure)
        return Ended(run.status, run.worker.results.rows, error, run.worker.unsafe)


def _sample_name(scan: Scan) -> str:
    """Return the name for the run's folder, which is made before the station is open."""
    if not scan.ROLES:
        return "no-sample"
    config, path = StationConfig.load(scan.station)
    return load_sample(config, path, scan.sample or None).name


def _reduce(run: Run) -> Reduced:
    try:
        outcome = reduce_runs([run.folder])
        keep_results([run.folder.path], outcome.json)
        write_page(run.folder.report, outcome)
    except Exception as error:  # the rows are safe on the disk; the window goes on
        return Reduced(error=_one_line(error))
    rows = tuple(rows_of(outcome.json))
    flags = tuple(flag for row in rows for flag in row["flags"])
    if "scans" in outcome.json:  # one scan says little by itself: what all of them say is shown
        return Reduced((outcome.json["results"],), (*outcome.json["flags"], *flags))
    return Reduced(rows, flags)


def _one_line(error: Exception) -> str:
    return str(error) if isinstance(error, SotlabError) else " ".join(f"{type(error).__name__}: {error}".split())
