"""The balance of the detection: the difference of both photodiodes over their sum, without a terahertz field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sotlab.errors import DataError
from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Flag, Integer, Quantity
from sotlab.procedures.commissioning.check import Check, Finding
from sotlab.procedures.runs.scan import Point

__all__ = ["ProbeBalance"]

#: Full scale of the auxiliary inputs of an SR830 or SR86x [V], less a little.
FULL_V = 10.4
#: Their resolution [V]: readings that are all the same are known no better than this.
STEP_V = 1.0 / 3.0 * 1e-3


class ProbeBalance(Check):
    """Read difference and sum of the photodiodes with the pump blocked: (D - D0)/(S - S0), 0 when they are balanced.

    The shutter blocks the pump. With ``dark`` the operator blocks the probe first, and D0 and S0 are read; without, the
    amplifiers are taken to have no offset. Out of balance by b, the part b of the probe's own noise comes through: at
    3e-6 of it per rtHz, 1 % of 1 V lets 30 nV/rtHz in. A balance is found by turning the quarter-wave plate.
    """

    NAME = "probe_balance"
    TITLE = "difference of the photodiodes over their sum, pump blocked"
    UNIT = ""
    ORDER = 25
    ROLES = ("lockin", "shutter")
    COLUMNS = ("Probe (1)", "Difference (V)", "Sum (V)")
    Y_AXIS = "Difference (V)"

    difference = Choice("Difference", choices=["1", "2", "3", "4"], default="1", description="Auxiliary input")
    sum = Choice("Sum", choices=["1", "2", "3", "4"], default="2", description="Auxiliary input")
    readings = Integer("Readings", default=30, minimum=4, maximum=100_000)
    interval = Quantity("Interval", "s", default=0.1, minimum=0.0, maximum=60.0)
    largest = Quantity("Largest", None, default=0.01, minimum=1e-6, maximum=1.0, description="Allowed, either way")
    least = Quantity("Least", "V", default=0.05, minimum=1e-6, maximum=10.0, description="Sum, or there is no probe")
    dark = Flag("Dark", default=False, description="Whether the operator blocks the probe to read the offsets first")

    def limits(self, bench: Station) -> tuple[float, float]:
        """Return the largest allowed, of both signs."""
        return -self.largest, self.largest

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield one point a reading, those without the probe first."""
        for probe in (0.0, 1.0) if self.dark else (1.0,):
            for number in range(self.readings):
                yield {"probe": probe, "reading": float(number)}

    def prepare(self, bench: Station) -> None:
        """Block the pump: what it emits would unbalance the photodiodes."""
        bench["shutter"].set_open(False)
        self._probe: float | None = None if self.dark else 1.0

    def apply(self, point: Point, bench: Station) -> None:
        """Have the probe blocked or let through, and wait until the inputs have been converted anew."""
        probe = point.settings["probe"]
        if probe != self._probe:
            what = "let the probe beam through to both photodiodes" if probe else "block the probe beam"
            bench.ask_operator(f"The pump is blocked: {what}")
            self._probe = probe
        bench.clock.sleep(self.interval, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read both inputs."""
        lockin = bench["lockin"]
        return {
            "Probe (1)": point.settings["probe"],
            "Difference (V)": lockin.read_aux(int(self.difference)),
            "Sum (V)": lockin.read_aux(int(self.sum)),
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of waiting and of two readings [s]."""
        return self.interval + 2 * bench["lockin"].reading_time_s

    def evaluate(self, rows: pd.DataFrame) -> Finding:
        """Return difference over sum.

        Raises
        ------
        DataError
            If an input is at its end, or the probe is missing, or is there although it was to be blocked.
        """
        lit = rows["Probe (1)"].to_numpy(float) == 1.0
        table = rows[["Difference (V)", "Sum (V)"]].to_numpy(float)
        if np.abs(table).max() > FULL_V:
            raise DataError(
                f"probe_balance: an input reads {np.abs(table).max():.3g} V, the end of its range: attenuate the probe"
            )
        difference, total = _mean(table[lit])
        note = "the amplifiers' offsets were not read (dark)"
        if not lit.all():
            dark_difference, dark_total = _mean(table[~lit])
            if abs(dark_total[0]) > 0.5 * abs(total[0]):
                raise DataError(
                    f"probe_balance: the sum is {dark_total[0]:.3g} V with the probe blocked, {total[0]:.3g} V with it:"
                    " was it blocked, and let through again?"
                )
            difference, total = _less(difference, dark_difference), _less(total, dark_total)
            note = f"offsets taken off: {dark_difference[0]:.2g} V of {dark_total[0]:.2g} V"
        if total[0] < self.least:
            raise DataError(
                f"probe_balance: the sum is {total[0]:.3g} V, {self.least:g} V is the least: no probe on the"
                " photodiodes; let it through, or name the right inputs"
            )
        value = difference[0] / total[0]
        sigma = math.hypot(difference[1], value * total[1]) / total[0]
        if abs(value) > self.largest:
            sign = "first" if value > 0 else "second"
            note = f"out of balance: the {sign} photodiode has more; turn the quarter-wave plate; {note}"
        return Finding(value, sigma, note)


def _mean(readings_V: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Return mean and sigma of each column, from scatter and resolution, of readings that may drift."""
    count = len(readings_V)
    scatter = np.std(readings_V, axis=0, ddof=1)
    # What drifts meanwhile is not averaged: neighbours that hardly differ tell that the scatter is slow.
    steps = np.sqrt(np.mean(np.diff(readings_V, axis=0) ** 2, axis=0) / 2)
    slow = np.sqrt(np.maximum(scatter**2 - steps**2, 0))
    sigma = np.sqrt(steps**2 / count + slow**2 + STEP_V**2 / 12)
    return tuple((float(m), float(s)) for m, s in zip(readings_V.mean(axis=0), sigma, strict=True))


def _less(value: tuple[float, float], offset: tuple[float, float]) -> tuple[float, float]:
    return value[0] - offset[0], math.hypot(value[1], offset[1])
