"""The base of our procedures: a plan of points, measured one after the other.

A procedure says what its points are (:meth:`Scan.plan`) and what to do at one (:meth:`Scan.apply`,
:meth:`Scan.measure`); order, progress, time to go, stopping and making safe are written here once.
``stfmr_field_sweep.py`` is the example to follow.

A Scan is a ``pymeasure.experiment.Procedure`` and runs unmodified in stock PyMeasure: it opens the station that its
parameter names, and makes it safe at the end. Our worker hands it a station that is open already.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, ClassVar

from pymeasure.experiment import Procedure

from sotlab.analysis.values import plain
from sotlab.clock import Clock, RealClock
from sotlab.errors import (
    ComplianceError,
    InterlockError,
    OverloadError,
    PlanError,
    RunError,
    SotlabError,
    UsageError,
)
from sotlab.instruments.roles import READINGS
from sotlab.instruments.sample import Sample
from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Metadata, Text
from sotlab.procedures.runs.control import RunControl
from sotlab.procedures.runs.interlocks import Interlocks
from sotlab.procedures.runs.past import Past
from sotlab.procedures.runs.plan import ORDERS, Point, in_order, number, plan_as_columns, turning_points
from sotlab.procedures.runs.protection import SampleWatch

__all__ = ["SCHEMA", "AnalysisInput", "Past", "Point", "Scan"]

#: Version of what stands in the data file and the journal.
SCHEMA = 1

#: How long a paused run waits until it looks again whether it should stop [s of wall time].
LOOK_S = 0.1


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
    #: The setting whose history matters (``field_T`` of an iron yoke); None if every point can be gone to at once.
    PATH_AXIS: ClassVar[str | None] = None
    #: False where the sample's contacts are switched: its resistance after the run is not that of before.
    WATCH_SAMPLE: ClassVar[bool] = True
    #: The axis and the signal that a window shows unless told otherwise.
    X_AXIS: ClassVar[str] = "Time (s)"
    Y_AXIS: ClassVar[str] = "Time (s)"

    station = Text("Station", default="station.toml")
    sample = Text("Sample", default="")
    device = Text("Device", default="", description="Of the sample's map, as chip/die/device")
    repeats = Integer("Repeats", default=1, minimum=1, maximum=10_000, description="Rows at each point")
    order = Choice("Order", choices=list(ORDERS), default=ORDERS[0], description="In which the points are measured")
    order_seed = Integer("Order seed", default=0, minimum=0, maximum=2**31, description="Of the random order")

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
        self._interlocks: Interlocks | None = None
        #: What people may do to the run while it goes on.
        self.control = RunControl()
        #: What has been measured already, when a run is resumed.
        self.past = Past()
        self._at: Point | None = None  # where everything stands and has settled
        #: Tells the person at the bench what to do and returns when it is done; the terminal or the window sets it.
        self.operator: Callable[[str], None] | None = None

    # -- what a subclass says ------------------------------------------------------------------------------------

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the settings of the first batch of points, in the order in which they are to be measured."""
        raise NotImplementedError

    def refine(self, rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, float]]:
        """Yield the settings of further points, given all rows so far; the same rows give the same points."""
        return ()

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Raise LimitError or PlanError if a point, or a setting, cannot be; nothing has been switched yet."""

    def prepare(self, bench: Station) -> None:
        """Set what stays the same throughout the run."""

    def approach(self, point: Point, bench: Station) -> None:
        """Come to ``point`` from outside, and switch on: at the beginning, and after everything was made safe.

        With a ``PATH_AXIS`` this is always the plan's first point, come to from the side that the axis asks for; where
        the axis turned back since is gone through again. Without one it is the point that is measured next.
        """

    def apply(self, point: Point, bench: Station) -> None:
        """Go to ``point`` and wait until it has settled."""
        raise NotImplementedError

    def measure(self, point: Point, bench: Station) -> dict[str, Any] | None:
        """Return the values of ``COLUMNS`` at ``point``; None if it was stopped before they were complete."""
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

    def planned(self) -> list[Point]:
        """Return the points of the plan in the order in which they are measured.

        Raises
        ------
        PlanError
            If there is none, if there are too many, or if the order is none for a path-dependent axis.
        """
        points = in_order(self._numbered(self.plan()), self.order, self.order_seed)
        if not points:
            raise PlanError(f"{type(self).__name__}: the plan has no point")
        if self.PATH_AXIS is not None and self.order in ("interleaved", "random"):
            raise PlanError(
                f"{type(self).__name__}: order '{self.order}' asked, but {self.PATH_AXIS} depends on its history;"
                f" allowed: {ORDERS[0]}, {ORDERS[1]}"
            )
        return points

    def _numbered(self, settings: Iterable[Mapping[str, float]], first_index: int = 0) -> list[Point]:
        try:
            return number(settings, first_index, self.repeats)
        except PlanError as error:
            raise PlanError(f"{type(self).__name__}: {error}") from None

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
        left = self.bench.make_safe_what_was_left()
        if left is not None:
            self.tell("found_in_use", **left)
        self._watched_over()
        for old in self.bench.old_calibrations():
            self.tell("calibration_old", **old)
        self.simulated = str(self.bench.simulated)
        self.sample_name = self.the_sample().name
        planned = self.planned()
        self.check_plan(planned, self.bench)  # first: it opens what the procedure uses where the station has it
        self.past.check(planned, plain(self.bench.snapshot()))
        self._interlocks = Interlocks(self.bench, self.ROLES, self.COLUMNS, self.tell)
        rules = self.bench.config.protection if self.WATCH_SAMPLE else None
        if rules is not None:
            self.bench.open_role(rules.role)
        self._watched_over()  # with the roles that were opened since
        self._watch = None if rules is None else SampleWatch(self.bench, rules, self.tell)
        if self._watch is not None:
            self._watch.begin()
        self.prepare(self.bench)

    def _watched_over(self) -> None:
        """Say that outputs may be on from now on: to who finds the bench later, and to a guard."""
        bench = self._open_bench()
        bench.mark_use(str(self.run_id))
        self.emit("opened", bench)

    def execute(self) -> None:
        """Measure the plan, then what ``refine`` adds, until nothing is added or somebody stops it."""
        bench, self._at = self._open_bench(), None
        self._started_s = bench.clock.now() - self.past.elapsed_s
        self._done = {(int(row["Index"]), int(row["Repeat"])): row for row in self.past.rows}
        self._skipped = set(self.past.skipped)
        self._walked: list[Point] = []  # the points of the plan up to here
        self._total = 0
        batch, extensions = self.planned(), list(self.past.extensions)
        rows: list[Mapping[str, Any]] = []  # of planned points, in the order of the plan: what refine sees
        while batch:
            self._total += len(batch)
            for point in batch:
                if (point.index, point.repeat) not in self._done and not self._measure_planned(point):
                    return
                self._walked.append(point)
                if (row := self._done.get((point.index, point.repeat))) is not None and self._was_read(row):
                    rows.append(row)
            batch = self._numbered(self.refine(rows), first_index=max(point.index for point in self._walked) + 1)
            if batch:
                self._extend(batch, extensions)

    def _extend(self, batch: Sequence[Point], known: list[Mapping[str, Any]]) -> None:
        """Take further points into the plan; those of a resumed run must be what they were."""
        self.check_plan(batch, self._open_bench())
        if not known:
            self.emit("plan_extend", batch)
            return
        expected, found = known.pop(0), plan_as_columns(batch)
        if any(expected.get(name) != value for name, value in found.items()):
            raise RunError(f"{type(self).__name__}: the rows now lead to other points than they did; start a new run")

    def _measure_planned(self, point: Point) -> bool:
        """Measure one point of the plan, or leave it out on request; return False if the run is to stop."""
        if not self._may_go_on(point):
            return False
        if point.index in self._skipped:
            return True
        return self._go_and_measure(point)

    def _go_and_measure(self, point: Point) -> bool:
        """Go to a point, settle, measure and record; return False if the run is to stop."""
        bench = self._open_bench()
        if self._at is None:
            self._come_to(point)
        if self._at is None or point.index != self._at.index:
            self.apply(point, bench)
        if self.should_stop():
            return False  # the wait was cut short: this point has not settled
        self._at = point
        row = {"Index": point.index, "Repeat": point.repeat, "Time (s)": bench.clock.now() - self._started_s}
        values, event = self._measured(point, bench)
        if values is None:
            return False
        row |= values
        self._done[point.index, point.repeat] = row
        self.emit("results", row)
        self.emit("progress", min(100.0, 100.0 * len(self._done) / self._total))
        if self._interlocks is not None:
            self._interlocks.see(row, event)
        return True

    def _measured(self, point: Point, bench: Station) -> tuple[dict[str, Any] | None, str | None]:
        """Return the values at a point, None to stop; or no numbers and the event that an interlock counts."""
        try:
            return self.measure(point, bench), None
        except (OverloadError, ComplianceError) as error:
            event = None if self._interlocks is None else self._interlocks.forgive(error)
            if event is None:
                raise
            self.tell(event, index=point.index, repeat=point.repeat, why=str(error))
            return dict.fromkeys(self.COLUMNS, math.nan), event

    def _was_read(self, row: Mapping[str, Any]) -> bool:
        return not all(isinstance(row[name], float) and math.isnan(row[name]) for name in self.COLUMNS)

    def _come_to(self, point: Point) -> None:
        """Come to a point from outside: along the way that the plan took, then with a look at what has drifted."""
        bench = self._open_bench()
        before = [one for one in self._walked if (one.index, one.repeat) in self._done]
        if self.PATH_AXIS is None:
            self.approach(point, bench)
        else:
            self.approach(before[0] if before else point, bench)
            for turn in turning_points([*before, point], self.PATH_AXIS):
                self.apply(turn, bench)
        if before and not self.should_stop():
            self._check_drift(before[-1])

    def _check_drift(self, point: Point) -> None:
        """Measure the last recorded point again, for the journal: whoever reads the run sees what has changed."""
        bench = self._open_bench()
        self.apply(point, bench)
        if self.should_stop():
            return
        found, recorded = self.measure(point, bench) or {}, self._done[point.index, point.repeat]
        pairs = {
            name: [recorded.get(name), value]
            for name, value in found.items()
            if isinstance(value, float | int) and isinstance(recorded.get(name), float | int)
        }
        self.tell("drift_check", index=point.index, repeat=point.repeat, columns=pairs)

    def _may_go_on(self, point: Point) -> bool:
        """Do what is asked between two points, and look at what forbids the next one; return False to stop."""
        while not self.should_stop():
            for request, argument in self.control.take():
                getattr(self, f"_do_{request}")(argument, point)
            if self.control.paused:
                self._hold(point)
                continue
            if self._watch is not None and self._watch.role not in self.ROLES:
                self._watch.look(point.index)  # unless the procedure itself drives what would look
            if self._interlocks is None or self._clear(self._interlocks, point):
                return not self.should_stop()
        return False

    def _hold(self, point: Point) -> None:
        self.tell("pause", before=point.index)
        with self._open_bench().clock.idle():
            while self.control.paused and not self.should_stop():
                self.control.wait(LOOK_S)
        self.tell("go_on", before=point.index)

    def _clear(self, interlocks: Interlocks, point: Point) -> bool:
        """Look at the interlocks and do what a broken one asks for; return True once none forbids the point."""
        broken = interlocks.look()
        if broken is None:
            return True
        self.tell("interlock", name=broken.name, why=broken.why, action=broken.action, before=point.index)
        bench = self._open_bench()
        if broken.action == "abort":
            raise InterlockError(f"{broken.why}; the run was ended before point {point.index}")
        if broken.action == "safe":
            problems = bench.make_safe(self._tell_way)
            self.emit("made_safe", problems)
            self._at = None
        if not interlocks.wait_until_clear(broken, self.should_stop):
            return False
        self.tell("interlock_cleared", name=broken.name, before=point.index)
        if broken.action == "safe":
            self._watched_over()
            self.prepare(bench)
        return True

    def _do_skip(self, index: int, point: Point) -> None:
        self._skipped.add(index)
        self.tell("skip", index=index, before=point.index)

    def _do_remeasure(self, index: int, point: Point) -> None:
        measured = Counter(i for i, _ in self._done)
        again = next((one for one in self._walked if one.index == index), None)
        if again is None or not measured[index]:
            self.tell("refused", request="remeasure", index=index, why="it has not been measured yet")
            return
        self.tell("remeasure", index=index, before=point.index)
        self._at = None if self.PATH_AXIS else self._at
        self._go_and_measure(Point(index, again.settings, measured[index]))
        self._at = None if self.PATH_AXIS else self._at

    def _do_change(self, request: tuple[str, Any], point: Point) -> None:
        name, value = request
        before, plan = getattr(self, name, None), self.planned()
        try:
            self.set_parameter(name, value)
            if self.planned() != plan:
                raise PlanError(f"{name} = {value} would change the plan; end this run and start another")
            self.check_plan(plan, self._open_bench())
        except SotlabError as error:
            if name in self._parameters:
                self.set_parameter(name, before)
            self.tell("refused", request="change", name=name, value=str(value), why=str(error))
            return
        self.prepare(self._open_bench())
        self.tell("parameter_changed", name=name, old=before, new=getattr(self, name), before=point.index)

    def _do_read(self, _: None, point: Point) -> None:
        """Tell what the open instruments read; of those only what they say is harmless, and for eyes only."""
        found = {}
        for role, driver in self._open_bench().drivers.items():
            method, unit = READINGS.get(driver.role, ("", ""))
            if method in driver.harmless:
                try:
                    found[role] = {"value": getattr(driver, method)(), "unit": unit, "problem": None}
                except SotlabError as error:
                    found[role] = {"value": None, "unit": unit, "problem": str(error)}
        self.emit("readings", found)

    def shutdown(self) -> None:
        """Make the station safe, whatever has happened; close it if it was opened here."""
        if self.bench is None:
            return
        problems = self.bench.make_safe(self._tell_way)
        self.emit("made_safe", problems)
        try:
            if self._watch is not None and not any(problems.values()):
                self._watch.end()
        finally:
            self._close_own_bench()
        failed = {role: problem for role, problem in problems.items() if problem}
        if failed:
            raise SotlabError("NOT SAFE: " + "; ".join(f"{role}: {problem}" for role, problem in failed.items()))

    def _tell_way(self, role: str, way: str, seconds: float) -> None:
        """Tell a step of making safe, for eyes only: the end of it is in bench time."""
        self.emit("making_safe", {"role": role, "way": way, "until_s": self.clock.now() + seconds})

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
        todo = self.planned() if points is None else list(points)
        return sum(self.point_time_s(before, point, bench) for before, point in _pairs(todo))

    def _open_bench(self) -> Station:
        if self.bench is None:
            raise PlanError(f"{type(self).__name__}: no station is open; call startup() first, or use(station)")
        return self.bench


def _pairs(points: Sequence[Point]) -> Iterator[tuple[Point | None, Point]]:
    return zip([None, *points], points, strict=False)
