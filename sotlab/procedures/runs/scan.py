"""The base of our procedures: a plan of points, measured one after the other.

A procedure says what its points are (:meth:`Scan.plan`) and what to do at one (:meth:`Scan.apply`,
:meth:`Scan.measure`); order, progress, time to go, stopping and making safe are written here once.
``stfmr_field_sweep.py`` is the example to follow.

A Scan is a ``pymeasure.experiment.Procedure`` and runs unmodified in stock PyMeasure: it opens the station that its
parameter names, and makes it safe at the end. Our worker hands it a station that is open already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, ClassVar

from pymeasure.experiment import Procedure

from sotlab.clock import Clock, RealClock
from sotlab.errors import PlanError, SotlabError, UsageError
from sotlab.instruments.sample import Sample
from sotlab.instruments.station import Station
from sotlab.parameters import Metadata, Text
from sotlab.procedures.runs.protection import SampleWatch

__all__ = ["SCHEMA", "AnalysisInput", "Point", "Scan"]

#: Version of what stands in the data file and the journal.
SCHEMA = 1

#: Most rows that one plan may have: it is held in memory and written to the journal before the first is measured.
MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Point:
    """One planned point: where it is in the plan, which repeat of its setting, and the setting."""

    index: int
    settings: Mapping[str, float]
    repeat: int = 0


@dataclass(frozen=True)
class AnalysisInput:
    """Which columns of a run an analysis takes.

    Parameters
    ----------
    kind : str
        Name of the analysis (an entry point of ``sotlab.analyses``).
    columns : mapping of str to str
        The analysis' role of a column -> its header here.
    axes : mapping of str to str
        Likewise for the columns that group rows into spectra or scans.
    """

    kind: str
    columns: Mapping[str, str]
    axes: Mapping[str, str] = field(default_factory=dict)


class Scan(Procedure):
    """A procedure with a plan. Subclasses fill in the class attributes and the methods up to :meth:`measure`."""

    #: Roles that must be on the station.
    ROLES: ClassVar[tuple[str, ...]] = ()
    #: Columns after ``Index``, ``Repeat`` and ``Time (s)``; each carries its unit.
    COLUMNS: ClassVar[tuple[str, ...]] = ()
    #: What the rows mean to an analysis, if there is one.
    ANALYSIS: ClassVar[AnalysisInput | None] = None
    #: The axis and the signal that a window shows unless told otherwise.
    X_AXIS: ClassVar[str] = "Time (s)"
    Y_AXIS: ClassVar[str] = "Time (s)"

    station = Text("Station", default="station.toml")
    sample = Text("Sample", default="")
    device = Text("Device", default="", description="Of the sample's map, as chip/die/device")

    # Typed as Any: PyMeasure replaces a class's Metadata by the value on each instance.
    simulated: Any = Metadata("SIMULATED", default="unknown")
    sample_name: Any = Metadata("Sample name", default="unknown")
    run_id: Any = Metadata("Run", default="none")
    schema: Any = Metadata("Schema", default=SCHEMA)
    version: Any = Metadata("sotlab version", default=version("sotlab"))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "COLUMNS" in cls.__dict__:
            cls.DATA_COLUMNS = ["Index", "Repeat", "Time (s)", *cls.COLUMNS]

    def __init__(self, **kwargs: Any) -> None:
        # PyMeasure ignores a keyword that is no parameter; a misspelt one would then run with the default.
        super().__init__(**{name: value for name, value in kwargs.items() if name in type(self).__dict__})
        for name, value in kwargs.items():
            self.set_parameter(name, value)
        self.bench: Station | None = None
        self._owns_bench = False
        self._watch: SampleWatch | None = None
        #: Tells the person at the bench what to do and returns when it is done; the terminal or the window sets it.
        self.operator: Callable[[str], None] | None = None

    # -- what a subclass says ------------------------------------------------------------------------------------

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the settings of the first batch of points, in the order in which they are to be measured."""
        raise NotImplementedError

    def refine(self, rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, float]]:
        """Yield the settings of further points, given all rows so far; the same rows give the same points."""
        return ()

    def repeats_of_a_point(self) -> int:
        """Return how often each point is measured in succession."""
        return 1

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Raise LimitError or PlanError if a point, or a setting, cannot be; nothing has been switched yet."""

    def prepare(self, bench: Station) -> None:
        """Set what stays the same throughout the run."""

    def approach(self, point: Point, bench: Station) -> None:
        """Come to ``point`` from the side that its path-dependent axis asks for: first point, and when resuming."""

    def apply(self, point: Point, bench: Station) -> None:
        """Go to ``point`` and wait until it has settled."""
        raise NotImplementedError

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Return the values of ``COLUMNS`` at ``point``."""
        raise NotImplementedError

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return how long ``apply`` and ``measure`` take [s]."""
        return 0.0

    def analysis_settings(self, bench: Station) -> dict[str, Any]:
        """Return the analysis' settings that station and sample know."""
        return {}

    # -- what is written once ------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The station's clock."""
        return self.bench.clock if self.bench is not None else RealClock()

    def set_parameter(self, name: str, value: Any) -> None:
        """Set one parameter by its attribute name, from a number or from text with a unit.

        Raises
        ------
        UsageError
            If the value is not allowed, or there is no such parameter: those that there are, are named.
        """
        if name not in self._parameters:
            known = ", ".join(self._parameters)
            raise UsageError(f"{type(self).__name__} has no parameter '{name}'; it has: {known}")
        try:
            self._parameters[name].value = value
        except SotlabError as error:
            raise type(error)(f"{type(self).__name__}: parameter '{name}': {error}") from error
        setattr(self, name, self._parameters[name].value)

    def use(self, bench: Station) -> None:
        """Run on a station that is open already, and leave it open."""
        self.bench = bench
        self._owns_bench = False

    def numbered(self, settings: Iterable[Mapping[str, float]], first_index: int = 0) -> list[Point]:
        """Return settings as numbered points, each as often as it is to be repeated.

        Raises
        ------
        PlanError
            If they are more than a plan may have.
        """
        repeats = self.repeats_of_a_point()
        points: list[Point] = []
        for k, setting in enumerate(settings):
            if len(points) + repeats > MOST_POINTS:
                raise PlanError(f"{type(self).__name__}: the plan has more than {MOST_POINTS} rows; split it into runs")
            points += [Point(first_index + k, dict(setting), repeat) for repeat in range(repeats)]
        return points

    def startup(self) -> None:
        """Open the station if nobody gave one, check the whole plan against its limits, then set what stays."""
        self.refresh_parameters()
        if self.bench is None:
            self.bench = Station.open(self.station, self.ROLES)
            self._owns_bench = True
        self.bench.operator = self.operator or self.bench.operator
        self.bench.on_event = self.tell
        self.bench.protect(self.the_sample())  # before anything can be sourced
        for role in self.ROLES:
            self.bench.open_role(role)
        for old in self.bench.old_calibrations():
            self.tell("calibration_old", **old)
        self.simulated = str(self.bench.simulated)
        self.sample_name = self.the_sample().name
        first = self.numbered(self.plan())
        if not first:
            raise PlanError(f"{type(self).__name__}: the plan has no point")
        self.check_plan(first, self.bench)
        rules = self.bench.config.protection
        self._watch = None if rules is None else SampleWatch(self.bench, rules, self.tell)
        if self._watch is not None:
            self._watch.begin()
        self.prepare(self.bench)

    def execute(self) -> None:
        """Measure the plan, then what ``refine`` adds, until nothing is added or somebody stops it."""
        bench = self._open_bench()
        started = bench.clock.now()
        batch = self.numbered(self.plan())
        total, done = len(batch), 0
        rows: list[Mapping[str, Any]] = []
        self.approach(batch[0], bench)
        applied: Point | None = None
        while batch:
            for point in batch:
                if self.should_stop():
                    return
                if self._watch is not None and self._watch.role not in self.ROLES:
                    self._watch.look(point.index)  # unless the procedure itself drives what would look
                if applied is None or point.index != applied.index:
                    self.apply(point, bench)
                    applied = point
                if self.should_stop():
                    return  # the wait was cut short: this point has not settled
                row = {"Index": point.index, "Repeat": point.repeat, "Time (s)": bench.clock.now() - started}
                row |= self.measure(point, bench)
                rows.append(row)
                self.emit("results", row)
                done += 1
                self.emit("progress", 100.0 * done / total)
            batch = self.numbered(self.refine(rows), first_index=batch[-1].index + 1)
            if batch:
                self.check_plan(batch, bench)
                total += len(batch)
                self.emit("plan_extend", batch)

    def shutdown(self) -> None:
        """Make the station safe, whatever has happened; close it if it was opened here."""
        if self.bench is None:
            return
        problems = self.bench.make_safe()
        self.emit("made_safe", problems)
        try:
            if self._watch is not None and not any(problems.values()):
                self._watch.end()
        finally:
            self._close_own_bench()
        failed = {role: problem for role, problem in problems.items() if problem}
        if failed:
            raise SotlabError("NOT SAFE: " + "; ".join(f"{role}: {problem}" for role, problem in failed.items()))

    def tell(self, event: str, **fields: Any) -> None:
        """Write an event into the run's journal."""
        self.emit("event", {"event": event, **fields})

    def _close_own_bench(self) -> None:
        if self._owns_bench and self.bench is not None:
            self.bench.close()
            self.bench = None

    def the_sample(self) -> Sample:
        """Return the sample: the one that the parameter names, else the station's; of it, the chosen device."""
        sample = self._open_bench().sample(self.sample or None)
        return sample.at(self.device) if self.device else sample

    def duration_s(self, points: Sequence[Point] | None = None) -> float:
        """Return how long the points (the whole plan if None) take on the open station [s]."""
        bench = self._open_bench()
        todo = self.numbered(self.plan()) if points is None else list(points)
        return sum(self.point_time_s(before, point, bench) for before, point in _pairs(todo))

    def _open_bench(self) -> Station:
        if self.bench is None:
            raise PlanError(f"{type(self).__name__}: no station is open; call startup() first, or use(station)")
        return self.bench


def _pairs(points: Sequence[Point]) -> Iterator[tuple[Point | None, Point]]:
    return zip([None, *points], points, strict=False)
