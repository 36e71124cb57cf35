"""The campaign file: many runs as one TOML file, and what is wrong with it in one line. docs/campaigns.md describes it.

Everything that can be known without instruments is checked when the file is read: procedures, parameters, their units
and limits, the order of what depends on what.
"""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from tomlkit.exceptions import TOMLKitError

from sotlab.errors import PlanError, SotlabError
from sotlab.instruments.roles import READINGS
from sotlab.instruments.station_file import VIRTUAL
from sotlab.instruments.validation import explain
from sotlab.procedures.runs.notify import EVENTS, check_command
from sotlab.units import parse_quantity

__all__ = ["AnalysisTable", "CampaignFile", "Item", "NotifyTable", "Policy", "StartWhen", "Value"]

#: What a parameter may be set to.
Value = bool | int | float | str

#: The roles that a start condition can read: those with one number.
READABLE = {role: unit for role, (_, unit) in READINGS.items() if role not in ("interlock", "lockin")}


def _seconds(given: Any) -> Any:
    return parse_quantity(given, "s") if isinstance(given, str) else given


def _listed(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


def _plain_error(check: Any) -> Any:
    """Let our own errors count as pydantic's, so that file, table and key stand before them."""

    def checked(given: Any) -> Any:
        try:
            return check(given)
        except SotlabError as error:
            raise ValueError(str(error)) from error

    return checked


#: A time as people type it: "8 h", "90 s"; a number is seconds.
Duration = Annotated[float, BeforeValidator(_plain_error(_seconds)), Field(ge=0.0, le=1e8, allow_inf_nan=False)]
#: One name, or a list of names.
Names = Annotated[list[str], BeforeValidator(_listed)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Policy(_Table):
    """What to do when a run has failed: try again ``retries`` times, then go on or stop."""

    retries: int = Field(default=0, ge=0, le=100)
    then: Literal["skip", "stop"] = "skip"


def _policy(given: Any) -> Any:
    """Read ``stop``, ``skip``, ``retry 2``, ``retry 2, then stop``."""
    if not isinstance(given, str):
        return given
    match = re.fullmatch(r"\s*(?:retry (?P<n>\d{1,3})(?:, then (?P<then>stop|skip))?|(?P<only>stop|skip))\s*", given)
    if match is None:
        raise ValueError("allowed are 'stop', 'skip', 'retry 2' and 'retry 2, then stop'")
    return {"retries": int(match["n"] or 0), "then": match["only"] or match["then"] or "skip"}


PolicyText = Annotated[Policy, BeforeValidator(_policy)]


def _axes(given: Any) -> Any:
    """Bring ``loop`` into one form: axes, the outermost first, each a list of settings or a range of one parameter."""
    if isinstance(given, dict):
        return [[{name: value} for value in values] if isinstance(values, list) else {name: values}
                for name, values in given.items()]  # fmt: skip
    if isinstance(given, list) and all(isinstance(entry, dict) for entry in given):
        return [given] if given else []
    raise ValueError('write a table, frequency = ["4 GHz", "5 GHz"], or a list of tables of what goes together')


class Range(_Table):
    """Evenly spaced values, both ends included."""

    start: float | str
    stop: float | str
    step: float | str | None = None
    points: int | None = Field(default=None, ge=1, le=100_000)

    @model_validator(mode="after")
    def _one_of_two(self) -> Range:
        if (self.step is None) == (self.points is None):
            raise ValueError("give start, stop and one of step and points")
        return self


Axis = list[dict[str, Value]] | dict[str, Range]


def _axis_model(given: Any) -> Any:
    """Validate each axis by its own kind: pydantic's union would report both kinds' errors."""
    axes = []
    for axis in _axes(given):
        for entry in axis if isinstance(axis, list) else [axis]:
            for name, value in entry.items():
                if isinstance(axis, dict):
                    if not isinstance(value, dict):
                        raise ValueError(f"{name} = {value!r}: a list of values, or a range {{start, stop, step}}")
                elif not isinstance(value, bool | int | float | str):
                    raise ValueError(f"{name}: {value!r} is neither a number nor text")
        if not axis:
            raise ValueError("a loop over no values is no loop")
        if isinstance(axis, dict):
            try:
                axes.append({name: Range.model_validate(value) for name, value in axis.items()})
            except ValidationError as error:
                raise ValueError(explain(next(iter(axis)), error)) from error
        else:
            axes.append(axis)
    return axes


def _interval(given: Any) -> Any:
    if not (isinstance(given, list) and len(given) == 2):
        raise ValueError("write it as [lowest, highest]")
    return given


class StartWhen(_Table):
    """``start_when``: what must hold before a run begins; all of it at once."""

    #: From when to when of the day, over midnight if the second is the earlier.
    time_of_day: tuple[time, time] | None = None
    #: Role -> the range in which its reading must lie, in the role's unit.
    reading: dict[str, tuple[float, float]] = {}
    #: Whether all contacts of the role ``interlock`` must be closed.
    interlock: Literal["closed"] | None = None
    #: After which wait the run counts as failed.
    timeout: Duration = 86400.0
    #: How often it is looked.
    every: Annotated[Duration, Field(gt=0.0)] = 10.0

    @model_validator(mode="before")
    @classmethod
    def _in_units(cls, given: Any) -> Any:
        readings = given.get("reading") if isinstance(given, dict) else None
        if not isinstance(readings, dict):
            return given
        parsed = {}
        for role, asked in readings.items():
            if role not in READABLE:
                raise ValueError(f"reading: the role '{role}' has no single reading; these have: {', '.join(READABLE)}")
            try:
                low, high = (parse_quantity(v, READABLE[role]) if isinstance(v, str) else v for v in _interval(asked))
                low, high = float(low), float(high)
            except (SotlabError, TypeError, ValueError) as error:
                raise ValueError(f"reading: {role} = {asked!r}: {error}") from error
            if not low <= high:
                raise ValueError(f"reading: {role} = {asked!r}: the lowest is above the highest")
            parsed[role] = (low, high)
        return {**given, "reading": parsed}

    @property
    def needs_bench(self) -> bool:
        """Whether instruments must be asked."""
        return bool(self.reading) or self.interlock is not None


class Item(_Table):
    """``[items.<name>]``: one procedure or calibration, with its loops; each combination is one run."""

    #: As on the command line: a name, ``module:Class`` or ``file.py:Class`` (beside the campaign file).
    procedure: str = ""
    #: A kind of calibration, as in ``sotlab station calibrate``; the station uses what comes of it.
    calibrate: str = ""
    set: dict[str, Value] = {}
    loop: Annotated[list[Axis], BeforeValidator(_axis_model)] = []
    stations: Names = []
    samples: Names = []
    devices: Names = []
    #: Items all of whose runs must have finished before.
    after: Names = []
    on_failure: PolicyText | None = None
    on_interlock: PolicyText | None = None
    #: Do not run it if it has finished within this time.
    reuse_younger_than: Duration | None = None
    start_when: StartWhen | None = None
    #: Result -> the standard uncertainty that is asked for; ``sotlab rehearse`` says whether it can be had.
    uncertainty: dict[str, float | str] = {}

    @model_validator(mode="after")
    def _one_thing(self) -> Item:
        if bool(self.procedure) == bool(self.calibrate):
            raise ValueError("give one of procedure and calibrate")
        return self


class AnalysisTable(_Table):
    """``[analyses.<name>]``: what is made of the runs of items, or of analyses before it, when the queue is through."""

    #: As on the command line; of runs it is by default what their procedure names.
    kind: str = ""
    #: The items whose runs are reduced, or the analyses whose results are.
    of: Names = Field(min_length=1)
    #: Only these samples; ``*`` stands for any letters.
    samples: Names = []
    #: All samples in one reduction; else each sample and device has its own.
    together: bool = False
    #: Settings of the analysis, as on the command line.
    set: dict[str, Value] = {}
    #: Setting -> the item or analysis of the same sample that has found it, ``amr`` or ``amr.delta_resistance``.
    take: dict[str, str] = {}
    #: Of analyses: column -> the result or setting that stands in it, where that has another name.
    columns: dict[str, str] = {}
    #: Results that must be determined.
    require: Names = []


class CampaignTable(_Table):
    """``[campaign]``: what holds for all items that say nothing else."""

    #: By default the name of the file.
    name: str = Field(default="", pattern=r"^[A-Za-z0-9._+-]{0,60}$")
    station: str = ""
    sample: str = ""
    device: str = ""
    on_failure: PolicyText = Policy()
    #: What forbade one run is likely to forbid the next.
    on_interlock: PolicyText = Policy(then="stop")
    #: How long to wait before a run is tried again.
    retry_after: Duration = 10.0


class NotifyTable(_Table):
    """``[notify]``: who is told, of what."""

    on: list[Literal[EVENTS]] = list(EVENTS)  # type: ignore[valid-type]
    #: A program with its arguments; {title}, {message}, {event} and {campaign} are filled in. No shell is involved.
    command: Annotated[list[str], AfterValidator(check_command)] = []
    #: Addresses as apprise takes them: e-mail, webhooks, chats. They may hold passwords, and are stored nowhere else.
    urls: Names = []


class CampaignFile(_Table):
    """A whole campaign file, validated."""

    campaign: CampaignTable = CampaignTable()
    notify: NotifyTable = NotifyTable()
    items: dict[str, Item] = Field(min_length=1)
    analyses: dict[str, AnalysisTable] = {}
    #: Where it was read from.
    path: Path = Field(default=Path(), exclude=True)

    @classmethod
    def load(cls, path: Path) -> CampaignFile:
        """Read a campaign file.

        Raises
        ------
        PlanError
            If it cannot be read or is not valid: file, table and key are named.
        """
        try:
            data = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
        except OSError as error:
            raise PlanError(
                f"campaign file '{path}' cannot be read: {error.strerror}; see docs/campaigns.md"
            ) from error
        except (TOMLKitError, UnicodeDecodeError, ValueError, RecursionError) as error:
            raise PlanError(f"campaign file '{path}' is not TOML: {error}") from error
        if "path" in data:
            raise PlanError(f"{path.name}: path: there is no such key")
        try:
            file = cls.model_validate({**data, "path": path})
        except ValidationError as error:
            raise PlanError(explain(path.name, error)) from error
        file.check_names()
        return file

    @property
    def name(self) -> str:
        """The campaign's name: the file's, unless it says another."""
        return self.campaign.name or re.sub(r"[^A-Za-z0-9._+-]+", "-", self.path.stem)[:60]

    def policy(self, item: str, interlock: bool = False) -> Policy:
        """Return what is to be done when a run of ``item`` fails, or is forbidden by an interlock."""
        own = self.items[item].on_interlock if interlock else self.items[item].on_failure
        return own or (self.campaign.on_interlock if interlock else self.campaign.on_failure)

    def beside(self, name: str) -> str:
        """Return a station or sample that the file names, as found from anywhere."""
        return name if not name or name.startswith(VIRTUAL) else str(self.path.resolve().parent / name)

    def check_names(self) -> None:
        """Raise PlanError if a name, or one to which an item or analysis refers, cannot be."""
        before: list[str] = []
        for name, item in self.items.items():
            where = f"{self.path.name}: [items.{name}]"
            _check_name(name, where)
            for other in item.after:
                if other not in before:
                    known = ", ".join(before) or "none"
                    raise PlanError(f"{where} after: '{other}' is no item that stands before this one; those: {known}")
            before.append(name)
        for name, analysis in self.analyses.items():
            where = f"{self.path.name}: [analyses.{name}]"
            _check_name(name, where)
            if name in self.items:
                raise PlanError(f"{where}: there is an item '{name}' already; choose another name")
            for key, others in (
                ("of", analysis.of),
                ("take", [one.partition(".")[0] for one in analysis.take.values()]),
            ):
                for other in others:
                    if other not in before:
                        raise PlanError(
                            f"{where} {key}: '{other}' is no item, and no analysis that stands before this one; there"
                            f" are: {', '.join(before)}"
                        )
            before.append(name)


def _check_name(name: str, where: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9._+-]{1,60}", name):
        raise PlanError(f"{where}: a name is made of letters, digits and . _ + - only, 60 at most")
