"""The station: a bench described in one TOML file, opened as instruments by role.

A station is named by its file, or by ``virtual:NAME`` for one of the benches that are shipped; there options of the
bench may follow as in a web address: ``virtual:stfmr?seed=3&clock=20``. docs/station.md describes the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import pyvisa

from sotlab.clock import Clock, RealClock
from sotlab.errors import OperatorError, SotlabError, StationError, WrongInstrumentError
from sotlab.instruments.calibration import Calibration, check_kinds
from sotlab.instruments.connection import Connection
from sotlab.instruments.driver import Driver, Limits
from sotlab.instruments.installed import load_class
from sotlab.instruments.roles import READINGS, ROLES, Actuator
from sotlab.instruments.sample import Sample
from sotlab.instruments.station_file import CalibrationEntry, RoleConfig, StationConfig, load_sample, validated
from sotlab.instruments.station_lock import StationLock
from sotlab.instruments.trace import Trace
from sotlab.instruments.use_mark import UseMark

__all__ = ["Station"]

#: How long a question waits when outputs must be made safe: what hangs must not keep the others on [s].
RESCUE_S = 1.5

#: How long a check waits in all for instruments that do not answer [s].
CHECK_S = 6.0


class Station:
    """Open instruments by role, one clock, one order of making safe.

    Examples
    --------
    >>> with Station.open("virtual:stfmr", roles=["gaussmeter"]) as station:
    ...     abs(station["gaussmeter"].read_field()) < 0.01
    True
    """

    def __init__(
        self, config: StationConfig, path: Path, spec: str, trace: Trace | None = None, recalibrating: str = ""
    ) -> None:
        self.config = config
        self.path = path
        self.spec = spec
        self.trace = trace
        self.recalibrating = recalibrating
        #: Why calibrations of the role that is calibrated anew were left out, one line each.
        self.refused: list[str] = []
        self._patience_s: float | None = None  # how long a check waits for an answer
        self._lock: StationLock | None = None
        self._locks, self._closed = True, False
        self.mark = UseMark(path)
        self._limits: dict[str, Limits] = {}  # as the station file has them, without the sample's
        self._protected_sample: Sample | None = None
        #: Takes what happens on the wire (a question asked again, a line opened anew): kind, role, problem.
        self.on_event: Callable[..., None] = _unheard
        #: Tells the person at the bench what to do and returns when it is done; set by the terminal or the window.
        self.operator: Callable[[str], None] | None = None
        self.drivers: dict[str, Driver] = {}
        self.connections: dict[str, Connection] = {}  # by address: one open session each, whoever uses it
        self.identities: dict[str, str] = {}
        #: Of every role that has some, in the order of the station file.
        self.calibrations: dict[str, list[Calibration]] = {role: self._load(role) for role in config.calibrations}
        self._manager = _resource_manager(config.station.visa_library, path)
        self.clock: Clock = getattr(self._manager.visalib, "clock", None) or RealClock()

    @classmethod
    def open(
        cls, spec: str, roles: Iterable[str] | None = None, trace: Trace | None = None, recalibrating: str = ""
    ) -> Station:
        """Open the instruments of ``roles`` (all that the file has if None); nothing is switched.

        The calibrations of the role ``recalibrating`` that would be refused are left out, and told in ``refused``: what
        is wrong with them must not keep one from making a new one.

        Raises
        ------
        StationError
            If the file is wrong, or has not the role: role and file are named. Nothing is ever replaced by a dummy.
        InstrumentError
            If an instrument does not answer, or another model than the driver's does. What was opened is closed.
        """
        config, path = StationConfig.load(spec)
        station = cls(config, path, spec, trace, recalibrating)
        try:
            if config.station.sample is not None:
                station.protect(station.sample())
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
        if self._closed:
            raise StationError(f"{self.path.name}: this station is closed; '{role}' is not opened again by it")
        settings = self._settings(role)
        self._lock_bench()
        driver_class = self._driver_class(role)
        options, limits = validated(driver_class, role, settings, self.path.name)
        self._limits[role] = limits
        limits = self._protected(driver_class, limits)
        others = self._others(role, driver_class.needs(options))
        connection = self._connection(role, settings, driver_class)

        def open_with(calibrations: Sequence[Calibration]) -> Driver:
            driver = driver_class.open(
                connection,
                options,
                limits,
                self.clock,
                others=others,
                operator=self.ask_operator,
                calibrations=check_kinds(role, driver_class.calibrated_by, calibrations),
            )
            self._check_origin(role, driver)
            return driver

        try:
            if role == self.recalibrating:
                self._leave_out_refused(role, open_with)
            driver = open_with(self.calibrations.get(role, []))
        except BaseException:
            self._close_unused(settings.resource)
            raise
        self.drivers[role] = driver
        self.identities[role] = driver.identify()
        return driver

    def __getitem__(self, role: str) -> Any:
        """Return the open instrument that fills ``role``."""
        return self.open_role(role)

    def take(self, calibration: Calibration) -> None:
        """Use a calibration that has just been made, in place of one of its kind, until the station is closed.

        Raises
        ------
        StationError
            If the driver of its role makes no use of it.
        """
        driver = self.open_role(calibration.role)
        others = [one for one in self.calibrations.get(calibration.role, []) if one.kind != calibration.kind]
        kinds = check_kinds(calibration.role, type(driver).calibrated_by, [*others, calibration])
        self.calibrations[calibration.role] = [*others, calibration]
        driver.calibrations = dict(kinds)
        driver.use_calibrations()

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
        """The open actuators in the order in which they are made safe: as the file says, then the last opened first.

        A driver that works through another role was opened after it, and can reach its safe state only before it.
        """
        return self._in_safe_order(self.actuators)

    def make_safe(self, tell: Callable[[str, str, float], None] | None = None) -> dict[str, str | None]:
        """Bring every open actuator to its safe state, in order, each step even if the one before it failed.

        What failed is tried once more at the end.

        Parameters
        ----------
        tell : callable, optional
            Told before each: its role, the way to its safe state in words, and how long that takes [s].

        Returns
        -------
        dict
            Role -> None, or the one-line problem that kept it from its safe state.
        """
        tell = tell or _unheard_way

        def make_safe(role: str) -> None:
            with suppress(Exception):  # whoever watches must not keep an output from being made safe
                tell(role, *self._way_to_safety(role))
            self._rescue(role)

        problems = _each_then_again(self.safe_order, make_safe)
        if not any(problems.values()):
            self._clear_mark()
        return problems

    def _way_to_safety(self, role: str) -> tuple[str, float]:
        """Return what making safe takes a role through, and how long [s]; nothing is asked of the instrument."""
        driver = self.drivers[role]
        way = getattr(driver, "way_to_safety", None)
        return way() if way is not None else (str(getattr(driver, "safe_state", "")), 0.0)

    @property
    def private(self) -> bool:
        """Whether the bench lives in this process: nobody else reaches it, and it ends with the process."""
        return bool(getattr(self.visa_library, "private", False))

    @property
    def actuators(self) -> list[str]:
        """The open roles that have a safe state, in the order in which they were opened."""
        return [role for role, driver in self.drivers.items() if isinstance(driver, Actuator)]

    def make_safe_what_was_left(self) -> dict[str, Any] | None:
        """Make safe what a program left that died while its outputs may have been on.

        Returns
        -------
        dict or None
            What was found, and under ``outputs`` what was made of it; None if all was in order.

        Raises
        ------
        StationError
            If outputs cannot be made safe.
        """
        found = None if self.private else self.mark.read()
        if found is not None:
            roles = [role for role in found["roles"] or self.config.roles if role in self.config.roles]
            found["outputs"] = _each_then_again(self._in_safe_order(roles), self._rescue)
            left = {role: problem for role, problem in found["outputs"].items() if problem}
            if left:
                raise StationError(
                    f"{self.path.name}: '{found['program']}' ended without making safe (in use since {found['since']}),"
                    f" and now NOT SAFE: {'; '.join(f'{role}: {problem}' for role, problem in left.items())}"
                )
            self._clear_mark()
        return found

    def mark_use(self, run: str) -> None:
        """Mark that the outputs of the roles that are open may be on from now on, until :meth:`make_safe`.

        Raises
        ------
        StationError
            If the mark cannot be written.
        """
        if not self.private:
            self.mark.set(self.actuators, run)

    @classmethod
    def rescue(cls, spec: str, roles: Iterable[str], *, borrow: bool = False) -> dict[str, str | None]:
        """Make outputs safe over sessions of their own, for a program that is gone or hangs.

        Parameters
        ----------
        spec : str
            The station.
        roles : iterable of str
            Whose outputs, in the order in which they were opened.
        borrow : bool
            Do not take the station's lock: the program that has it asks for this.

        Returns
        -------
        dict
            As :meth:`make_safe`.
        """
        config, path = StationConfig.load(spec)
        station = cls(config, path, spec)
        station._locks, station._patience_s = not borrow, RESCUE_S
        try:
            problems = _each_then_again(station._in_safe_order(list(roles)), station._rescue)
        finally:
            station.close()
        if not any(problems.values()):
            station._clear_mark()
        return problems

    def _clear_mark(self) -> None:
        """Say that all is safe; a private bench has no mark, and one of its file is of other programs' benches."""
        if not self.private:
            self.mark.clear()

    def _in_safe_order(self, roles: list[str]) -> list[str]:
        first = [role for role in self.config.station.safe_order if role in roles]
        return first + [role for role in reversed(roles) if role not in first]

    def _rescue(self, role: str) -> None:
        driver = self.open_role(role)
        if isinstance(driver, Actuator):
            driver.make_safe()
            driver.identify()  # one that hangs lets itself be written to; one that answers has done what it was told

    def sample(self, file: str | None = None) -> Sample:
        """Return the sample: from ``file``, else the station's own.

        Raises
        ------
        StationError
            If neither is given, or the file is wrong.
        """
        return load_sample(self.config, self.path, file)

    def protect(self, sample: Sample) -> None:
        """Let no source send more through the sample than its layers stand: what is open now, and what is opened later.

        Raises
        ------
        StationError
            If the sample file has a largest current density but not what is needed to work out a current.
        """
        self._protected_sample = sample
        for role, driver in self.drivers.items():
            driver.limits = self._protected(type(driver), self._limits[role])

    def ask_operator(self, message: str) -> None:
        """Tell the person at the bench what to do, and return when it is done.

        Raises
        ------
        InstrumentError
            If nobody is there to ask.
        """
        if self.operator is None:
            raise OperatorError(f"the operator is needed ('{message}'), and nobody is there to ask")
        with self.clock.idle():
            self.operator(message)

    def _protected(self, driver_class: type[Driver], limits: Limits) -> Limits:
        largest = None if self._protected_sample is None else self._protected_sample.largest_current()
        if largest is None or driver_class.through_sample is None:
            return limits
        reason = f"sample {self._protected_sample.name}: {largest[1]}" if self._protected_sample else ""
        return limits.narrowed(driver_class.through_sample, largest[0], reason)

    def _load(self, role: str) -> list[Calibration]:
        """Read the calibrations of a role; a damaged one of the role that is calibrated anew is left out."""
        entries, loaded = self.config.calibrations[role], []
        for entry in list(entries):
            try:
                loaded.append(Calibration.load(self.path.parent / entry.file))
            except StationError as error:
                if role != self.recalibrating:
                    raise
                entries.remove(entry)
                self.refused.append(str(error))
        return loaded

    def _leave_out_refused(self, role: str, open_with: Callable[[Sequence[Calibration]], Driver]) -> None:
        """Keep of a role's calibrations those with which its driver can be opened."""
        kept: list[tuple[CalibrationEntry, Calibration]] = []
        for pair in zip(self.config.calibrations.get(role, []), self.calibrations.get(role, []), strict=True):
            try:
                open_with([calibration for _, calibration in [*kept, pair]])
            except StationError as error:
                self.refused.append(str(error))
            else:
                kept.append(pair)
        self.config.calibrations[role] = [entry for entry, _ in kept]
        self.calibrations[role] = [calibration for _, calibration in kept]

    def _check_origin(self, role: str, driver: Driver) -> None:
        """Refuse what was measured on a virtual bench for an instrument that is real."""
        for calibration in driver.calibrations.values():
            if calibration.simulated and not self.simulated and not _says_simulated(driver.identify()):
                raise StationError(
                    f"{calibration.where}: this calibration is SIMULATED, the {role} is not; take it out of"
                    f" [calibrations] in {self.path.name}, and calibrate"
                )

    def old_calibrations(self) -> list[dict[str, Any]]:
        """Return the calibrations of open roles that are older than they may be, or dated in the future."""
        old = []
        for role, entries in self.config.calibrations.items():
            for entry, calibration in zip(entries, self.calibrations[role], strict=True):
                age_days = calibration.age_days()
                too_old = entry.max_age_days is not None and age_days > entry.max_age_days
                if role in self.drivers and (too_old or age_days < 0.0):
                    row = {"role": role, "kind": calibration.kind, "file": entry.file, "age_days": round(age_days, 2)}
                    old.append({**row, "max_age_days": entry.max_age_days})
        return old

    def snapshot(self) -> dict[str, Any]:
        """Return what a run must remember: the whole file, who answered, and the calibrations in use, whole."""
        return {
            "spec": self.spec,
            "file": self.path.name,
            "simulated": self.simulated,
            "config": self.config.model_dump(mode="json"),
            "identities": dict(self.identities),
            "calibrations": {
                role: [calibration.model_dump(mode="json") for calibration in calibrations]
                for role, calibrations in self.calibrations.items()
                if role in self.drivers
            },
        }

    def check(self) -> list[dict[str, Any]]:
        """Open every role in turn and say what is wrong with it; nothing is switched.

        What does not answer is waited for :data:`CHECK_S` in all, however many instruments there are. Two instruments
        that answer at each other's address are said to be swapped.
        """
        addresses = {settings.resource for settings in self.config.roles.values() if settings.resource}
        self._patience_s = min(max(CHECK_S / max(len(addresses), 1), 0.5), 2.0)
        rows, found = [], {}
        for role, settings in self.config.roles.items():
            row: dict[str, Any] = {"role": role, "model": settings.driver, "resource": settings.resource, "idn": None}
            try:
                driver = self.open_role(role)
                row |= {"idn": self.identities[role], "ok": True, "problem": None}
                row["safe_state"] = driver.safe_state if isinstance(driver, Actuator) else None
            except SotlabError as error:
                row |= {"ok": False, "problem": str(error), "safe_state": None}
                if isinstance(error, WrongInstrumentError):
                    row["idn"] = found[role] = error.identity
            row["when_pc_vanishes"] = settings.when_pc_vanishes
            row["calibrations"] = [
                {"kind": one.kind, "date": one.date.isoformat(), "age_days": round(one.age_days(), 2)}
                for one in self.calibrations.get(role, ())
            ]
            rows.append(row)
        for row in rows:
            if (other := self._swapped_with(row["role"], found)) is not None:
                row["problem"] += f". It is what '{other}' asks for: are {row['resource']} and"
                row["problem"] += f" {self.config.roles[other].resource} swapped?"
        return rows

    def _swapped_with(self, role: str, found: dict[str, str]) -> str | None:
        """Return the role whose address this role has, if that one has this role's."""
        for other in found:
            if role in found and other != role:
                answers_here, answers_there = found[role], found[other]
                if self._driver_class(other).is_for(answers_here) and self._driver_class(role).is_for(answers_there):
                    return other
        return None

    def read(self) -> list[dict[str, Any]]:
        """Read once what can be read without driving anything: the contact check.

        Returns
        -------
        list of dict
            For each role that has a reading: ``role``, ``reading`` (the method), ``value``, ``unit`` and ``problem``,
            one of which is None.
        """
        rows = []
        for role in self.config.roles:
            row: dict[str, Any] = {"role": role, "reading": None, "value": None, "unit": "", "problem": None}
            try:
                driver = self.open_role(role)
                if driver.role not in READINGS:
                    continue
                row["reading"], row["unit"] = READINGS[driver.role]
                row["value"] = getattr(driver, row["reading"])()
            except SotlabError as error:
                row["problem"] = str(error)
            rows.append(row)
        return rows

    def close(self) -> None:
        """Close all connections for good; nothing is switched."""
        self._closed = True
        for connection in self.connections.values():
            connection.close_session()
        self.connections.clear()
        self.drivers.clear()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        # A manager is shared by all who use its library: it is closed by the last one, so that a bench starts anew.
        if not self._manager.list_opened_resources():
            self._manager.close()

    def __enter__(self) -> Station:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lock_bench(self) -> None:
        """Take the whole bench, not only the roles that are used: what else is on it reaches the same sample."""
        if self._lock is None and self._locks and not self.private:
            addresses = [settings.resource for settings in self.config.roles.values() if settings.resource]
            self._lock = StationLock(self.path.name, addresses)

    def _others(self, role: str, needed: Iterable[str]) -> dict[str, Driver]:
        """Open the roles through which a driver works."""
        for other in needed:
            if other == role or other not in self.config.roles:
                raise StationError(
                    f"{self.path.name}: [roles.{role}] works through the role '{other}', which is not another role of"
                    f" this station; it has: {', '.join(self.config.roles)}"
                )
        return {other: self.open_role(other) for other in needed}

    def _close_unused(self, resource: str) -> None:
        if not any(self.config.roles[role].resource == resource for role in self.drivers):
            if (connection := self.connections.pop(resource, None)) is not None:
                connection.close_session()

    def _connection(self, role: str, settings: RoleConfig, driver_class: type[Driver]) -> Connection | None:
        """Return the connection to an address, opened by the first role there; None for a driver that needs none."""
        if driver_class.instrument_class is None:
            return None
        if not settings.resource:
            raise StationError(f"{self.path.name}: [roles.{role}] resource is missing: the instrument's VISA address")
        connection = self.connections.get(settings.resource)
        timeout_s, retry = settings.timeout_s, self.config.retry
        if settings.retries is not None:
            retry = retry.model_copy(update={"time_out": settings.retries})
        if self._patience_s is not None:
            timeout_s, retry = min(timeout_s, self._patience_s), None
        if connection is None:
            connection = self.connections[settings.resource] = Connection(
                role,
                settings.resource,
                self.visa_library,
                retry=retry,
                clock=self.clock,
                trace=self.trace,
                **{"timeout": timeout_s * 1000, **driver_class.connection},
            )
            connection.on_event = lambda kind, **details: self.on_event(kind, **details)
        else:
            connection.allow(timeout_s)
        return connection

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
        if not hasattr(driver_class, "role"):
            raise StationError(f"{where}: '{name}' does not say which role it fills; give the class a role = \"...\"")
        asked, filled = ROLES.get(role), ROLES.get(driver_class.role)
        if asked is not None and asked is not filled:
            raise StationError(f"{where}: '{name}' fills the role '{driver_class.role}', not '{role}'")
        return driver_class


def _each_then_again(roles: Iterable[str], make_safe: Callable[[str], None]) -> dict[str, str | None]:
    """Make roles safe one after the other whatever happens; those that failed once more at the end."""

    def problem_of(role: str) -> str | None:
        try:
            make_safe(role)
        except Exception as error:  # whatever it is, the next output must still be made safe
            return str(error) or type(error).__name__
        return None

    problems = {role: problem_of(role) for role in roles}
    return problems | {role: problem_of(role) for role, problem in problems.items() if problem}


def _unheard(kind: str, **details: Any) -> None:
    """Let an event pass that nobody listens to."""


def _unheard_way(role: str, way: str, seconds: float) -> None:
    """Let a step of making safe pass that nobody listens to."""


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
