"""Moves by hand, while no run goes on: within the station's limits, and made safe when the bench is given back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sotlab.errors import StationError, UsageError
from sotlab.instruments.roles import READINGS
from sotlab.instruments.station import Station
from sotlab.procedures.runs.protection import measure_resistance
from sotlab.units import parse_quantity, pretty

__all__ = ["MOVES", "ManualBench"]


@dataclass(frozen=True)
class Move:
    """What can be moved of a role: the unit of where to, and the driver's method; it takes ``should_stop`` or not."""

    unit: str
    method: str
    stoppable: bool = True


#: By role, as a station file calls it. What sends current through the sample is no move.
MOVES = {
    "field": Move("T", "ramp_to"),
    "rotator": Move("deg", "move_to"),
    "azimuth": Move("deg", "move_to"),
    "delay": Move("m", "move_to"),
    "temperature": Move("K", "settle_at"),
    "pump_attenuator": Move("", "set_transmission", stoppable=False),
}


class ManualBench:
    """A station that is held open for moves by hand; nothing is switched when it is opened.

    One thread at a time may use it, but for :meth:`stop` and :meth:`emergency_stop`. While it is held, the mark beside
    the station file says so, and the next opening makes safe what a program left that was killed.

    Parameters
    ----------
    spec : str
        The station.

    Examples
    --------
    >>> bench = ManualBench("virtual:stfmr")
    >>> bench.move("field", "20 mT")[:8]
    'field: 2'
    >>> bench.release()["field"] is None
    True
    """

    def __init__(self, spec: str) -> None:
        self.spec = spec
        self._station: Station | None = None
        self._stopped = threading.Event()

    @property
    def held(self) -> bool:
        """Whether the station is open."""
        return self._station is not None

    def move(self, role: str, to: str) -> str:
        """Move a role to a place, given with its unit, and return where it is, in words.

        Raises
        ------
        UsageError
            If nothing of the role can be moved, or the place is none.
        LimitError
            If the station does not allow it; nothing is sent then.
        """
        move = MOVES.get(role)
        if move is None:
            raise UsageError(f"{role}: nothing of it is moved by hand; these are: {', '.join(MOVES)}")
        place = parse_quantity(to, move.unit)
        driver = self._open(role)
        if hasattr(driver, "check"):
            driver.check(place)
        self._stopped.clear()
        self._take().mark_use("moves by hand")
        method: Callable[..., Any] = getattr(driver, move.method)
        if move.stoppable:
            method(place, should_stop=self._stopped.is_set)
        else:
            method(place)
        if self._stopped.is_set():
            return f"{role}: stopped on its way to {pretty(place, None, move.unit)}"
        return self._where(role, driver, place, move.unit)

    def contact_check(self) -> str:
        """Send the small current of ``[protection]`` through the sample, both ways, and return its resistance in words.

        Raises
        ------
        StationError
            If the station has nothing to measure it with.
        """
        rules = self._take().config.protection
        role, current_A = (rules.role, rules.current_A) if rules is not None else ("source_meter", 1e-5)
        if role not in self._take():
            raise StationError(f"{self.spec}: a contact check needs the role '{role}', which the station has not")
        driver = self._open(role)
        self._take().mark_use("a contact check")
        found_ohm = measure_resistance(driver, current_A)
        low, high = rules.resistance_ohm if rules is not None else (0.1, 1e7)
        said = f"{role}: {pretty(found_ohm, None, 'ohm')} at {pretty(current_A, None, 'A')}"
        return said if low <= found_ohm <= high else f"{said}: NO CONTACT, or a short (allowed {low:g} to {high:g} ohm)"

    def stop(self) -> None:
        """Let the move under way end where it is."""
        self._stopped.set()

    def release(self) -> dict[str, str | None]:
        """Make safe and give the bench back; return what came of it by role."""
        station, self._station = self._station, None
        if station is None:
            return {}
        try:
            return station.make_safe()
        finally:
            station.close()

    def emergency_stop(self) -> dict[str, str | None]:
        """Make the outputs safe over sessions of their own, whatever hangs."""
        self.stop()
        station = self._station
        return {} if station is None else Station.rescue(self.spec, station.actuators, borrow=True)

    def _take(self) -> Station:
        if self._station is None:
            self._station = Station.open(self.spec, ())
            self._station.make_safe_what_was_left()
        return self._station

    def _open(self, role: str) -> Any:
        return self._take().open_role(role)

    def _where(self, role: str, driver: Any, place: float, unit: str) -> str:
        reading = READINGS.get(driver.role)
        if reading is not None and reading[1] == unit:
            return f"{role}: {pretty(getattr(driver, reading[0])(), None, unit)} read"
        return f"{role}: {pretty(place, None, unit)} set"
