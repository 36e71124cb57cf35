"""Harmonic Hall: the first and second harmonic of the Hall voltage against the field's angle, with two lock-ins."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.runs.scan import AnalysisInput, Point, Scan

__all__ = ["HarmonicHallAngleScan"]

LOCKINS = ("lockin_1w", "lockin_2w")
#: The role that stands still meanwhile, where the station has it, and its angle [deg]: the plane of normal and current,
#: or that of the film.
HELD = {"rotator": ("azimuth", 0.0), "azimuth": ("rotator", 90.0)}


class HarmonicHallAngleScan(Scan):
    """Turn the field around the sample and read both harmonics of the Hall voltage, at one or several fields.

    Two lock-ins on the source's reference see the same voltage, one on the first and one on the second harmonic. At
    each point: turn and settle, let both filters settle, read both. The phasors are rms, X in phase with the current's
    sine; R_1w is X 1w over the rms current and R_2w is Y 2w over the rms current.
    """

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "harmonic-hall",
        columns={
            "field": "Field Set (T)",
            "angle": "Angle (deg)",
            "x_1w": "X 1w (V)",
            "y_1w": "Y 1w (V)",
            "x_2w": "X 2w (V)",
            "y_2w": "Y 2w (V)",
        },
        axes={"temperature": "Temperature Set (K)", "current": "Amplitude (A)"},
    )
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
        "Temperature Set (K)",
        "Temperature (K)",
    )
    ROLES = ("field", "ac_source", *LOCKINS)
    X_AXIS = "Angle (deg)"
    Y_AXIS = "Y 2w (V)"

    field = Quantity("Field", "T", default=1.0, minimum=-20.0, maximum=20.0, description="The first field")
    field_stop = Quantity("Last field", "T", default=3.0, minimum=-20.0, maximum=20.0)
    fields = Integer("Fields", default=1, minimum=1, maximum=1000, description="How many, evenly spaced")
    axis = Choice(
        "Axis", choices=["rotator", "azimuth"], default="rotator", description="Turns out of the plane, or within it"
    )
    start = Quantity("Start", "deg", default=0.0, minimum=-720.0, maximum=720.0)
    stop = Quantity("Stop", "deg", default=350.0, minimum=-720.0, maximum=720.0)
    points = Integer("Points", default=36, minimum=2, maximum=1_000_000)
    amplitude = Quantity(
        "Amplitude", "A", default=1e-3, minimum=0.0, maximum=0.2, description="Peak amplitude of the current"
    )
    frequency = Quantity("Frequency", "Hz", default=85.0, minimum=1e-2, maximum=1e5)
    temperature = Quantity(
        "Temperature",
        "K",
        default=300.0,
        minimum=0.1,
        maximum=1000.0,
        description="Of the sample; settled where the station can",
    )

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield, for each field, the angles from start to stop, evenly spaced."""
        for field_T in np.linspace(self.field, self.field_stop, self.fields):
            for angle_deg in np.linspace(self.start, self.stop, self.points):
                yield {"field_T": float(field_T), "angle_deg": float(angle_deg)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every angle, the field and the current against the station's limits."""
        bench["ac_source"].check(amplitude_A_peak=self.amplitude, frequency_Hz=self.frequency)
        held, angle_deg = HELD[self.axis]
        if held in bench:
            bench[held].check(angle_deg)
        if "temperature" in bench:
            bench["temperature"].check(self.temperature)
        for point in points:
            bench["field"].check(point.settings["field_T"])
            bench[self.axis].check(point.settings["angle_deg"])

    def prepare(self, bench: Station) -> None:
        """Set the current and the harmonics; the current is still off."""
        bench["ac_source"].set_wave(self.frequency, self.amplitude)
        for harmonic, role in enumerate(LOCKINS, start=1):
            bench[role].set_harmonic(harmonic)

    def approach(self, point: Point, bench: Station) -> None:
        """Settle the temperature, turn both axes and ramp the field; then switch the current on."""
        if "temperature" in bench:
            bench["temperature"].settle_at(self.temperature, self.should_stop)
        held, angle_deg = HELD[self.axis]
        if held in bench:
            bench[held].move_to(angle_deg, self.should_stop)
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        bench[self.axis].move_to(point.settings["angle_deg"], self.should_stop)
        bench["ac_source"].set_output(True)
        bench.clock.sleep(bench["ac_source"].settling_s, self.should_stop)
        for role in LOCKINS:
            bench[role].settle()  # there was no reference while the source was off

    def apply(self, point: Point, bench: Station) -> None:
        """Go to the field, turn to the angle and let both filters settle."""
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        bench[self.axis].move_to(point.settings["angle_deg"], self.should_stop)
        bench.clock.sleep(max(bench[role].settling_s for role in LOCKINS), self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read both phasors and the angle."""
        first, second = (bench[role].read_phasor() for role in LOCKINS)
        return {
            "Angle Set (deg)": point.settings["angle_deg"],
            "Angle (deg)": bench[self.axis].read_angle(),
            "Field Set (T)": point.settings["field_T"],
            "X 1w (V)": first.real,
            "Y 1w (V)": first.imag,
            "X 2w (V)": second.real,
            "Y 2w (V)": second.imag,
            "Amplitude (A)": self.amplitude,
            "Frequency (Hz)": self.frequency,
            "Temperature Set (K)": self.temperature,
            "Temperature (K)": bench["temperature"].read_temperature() if "temperature" in bench else math.nan,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of turning, settling and reading [s]."""
        reading_s = sum(bench[role].reading_time_s for role in LOCKINS)
        settling_s = max(bench[role].settling_s for role in LOCKINS)
        if before is not None and before.index == point.index:
            return reading_s
        start = point.settings if before is None else before.settings
        moving_s = bench[self.axis].move_time_s(start["angle_deg"], point.settings["angle_deg"])
        moving_s += bench["field"].ramp_time_s(0.0 if before is None else start["field_T"], point.settings["field_T"])
        return moving_s + settling_s + reading_s

    def analysis_settings(self, bench: Station) -> dict[str, Any]:
        """Return the geometry that the axis makes, that currents are peak, and what the sample's file knows."""
        sample = self.the_sample()
        settings: dict[str, Any] = {
            "geometry": "out-of-plane" if self.axis == "rotator" else "in-plane",
            "current_convention": "peak",
        }
        if sample.strip_width_m is not None:
            settings["width"] = _value(sample.strip_width_m, 0.0, "m")
        if sample.mu0_ms_T is not None:
            settings["mu0_ms"] = _value(sample.mu0_ms_T, sample.mu0_ms_sigma_T, "T")
        if sample.nm_side in (1, -1) and len(sample.stack) == 2:
            # In the order of growth: with the spin-orbit layer below the ferromagnet it is the first.
            layer, magnet = sample.stack[:: sample.nm_side]
            settings["nm_side"] = sample.nm_side
            settings["nm_thickness"] = _value(layer.thickness_m, 0.0, "m")
            thickness_m = magnet.thickness_m - sample.dead_layer_m
            settings["fm_thickness"] = _value(thickness_m, sample.dead_layer_sigma_m, "m")
            resistivities = layer.resistivity_ohm_m, magnet.resistivity_ohm_m
            if resistivities[0] is not None:
                settings["nm_resistivity"] = _value(resistivities[0], 0.0, "ohm*m")
                if resistivities[1] is not None:
                    sheet_S = layer.thickness_m / resistivities[0] + magnet.thickness_m / resistivities[1]
                    settings["sheet_resistance"] = _value(1.0 / sheet_S, 0.0, "ohm")
        return settings


def _value(value: float, sigma: float, unit: str) -> dict[str, Any]:
    return {"value": value, "sigma": sigma, "unit": unit}
