"""The microwave current in a strip, by the heat that it makes: as much as a direct current of its rms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sotlab.analysis.joint import number, spread
from sotlab.analysis.rf_current import fit_joule_heating
from sotlab.errors import DataError, FitError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.calibrations.base import CalibrationScan, Findings
from sotlab.procedures.calibrations.closure import closure_notes
from sotlab.procedures.runs.scan import Point

__all__ = ["FACTOR_NOTE", "RFCurrent", "draw_current"]

#: Of both ways to the current.
FACTOR_NOTE = (
    "factor: peak current over the square root of the set power in mW, mean of all frequencies; the sigma of each point"
    " is its own, that of the scale is common to all of them"
)


class RFCurrent(CalibrationScan):
    """Compare the resistance against direct current with that against microwave power, at each frequency.

    ``I_peak = K sqrt(P / 1 mW)`` comes out, see :mod:`sotlab.analysis.rf_current`. All that lies between source and
    strip is in K: level, cable, connectors and contacts, for this strip only.

    Each resistance is that of a current and its reverse, so that neither a thermal voltage nor what the strip
    rectifies counts. The field stays where it is: the magnetoresistance must not change meanwhile.
    """

    KIND = "rf_current"
    OF_SAMPLE = True
    ROLES = ("microwave", "source_meter")
    COLUMNS = ("Frequency (Hz)", "Power Set (dBm)", "Current (A)", "Resistance (ohm)")
    X_AXIS = "Power Set (dBm)"
    Y_AXIS = "Resistance (ohm)"
    calibrated_role: ClassVar[str] = "microwave"  # type: ignore[assignment]

    start = Quantity("Start", "Hz", default=4e9, minimum=1e6, maximum=120e9, description="Only these frequencies ...")
    stop = Quantity("Stop", "Hz", default=10e9, minimum=1e6, maximum=120e9)
    points = Integer("Points", default=7, minimum=1, maximum=100_000, description="... are calibrated")
    power_start = Quantity("Power start", "dBm", default=9.0, minimum=-140.0, maximum=40.0)
    power_stop = Quantity("Power stop", "dBm", default=15.0, minimum=-140.0, maximum=40.0)
    powers = Integer("Powers", default=3, minimum=1, maximum=1000)
    sense = Quantity("Sense current", "A", default=1e-3, minimum=1e-9, maximum=1.0, description="With the microwave on")
    current_stop = Quantity("Largest current", "A", default=5e-3, minimum=1e-9, maximum=1.0)
    currents = Integer("Currents", default=8, minimum=3, maximum=1000, description="Direct, from that of sensing")
    repeats = Integer("Repeats", default=2, minimum=1, maximum=10_000, description="Of each point")
    current_sigma = Quantity(
        "Current sigma", "", default=1e-3, minimum=0.0, maximum=1.0, description="Relative, of the direct currents"
    )

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the direct currents without microwave, then each frequency's powers, after one without."""
        for current_A in np.linspace(self.sense, self.current_stop, self.currents):
            yield {"frequency_Hz": 0.0, "power_dBm": 0.0, "current_A": float(current_A)}
        for frequency_Hz in np.linspace(self.start, self.stop, self.points):
            yield {"frequency_Hz": 0.0, "power_dBm": 0.0, "current_A": self.sense}
            for power_dBm in np.linspace(self.power_start, self.power_stop, self.powers):
                yield {"frequency_Hz": float(frequency_Hz), "power_dBm": float(power_dBm), "current_A": self.sense}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every setting against the station's limits."""
        super().check_plan(points, bench)
        for point in points:
            for sign in (1.0, -1.0):
                bench["source_meter"].check(sign * point.settings["current_A"])
            if point.settings["frequency_Hz"]:
                bench["microwave"].check(
                    frequency_Hz=point.settings["frequency_Hz"], power_dBm=point.settings["power_dBm"]
                )

    def approach(self, point: Point, bench: Station) -> None:
        """Switch the source meter on, at zero."""
        bench["microwave"].set_output(False)
        bench["source_meter"].set_current(0.0)
        bench["source_meter"].set_output(True)

    def apply(self, point: Point, bench: Station) -> None:
        """Switch the microwave: off, or on at a frequency and power."""
        microwave, frequency_Hz = bench["microwave"], point.settings["frequency_Hz"]
        if frequency_Hz:
            microwave.set_frequency(frequency_Hz)
            microwave.set_power(point.settings["power_dBm"])
        microwave.set_output(bool(frequency_Hz))
        bench.clock.sleep(microwave.settling_s, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the voltage at the current and at its reverse."""
        meter, current_A = bench["source_meter"], point.settings["current_A"]
        read_V = []
        for sign in (1.0, -1.0):
            meter.set_current(sign * current_A)
            read_V.append(meter.read_voltage())
        on = bool(point.settings["frequency_Hz"])
        return {
            "Frequency (Hz)": point.settings["frequency_Hz"],
            "Power Set (dBm)": point.settings["power_dBm"] if on else math.nan,
            "Current (A)": current_A,
            "Resistance (ohm)": (read_V[0] - read_V[1]) / (2.0 * current_A),
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of settling and two readings [s]."""
        settling_s = 0.0 if before is not None and before.index == point.index else 2 * bench["microwave"].settling_s
        return settling_s + 2 * bench["source_meter"].reading_time_s

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return K at each frequency, with what is its own of the noise, and the scale that is common to all.

        In the scale are the noise of the direct currents' series and ``current_sigma``.
        """
        frequency_Hz = rows["Frequency (Hz)"].to_numpy(float)
        power_mW = np.where(frequency_Hz > 0, 10 ** (rows["Power Set (dBm)"].fillna(0.0).to_numpy(float) / 10), 0.0)
        current_A, resistance_ohm = (rows[name].to_numpy(float) for name in ("Current (A)", "Resistance (ohm)"))
        try:
            found = fit_joule_heating(
                frequency_Hz, power_mW, current_A, resistance_ohm, current_sigma=self.current_sigma
            )
        except FitError as error:
            raise DataError(str(error)) from error
        currents = found.currents
        factor, own, scale_sigma = currents.factor_A, currents.own_sigma, currents.scale_sigma
        mean_sigma = float(np.hypot(scale_sigma, np.linalg.norm(own) / len(own)))
        values = {
            "factor": (float(np.mean(factor)), mean_sigma * float(np.mean(factor)), "A"),
            "scale": (1.0, scale_sigma, ""),
            "resistance": (number(found.resistance), spread(found.resistance), "ohm"),
            "heating": (number(found.heating), spread(found.heating), "1/A**2"),
            "power_start": (self.power_start, 0.0, "dBm"),
            "power_stop": (self.power_stop, 0.0, "dBm"),
        }
        points = {"Frequency (Hz)": currents.frequency_Hz, "Factor (A)": factor, "Factor Sigma (A)": own * factor}
        notes = [FACTOR_NOTE, *closure_notes(self, points, scale_sigma)]
        return Findings(values, {name: column.tolist() for name, column in points.items()}, notes)

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw the factor against frequency, with what is each point's own of the uncertainty."""
        draw_current(figure, calibration)


def draw_current(figure: Any, calibration: Calibration) -> None:
    """Draw a calibration's factor against frequency, with what is each point's own of the uncertainty."""
    axes = figure.subplots()
    frequency, factor, sigma = (
        np.array(calibration.points[name]) for name in ("Frequency (Hz)", "Factor (A)", "Factor Sigma (A)")
    )
    axes.errorbar(frequency / 1e9, 1e3 * factor, 1e3 * sigma, fmt="o", ms=4, capsize=2, color="#0072B2")
    axes.set_xlabel("frequency (GHz)")
    axes.set_ylabel("peak current at 0 dBm (mA)")
