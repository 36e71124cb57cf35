"""ST-FMR: the rectified voltage against field, at one frequency, power and angle.

Detection as in the first seed: a nanovoltmeter on the inductive side of a bias tee; the field at the sample is read
by a gaussmeter at each point, because iron remembers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from sotlab.errors import PlanError
from sotlab.instruments.sample import Sample
from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.calibrations.closure import current_check
from sotlab.procedures.runs.scan import AnalysisInput, Point, Scan
from sotlab.procedures.strip_settings import strip_settings

__all__ = ["STFMRFieldSweep", "Setting"]


#: Which windows a sweep has.
WINDOWS = ("as set", "both")


class Setting(NamedTuple):
    """What stays the same along a spectrum."""

    frequency_Hz: float
    power_dBm: float
    angle_deg: float


def spectrum_of(point: Point) -> dict[str, float]:
    """Return what the plan says of a point's spectrum: all but the field."""
    return {name: value for name, value in point.settings.items() if name != "field_T"}


class STFMRFieldSweep(Scan):
    """Sweep the field through the resonance at fixed frequency, power and angle.

    ``RF Current (A)`` is the peak current that a calibration ``rf_current`` says, nan without one, and ``RF Current
    Sigma (A)`` what of its uncertainty it does not share with other frequencies.

    At each point: ramp and settle, read the field, read the voltage (``averages`` times), read the field again; the
    row has the mean of the two fields, which cancels what drift is left to first order. ``Field (T)`` is the field at
    the sample: that at the probe times the calibrated ratio of the two, 1 without a calibration.

    The field axis is path dependent: the first point is approached from outside the window, moving in the direction
    of the sweep, so that every point lies on one branch of the yoke's loop.

    ``signs`` "both" measures the same window at the other sign of field, too, all in the direction of the sweep: the
    lower one first if that is upwards. The analysis takes the two for two spectra, and tells what is odd in the field.

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
        "RF Current (A)",
        "RF Current Sigma (A)",
    )
    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        kind="stfmr",
        columns={"field": "Field (T)", "voltage": "Voltage (V)"},
        axes={
            "frequency": "Frequency (Hz)",
            "power": "Power (dBm)",
            "angle": "Angle (deg)",
            "current": "RF Current (A)",
            "current_sigma": "RF Current Sigma (A)",
        },
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
    signs = Choice("Signs", choices=list(WINDOWS), default="as set", description="Of the field: both is two windows")
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
        """Yield the fields from start to stop, evenly spaced, of one window or of two."""
        for low_T, high_T in self.windows_T():
            for field_T in np.linspace(low_T, high_T, self.points):
                yield {"field_T": float(field_T)}

    def windows_T(self) -> list[tuple[float, float]]:
        """Return first and last field of each window in the direction of the sweep [T].

        Raises
        ------
        PlanError
            If both signs are asked of a window that has both.
        """
        asked_T = (self.start, self.stop)
        if self.signs != "both":
            return [asked_T]
        if self.start * self.stop < 0.0:
            raise PlanError(
                f"signs: both asked of a window from {self.start:g} to {self.stop:g} T, which has both already"
            )
        return sorted([asked_T, (-self.stop, -self.start)], reverse=self.stop < self.start)

    def settings_at(self, point: Point) -> Setting:
        """Return frequency, power and angle at a point: what the plan does not say is a parameter."""
        plan = point.settings
        return Setting(
            plan.get("frequency_Hz", self.frequency),
            plan.get("power_dBm", self.power),
            plan.get("angle_deg", self.angle),
        )

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every field, the run-ups, frequencies, powers and angles against the station's limits."""
        before = None
        for point in points:
            at = self.settings_at(point)
            if at != before:
                if "azimuth" in bench:
                    bench["azimuth"].check(at.angle_deg)
                bench["microwave"].check(frequency_Hz=at.frequency_Hz, power_dBm=at.power_dBm)
                bench["field"].check(self._run_up_T(point))
            bench["field"].check(point.settings["field_T"])
            before = at

    def prepare(self, bench: Station) -> None:
        """Nothing is set yet: the output goes on when the field is at the window."""
        self._now: Setting | None = None

    def approach(self, point: Point, bench: Station) -> None:
        """Turn, come to the first field from outside the window, then switch the microwave on."""
        self._begin(point, bench)
        bench["microwave"].set_output(True)

    def apply(self, point: Point, bench: Station) -> None:
        """Ramp to the field and let it settle; where the next spectrum begins, go to that first."""
        if spectrum_of(point) != self._spectrum_now:
            self._begin(point, bench)
        elif self.settings_at(point) != self._now:  # a parameter was changed on the way
            self._set(point, bench)
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)

    def _begin(self, point: Point, bench: Station) -> None:
        """Set what stays the same along a spectrum, and go to its run-up."""
        self._set(point, bench)
        bench["field"].ramp_to(self._run_up_T(point), self.should_stop)
        self._spectrum_now = spectrum_of(point)

    def _set(self, point: Point, bench: Station) -> None:
        now, microwave = self.settings_at(point), bench["microwave"]
        if "azimuth" in bench:
            bench["azimuth"].move_to(now.angle_deg, self.should_stop)
        microwave.set_frequency(now.frequency_Hz)
        microwave.set_power(now.power_dBm)
        current = microwave.calibrated_current(now.frequency_Hz, now.power_dBm, self.the_sample().identity)
        self._current_A, self._current_sigma_A = (math.nan, math.nan) if current is None else current[:2]
        self._now = now

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read field, voltage and field again."""
        gaussmeter, voltmeter = bench["gaussmeter"], bench["voltmeter"]
        before_T = gaussmeter.read_field()
        voltage_V = float(np.mean([voltmeter.read_voltage() for _ in range(self.averages)]))
        after_T = gaussmeter.read_field()
        probe_T = 0.5 * (before_T + after_T)
        now = self.settings_at(point)
        return {
            "Field Set (T)": point.settings["field_T"],
            "Field Probe (T)": probe_T,
            "Field (T)": gaussmeter.sample_field(probe_T)[0],
            "Voltage (V)": voltage_V,
            "Frequency (Hz)": now.frequency_Hz,
            "Power (dBm)": now.power_dBm,
            "Angle (deg)": now.angle_deg,
            "RF Current (A)": self._current_A,
            "RF Current Sigma (A)": self._current_sigma_A,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of ramp, settling and readings [s]."""
        reading_s = 2 * bench["gaussmeter"].reading_time_s + self.averages * bench["voltmeter"].reading_time_s
        to_T = point.settings["field_T"]
        if before is not None and self.settings_at(before) == self.settings_at(point):
            return bench["field"].ramp_time_s(before.settings["field_T"], to_T) + reading_s
        run_up_T = self._run_up_T(point)
        ramp_s = bench["field"].ramp_time_s(run_up_T, to_T)
        if before is not None:
            ramp_s += bench["field"].ramp_time_s(before.settings["field_T"], run_up_T)
            if "azimuth" in bench:
                angles = self.settings_at(before).angle_deg, self.settings_at(point).angle_deg
                ramp_s += bench["azimuth"].move_time_s(*angles)
        return ramp_s + reading_s

    def analysis_settings(self, bench: Station) -> dict[str, Any]:
        """Return what sample file and calibrations know: of the strip, of the field at the sample, of the current."""
        (_, zero_T), (at_1_T, sigma_T) = (bench["gaussmeter"].sample_field(probe_T) for probe_T in (0.0, 1.0))
        scale_sigma = math.sqrt(max(sigma_T**2 - zero_T**2, 0.0)) / abs(at_1_T)
        sample = self.the_sample()
        field = {"g": sample.g, "field_offset_sigma": zero_T, "field_scale_sigma": scale_sigma}
        return field | strip_settings(sample) | self._current_settings(bench, sample)

    def _current_settings(self, bench: Station, sample: Sample) -> dict[str, Any]:
        for point in self.planned():
            at = self.settings_at(point)
            found = bench["microwave"].calibrated_current(at.frequency_Hz, at.power_dBm, sample.identity)
            if found is not None:
                check = current_check(bench, sample.identity)
                closed = {} if check is None else {"current_check": check.to_json()}
                return {"current_convention": "peak", "current_scale_sigma": found.scale_sigma} | closed
        return {}

    def _run_up_T(self, first: Point) -> float:
        return first.settings["field_T"] - self.direction * self.run_up

    @property
    def direction(self) -> float:
        """1 for a sweep upwards, -1 for one downwards."""
        return 1.0 if self.stop >= self.start else -1.0
