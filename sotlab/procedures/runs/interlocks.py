"""Interlocks: what the station file says must hold before each point, and what is done when it does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sotlab.errors import ComplianceError, InstrumentError, InterlockError, OverloadError, StationError
from sotlab.instruments.installed import load_class
from sotlab.instruments.roles import READINGS
from sotlab.instruments.station import Station
from sotlab.instruments.station_file import InterlockRule
from sotlab.units import pretty

__all__ = ["Broken", "Interlocks"]

#: How often a broken interlock is looked at until it is well again [s].
LOOK_S = 1.0
#: What a point may fail with that a rule forgives, if it does not come too often.
EVENTS: dict[type[InstrumentError], str] = {OverloadError: "overload", ComplianceError: "compliance"}


@dataclass(frozen=True)
class Broken:
    """An interlock that does not hold: which, why, what its rule asks for."""

    name: str
    why: str
    action: str


class Interlocks:
    """The interlocks of one run.

    Parameters
    ----------
    bench : Station
        The open station; roles that interlocks read are opened.
    roles : iterable of str
        The roles that the procedure itself uses: of those only harmless queries may be asked between its points.
    columns : iterable of str
        The columns of its rows.
    tell : callable
        Takes what goes into the journal.

    Raises
    ------
    StationError
        If a rule asks for a reading that there is not, or that would disturb the procedure.
    """

    def __init__(self, bench: Station, roles: Iterable[str], columns: Iterable[str], tell: Callable[..., None]) -> None:
        self._bench = bench
        self._tell = tell
        columns = set(columns)
        self._rules = [rule for rule in bench.config.interlocks if not rule.column or rule.column in columns]
        asking = (rule for rule in self._rules if rule.role or rule.function)
        self._asks = {rule.name: self._ask(rule, set(roles)) for rule in asking}
        self._beyond = dict.fromkeys((rule.name for rule in self._rules), 0)
        self._next_s = dict.fromkeys((rule.name for rule in self._rules), -math.inf)
        self._in_rows: Broken | None = None

    def look(self) -> Broken | None:
        """Return the first interlock that does not hold, or None."""
        if self._in_rows is not None:
            return self._in_rows
        for rule in self._rules:
            if rule.name in self._asks and self._bench.clock.now() >= self._next_s[rule.name]:
                self._next_s[rule.name] = self._bench.clock.now() + rule.every_s
                if (why := self._count(rule, self._asks[rule.name]())) is not None:
                    return Broken(rule.name, why, rule.action)
        return None

    def forgive(self, error: InstrumentError) -> str | None:
        """Return which event a point failed with if a rule counts such points, None if it is to end the run."""
        event = EVENTS.get(type(error), "")
        rules = [rule for rule in self._rules if event and rule.event == event]
        for rule in rules:
            if (why := self._count(rule, str(error))) is not None:
                self._in_rows = Broken(rule.name, why, rule.action)
        return event if rules else None

    def see(self, row: Mapping[str, Any], event: str | None = None) -> None:
        """Take note of a row, and of the event that it was not read for."""
        for rule in self._rules:
            if rule.event and rule.event != event:
                self._beyond[rule.name] = 0
            if (
                rule.column
                and (why := self._count(rule, _outside(rule, row.get(rule.column), rule.column))) is not None
            ):
                self._in_rows = Broken(rule.name, why, rule.action)

    def wait_until_clear(self, broken: Broken, should_stop: Callable[[], bool]) -> bool:
        """Wait until an interlock holds again; return False if the run is to stop.

        Raises
        ------
        InterlockError
            If that takes longer than the rule allows.
        """
        rule = next(one for one in self._rules if one.name == broken.name)
        until_s = self._bench.clock.now() + rule.longest_s
        while not should_stop():
            if self._asks[rule.name]() is None:
                self._beyond[rule.name] = 0
                return True
            if self._bench.clock.now() >= until_s:
                raise InterlockError(f"{broken.why}; it was waited for {rule.longest_s:g} s, and the run was ended")
            self._bench.clock.sleep(LOOK_S, should_stop)
        return False

    def _count(self, rule: InterlockRule, wrong: str | None) -> str | None:
        """Return what is wrong once it has been so often enough in succession."""
        self._beyond[rule.name] = 0 if wrong is None else self._beyond[rule.name] + 1
        if wrong is None or self._beyond[rule.name] < rule.count:
            return None
        times = f", {rule.count} times in succession" if rule.count > 1 else ""
        return f"interlock '{rule.name}': {wrong}{times} ({self._bench.path.name})"

    def _ask(self, rule: InterlockRule, roles: set[str]) -> Callable[[], str | None]:
        where = f"{self._bench.path.name}: interlock '{rule.name}'"
        if rule.function:
            function = load_class("sotlab.interlocks", rule.function, where, self._bench.path.parent)
            return lambda: _said(function(self._bench), where)
        driver = self._bench.open_role(rule.role)
        name, unit = READINGS.get(driver.role, ("", ""))
        name = rule.reading or name
        if not name or not callable(getattr(driver, name, None)):
            raise StationError(f"{where}: {type(driver).__name__} has no reading '{name}'; set reading to one it has")
        if rule.role in roles and name not in driver.harmless:
            raise StationError(f"{where}: the procedure uses '{rule.role}', and reading its {name} would disturb it")

        def ask() -> str | None:
            try:
                value = getattr(driver, name)()
            except InstrumentError as error:
                return f"{rule.role} cannot be read: {error}"
            if isinstance(value, list):
                return f"open: {', '.join(map(str, value))}" if value else None
            return _outside(rule, value, f"{rule.role} {name}", unit)

        return ask


def _outside(rule: InterlockRule, value: Any, what: str, unit: str = "") -> str | None:
    """Return how a value lies outside a rule's limits, None if it does not; what is no number is outside."""
    low = -math.inf if rule.minimum is None else rule.minimum
    high = math.inf if rule.maximum is None else rule.maximum
    number = abs(value) if isinstance(value, complex) else value
    if isinstance(number, float | int) and low <= number <= high:
        return None
    shown = pretty(float(number), None, unit) if isinstance(number, float | int) else repr(value)
    return f"{what} is {shown}, allowed {low:g} to {high:g}"


def _said(answer: Any, where: str) -> str | None:
    if answer is not None and not isinstance(answer, str):
        raise StationError(f"{where}: its function returned {answer!r}; it must return None, or what is wrong as text")
    return answer or None
