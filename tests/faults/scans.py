"""Three scans shaped like ST-FMR, harmonic Hall and a THz delay scan, for tests of how runs are run.

They drive and read what those do, at the same places of a plan, and nothing more; and they fail when they are told to.
A campaign names them by this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sotlab.errors import InstrumentError, InterlockError
from sotlab.parameters import Integer, Quantity, Text
from sotlab.procedures.runs.scan import AnalysisInput, Scan


class Troubled(Scan):
    """A scan that fails at a point as long as a file says that there is trouble left."""

    trouble = Text("Trouble", default="", description="A file with how often it is still to fail, and of what")
    fail_at = Integer("Fail at", default=0, minimum=0, maximum=1_000_000)

    def may_fail(self, point: Any) -> None:
        """Fail at the point ``fail_at`` if there is trouble left, and take one off it."""
        if not self.trouble or point.index != self.fail_at:
            return
        path = Path(self.trouble)
        left, kind = path.read_text(encoding="utf-8").split()
        if int(left):
            path.write_text(f"{int(left) - 1} {kind}", encoding="utf-8")
            raise (InterlockError if kind == "interlock" else InstrumentError)(f"trouble at point {point.index}")


class Reading(Troubled):
    """A meter that is read some times: the shortest scan there is."""

    ROLES = ("gaussmeter",)
    COLUMNS = ("Field (T)",)

    points = Integer("Points", default=3, minimum=1, maximum=1_000_000)
    level = Quantity("Level", "T", default=0.0, minimum=-1.0, maximum=1.0, description="Of nothing; to loop over")
    wait = Quantity("Wait", "s", default=1.0, minimum=0.0, maximum=1e4)

    def plan(self) -> Iterable[Mapping[str, float]]:
        for k in range(self.points):
            yield {"number": float(k)}

    def apply(self, point: Any, bench: Any) -> None:
        bench.clock.sleep(self.wait, self.should_stop)

    def measure(self, point: Any, bench: Any) -> dict[str, Any]:
        self.may_fail(point)
        return {"Field (T)": bench["gaussmeter"].read_field()}

    def point_time_s(self, before: Any, point: Any, bench: Any) -> float:
        return self.wait + bench["gaussmeter"].reading_time_s


class FMRShaped(Troubled):
    """A field swept through a line, the microwave on, a voltage read."""

    ROLES = ("field", "gaussmeter", "microwave", "voltmeter")
    COLUMNS = ("Field (T)", "Voltage (V)", "Frequency (Hz)", "Power (dBm)", "Angle (deg)")
    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        kind="stfmr",
        columns={"field": "Field (T)", "voltage": "Voltage (V)"},
        axes={"frequency": "Frequency (Hz)", "power": "Power (dBm)", "angle": "Angle (deg)"},
    )

    frequency = Quantity("Frequency", "Hz", default=7e9, minimum=1e6, maximum=120e9)
    start = Quantity("Start", "T", default=0.04, minimum=-1.0, maximum=1.0)
    stop = Quantity("Stop", "T", default=0.09, minimum=-1.0, maximum=1.0)
    points = Integer("Points", default=41, minimum=2, maximum=1_000_000)

    def plan(self) -> Iterable[Mapping[str, float]]:
        for field_T in np.linspace(self.start, self.stop, self.points):
            yield {"field_T": float(field_T)}

    def check_plan(self, points: Any, bench: Any) -> None:
        bench["microwave"].check(frequency_Hz=self.frequency, power_dBm=15.0)
        for point in points:
            bench["field"].check(point.settings["field_T"])

    def prepare(self, bench: Any) -> None:
        bench["microwave"].set_frequency(self.frequency)
        bench["microwave"].set_power(15.0)

    def approach(self, point: Any, bench: Any) -> None:
        bench["field"].ramp_to(point.settings["field_T"] - 0.01, self.should_stop)
        bench["microwave"].set_output(True)

    def apply(self, point: Any, bench: Any) -> None:
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)

    def measure(self, point: Any, bench: Any) -> dict[str, Any]:
        self.may_fail(point)
        voltage_V = bench["voltmeter"].read_voltage()
        field_T = bench["gaussmeter"].read_field()
        setting = {"Frequency (Hz)": self.frequency, "Power (dBm)": 15.0, "Angle (deg)": 45.0}
        return {"Field (T)": field_T, "Voltage (V)": voltage_V, **setting}

    def point_time_s(self, before: Any, point: Any, bench: Any) -> float:
        reading_s = bench["gaussmeter"].reading_time_s + bench["voltmeter"].reading_time_s
        from_T = point.settings["field_T"] - 0.01 if before is None else before.settings["field_T"]
        return bench["field"].ramp_time_s(from_T, point.settings["field_T"]) + reading_s


class HallShaped(Troubled):
    """An angle turned at some fields, the outer axis, with waits for two lock-ins: long ramps between many turns."""

    ROLES = ("field", "ac_source", "rotator", "lockin_1w", "lockin_2w")
    COLUMNS = ("Field (T)", "Angle (deg)", "X 1w (V)", "Y 2w (V)")

    field = Quantity("Field", "T", default=0.2, minimum=0.0, maximum=9.0)
    fields = Integer("Fields", default=2, minimum=1, maximum=1000)
    points = Integer("Points", default=12, minimum=2, maximum=1_000_000)
    wait = Quantity("Wait", "s", default=-1.0, minimum=-1.0, maximum=1e4, description="Negative: as the filter asks")

    def plan(self) -> Iterable[Mapping[str, float]]:
        for field_T in np.linspace(self.field / self.fields, self.field, self.fields):
            for angle_deg in np.linspace(0.0, 330.0, self.points):
                yield {"field_T": float(field_T), "angle_deg": float(angle_deg)}

    def prepare(self, bench: Any) -> None:
        bench["ac_source"].set_wave(85.0, 1e-3)
        bench["lockin_1w"].set_harmonic(1)
        bench["lockin_2w"].set_harmonic(2)

    def approach(self, point: Any, bench: Any) -> None:
        bench["ac_source"].set_output(True)

    def apply(self, point: Any, bench: Any) -> None:
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        bench["rotator"].move_to(point.settings["angle_deg"], self.should_stop)
        bench.clock.sleep(self.wait_s(bench), self.should_stop)

    def wait_s(self, bench: Any) -> float:
        return max(bench[role].settling_s for role in self.ROLES[-2:]) if self.wait < 0.0 else self.wait

    def measure(self, point: Any, bench: Any) -> dict[str, Any]:
        self.may_fail(point)
        first, second = (bench[role].read_phasor() for role in self.ROLES[-2:])
        setting = {"Field (T)": point.settings["field_T"], "Angle (deg)": bench["rotator"].read_angle()}
        return {**setting, "X 1w (V)": first.real, "Y 2w (V)": second.imag}

    def point_time_s(self, before: Any, point: Any, bench: Any) -> float:
        was = point.settings if before is None else before.settings
        moving_s = bench["rotator"].move_time_s(was["angle_deg"], point.settings["angle_deg"])
        if was["field_T"] != point.settings["field_T"]:
            moving_s += bench["field"].ramp_time_s(was["field_T"], point.settings["field_T"])
        return moving_s + self.wait_s(bench) + sum(bench[role].reading_time_s for role in self.ROLES[-2:])


class DelayShaped(Troubled):
    """A delay stepped at both signs of a field, with a wait for one lock-in."""

    ROLES = ("delay", "field", "lockin", "shutter", "chopper")
    COLUMNS = ("Field (T)", "Delay (m)", "X (V)")

    points = Integer("Points", default=30, minimum=2, maximum=1_000_000)
    span = Quantity("Span", "m", default=0.6e-3, minimum=0.0, maximum=8e-3)

    def plan(self) -> Iterable[Mapping[str, float]]:
        for field_T in (0.1, -0.1):
            for position_m in np.linspace(0.0, self.span, self.points):
                yield {"field_T": field_T, "position_m": float(position_m)}

    def prepare(self, bench: Any) -> None:
        bench["chopper"].run_at(3000.0, self.should_stop)

    def approach(self, point: Any, bench: Any) -> None:
        bench["shutter"].set_open(True)

    def apply(self, point: Any, bench: Any) -> None:
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        bench["delay"].move_to(point.settings["position_m"], self.should_stop)
        bench.clock.sleep(bench["lockin"].settling_s, self.should_stop)

    def measure(self, point: Any, bench: Any) -> dict[str, Any]:
        self.may_fail(point)
        reading = {"Field (T)": point.settings["field_T"], "Delay (m)": bench["delay"].read_position()}
        return {**reading, "X (V)": bench["lockin"].read_phasor().real}

    def point_time_s(self, before: Any, point: Any, bench: Any) -> float:
        was = point.settings if before is None else before.settings
        moving_s = bench["delay"].move_time_s(was["position_m"], point.settings["position_m"])
        if was["field_T"] != point.settings["field_T"]:
            moving_s += bench["field"].ramp_time_s(was["field_T"], point.settings["field_T"])
        return moving_s + bench["lockin"].settling_s + bench["lockin"].reading_time_s
