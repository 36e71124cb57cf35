"""The station file: what may stand in it, and what is wrong with it in one line. docs/station.md describes it."""

from __future__ import annotations

import importlib.resources
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from sotlab.errors import StationError, UsageError
from sotlab.instruments.driver import Driver, Limits, name_and_unit
from sotlab.instruments.retry import RetryPolicy
from sotlab.instruments.sample import Sample
from sotlab.instruments.validation import explain
from sotlab.units import parse_quantity

__all__ = [
    "CalibrationEntry",
    "InterlockRule",
    "ProtectionTable",
    "RoleConfig",
    "StationConfig",
    "load_sample",
    "shipped_stations",
    "validated",
]

VIRTUAL = "virtual:"


class RoleConfig(BaseModel):
    """``[roles.<role>]``: which instrument fills the role, and what is allowed."""

    model_config = ConfigDict(extra="forbid")

    driver: str
    #: VISA address; drivers that work through other roles, or by the operator's hand, have none.
    resource: str = ""
    timeout_s: float = Field(default=3.0, gt=0.0, le=600.0)
    #: How often a question is asked again after a time-out, if not as ``[retry]`` says.
    retries: int | None = Field(default=None, ge=0, le=10)
    #: What this output does when the computer vanishes; `sotlab station check` shows it.
    when_pc_vanishes: str = "not stated"
    options: dict[str, Any] = {}
    limits: dict[str, Any] = {}


class StationTable(BaseModel):
    """``[station]``: what holds for the whole bench."""

    model_config = ConfigDict(extra="forbid")

    name: str
    #: As PyVISA takes it: "" for the system's VISA, "@py", "stfmr@sotlab".
    visa_library: str = ""
    #: Sample file, relative to the station file.
    sample: str | None = None
    #: The order of making safe; roles that are not named follow.
    safe_order: list[str] = []


class RehearsalTable(BaseModel):
    """``[rehearsal]``: the virtual bench with the same addresses."""

    model_config = ConfigDict(extra="forbid")

    bench: str


class ProtectionTable(BaseModel):
    """``[protection]``: how the sample is looked after in every run."""

    model_config = ConfigDict(extra="forbid")

    #: What measures the sample's resistance.
    role: str = "source_meter"
    #: With how much current [A].
    current_A: float = Field(default=1e-5, gt=0.0, le=1.0)
    #: What is a contact, and no short [ohm].
    resistance_ohm: tuple[float, float] = (0.1, 1e7)
    #: The relative change that ends a run.
    max_change: float = Field(default=0.1, gt=0.0, lt=10.0)
    #: How often it is measured between points [s].
    every_s: float = Field(default=60.0, ge=0.0)
    #: What the operator is asked to do before anything is driven: "lower the probe"; empty asks for nothing.
    contact: str = ""


