"""Looks after the sample: its resistance before, during and after a run, and a stop when it has jumped.

A device that dies in mid-run gives rows that look like data. With ``[protection]`` in the station file a small current
of both signs is sent through it now and then, ``R = (V(+I) - V(-I)) / 2I``, which is free of thermal voltages.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sotlab.errors import InstrumentError, InterlockError
from sotlab.instruments.station import Station
from sotlab.instruments.station_file import ProtectionTable
from sotlab.units import pretty

__all__ = ["SampleWatch", "measure_resistance"]


def measure_resistance(source_meter: Any, current_A: float) -> float:
    """Return the resistance that a small current of both signs sees [ohm]; the output is off before and after.

    Parameters
    ----------
    source_meter : sotlab.instruments.roles.SourceMeter
        What is connected to the sample.
    current_A : float
        The current [A], above 0.
    """
    source_meter.check(current_A)
    source_meter.set_current(0.0)
    source_meter.set_output(True)
    try:
        readings_V = []
        for sign in (1.0, -1.0):
            source_meter.set_current(sign * current_A)
            readings_V.append(source_meter.read_voltage())
    finally:
        source_meter.set_current(0.0)
        source_meter.set_output(False)
    return (readings_V[0] - readings_V[1]) / (2.0 * current_A)


class SampleWatch:
    """Watches the sample's resistance throughout one run.

    Parameters
    ----------
    bench : Station
        The open station.
    rules : ProtectionTable
        What its file says under ``[protection]``.
    tell : callable
        Takes what goes into the journal: the event's name, and its fields.
    """

    def __init__(self, bench: Station, rules: ProtectionTable, tell: Callable[..., None]) -> None:
        self._bench, self._rules, self._tell = bench, rules, tell
        self._before_ohm = math.nan
        self._next_s = -math.inf
        self._dead = False

    @property
    def role(self) -> str:
        """The role that measures the resistance."""
        return self._rules.role

    def begin(self) -> None:
        """Ask for the contact if the station wants that, and measure what the sample has before anything is driven.

        Raises
        ------
        InterlockError
            If the resistance is not what the station file allows: no contact, or a short.
        """
        if self._rules.contact:
            self._bench.ask_operator(f"Everything is at zero: {self._rules.contact}")
            self._tell("contacted", asked=self._rules.contact)
        self._before_ohm = self._measure("before")
        low_ohm, high_ohm = self._rules.resistance_ohm
        if not low_ohm <= self._before_ohm <= high_ohm:
            raise InterlockError(
                f"the sample has {pretty(self._before_ohm, None, 'ohm')} before the run, allowed {low_ohm:g} to"
                f" {high_ohm:g} ohm ({self._bench.path.name}, [protection] resistance_ohm); check the contacts"
            )

    def look(self, index: int) -> None:
        """Measure again if it is time to, before the point ``index``.

        Raises
        ------
        InterlockError
            If the resistance has changed by more than the station file allows.
        """
        if self._bench.clock.now() >= self._next_s:
            self._compare(
                self._measure("during", index), f"seen before point {index}: the device died since the last look"
            )

    def end(self) -> None:
        """Measure what is left when everything is at zero again.

        Raises
        ------
        InterlockError
            As in :meth:`look`.
        """
        if not (self._dead or math.isnan(self._before_ohm)):
            self._compare(self._measure("after"), "seen after the run: the device died in the last points")

    def _measure(self, when: str, index: int | None = None) -> float:
        try:
            found_ohm = measure_resistance(self._bench[self._rules.role], self._rules.current_A)
        except InstrumentError as error:
            # A source at its compliance does not see a sample: as far as the run is concerned there is none.
            self._tell("resistance", when=when, point=index, ohm=None, problem=str(error))
            if math.isnan(self._before_ohm):
                raise InterlockError(f"the sample's resistance cannot be measured {when} the run: {error}") from error
            return math.inf
        self._next_s = self._bench.clock.now() + self._rules.every_s
        self._tell("resistance", when=when, point=index, ohm=found_ohm)
        return found_ohm

    def _compare(self, found_ohm: float, when: str) -> None:
        change = abs(found_ohm / self._before_ohm - 1.0)
        if not change <= self._rules.max_change:  # nan too
            self._dead = True
            self._tell("device_died", ohm=found_ohm, before_ohm=self._before_ohm, when=when)
            now = pretty(found_ohm, None, "ohm") if math.isfinite(found_ohm) else "an open circuit"
            raise InterlockError(
                f"the sample's resistance jumped from {pretty(self._before_ohm, None, 'ohm')} to {now}, allowed is a"
                f" change of {100 * self._rules.max_change:g} %, {when}"
            )
