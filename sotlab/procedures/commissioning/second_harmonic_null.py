"""The null of the second harmonic: what source and detector make of it themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sotlab.errors import DataError
from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.commissioning.check import Check, Finding
from sotlab.procedures.linear_fit import fit_linear
from sotlab.procedures.runs.scan import Point

__all__ = ["SecondHarmonicNull"]

LOCKINS = ("lockin_1w", "lockin_2w")


class SecondHarmonicNull(Check):
    """Read both harmonics against the current: of the second, what grows with the current itself, over the first.

    ``V_2w = a I + b I^2``, ``V_1w = r I``; the value is abs(a / r), 0 for a pure sine. A sample's own second harmonic
    grows with I^2, so it does not enter; on a resistor (``load = "resistor"``, which the operator connects) there is
    none and b is not fitted, which makes sigma smaller. Being a magnitude, it is about its sigma where there is none.
    """

    NAME = "second_harmonic_null"
    TITLE = "second harmonic that grows with the current itself, over the first harmonic"
    UNIT = ""
    ORDER = 35
    ROLES = ("ac_source", *LOCKINS)
    COLUMNS = ("Amplitude (A)", "X 1w (V)", "Y 1w (V)", "X 2w (V)", "Y 2w (V)")
    X_AXIS = "Amplitude (A)"
    Y_AXIS = "Y 2w (V)"

    amplitude = Quantity("Amplitude", "A", default=1e-3, minimum=1e-9, maximum=0.2, description="Largest, peak")
    frequency = Quantity("Frequency", "Hz", default=85.0, minimum=1e-2, maximum=1e5)
    repeats = Integer("Repeats", default=6, minimum=2, maximum=10_000, description="Readings at each amplitude")
    load = Choice("Load", choices=["sample", "resistor"], default="sample")
    largest = Quantity("Largest", None, default=3e-4, minimum=1e-9, maximum=1.0)

    def limits(self, bench: Station) -> tuple[float, float]:
        """Return the largest allowed."""
        return -math.inf, self.largest

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield four amplitudes."""
        for part in (0.25, 0.5, 0.75, 1.0):
            yield {"amplitude_A": part * self.amplitude}

    def repeats_of_a_point(self) -> int:
        """Return how often each is read."""
        return self.repeats

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every current against the station's limits."""
        for point in points:
            amplitude_A = point.settings["amplitude_A"]
            bench["ac_source"].check(amplitude_A_peak=amplitude_A, frequency_Hz=self.frequency)

    def prepare(self, bench: Station) -> None:
        """Have the resistor connected, if it is one, and set the harmonics; the current is still off."""
        if self.load == "resistor":
            bench.ask_operator("Everything is off: connect the reference resistor in place of the sample")
        for harmonic, role in enumerate(LOCKINS, start=1):
            bench[role].set_harmonic(harmonic)

    def approach(self, point: Point, bench: Station) -> None:
        """Switch the current on at the first amplitude."""
        bench["ac_source"].set_wave(self.frequency, point.settings["amplitude_A"])
        bench["ac_source"].set_output(True)

    def apply(self, point: Point, bench: Station) -> None:
        """Go to an amplitude and let it settle."""
        bench["ac_source"].set_wave(self.frequency, point.settings["amplitude_A"])
        bench.clock.sleep(bench["ac_source"].settling_s, self.should_stop)
        for role in LOCKINS:
            bench[role].settle()  # the source may have changed its range, and lost the reference meanwhile

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Let the filters forget what was, then read both phasors."""
        bench.clock.sleep(max(bench[role].settling_s for role in LOCKINS), self.should_stop)
        first, second = (bench[role].read_phasor() for role in LOCKINS)
        return {
            "Amplitude (A)": point.settings["amplitude_A"],
            "X 1w (V)": first.real,
            "Y 1w (V)": first.imag,
            "X 2w (V)": second.real,
            "Y 2w (V)": second.imag,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of settling and reading [s]."""
        settling_s = max(bench[role].settling_s for role in LOCKINS)
        source_s = 0.0 if before is not None and before.index == point.index else bench["ac_source"].settling_s
        return source_s + settling_s + sum(bench[role].reading_time_s for role in LOCKINS)

    def evaluate(self, rows: pd.DataFrame) -> Finding:
        """Return abs(a / r)."""
        current_A = rows["Amplitude (A)"].to_numpy(float)
        columns = [current_A] if self.load == "resistor" else [current_A, current_A**2]
        linear, sigmas = zip(
            *(self._slope(columns, rows[f"{part} 2w (V)"].to_numpy(float)) for part in "XY"), strict=True
        )
        first = [self._slope([current_A], rows[f"{part} 1w (V)"].to_numpy(float)) for part in "XY"]
        first_ohm = float(np.hypot(first[0][0], first[1][0]))
        if first_ohm < 10.0 * max(sigma for _, sigma in first):
            raise DataError(f"{self.NAME}: no first harmonic stands out, {first_ohm:.2g} ohm; is the current on?")
        return Finding(float(np.hypot(*linear)) / first_ohm, max(sigmas) / first_ohm)

    def _slope(self, columns: list[np.ndarray], voltage_V: np.ndarray) -> tuple[float, float]:
        fit = fit_linear(columns, voltage_V, self.NAME)
        return float(fit.values[0]), float(fit.sigmas[0])