class InterlockRule(BaseModel):
    """``[[interlocks]]``: what must hold before every point of every run, and what is done when it does not.

    It looks at a reading of a role, at a column of the rows, or at what a function of the lab's own says.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    #: A role that is read: its usual reading, or the one named in ``reading``.
    role: str = ""
    reading: str = ""
    #: A column of the rows, as ``Voltage (V)``; runs without it have nothing to look at.
    column: str = ""
    #: A function, ``module:function`` or ``file.py:function``: takes the station, returns None or what is wrong.
    function: str = ""
    minimum: float | None = None
    maximum: float | None = None
    #: Only so many readings in succession beyond the limit count.
    count: int = Field(default=1, ge=1, le=1000)
    #: How often a role or a function is asked, at most [s].
    every_s: float = Field(default=0.0, ge=0.0)
    #: ``pause``: hold everything until it is well again; ``safe``: be in the safe state meanwhile; ``abort``: end.
    action: Literal["pause", "safe", "abort"] = "abort"
    #: How long a pause may last before the run is ended [s].
    longest_s: float = Field(default=3600.0, gt=0.0)

    @model_validator(mode="after")
    def _looks_at_one_thing(self) -> InterlockRule:
        if sum(map(bool, (self.role, self.column, self.function))) != 1:
            raise ValueError(f"interlock '{self.name}' needs one of role, column and function")
        if self.column and self.minimum is None and self.maximum is None:
            raise ValueError(f"interlock '{self.name}' on a column needs minimum or maximum")
        if self.column and self.action != "abort":
            raise ValueError(f"interlock '{self.name}': while a run is held no row comes, so a column can only abort")
        return self


class CalibrationEntry(BaseModel):
    """One calibration in ``[calibrations]``."""

    model_config = ConfigDict(extra="forbid")

    #: The file, relative to the station file.
    file: str = Field(min_length=1)
    #: From which age on a run says that it is old [d].
    max_age_days: float | None = Field(default=None, gt=0.0)


def _entries(given: Any) -> Any:
    """Let one file stand for a list of one, and a name for an entry without more."""
    return [{"file": one} if isinstance(one, str) else one for one in (given if isinstance(given, list) else [given])]


class StationConfig(BaseModel):
    """A whole station file, validated."""

    model_config = ConfigDict(extra="forbid")

    station: StationTable
    roles: dict[str, RoleConfig]
    retry: RetryPolicy = RetryPolicy()
    protection: ProtectionTable | None = None
    interlocks: list[InterlockRule] = []
    rehearsal: RehearsalTable | None = None
    #: By role: a file name, ``{ file, max_age_days }``, or a list of them.
    calibrations: dict[str, Annotated[list[CalibrationEntry], BeforeValidator(_entries)]] = {}
    #: By check: what the station expects of it, as parameters of the check.
    commissioning: dict[str, dict[str, Any]] = {}

    @classmethod
    def load(cls, spec: str) -> tuple[StationConfig, Path]:
        """Read the station named by ``spec``; also return the file that it came from.

        Raises
        ------
        StationError
            If there is no such station or file, or it is not valid: file, table and key are named.
        """
        path, library_options = _locate(spec)
        try:
            text = path.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except FileNotFoundError:
            raise StationError(
                f"station file '{path}' does not exist; write one (docs/station.md), or use a virtual bench:"
                f" --station {VIRTUAL}{shipped_stations()[0]}"
            ) from None
        except OSError as error:
            raise StationError(f"station file '{path}' cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise StationError(f"station file '{path}' is not TOML: {error}") from error
        try:
            config = cls.model_validate(data)
        except ValidationError as error:
            raise StationError(explain(path.name, error)) from error
        unknown = [role for role in config.station.safe_order if role not in config.roles]
        if unknown:
            raise StationError(
                f"{path.name}: [station] safe_order names '{unknown[0]}', which is no role of this station;"
                f" roles: {', '.join(config.roles)}"
            )
        if config.protection is not None and config.protection.role not in config.roles:
            raise StationError(
                f"{path.name}: [protection] role '{config.protection.role}' is no role of this station; roles:"
                f" {', '.join(config.roles)}"
            )
        unread = [rule for rule in config.interlocks if rule.role and rule.role not in config.roles]
        if unread:
            raise StationError(
                f"{path.name}: interlock '{unread[0].name}' reads '{unread[0].role}', which is no role of this station;"
                f" roles: {', '.join(config.roles)}"
            )
        strange = [role for role in config.calibrations if role not in config.roles]
        if strange:
            raise StationError(
                f"{path.name}: [calibrations] names '{strange[0]}', which is no role of this station; roles:"
                f" {', '.join(config.roles)}"
            )
        if library_options:
            config.station.visa_library = _with_options(config.station.visa_library, library_options)
            _use_sample(config, path, library_options)
        return config, path


def load_sample(config: StationConfig, path: Path, file: str | None = None) -> Sample:
    """Return the sample: from ``file``, else the one that the station file at ``path`` names.

    Raises
    ------
    StationError
        If neither is given, or the file is wrong.
    """
    if file:
        return Sample.load(Path(file))
    if config.station.sample is None:
        raise StationError(
            f"{path.name}: no sample is given; use --sample FILE, or [station] sample in the station file"
        )
    return Sample.load(path.parent / config.station.sample)


def validated(driver_class: type[Driver], role: str, settings: RoleConfig, file: str) -> tuple[Any, Limits]:
    """Return a role's options and limits, checked against what its driver declares."""
    try:
        options = driver_class.options_model.model_validate(settings.options)
    except ValidationError as error:
        raise StationError(explain(file, error, f"roles.{role}.options")) from error
    ranges = dict(driver_class.hardware_limits)
    for quantity, given in settings.limits.items():
        if quantity not in ranges:
            allowed = ", ".join(ranges) or "none"
            raise StationError(f"{file}: [roles.{role}.limits] {quantity}: driver '{settings.driver}' limits {allowed}")
        low, high = _range(given, quantity, f"{file}: [roles.{role}.limits] {quantity}")
        ranges[quantity] = (max(low, ranges[quantity][0]), min(high, ranges[quantity][1]))
    unlimited = [quantity for quantity, (low, high) in ranges.items() if high == float("inf") or low == -float("inf")]
    if unlimited:
        raise StationError(
            f"{file}: [roles.{role}.limits] {unlimited[0]} is missing: this output has no limit of its own, so the"
            f" station must state one, as in {unlimited[0]} = [-0.3, 0.3]"
        )
    return options, Limits(role, file, ranges)


