"""Terahertz emission by step scan: the lock-in's signal against the delay, at fields of both signs in turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np

from sotlab.analysis.thz.delay import delay_s, position_m
from sotlab.errors import InstrumentError
from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.runs.scan import AnalysisInput, Point, Scan

__all__ = ["ThzDelayScan"]


class ThzDelayScan(Scan):
    """Step the delay through the terahertz pulse and read the lock-in, scan by scan, at +B and -B in turn.

    At each point: move, let stage and filter settle, read. The fields of the scans are + - - +, so that a linear drift
    is the same for both signs. The beam is blocked whenever the station is made safe. The delay is that of where the
    encoder sees the stage, t = sign 2 passes (x - zero)/c.
    """

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "thz",
        columns={"delay": "Delay (s)", "signal": "X (V)"},
        axes={"scan": "Scan (1)", "field": "Field Set (T)"},
    )
    COLUMNS = ("Scan (1)", "Field Set (T)", "Delay Set (s)", "Delay (s)", "Position (m)", "X (V)", "Y (V)")
    ROLES = ("shutter", "pump_attenuator", "chopper", "delay", "lockin", "field")
    X_AXIS = "Delay (s)"
    Y_AXIS = "X (V)"

    start = Quantity("Start", "s", default=-2e-12, minimum=-1e-6, maximum=1e-6)
    stop = Quantity("Stop", "s", default=4e-12, minimum=-1e-6, maximum=1e-6)
    points = Integer("Points", default=121, minimum=16, maximum=1_000_000)
    scans = Integer("Scans", default=4, minimum=1, maximum=100_000, description="At +B, -B, -B, +B, ...")
    field = Quantity("Field", "T", default=0.1, minimum=-20.0, maximum=20.0, description="Of the first scan")
    parity = Choice("Parity", choices=["both", "one"], default="both", description="Fields of both signs, or of one")
    chopping = Quantity("Chopping frequency", "Hz", default=6e3, minimum=1.0, maximum=1e5)
    transmission = Quantity(
        "Transmission", "1", default=1.0, minimum=0.0, maximum=1.0, description="Of the pump's attenuator"
    )
    passes = Integer("Passes", default=1, minimum=1, maximum=8, description="How often the light goes to and fro")
    sign = Choice("Sign", choices=["+1", "-1"], default="+1", description="Of the delay as the position rises")
    zero = Quantity("Zero", "m", default=0.0, minimum=-10.0, maximum=10.0, description="Position at delay 0")

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the delays from start to stop, evenly spaced, for each scan."""
        for scan in range(self.scans):
            turned = self.parity == "both" and scan % 4 in (1, 2)
            for delay in np.linspace(self.start, self.stop, self.points):
                yield {"scan": float(scan), "field_T": -self.field if turned else self.field, "delay_s": float(delay)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every position and field against the station's limits."""
        for point in points:
            bench["delay"].check(self._position_m(point))
            bench["field"].check(point.settings["field_T"])

    def prepare(self, bench: Station) -> None:
        """Spin the chopper up; the beam is still blocked."""
        bench["chopper"].run_at(self.chopping, self.should_stop)

    def approach(self, point: Point, bench: Station) -> None:
        """Ramp the field, go to where the scan begins, then let the beam pass."""
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        bench["delay"].move_to(self._position_m(point), self.should_stop)
        bench["pump_attenuator"].set_transmission(self.transmission)
        bench["shutter"].set_open(True)
        with suppress(InstrumentError):  # what the lock-in remembers of the time before the chopper was locked
            bench["lockin"].read_phasor()

    def apply(self, point: Point, bench: Station) -> None:
        """Go to field and position, and let the filter settle."""
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)
        bench["delay"].move_to(self._position_m(point), self.should_stop)
        bench.clock.sleep(bench["lockin"].settling_s, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the lock-in and where the stage is."""
        signal_V = bench["lockin"].read_phasor()
        position = bench["delay"].read_position()
        delay = delay_s(np.array(position), passes=self.passes, sign=int(self.sign), zero_position_m=self.zero)
        return {
            "Scan (1)": int(point.settings["scan"]) + 1,
            "Field Set (T)": point.settings["field_T"],
            "Delay Set (s)": point.settings["delay_s"],
            "Delay (s)": float(delay),
            "Position (m)": position,
            "X (V)": signal_V.real,
            "Y (V)": signal_V.imag,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of ramp, move, settling and reading [s]."""
        reading_s = bench["lockin"].settling_s + bench["lockin"].reading_time_s
        if before is None:
            return reading_s
        moving_s = bench["delay"].move_time_s(self._position_m(before), self._position_m(point))
        return bench["field"].ramp_time_s(before.settings["field_T"], point.settings["field_T"]) + moving_s + reading_s

    def _position_m(self, point: Point) -> float:
        found = position_m(
            point.settings["delay_s"], passes=self.passes, sign=int(self.sign), zero_position_m=self.zero
        )
        return float(found)
