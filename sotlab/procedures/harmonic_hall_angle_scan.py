"""Harmonic Hall: the first and second harmonic of the Hall voltage against the field's angle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Flag, Integer, Quantity
from sotlab.procedures.harmonic_scan import ANALYSED, AXES, CONDITIONS, READINGS, HarmonicScan
from sotlab.procedures.runs.scan import AnalysisInput, Point

__all__ = ["HarmonicHallAngleScan", "HarmonicHallCurrentSeries", "HarmonicHallOneLockin"]

#: The role that stands still meanwhile, where the station has it, and its angle [deg]: the plane of normal and current,
#: or that of the film.
HELD = {"rotator": ("azimuth", 0.0), "azimuth": ("rotator", 90.0)}

#: Settling is to 0.1 %, but the first harmonic is some 10,000 times the second: after so many settling times less than
#: 1e-7 of it is left in any of the filters.
FORGOTTEN = 2.5


class HarmonicHallAngleScan(HarmonicScan):
    """Turn the field around the sample and read both harmonics of the Hall voltage, at one or several fields.

    Two lock-ins on the source's reference see the same voltage, one on the first and one on the second harmonic. At
    each point: turn and settle, let both filters settle, read both. The phasors are rms, X in phase with the current's
    sine; R_1w is X 1w over the rms current and R_2w is Y 2w over the rms current.

    What misaligned arms pick up is even in the field and goes with pairs at opposite fields: a whole turn has them, and
    where the rotator cannot turn so far ``both_signs`` measures each scan at -B, too.
    """

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "harmonic-hall",
        columns=ANALYSED,
        axes=AXES,
    )
    COLUMNS = ("Angle Set (deg)", "Angle (deg)", "Field Set (T)", *READINGS, *CONDITIONS)
    ROLES = ("field", "ac_source", "lockin_1w", "lockin_2w")
    X_AXIS = "Angle (deg)"
    Y_AXIS = "Y 2w (V)"

    field = Quantity("Field", "T", default=1.0, minimum=-20.0, maximum=20.0, description="The first field")
    field_stop = Quantity("Last field", "T", default=3.0, minimum=-20.0, maximum=20.0)
    fields = Integer("Fields", default=1, minimum=1, maximum=1000, description="How many, evenly spaced")
    both_signs = Flag("Both signs", default=False, description="Each field at -B, too")
    axis = Choice(
        "Axis", choices=["rotator", "azimuth"], default="rotator", description="Turns out of the plane, or within it"
    )
    start = Quantity("Start", "deg", default=0.0, minimum=-720.0, maximum=720.0)
    stop = Quantity("Stop", "deg", default=350.0, minimum=-720.0, maximum=720.0)
    points = Integer("Points", default=36, minimum=2, maximum=1_000_000)

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield, for each field, the angles from start to stop, evenly spaced."""
        for field_T in np.linspace(self.field, self.field_stop, self.fields):
            for sign in (1.0, -1.0) if self.both_signs else (1.0,):
                for angle_deg in np.linspace(self.start, self.stop, self.points):
                    yield {"field_T": sign * float(field_T), "angle_deg": float(angle_deg)}

    def amplitude_at(self, point: Point) -> float:
        """Return the peak current at a point [A]."""
        return point.settings.get("amplitude_A", self.amplitude)

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every angle, the fields and currents against the station's limits."""
        held, angle_deg = HELD[self.axis]
        if held in bench:
            bench[held].check(angle_deg)
        for point in points:
            self.check_source(bench, self.amplitude_at(point))
            bench["field"].check(point.settings["field_T"])
            bench[self.axis].check(point.settings["angle_deg"])

    def approach(self, point: Point, bench: Station) -> None:
        """Settle the temperature, turn both axes and ramp the field; then switch the current on."""
        self.settle_temperature(bench)
        held, angle_deg = HELD[self.axis]
        if held in bench:
            bench[held].move_to(angle_deg, self.should_stop)
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        bench[self.axis].move_to(point.settings["angle_deg"], self.should_stop)
        self._amplitude_A = self.amplitude_at(point)
        bench["ac_source"].set_wave(self.frequency, self._amplitude_A)
        self.switch_on(bench)

    def apply(self, point: Point, bench: Station) -> None:
        """Go to the field, turn to the angle and let both filters settle."""
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        bench[self.axis].move_to(point.settings["angle_deg"], self.should_stop)
        if self.amplitude_at(point) != self._amplitude_A:
            self._amplitude_A = self.amplitude_at(point)
            bench["ac_source"].set_wave(self.frequency, self._amplitude_A)
            self.wait_for_source(bench)
        self.let_filters_settle(bench)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read both phasors and the angle; a repetition waits, or it would show the noise of the reading before."""
        if point.repeat:
            self.let_filters_settle(bench)
        return {
            "Angle Set (deg)": point.settings["angle_deg"],
            "Angle (deg)": bench[self.axis].read_angle(),
            "Field Set (T)": point.settings["field_T"],
            **self.read_harmonics(bench),
            **self.read_conditions(bench, self.amplitude_at(point)),
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of turning, settling and reading [s]."""
        reading_s = self.reading_time_s(bench)
        if before is not None and before.index == point.index:
            return self.settling_time_s(bench) + reading_s
        start = point.settings if before is None else before.settings
        moving_s = bench[self.axis].move_time_s(start["angle_deg"], point.settings["angle_deg"])
        moving_s += bench["field"].ramp_time_s(0.0 if before is None else start["field_T"], point.settings["field_T"])
        return moving_s + self.settling_time_s(bench) + reading_s

    def analysis_settings(self, bench: Station) -> dict[str, Any]:
        """Return the geometry that the axis makes, that currents are peak, and what is known of sample and source."""
        return self.known_settings(bench, "out-of-plane" if self.axis == "rotator" else "in-plane")


