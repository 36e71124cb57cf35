"""ST-FMR: the rectified voltage against field, at one frequency, power and angle.

Detection as in the first seed: a nanovoltmeter on the inductive side of a bias tee; the field at the sample is read
by a gaussmeter at each point, because iron remembers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.runs.scan import AnalysisInput, Point, Scan

__all__ = ["STFMRFieldSweep"]


class STFMRFieldSweep(Scan):
    """Sweep the field through the resonance at fixed frequency, power and angle.

    At each point: ramp and settle, read the field, read the voltage (``averages`` times), read the field again; the
    row has the mean of the two fields, which cancels what drift is left to first order. ``Field (T)`` is the field at
    the sample: that at the probe times the calibrated ratio of the two, 1 without a calibration.

    The field axis is path dependent: the first point is approached from outside the window, moving in the direction
    of the sweep, so that every point lies on one branch of the yoke's loop.

    Where the station has the role ``azimuth``, the field is turned to ``angle`` first; else the angle says how the
    sample is mounted.
    """

    ROLES = ("field", "gaussmeter", "microwave", "voltmeter")
    COLUMNS = (
        "Field Set (T)",
        "Field Probe (T)",
        "Field (T)",
        "Voltage (V)",
        "Frequency (Hz)",
        "Power (dBm)",
        "Angle (deg)",
    )
    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        kind="stfmr",
        columns={"field": "Field (T)", "voltage": "Voltage (V)"},
        axes={"frequency": "Frequency (Hz)", "power": "Power (dBm)", "angle": "Angle (deg)"},
    )
    PATH_AXIS = "field_T"
    X_AXIS = "Field (T)"
    Y_AXIS = "Voltage (V)"

    frequency = Quantity("Frequency", "Hz", default=7e9, minimum=1e6, maximum=120e9)
    power = Quantity("Power", "dBm", default=15.0, minimum=-140.0, maximum=40.0)
    angle = Quantity(
        "Angle",
        "deg",
        default=45.0,
        minimum=-360.0,
        maximum=360.0,
        description="In-plane angle from the current to the field; turned to if the station has an azimuth",
    )
    start = Quantity("Start", "T", default=0.02, minimum=-20.0, maximum=20.0)
    stop = Quantity("Stop", "T", default=0.16, minimum=-20.0, maximum=20.0)
    points = Integer("Points", default=141, minimum=2, maximum=1_000_000)
    averages = Integer("Averages", default=1, minimum=1, maximum=10_000, description="Readings averaged in a row")
    run_up = Quantity(
        "Run-up",
        "T",
        default=0.01,
        minimum=0.0,
        maximum=5.0,
        description="How far outside the window the first point is approached from",
    )

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the fields from start to stop, evenly spaced."""
        for field_T in np.linspace(self.start, self.stop, self.points):
            yield {"field_T": float(field_T)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every field, the run-up, frequency, power and angle against the station's limits."""
        if "azimuth" in bench:
            bench["azimuth"].check(self.angle)
        bench["microwave"].check(frequency_Hz=self.frequency, power_dBm=self.power)
        for point in points:
            bench["field"].check(point.settings["field_T"])
        bench["field"].check(self._run_up_T(points[0]))

    def prepare(self, bench: Station) -> None:
        """Set frequency and power; the output goes on when the field is at the window."""
        microwave = bench["microwave"]
        microwave.set_frequency(self.frequency)
        microwave.set_power(self.power)

    def approach(self, point: Point, bench: Station) -> None:
        """Turn, come to the first field from outside the window, then switch the microwave on."""
        if "azimuth" in bench:
            bench["azimuth"].move_to(self.angle, self.should_stop)
        bench["field"].ramp_to(self._run_up_T(point), self.should_stop)
        bench["microwave"].set_output(True)

    def apply(self, point: Point, bench: Station) -> None:
        """Ramp to the field and let it settle."""
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read field, voltage and field again."""
        gaussmeter, voltmeter = bench["gaussmeter"], bench["voltmeter"]
        before_T = gaussmeter.read_field()
        voltage_V = float(np.mean([voltmeter.read_voltage() for _ in range(self.averages)]))
        after_T = gaussmeter.read_field()
        probe_T = 0.5 * (before_T + after_T)
        return {
            "Field Set (T)": point.settings["field_T"],
            "Field Probe (T)": probe_T,
            "Field (T)": gaussmeter.sample_field(probe_T)[0],
            "Voltage (V)": voltage_V,
            "Frequency (Hz)": self.frequency,
            "Power (dBm)": self.power,
            "Angle (deg)": self.angle,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of ramp, settling and readings [s]."""
        reading_s = 2 * bench["gaussmeter"].reading_time_s + self.averages * bench["voltmeter"].reading_time_s
        from_T = self._run_up_T(point) if before is None else before.settings["field_T"]
        return bench["field"].ramp_time_s(from_T, point.settings["field_T"]) + reading_s

    def analysis_settings(self, bench: Station) -> dict[str, Any]:
        """Return g of the sample, and how well the field at the sample is known: its zero, and its scale."""
        (_, zero_T), (at_1_T, sigma_T) = (bench["gaussmeter"].sample_field(probe_T) for probe_T in (0.0, 1.0))
        scale_sigma = math.sqrt(max(sigma_T**2 - zero_T**2, 0.0)) / abs(at_1_T)
        return {"g": self.the_sample().g, "field_offset_sigma": zero_T, "field_scale_sigma": scale_sigma}

    def _run_up_T(self, first: Point) -> float:
        direction = 1.0 if self.stop >= self.start else -1.0
        return first.settings["field_T"] - direction * self.run_up
