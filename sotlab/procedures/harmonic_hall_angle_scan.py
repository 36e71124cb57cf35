"""Harmonic Hall: the first and second harmonic of the Hall voltage against the field's angle, with two lock-ins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.runs.scan import Point, Scan

__all__ = ["HarmonicHallAngleScan"]

LOCKINS = ("lockin_1w", "lockin_2w")


class HarmonicHallAngleScan(Scan):
    """Turn the field around the sample and read both harmonics of the Hall voltage.

    Two lock-ins on the source's reference see the same voltage, one on the first and one on the second harmonic. At
    each point: turn and settle, let both filters settle, read both. The phasors are rms, X in phase with the current's
    sine; R_1w is X 1w over the rms current and R_2w is Y 2w over the rms current.
    """

    COLUMNS = (
        "Angle Set (deg)",
        "Angle (deg)",
        "Field Set (T)",
        "X 1w (V)",
        "Y 1w (V)",
        "X 2w (V)",
        "Y 2w (V)",
        "Amplitude (A)",
        "Frequency (Hz)",
    )
    ROLES = ("field", "ac_source", *LOCKINS)
    X_AXIS = "Angle (deg)"
    Y_AXIS = "Y 2w (V)"

    field = Quantity("Field", "T", default=1.0, minimum=-20.0, maximum=20.0)
    axis = Choice("Axis", choices=["rotator", "azimuth"], default="rotator", description="The role that turns")
    start = Quantity("Start", "deg", default=0.0, minimum=-720.0, maximum=720.0)
    stop = Quantity("Stop", "deg", default=350.0, minimum=-720.0, maximum=720.0)
    points = Integer("Points", default=36, minimum=2, maximum=1_000_000)
    amplitude = Quantity(
        "Amplitude", "A", default=1e-3, minimum=0.0, maximum=0.2, description="Peak amplitude of the current"
    )
    frequency = Quantity("Frequency", "Hz", default=85.0, minimum=1e-2, maximum=1e5)

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the angles from start to stop, evenly spaced."""
        for angle_deg in np.linspace(self.start, self.stop, self.points):
            yield {"angle_deg": float(angle_deg)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every angle, the field and the current against the station's limits."""
        bench["field"].check(self.field)
        bench["ac_source"].check(amplitude_A_peak=self.amplitude, frequency_Hz=self.frequency)
        for point in points:
            bench[self.axis].check(point.settings["angle_deg"])

    def prepare(self, bench: Station) -> None:
        """Set the current and the harmonics; the current is still off."""
        bench["ac_source"].set_wave(self.frequency, self.amplitude)
        for harmonic, role in enumerate(LOCKINS, start=1):
            bench[role].set_harmonic(harmonic)

    def approach(self, point: Point, bench: Station) -> None:
        """Ramp the field, turn to the first angle, then switch the current on."""
        bench["field"].ramp_to(self.field, self.should_stop)
        bench[self.axis].move_to(point.settings["angle_deg"], self.should_stop)
        bench["ac_source"].set_output(True)
        bench.clock.sleep(bench["ac_source"].settling_s, self.should_stop)
        for role in LOCKINS:
            bench[role].settle()  # there was no reference while the source was off

    def apply(self, point: Point, bench: Station) -> None:
        """Turn to the angle and let both filters settle."""
        bench[self.axis].move_to(point.settings["angle_deg"], self.should_stop)
        bench.clock.sleep(max(bench[role].settling_s for role in LOCKINS), self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read both phasors and the angle."""
        first, second = (bench[role].read_phasor() for role in LOCKINS)
        return {
            "Angle Set (deg)": point.settings["angle_deg"],
            "Angle (deg)": bench[self.axis].read_angle(),
            "Field Set (T)": self.field,
            "X 1w (V)": first.real,
            "Y 1w (V)": first.imag,
            "X 2w (V)": second.real,
            "Y 2w (V)": second.imag,
            "Amplitude (A)": self.amplitude,
            "Frequency (Hz)": self.frequency,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of turning, settling and reading [s]."""
        reading_s = sum(bench[role].reading_time_s for role in LOCKINS)
        settling_s = max(bench[role].settling_s for role in LOCKINS)
        if before is not None and before.index == point.index:
            return reading_s
        from_deg = point.settings["angle_deg"] if before is None else before.settings["angle_deg"]
        return bench[self.axis].move_time_s(from_deg, point.settings["angle_deg"]) + settling_s + reading_s