class HarmonicHallCurrentSeries(HarmonicHallAngleScan):
    """The same angle scan with several currents: fields go with I, V_2w with I^2; what does not is heat, or a mistake.

    Of several fields and currents every combination is measured, the angles fastest.
    """

    amplitude_stop = Quantity("Last amplitude", "A", default=2e-3, minimum=0.0, maximum=0.2, description="Peak")
    amplitudes = Integer("Amplitudes", default=4, minimum=2, maximum=1000, description="How many, evenly spaced")

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the angle scans for each current."""
        scans = list(super().plan())
        for amplitude_A in np.linspace(self.amplitude, self.amplitude_stop, self.amplitudes):
            for settings in scans:
                yield {"amplitude_A": float(amplitude_A), **settings}


class HarmonicHallOneLockin(HarmonicHallAngleScan):
    """The angle scan with one lock-in, ``lockin``, that is switched between the harmonics at each point.

    It takes twice as long. Each harmonic has its own sensitivity: what the second needs would overload with the first.
    """

    LOCKINS: ClassVar[tuple[str, ...]] = ("lockin",)
    ROLES = ("field", "ac_source", "lockin")

    sensitivity_1w = Quantity("Sensitivity 1w", "V", default=0.02, minimum=1e-9, maximum=1.0)
    sensitivity_2w = Quantity("Sensitivity 2w", "V", default=1e-4, minimum=1e-9, maximum=1.0)

    def prepare(self, bench: Station) -> None:
        """Begin with the first harmonic, whose sensitivity is the larger."""
        bench["lockin"].set_sensitivity(self.sensitivity_1w)
        super().prepare(bench)

    def read_harmonics(self, bench: Station) -> dict[str, float]:
        """Read the first harmonic, then the second; each reading waits until the filter has settled."""
        lockin, known, phasors = bench["lockin"], self.known_resistor(bench), []
        lockin.settle()  # after what has moved
        for harmonic, sensitivity in ((1, self.sensitivity_1w), (2, self.sensitivity_2w)):
            if harmonic == 1:
                lockin.set_sensitivity(sensitivity)
                lockin.set_harmonic(1)
            else:
                lockin.set_harmonic(2)
                lockin.set_sensitivity(sensitivity)
                bench.clock.sleep(FORGOTTEN * lockin.settling_s, self.should_stop)
            if known is not None:
                lockin.set_phase(known[f"phase_{harmonic}w"][0])
            phasors.append(lockin.read_phasor())
        first, second = phasors
        return dict(zip(READINGS, (first.real, first.imag, second.real, second.imag), strict=True))

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of turning, and of settling and reading twice [s]."""
        settling_s, reading_s = self.settling_time_s(bench), self.reading_time_s(bench)
        again_s = FORGOTTEN * settling_s + reading_s
        if before is not None and before.index == point.index:
            return settling_s + reading_s + again_s
        return super().point_time_s(before, point, bench) + again_s
