"""A generic hygrometer with SCPI, of our own design: no model of any maker, all its commands are unverified.

Wired to ``bench.humidity(t_s)``, the relative humidity from 0 to 1, and ``bench.air_temperature_K(t_s)``. It shows
percent and deg C, with errors of its own: an offset drawn once, and noise. Options of the bench file:
``offset_percent`` and ``noise_percent`` (standard deviations, 0.3 and 0.05).
"""

from __future__ import annotations

from typing import ClassVar

from sotlab.simulated.device import ScpiDevice, query

__all__ = ["Hygrometer"]

OWN = "unverified; our own generic model"
#: The sensor converts at this pace [s]: questions that come faster get the same reading again.
UPDATE_S = 0.5


class Hygrometer(ScpiDevice):
    """The sensor in the box that is purged with dry air."""

    model: ClassVar[str] = "hygrometer"

    def power_on(self) -> None:
        """Draw the sensor's offset."""
        noise = self.lab.spec.noise
        offset = float(self.options.get("offset_percent", 0.3)) if noise else 0.0
        self._noise_percent = float(self.options.get("noise_percent", 0.05)) if noise else 0.0
        self._offset_percent = offset * float(self.lab.rng(f"{self.name}.offset").standard_normal())
        self._tick, self._error_percent = -1, 0.0
        super().power_on()

    @query("MEASure:HUMidity", source=OWN)
    def humidity(self) -> str:
        """Return the relative humidity [%]."""
        tick = int(self.lab.clock.now() / UPDATE_S)
        if tick != self._tick:
            noise = self._noise_percent * float(self.lab.rng(f"{self.name}.noise").standard_normal())
            self._tick, self._error_percent = tick, self._offset_percent + noise
        shown = 100.0 * self.bench.humidity(tick * UPDATE_S) + self._error_percent
        return f"{min(max(shown, 0.0), 100.0):.2f}"

    @query("MEASure:TEMPerature", source=OWN)
    def temperature(self) -> str:
        """Return the temperature of the air [deg C]."""
        return f"{self.bench.air_temperature_K(self.lab.clock.now()) - 273.15:.2f}"
