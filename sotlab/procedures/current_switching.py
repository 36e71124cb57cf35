"""Current-induced switching: a pulse, then the Hall resistance with a small current."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.dc_scan import CONDITIONS, DCScan
from sotlab.procedures.runs.scan import AnalysisInput, Point

__all__ = ["CurrentSwitching"]

#: Polar angle and azimuth of the field, along the current [deg].
ALONG = {"rotator": 90.0, "azimuth": 0.0}


class CurrentSwitching(DCScan):
    """Send pulses of +I to -I and back through the strip; after each, wait and read the Hall resistance.

    A film magnetised along its normal is switched by the damping-like torque with the help of a field along the
    current; the sense of the loop says the torque's sign. The pulse is timed by the source meter itself.
    """

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "current-switching",
        columns={"pulse": "Pulse (A)", "resistance": "Hall Resistance (ohm)"},
        axes={"temperature": "Temperature Set (K)", "field": "Field Set (T)"},
    )
    ROLES = ("field", "source_meter", "voltmeter")
    COLUMNS = (
        "Pulse (A)",
        "Hall Resistance (ohm)",
        "Field Set (T)",
        *CONDITIONS,
    )
    PATH_AXIS = "pulse_A"
    X_AXIS = "Pulse (A)"
    Y_AXIS = "Hall Resistance (ohm)"

    field = Quantity("Field", "T", default=0.05, minimum=-20.0, maximum=20.0, description="Along the current")
    pulse = Quantity("Pulse", "A", default=5e-3, minimum=1e-9, maximum=1.0, description="The largest")
    points = Integer("Points", default=41, minimum=5, maximum=100_000, description="Of each branch")
    width = Quantity("Width", "s", default=0.01, minimum=1e-6, maximum=60.0, description="Of a pulse")
    wait = Quantity("Wait", "s", default=1.0, minimum=0.0, maximum=3600.0, description="For the heat to go")

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the pulses down and up again."""
        down_A = np.linspace(self.pulse, -self.pulse, self.points)
        for pulse_A in (*down_A, *down_A[-2::-1]):
            yield {"pulse_A": float(pulse_A)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check field, currents, pulses and angles against the station's limits."""
        self.check_current(bench)
        bench["field"].check(self.field)
        for role, angle_deg in ALONG.items():
            if role in bench:
                bench[role].check(angle_deg)
        for point in points:
            bench["source_meter"].check(point.settings["pulse_A"])

    def approach(self, point: Point, bench: Station) -> None:
        """Settle the temperature, turn the field along the current and ramp it."""
        self.settle_temperature(bench)
        for role, angle_deg in ALONG.items():
            if role in bench:
                bench[role].move_to(angle_deg, self.should_stop)
        bench["field"].ramp_to(self.field, self.should_stop)

    def apply(self, point: Point, bench: Station) -> None:
        """Send the pulse, and wait."""
        bench["source_meter"].set_output(False)  # or the current of the last reading would go on
        if point.settings["pulse_A"]:
            bench["source_meter"].pulse(point.settings["pulse_A"], self.width)
        bench.clock.sleep(self.wait, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the Hall resistance with the small current."""
        self.switch_on(bench)
        return {
            "Pulse (A)": point.settings["pulse_A"],
            "Hall Resistance (ohm)": self.read_resistance(bench),
            "Field Set (T)": self.field,
            **self.conditions(bench),
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of pulse, wait and readings [s]."""
        return self.width + self.wait + self.reading_time_s(bench)
