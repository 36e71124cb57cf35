"""The station: a bench described in one TOML file, opened as instruments by role.

A station is named by its file, or by ``virtual:NAME`` for one of the benches that are shipped; there options of the
bench may follow as in a web address: ``virtual:stfmr?seed=3&clock=20``. docs/station.md describes the file.
"""

from __future__ import annotations

import importlib
import importlib.resources
import importlib.util
import re
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import pyvisa
import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tomlkit.exceptions import ParseError

from sotlab.clock import Clock, RealClock
from sotlab.errors import SotlabError, StationError, UsageError
from sotlab.instruments.driver import Driver, Limits
from sotlab.instruments.roles import Actuator
from sotlab.instruments.sample import Sample
from sotlab.instruments.validation import explain
from sotlab.units import parse_quantity

__all__ = ["RoleConfig", "Station", "StationConfig", "find_drivers", "load_class", "shipped_stations"]

VIRTUAL = "virtual:"


class RoleConfig(BaseModel):
    """``[roles.<role>]``: which instrument fills the role, and what is allowed."""

    model_config = ConfigDict(extra="forbid")

    driver: str
    resource: str
    timeout_s: float = Field(default=3.0, gt=0.0, le=600.0)
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


class StationConfig(BaseModel):
    """A whole station file, validated."""

    model_config = ConfigDict(extra="forbid")

    station: StationTable
    roles: dict[str, RoleConfig]
    rehearsal: RehearsalTable | None = None

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
            data = tomlkit.parse(text).unwrap()
        except FileNotFoundError:
            raise StationError(
                f"station file '{path}' does not exist; write one (docs/station.md), or use a virtual bench:"
                f" --station {VIRTUAL}{shipped_stations()[0]}"
            ) from None
        except OSError as error:
            raise StationError(f"station file '{path}' cannot be read: {error.strerror}") from error
        except (ParseError, UnicodeDecodeError) as error:
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
        if library_options:
            config.station.visa_library = _with_options(config.station.visa_library, library_options)
        return config, path


class Station:
    """Open instruments by role, one clock, one order of making safe.

    Examples
    --------
    >>> with Station.open("virtual:stfmr", roles=["gaussmeter"]) as station:
    ...     abs(station["gaussmeter"].read_field()) < 0.01
    True
    """

    def __init__(self, config: StationConfig, path: Path, spec: str) -> None:
        self.config = config
        self.path = path
        self.spec = spec
        self.drivers: dict[str, Driver] = {}
        self.identities: dict[str, str] = {}
        self._manager = _resource_manager(config.station.visa_library, path)
        self.clock: Clock = getattr(self._manager.visalib, "clock", None) or RealClock()

    @classmethod
    def open(cls, spec: str, roles: Iterable[str] | None = None) -> Station:
        """Open the instruments of ``roles`` (all that the file has if None); nothing is switched.

        Raises
        ------
        StationError
            If the file is wrong, or has not the role: role and file are named. Nothing is ever replaced by a dummy.
        InstrumentError
            If an instrument does not answer, or another model than the driver's does. What was opened is closed.
        """
        config, path = StationConfig.load(spec)
        station = cls(config, path, spec)
        try:
            for role in config.roles if roles is None else roles:
                station.open_role(role)
        except BaseException:
            station.close()
            raise
        return station

    def open_role(self, role: str) -> Driver:
        """Open one more instrument, or return it if it is open."""
        if role in self.drivers:
            return self.drivers[role]
        settings = self._settings(role)
        driver_class = self._driver_class(role)
        options, limits = validated(driver_class, role, settings, self.path.name)
        driver = driver_class.open(
            role,
            settings.resource,
            visa_library=self.visa_library,
            timeout_s=settings.timeout_s,
            options=options,
            limits=limits,
            clock=self.clock,
        )
        self.drivers[role] = driver
        self.identities[role] = driver.identify()
        return driver

    def __getitem__(self, role: str) -> Any:
        """Return the open instrument that fills ``role``."""
        return self.open_role(role)

    def __contains__(self, role: str) -> bool:
        return role in self.config.roles

    @property
    def visa_library(self) -> Any:
        """The PyVISA library through which the station's instruments are reached."""
        return self._manager.visalib

    @property
    def simulated(self) -> bool:
        """Whether anything on this station is simulated; derived, never typed in.

        True if the VISA library says so of itself, is PyVISA-sim's, or if an instrument's serial number or firmware
        version begins with SIM (which holds over sockets too).
        """
        library = self.visa_library
        if getattr(library, "simulated", False) or type(library).__module__.split(".")[0] == "pyvisa_sim":
            return True
        return any(_says_simulated(identity) for identity in self.identities.values())

    @property
    def safe_order(self) -> list[str]:
        """The open actuators in the order in which they are made safe."""
        first = [role for role in self.config.station.safe_order if role in self.drivers]
        rest = [role for role in self.drivers if role not in first]
        return [role for role in first + rest if isinstance(self.drivers[role], Actuator)]

    def make_safe(self) -> dict[str, str | None]:
        """Bring every open actuator to its safe state, in order, each step even if the one before it failed.

        Returns
        -------
        dict
            Role -> None, or the one-line problem that kept it from its safe state.
        """
        problems: dict[str, str | None] = {}
        for role in self.safe_order:
            try:
                self.drivers[role].make_safe()  # type: ignore[attr-defined]
                problems[role] = None
            except Exception as error:  # whatever it is, the next output must still be made safe
                problems[role] = str(error) or type(error).__name__
        return problems

    def sample(self, file: str | None = None) -> Sample:
        """Return the sample: from ``file``, else the station's own.

        Raises
        ------
        StationError
            If neither is given, or the file is wrong.
        """
        if file:
            return Sample.load(Path(file))
        if self.config.station.sample is None:
            raise StationError(
                f"{self.path.name}: no sample is given; use --sample FILE, or [station] sample in the station file"
            )
        return Sample.load(self.path.parent / self.config.station.sample)

    def snapshot(self) -> dict[str, Any]:
        """Return what a run must remember of the station: the whole file and who answered."""
        return {
            "spec": self.spec,
            "file": self.path.name,
            "simulated": self.simulated,
            "config": self.config.model_dump(mode="json"),
            "identities": dict(self.identities),
        }

    def check(self) -> list[dict[str, Any]]:
        """Open every role in turn and say what is wrong with it; what opens is closed again, nothing is switched."""
        rows = []
        for role, settings in self.config.roles.items():
            row: dict[str, Any] = {"role": role, "model": None, "resource": settings.resource, "idn": None}
            try:
                row["model"] = settings.driver
                driver = self.open_role(role)
                row |= {"idn": self.identities[role], "ok": True, "problem": None}
                row["safe_state"] = driver.safe_state if isinstance(driver, Actuator) else None
            except SotlabError as error:
                row |= {"ok": False, "problem": str(error), "safe_state": None}
            row["when_pc_vanishes"] = settings.when_pc_vanishes
            rows.append(row)
        return rows

    def close(self) -> None:
        """Close all connections; nothing is switched."""
        for driver in self.drivers.values():
            driver.close()
        self.drivers.clear()
        # A manager is shared by all who use its library: it is closed by the last one, so that a bench starts anew.
        if not self._manager.list_opened_resources():
            self._manager.close()

    def __enter__(self) -> Station:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _settings(self, role: str) -> RoleConfig:
        try:
            return self.config.roles[role]
        except KeyError:
            raise StationError(
                f"{self.path.name} has no role '{role}'; it has: {', '.join(self.config.roles)}. Add [roles.{role}]"
            ) from None

    def _driver_class(self, role: str) -> type[Driver]:
        name = self.config.roles[role].driver
        where = f"{self.path.name}: [roles.{role}] driver"
        driver_class = load_class("sotlab.drivers", name, where, self.path.parent)
        if not (isinstance(driver_class, type) and issubclass(driver_class, Driver)):
            raise StationError(f"{where}: '{name}' is no driver (a subclass of sotlab.instruments.driver.Driver)")
        return driver_class


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


