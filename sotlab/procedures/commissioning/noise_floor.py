"""The noise floor: how much a voltmeter, or a lock-in, scatters while nothing is driven."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.commissioning.check import Check, Finding
from sotlab.procedures.runs.scan import Point

__all__ = ["LockinNoise", "VoltmeterNoise"]


class VoltmeterNoise(Check):
    """Read the voltmeter while everything is at rest: the readings' standard deviation, drift and hum included."""

    NAME = "voltmeter_noise"
    TITLE = "standard deviation of the voltmeter's readings at rest"
    UNIT = "V"
    ORDER = 20
    ROLES = ("voltmeter",)
    COLUMNS = ("Voltage (V)",)
    Y_AXIS = "Voltage (V)"

    readings = Integer("Readings", default=60, minimum=10, maximum=100_000)
    largest = Quantity("Largest", "V", default=150e-9, minimum=1e-12, maximum=1.0)

    def limits(self, bench: Station) -> tuple[float, float]:
        """Return the largest allowed."""
        return -math.inf, self.largest

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield one point a reading."""
        for number in range(self.readings):
            yield {"reading": float(number)}

    def apply(self, point: Point, bench: Station) -> None:
        """Nothing is set."""

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the voltage."""
        return {"Voltage (V)": bench["voltmeter"].read_voltage()}

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of a reading [s]."""
        return bench["voltmeter"].reading_time_s

    def evaluate(self, rows: pd.DataFrame) -> Finding:
        """Return the standard deviation."""
        return scatter_of(rows["Voltage (V)"].to_numpy(float)[None, :])


class LockinNoise(Check):
    """Read the second-harmonic lock-in at the smallest current the source has: the standard deviation of X and of Y.

    The source runs because the lock-in needs its reference; readings are as far apart as the filter needs to forget.
    """

    NAME = "lockin_noise"
    TITLE = "standard deviation of the second harmonic's readings at the smallest current"
    UNIT = "V"
    ORDER = 30
    ROLES = ("ac_source", "lockin_2w")
    COLUMNS = ("X (V)", "Y (V)")
    Y_AXIS = "X (V)"

    readings = Integer("Readings", default=30, minimum=10, maximum=100_000)
    frequency = Quantity("Frequency", "Hz", default=85.0, minimum=1e-2, maximum=1e5)
    largest = Quantity("Largest", "V", default=20e-9, minimum=1e-12, maximum=1.0)

    def limits(self, bench: Station) -> tuple[float, float]:
        """Return the largest allowed."""
        return -math.inf, self.largest

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield one point a reading."""
        for number in range(self.readings):
            yield {"reading": float(number)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check the frequency against the station's limits."""
        bench["ac_source"].check(amplitude_A_peak=0.0, frequency_Hz=self.frequency)

    def prepare(self, bench: Station) -> None:
        """Set the smallest current, still off, and the harmonic."""
        bench["ac_source"].set_wave(self.frequency, 0.0)
        bench["lockin_2w"].set_harmonic(2)

    def approach(self, point: Point, bench: Station) -> None:
        """Start the wave, and with it the reference."""
        bench["ac_source"].set_output(True)
        bench.clock.sleep(bench["ac_source"].settling_s, self.should_stop)
        bench["lockin_2w"].settle()

    def apply(self, point: Point, bench: Station) -> None:
        """Let the filter forget the last reading."""
        bench.clock.sleep(bench["lockin_2w"].settling_s, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the phasor."""
        phasor_V = bench["lockin_2w"].read_phasor()
        return {"X (V)": phasor_V.real, "Y (V)": phasor_V.imag}

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of settling and a reading [s]."""
        return bench["lockin_2w"].settling_s + bench["lockin_2w"].reading_time_s

    def evaluate(self, rows: pd.DataFrame) -> Finding:
        """Return the standard deviation of X and Y together."""
        return scatter_of(rows[["X (V)", "Y (V)"]].to_numpy(float).T)


def scatter_of(channels: np.ndarray) -> Finding:
    """Return the standard deviation of readings about the mean of each channel, and its sigma for white noise."""
    freedom = channels.size - len(channels)
    scatter = math.sqrt(float(np.sum((channels - channels.mean(axis=1, keepdims=True)) ** 2)) / freedom)
    return Finding(scatter, scatter / math.sqrt(2.0 * freedom))
