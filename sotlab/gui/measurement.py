"""Runs beside the window: started, followed and reduced off the GUI thread, told to it through a queue.

The GUI thread only empties the queue, by a timer. It never waits for a run: opening the station, measuring, making
safe, reducing and writing the report may all take as long as they like.
"""

from __future__ import annotations

import importlib
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from sotlab.analysis.values import Curve, rows_of
from sotlab.clock import RealClock
from sotlab.errors import InstrumentError, SotlabError
from sotlab.gui.background import one_line
from sotlab.instruments.station_file import StationConfig, load_sample
from sotlab.procedures.runs.pace import expected_times
from sotlab.procedures.runs.plan import Point
from sotlab.procedures.runs.provenance import keep_results
from sotlab.procedures.runs.reduce import find_analysis, reduce_runs, write_page
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.scan import Scan

__all__ = ["Ended", "Measurement", "Reduced", "Work", "prepare", "reduced_of"]

#: What a report imports late.
LATE = ("matplotlib.backends.backend_agg", "matplotlib.mathtext")

_preparing = threading.Lock()


def prepare(scan_class: type[Any]) -> None:
    """Import what a run and its report will need.

    An import holds the interpreter up for tens of milliseconds, from whichever thread: it is better done before
    points come than between them.
    """
    analysis = getattr(scan_class, "ANALYSIS", None)
    if analysis is None:
        return
    with _preparing:
        find_analysis(analysis.kind)
        for entry in entry_points(group="sotlab.plots", name=analysis.kind):
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
    """What was made of a run: its values, each spectrum or scan, flags, curves beside it; or why nothing was."""

    spectra: tuple[Mapping[str, Any], ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    flags: tuple[str, ...] = ()
    error: str | None = None
    beside: tuple[Curve, ...] = ()


class Work:
    """What goes on beside the window, in a thread of its own; subclasses say what that is.

    Attributes
    ----------
    news : SimpleQueue of (topic, record)
        ``begin`` with each :class:`Run`, ``expected`` with the plan's time of each point to come, what the run's bus
        tells, ``ask`` with what the operator is to do, until :meth:`answer`; then ``ended`` (:class:`Ended`) and, if
        there were rows, ``reduced`` (:class:`Reduced`).
    run : Run or None
        The run under way, or the last one.
    """

    def __init__(self, name: str) -> None:
        self.news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.run: Run | None = None
        self._stopped = False
        self._answered = threading.Event()
        self._plan: Sequence[Point] = ()
        self._last: tuple[int, int] | None = None
        # Not a daemon: the interpreter must not leave while outputs are being made safe.
        self._thread = threading.Thread(target=self._work, name=name, daemon=False)

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

    @property
    def active(self) -> bool:
        """Whether anything of it is still going on: the run, its making safe, its report."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the end; only for when there is no event loop any more."""
        self._thread.join()

    def next_index(self, in_flight: bool) -> int | None:
        """Return which planned point comes next, after the one that is being measured if ``in_flight``."""
        places = [(point.index, point.repeat) for point in self._plan]
        at = places.index(self._last) + 1 if self._last in places else 0
        at += in_flight
        return self._plan[at].index if at < len(self._plan) else None

    def _work(self) -> None:
        raise NotImplementedError

    def _follow(self, run: Run) -> Ended:
        """Start a run, tell what it tells, and return how it ended."""
        self._plan, self._last = (), None
        scan = run.procedure
        if isinstance(scan, Scan):
            scan.operator = self._ask
        run.bus.subscribe(lambda topic, record: self._tell(run, topic, record))
        self.run = run
        self.news.put(("begin", run))
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

    def _tell(self, run: Run, topic: str, record: Any) -> None:
        scan = run.procedure
        if topic == "results" and isinstance(scan, Scan):
            if not self._plan:  # now its station is open
                self._plan = scan.planned()
                self.news.put(("expected", expected_times(scan)))
            self._last = int(record["Index"]), int(record["Repeat"])
        if topic == "making_safe":  # its end is told by the bench's clock, which the scan has while its bench is open
            record = {**record, "clock": scan.clock if isinstance(scan, Scan) else RealClock()}
        self.news.put((topic, record))

    def _ask(self, message: str) -> None:
        """Have the window ask the operator, and wait for the answer; called by the worker's thread."""
        self._answered.clear()
        self.news.put(("ask", message))
        while not self._answered.wait(0.05):
            if self._stopped:
                raise InstrumentError(f"stopped while the operator was asked: {message}")


class Measurement(Work):
    """One run, from start to report.

    Parameters
    ----------
    make : callable
        Returns the run; called in the thread of its own.
    """

    def __init__(self, make: Callable[[], Run]) -> None:
        super().__init__("follow the run")
        self._make = make

    @classmethod
    def of(cls, scan: Scan, out: Path, before: Callable[[], None] = lambda: None) -> Measurement:
        """Return a new run of a scan, which opens its station itself; ``before`` is called first, in its thread."""

        def make() -> Run:
            before()
            prepare(type(scan))
            return Run(scan, out, _sample_name(scan))

        return cls(make)

    @classmethod
    def resumed(cls, folder: Path, before: Callable[[], None] = lambda: None) -> Measurement:
        """Return the run in a folder, which goes on at its first missing point."""

        def make() -> Run:
            before()
            run = Run.resume(folder)
            prepare(type(run.procedure))
            return run

        return cls(make)

    def _work(self) -> None:
        run = None
        try:
            run = self._make()
            ended = self._follow(run)
        except Exception as error:
            ended = Ended("Failed", 0, one_line(error))
        self.news.put(("ended", ended))
        if run is not None and ended.rows and isinstance(run.procedure, Scan) and run.procedure.ANALYSIS is not None:
            self.news.put(("reduced", _reduce(run)))


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
        return Reduced(error=one_line(error))
    return reduced_of(outcome.json)


def reduced_of(reduction: Mapping[str, Any]) -> Reduced:
    """Return what is shown of a reduction, as JSON has it."""
    rows = tuple(rows_of(reduction))
    flags = tuple(flag for row in rows for flag in row.get("flags", ()))
    beside = _beside(reduction["kind"], rows)
    if "scans" in reduction:  # one scan says little by itself: what all of them say is shown
        return Reduced((reduction["results"],), rows, (*reduction["flags"], *flags), beside=beside)
    return Reduced(rows, rows, flags, beside=beside)


def _beside(kind: str, rows: Sequence[Mapping[str, Any]]) -> tuple[Curve, ...]:
    """Return the curves that an analysis shows beside the points; none of one that is not installed here."""
    try:
        curves = getattr(find_analysis(kind), "beside", None)
        return tuple(curves(rows)) if curves is not None else ()
    except (SotlabError, KeyError, TypeError, ValueError):  # of another version: its values are there all the same
        return ()