def find_drivers() -> dict[str, str]:
    """Return the drivers that are installed: name -> where it is."""
    return {entry.name: entry.value for entry in entry_points(group="sotlab.drivers")}


def load_class(group: str, name: str, where: str, folder: Path | None = None) -> Any:
    """Return the class that ``name`` stands for: an entry point of ``group``, ``module:Class`` or ``file.py:Class``.

    Raises
    ------
    StationError
        If there is no such class; the message begins with ``where`` and lists what there is.
    """
    for entry in entry_points(group=group, name=name):
        return entry.load()
    module_name, colon, class_name = name.rpartition(":")
    if not colon:
        known = ", ".join(sorted(entry.name for entry in entry_points(group=group)))
        raise StationError(
            f"{where}: '{name}' is not installed; installed: {known}; or give module:Class or file.py:Class"
        )
    try:
        if module_name.endswith(".py"):
            module = _module_from_file((folder or Path()) / module_name)
        else:
            module = importlib.import_module(module_name)
        return getattr(module, class_name)
    except (ImportError, OSError, AttributeError) as error:
        raise StationError(f"{where}: '{name}' cannot be loaded: {error}") from error


def _module_from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"there is no Python file '{path}'")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def _resource_manager(visa_library: str, path: Path) -> pyvisa.ResourceManager:
    try:
        return pyvisa.ResourceManager(visa_library)
    except SotlabError:
        raise
    except Exception as error:  # each backend fails in its own way: no library, no such file, no such package
        raise StationError(
            f"{path.name}: [station] visa_library '{visa_library}' cannot be opened: {error}; '' is the system's VISA,"
            f" '@py' the pure Python one"
        ) from error


def _says_simulated(identity: str) -> bool:
    """Whether the serial number or the version in an identity begins with SIM."""
    return any(re.match(r"\s*SIM", field) for field in identity.split(",")[2:])


def _range(given: Any, quantity: str, where: str) -> tuple[float, float]:
    unit = quantity.rsplit("_", 1)[-1] if "_per_" not in quantity else None
    values = list(given) if isinstance(given, list | tuple) else [0.0 if "_per_" in quantity else None, given]
    try:
        low, high = (parse_quantity(v, unit) if isinstance(v, str) else float(v) for v in values)
    except (TypeError, ValueError, UsageError) as error:
        raise StationError(f"{where}: {given!r} is not a range; write it as [lowest, highest]") from error
    if not low <= high:
        raise StationError(f"{where}: {given!r}: the lowest value is above the highest")
    return low, high
