"""Terahertz emission by step scan: the lock-in's signal against the delay, at fields of both signs in turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Integer
from sotlab.procedures.runs.scan import AnalysisInput, Point
from sotlab.procedures.thz_scan import ThzScan

__all__ = ["ThzDelayScan"]


class ThzDelayScan(ThzScan):
    """Step the delay through the terahertz pulse and read the lock-in, scan by scan, at +B and -B in turn.

    At each point: move, let stage and filter settle, read. The delay is that of where the encoder sees the stage.
    """

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "thz",
        columns={"delay": "Delay (s)", "signal": "X (V)", "power": "Power (W)"},
        axes={"scan": "Scan (1)", "field": "Field Set (T)"},
    )
    COLUMNS = (
        "Scan (1)", "Field Set (T)", "Delay Set (s)", "Delay (s)", "Position (m)", "X (V)", "Y (V)", "Power (W)",
    )  # fmt: skip

    points = Integer("Points", default=121, minimum=16, maximum=1_000_000)

    def one_scan(self) -> Iterable[Mapping[str, float]]:
        """Yield the delays from start to stop, evenly spaced."""
        for delay in np.linspace(self.start, self.stop, self.points):
            yield {"delay_s": float(delay)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every position and field against the station's limits."""
        super().check_plan(points, bench)
        for delay in {point.settings["delay_s"] for point in points}:
            bench["delay"].check(self.position_of_m(delay))

    def begin_m(self, point: Point) -> float:
        """Return the position of a point [m]."""
        return self.position_of_m(point.settings["delay_s"])

    def apply(self, point: Point, bench: Station) -> None:
        """Go to field and position, and let the filter settle."""
        self.set_up(point, bench)
        bench["delay"].move_to(self.begin_m(point), self.should_stop)
        bench.clock.sleep(bench["lockin"].settling_s, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the lock-in and where the stage is."""
        signal_V = bench["lockin"].read_phasor()
        position = bench["delay"].read_position()
        return {
            "Scan (1)": int(point.settings["scan"]) + 1,
            "Field Set (T)": point.settings["field_T"],
            "Delay Set (s)": point.settings["delay_s"],
            "Delay (s)": float(self.delay_at_s(position)),
            "Position (m)": position,
            "X (V)": signal_V.real,
            "Y (V)": signal_V.imag,
            "Power (W)": self.power_W(bench),
            **self.told_around(point, bench),
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of ramp, move, settling and reading [s]."""
        reading_s = bench["lockin"].settling_s + bench["lockin"].reading_time_s + self.power_time_s(bench)
        if before is None:
            return reading_s
        moving_s = bench["delay"].move_time_s(self.begin_m(before), self.begin_m(point))
        return self.set_up_time_s(before, point, bench) + moving_s + reading_s