def shipped_stations() -> list[str]:
    """Return the names of the virtual benches that come with a station file."""
    folder = importlib.resources.files("sotlab.instruments") / "stations"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def _locate(spec: str) -> tuple[Path, str]:
    """Return the station file for a spec, and the bench's options if it is a virtual one."""
    if not spec.startswith(VIRTUAL):
        return Path(spec), ""
    name, _, options = spec.removeprefix(VIRTUAL).partition("?")
    if name not in shipped_stations():
        shipped = ", ".join(VIRTUAL + station for station in shipped_stations())
        raise StationError(f"there is no station '{VIRTUAL}{name}'; shipped: {shipped}")
    return Path(str(importlib.resources.files("sotlab.instruments") / "stations" / f"{name}.toml")), options


def _with_options(visa_library: str, options: str) -> str:
    """Put the bench's options into the name of its library; what is given last counts."""
    bench, at, backend = visa_library.rpartition("@")
    bench, _, own = bench.partition("?")
    pairs: dict[str, str] = {}
    for pair in f"{own}&{options}".split("&"):
        key, _, value = pair.partition("=")
        if key:
            pairs[key] = value
    return f"{bench}?{'&'.join(f'{key}={value}' for key, value in pairs.items())}{at}{backend}"


def _use_sample(config: StationConfig, path: Path, options: str) -> None:
    """Let a virtual station whose options name a sample know that sample, as its operator would."""
    chosen = [pair.partition("=")[2] for pair in options.split("&") if pair.partition("=")[0] == "sample"]
    if not chosen:
        return
    folder = path.parent / "samples"
    if not (folder / f"{chosen[-1]}.toml").is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise StationError(f"{path.name}: sample={chosen[-1]} asked, there are {known}")
    config.station.sample = f"samples/{chosen[-1]}.toml"


def _range(given: Any, quantity: str, where: str) -> tuple[float, float]:
    unit = name_and_unit(quantity)[1] or None
    values = list(given) if isinstance(given, list | tuple) else [0.0 if "_per_" in quantity else None, given]
    try:
        low, high = (parse_quantity(v, unit) if isinstance(v, str) else float(v) for v in values)
    except (TypeError, ValueError, UsageError) as error:
        raise StationError(f"{where}: {given!r} is not a range; write it as [lowest, highest]") from error
    if not low <= high:
        raise StationError(f"{where}: {given!r}: the lowest value is above the highest")
    return low, high
