"""Resistances of films: four points on a strip, van der Pauw by a switch, and R(T)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.errors import PlanError
from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity, Text
from sotlab.procedures.dc_scan import CONDITIONS, DCScan
from sotlab.procedures.runs.scan import AnalysisInput, Point

__all__ = ["FourPointResistance", "ResistanceTemperature", "VanDerPauw"]

#: I+, I-, V+, V- of each configuration, as places of the contacts counted around the edge from 0.
CONFIGURATIONS = {
    "a": (0, 1, 3, 2),
    "b": (1, 2, 0, 3),
    "a Reciprocal": (3, 2, 0, 1),
    "b Reciprocal": (0, 3, 1, 2),
}


class FourPointResistance(DCScan):
    """Read the voltage between two contacts of a strip against the current through two others.

    Currents of both signs take out thermal voltages; what bends with the current is heat. Without a switch the wires
    are where they are.
    """

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "sheet-resistance",
        columns={"current": "Current (A)", "voltage": "Voltage (V)"},
        axes={"temperature": "Temperature Set (K)"},
    )
    ROLES = ("source_meter", "voltmeter")
    COLUMNS = ("Current (A)", "Voltage (V)", "Temperature Set (K)", "Temperature (K)")
    X_AXIS = "Current (A)"
    Y_AXIS = "Voltage (V)"

    points = Integer("Points", default=11, minimum=3, maximum=100_000, description="From -I to +I")

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the currents from the most negative to the most positive."""
        for current_A in np.linspace(-self.current, self.current, self.points):
            yield {"current_A": float(current_A)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every current against the station's limits."""
        self.check_current(bench)

    def approach(self, point: Point, bench: Station) -> None:
        """Settle the temperature and switch the source meter on, at zero."""
        self.settle_temperature(bench)
        self.switch_on(bench)

    def apply(self, point: Point, bench: Station) -> None:
        """Set the current."""
        bench["source_meter"].set_current(point.settings["current_A"])

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the voltage."""
        voltage_V = float(np.mean([bench[self.meter].read_voltage() for _ in range(self.averages)]))
        return {
            "Current (A)": point.settings["current_A"],
            "Voltage (V)": voltage_V,
            "Temperature Set (K)": self.temperature,
            "Temperature (K)": self.read_temperature(bench),
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of the readings [s]."""
        return 0.5 * self.reading_time_s(bench)

    def analysis_settings(self, bench: Station) -> dict[str, Any]:
        """Return width and length of the strip."""
        return self.strip_geometry()


class VanDerPauw(DCScan):
    """Read the four resistances of a film with four contacts on its edge, with a switch matrix or by hand.

    Two neighbouring configurations give the sheet resistance; those with current and voltage contacts exchanged must
    agree with them. A row has all four, so that ``repeats`` rows say how they scatter; by hand one row will do.
    """

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "van-der-pauw",
        columns={
            "r_a": "R a (ohm)",
            "r_b": "R b (ohm)",
            "r_a_reciprocal": "R a Reciprocal (ohm)",
            "r_b_reciprocal": "R b Reciprocal (ohm)",
        },
        axes={"temperature": "Temperature Set (K)"},
    )
    ROLES = ("source_meter", "voltmeter", "switch")
    COLUMNS = (
        *(f"R {name} (ohm)" for name in CONFIGURATIONS),
        *CONDITIONS,
    )
    WATCH_SAMPLE = False
    X_AXIS = "Time (s)"
    Y_AXIS = "R a (ohm)"

    contacts = Text("Contacts", default="1,2,3,4", description="In turn around the edge, as the switch calls them")
    repeats = Integer("Repeats", default=3, minimum=1, maximum=10_000, description="Rows")

    @property
    def around(self) -> list[str]:
        """The four contacts in turn."""
        names = [name.strip() for name in str(self.contacts).split(",")]
        if len(names) != 4 or len(set(names)) != 4 or not all(names):
            raise PlanError(f"contacts '{self.contacts}': give four names in turn around the edge, as 1,2,3,4")
        return names

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the one point, whose row has all configurations."""
        yield {"configurations": float(len(CONFIGURATIONS))}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check the currents against the station's limits, and the contacts."""
        self.check_current(bench)
        _ = self.around

    def approach(self, point: Point, bench: Station) -> None:
        """Settle the temperature; the output stays off while contacts are switched."""
        self.settle_temperature(bench)

    def apply(self, point: Point, bench: Station) -> None:
        """Nothing: each reading switches for itself."""

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Connect each configuration with the current off, and read its resistance."""
        names, found = self.around, {}
        for name, places in CONFIGURATIONS.items():
            bench["source_meter"].set_output(False)
            routes = {terminal: names[k] for terminal, k in zip(("I+", "I-", "V+", "V-"), places, strict=True)}
            bench["switch"].connect(routes)
            self.switch_on(bench)
            found[f"R {name} (ohm)"] = self.read_resistance(bench)
        return {
            **found,
            **self.conditions(bench),
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of all readings [s]."""
        return len(CONFIGURATIONS) * self.reading_time_s(bench)

    def analysis_settings(self, bench: Station) -> dict[str, Any]:
        """Return the thickness of the conducting layer, where the stack is one layer and its cap."""
        layers = [layer for layer in self.the_sample().stack if layer.resistivity_ohm_m is not None]
        if len(layers) != 1:
            return {}
        return {"thickness": {"value": layers[0].thickness_m, "sigma": layers[0].thickness_sigma_m, "unit": "m"}}


class ResistanceTemperature(DCScan):
    """R(T): go to each temperature, wait until it has settled, and read the resistance."""

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "parallel-conduction",
        columns={"temperature": "Temperature (K)", "resistance": "Resistance (ohm)"},
    )
    ROLES = ("temperature", "source_meter", "voltmeter")
    COLUMNS = ("Temperature Set (K)", "Temperature (K)", "Resistance (ohm)", "Current (A)")
    X_AXIS = "Temperature (K)"
    Y_AXIS = "Resistance (ohm)"

    temperature = Quantity("First temperature", "K", default=300.0, minimum=0.1, maximum=1000.0)
    temperature_stop = Quantity("Last temperature", "K", default=20.0, minimum=0.1, maximum=1000.0)
    points = Integer("Points", default=29, minimum=2, maximum=100_000)

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the temperatures, evenly spaced."""
        for temperature_K in np.linspace(self.temperature, self.temperature_stop, self.points):
            yield {"temperature_K": float(temperature_K)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every temperature and the currents against the station's limits."""
        self.check_current(bench)
        for point in points:
            bench["temperature"].check(point.settings["temperature_K"])

    def approach(self, point: Point, bench: Station) -> None:
        """Switch the source meter on, at zero."""
        self.switch_on(bench)

    def apply(self, point: Point, bench: Station) -> None:
        """Wait until the temperature has settled, without a current that would heat."""
        bench["source_meter"].set_current(0.0)
        bench["temperature"].settle_at(point.settings["temperature_K"], self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the temperature before and after the resistance; the row has the mean."""
        before_K = self.read_temperature(bench)
        resistance_ohm = self.read_resistance(bench)
        return {
            "Temperature Set (K)": point.settings["temperature_K"],
            "Temperature (K)": 0.5 * (before_K + self.read_temperature(bench)),
            "Resistance (ohm)": resistance_ohm,
            "Current (A)": self.current,
        }

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of settling and reading [s]."""
        if before is not None and before.index == point.index:
            return self.reading_time_s(bench)
        from_K = self.temperature if before is None else before.settings["temperature_K"]
        return bench["temperature"].settle_time_s(from_K, point.settings["temperature_K"]) + self.reading_time_s(bench)
