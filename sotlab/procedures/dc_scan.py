"""What scans of a direct current have in common: a resistance of two readings with opposite currents."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.runs.scan import Scan

__all__ = ["CONDITIONS", "DCScan"]

#: The columns of the current and of what the sample is in.
CONDITIONS = ("Current (A)", "Temperature Set (K)", "Temperature (K)")


class DCScan(Scan):
    """A scan that reads a resistance as half the difference of two voltages with opposite currents.

    What does not turn with the current, as a thermal voltage, does not count. The voltage is that of the role
    ``voltmeter`` where the procedure asks for one, else that of the source meter's own sense terminals.
    """

    current = Quantity("Current", "A", default=1e-4, minimum=1e-9, maximum=1.0, description="That is reversed")
    averages = Integer("Averages", default=1, minimum=1, maximum=10_000, description="Pairs of readings averaged")
    temperature = Quantity(
        "Temperature", "K", default=300.0, minimum=0.1, maximum=1000.0, description="Settled where the station can"
    )

    @property
    def meter(self) -> str:
        """The role that reads the voltage."""
        return "voltmeter" if "voltmeter" in self.ROLES else "source_meter"

    def check_current(self, bench: Station) -> None:
        """Check both currents and the temperature against the station's limits."""
        for sign in (1.0, -1.0):
            bench["source_meter"].check(sign * self.current)
        if "temperature" in bench:
            bench["temperature"].check(self.temperature)

    def settle_temperature(self, bench: Station) -> None:
        """Wait until the temperature has settled, where the station can set one."""
        if "temperature" in bench:
            bench["temperature"].settle_at(self.temperature, self.should_stop)

    def switch_on(self, bench: Station) -> None:
        """Switch the source meter on, at zero."""
        bench["source_meter"].set_current(0.0)
        bench["source_meter"].set_output(True)

    def read_resistance(self, bench: Station) -> float:
        """Return the resistance [ohm]."""
        source, meter, halves_V = bench["source_meter"], bench[self.meter], []
        for _ in range(self.averages):
            pair_V = []
            for sign in (1.0, -1.0):
                source.set_current(sign * self.current)
                pair_V.append(meter.read_voltage())
            halves_V.append(0.5 * (pair_V[0] - pair_V[1]))
        return float(np.mean(halves_V)) / self.current

    def reading_time_s(self, bench: Station) -> float:
        """Return how long a resistance takes [s]."""
        return 2 * self.averages * bench[self.meter].reading_time_s

    def read_temperature(self, bench: Station) -> float:
        """Return the sample's temperature, nan where nothing measures it [K]."""
        return bench["temperature"].read_temperature() if "temperature" in bench else math.nan

    def conditions(self, bench: Station) -> dict[str, Any]:
        """Return the columns ``CONDITIONS``: the current that is reversed, and the temperature as it is now."""
        values = (self.current, self.temperature, self.read_temperature(bench))
        return dict(zip(CONDITIONS, values, strict=True))

    def strip_geometry(self) -> dict[str, Any]:
        """Return width and length of the strip, where the sample's file says them."""
        sample = self.the_sample()
        known = {"width": (sample.strip_width_m, sample.strip_width_sigma_m), "length": (sample.strip_length_m, 0.0)}
        return {
            name: {"value": value, "sigma": sigma, "unit": "m"}
            for name, (value, sigma) in known.items()
            if value is not None
        }
