"""ST-FMR: the rectified voltage against frequency, at fixed field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.runs.plan import Point
from sotlab.procedures.runs.scan import AnalysisInput
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

__all__ = ["STFMRFrequencySweep"]

SIGNS = {"positive": (1.0,), "negative": (-1.0,), "both": (-1.0, 1.0)}


class STFMRFrequencySweep(STFMRFieldSweep):
    """Sweep the frequency through the resonance at each of some fields; the magnet moves only between them.

    For a magnet that is slow or cannot be swept, and to see a line's place fast. The current in the strip differs from
    frequency to frequency by some dB, and V goes with its square: calibrate ``rf_current`` at the frequencies of the
    sweep (same ``start``, ``stop`` and ``points``), else lines are bent by it, and the analysis says so.
    """

    COLUMNS = STFMRFieldSweep.COLUMNS
    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        kind="stfmr-frequency",
        columns={
            "frequency": "Frequency (Hz)",
            "voltage": "Voltage (V)",
            "field": "Field (T)",
            "current": "RF Current (A)",
        },
        axes={"field_set": "Field Set (T)", "power": "Power (dBm)", "angle": "Angle (deg)"},
    )
    X_AXIS = "Frequency (Hz)"

    start = Quantity("Start", "Hz", default=4e9, minimum=1e6, maximum=120e9)
    stop = Quantity("Stop", "Hz", default=10e9, minimum=1e6, maximum=120e9)
    points = Integer("Points", default=121, minimum=8, maximum=100_000, description="Of each sweep")
    field = Quantity("Field", "T", default=0.05, minimum=0.0, maximum=20.0, description="The first")
    field_stop = Quantity("Last field", "T", default=0.1, minimum=0.0, maximum=20.0)
    fields = Integer("Fields", default=3, minimum=1, maximum=10_000, description="One is the first alone")
    signs = Choice("Signs", choices=list(SIGNS), default="positive", description="Of the field")

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the frequencies at each field, the fields from the lowest up."""
        sizes_T = np.linspace(self.field, self.field_stop, self.fields)
        for field_T in sorted(sign * size_T for sign in SIGNS[self.signs] for size_T in sizes_T):
            for frequency_Hz in np.linspace(self.start, self.stop, self.points):
                yield {"field_T": float(field_T), "frequency_Hz": float(frequency_Hz)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every field with its run-up, every frequency, power and angle against the station's limits."""
        for point in points:
            at = self.settings_at(point)
            bench["microwave"].check(frequency_Hz=at.frequency_Hz, power_dBm=at.power_dBm)
            bench["field"].check(point.settings["field_T"])
        bench["field"].check(self._run_up_T(points[0]))
        if "azimuth" in bench:
            bench["azimuth"].check(self.angle)

    def approach(self, point: Point, bench: Station) -> None:
        """Turn, come to the first field from below, then switch the microwave on."""
        super().approach(point, bench)
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        self._field_T = point.settings["field_T"]

    def apply(self, point: Point, bench: Station) -> None:
        """Go to a frequency, and to the next field where it is its turn; let the level settle."""
        if point.settings["field_T"] != self._field_T:
            bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
            self._field_T = point.settings["field_T"]
        self._set(point, bench)
        bench.clock.sleep(bench["microwave"].settling_s, self.should_stop)

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of ramp, settling and readings [s]."""
        reading_s = 2 * bench["gaussmeter"].reading_time_s + self.averages * bench["voltmeter"].reading_time_s
        from_T = self._run_up_T(point) if before is None else before.settings["field_T"]
        to_T = point.settings["field_T"]
        ramp_s = 0.0 if from_T == to_T else bench["field"].ramp_time_s(from_T, to_T)
        return ramp_s + bench["microwave"].settling_s + reading_s

    def analysis_settings(self, bench: Station) -> dict[str, Any]:
        """Return what sample file and calibrations know of g and of the field."""
        known = super().analysis_settings(bench)
        return {name: known[name] for name in ("g", "field_offset_sigma", "field_scale_sigma")}

    @property
    def direction(self) -> float:
        """The fields come from the lowest up."""
        return 1.0
