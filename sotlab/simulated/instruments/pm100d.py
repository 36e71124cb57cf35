"""Thorlabs PM100D power meter with a silicon photodiode.

Wired to ``bench.pump_sensor``, a :class:`sotlab.simulated.physics.optics.PowerSensor`. Not modelled, so refused:
energy, current and frequency measurement, other sensors, relative readings, the display.
"""

from __future__ import annotations

import math
import re
from typing import Any, ClassVar

from sotlab.simulated.device import ScpiDevice, command, query, setting
from sotlab.simulated.physics.detect import quantise
from sotlab.simulated.scpi import Boolean, Choice, Number

__all__ = ["PM100D"]

IN_DRIVER = "unverified; header in PyMeasure's driver"
MANUAL = "PM100D manual"

#: Time of one sample [s]: 3000 a second.
SAMPLE_S = 1 / 3000
#: Upper ends of the ranges [W], and counts over each.
RANGES_W = (50e-9, 500e-9, 5e-6, 50e-6, 500e-6, 5e-3, 50e-3, 500e-3, 5.0)
COUNTS = 50_000
OVERFLOW = "9.91000000E+37"
#: ``SYST:SENS:IDN?``: 1 power sensor, 32 wavelength settable.
SENSOR_FLAGS = 1 + 32


class Wavelength(Number):
    """A wavelength in nanometres, which may say so; metres with a prefix are not read."""

    def read(self, text: str, device: Any) -> float:
        """Return the number without its unit."""
        return super().read(re.sub(r"\s*NM\Z", "", text, flags=re.IGNORECASE), device)


class PM100D(ScpiDevice):
    """The meter: wavelength in nm, power in W or dBm."""

    manufacturer: ClassVar[str] = "Thorlabs"
    model: ClassVar[str] = "PM100D"
    version: ClassVar[str] = "2.4.0"

    wavelength_nm = setting(
        "[SENSe]:CORRection:WAVelength",
        Wavelength("NM", 200.0, 1100.0, 635.0, reply="{:.8E}"),
        default=635.0,
        source=f"{MANUAL}, p. 43",
    )
    beam_mm = setting(
        "[SENSe]:CORRection:BEAMdiameter",
        default=9.5,
        minimum=0.1,
        maximum=9.5,
        reply="{:.8E}",
        source=f"{MANUAL}, p. 43; limits unverified",
    )
    loss_dB = setting(
        "[SENSe]:CORRection[:LOSS:INPut:MAGNitude]", default=0.0, minimum=-60.0, maximum=60.0, reply="{:.8E}",
        source="unverified",
    )  # fmt: skip
    average = setting(
        "[SENSe]:AVERage[:COUNt]", default=1, minimum=1, maximum=300_000, integer=True,
        source=f"{MANUAL}, p. 44; limits unverified",
    )  # fmt: skip
    autorange = setting("[SENSe]:POWer[:DC]:RANGe:AUTO", Boolean(), default=True, source="unverified")
    range_W = setting(
        "[SENSe]:POWer[:DC]:RANGe[:UPPer]", unit="W", default=RANGES_W[-1], minimum=0.0, maximum=RANGES_W[-1],
        reply="{:.8E}", source="unverified",
    )  # fmt: skip
    unit = setting("[SENSe]:POWer[:DC]:UNIT", Choice("W", "DBM"), default="W", source="unverified")

    def power_on(self) -> None:
        """Begin with the diode not zeroed."""
        self._zero_W = self._old_zero_W = 0.0
        self._last_W: float | None = None
        super().power_on()

    @range_W.on_change
    def _hold_range(self) -> None:
        """Take the smallest range that holds the value; a range that is set ends autorange."""
        self.range_W = next(top_W for top_W in RANGES_W if top_W >= self.range_W * (1 - 1e-9))
        self.autorange = False

    def reset(self) -> None:
        """Set the defaults, with autorange on; the zero is kept."""
        super().reset()
        self.autorange = True

    def _measure_W(self) -> float:
        """Take as many samples as are averaged; the reply waits for them."""
        self.reply_after(self.average * SAMPLE_S)
        sensor, now_s = self.bench.pump_sensor, self.lab.clock.now()
        seen_W = sensor.reading_W(now_s, self.wavelength_nm * 1e-9, self.average) - self._zero_W
        top_W = self.range_W
        if self.autorange:
            top_W = next((top for top in RANGES_W if abs(seen_W) <= top), RANGES_W[-1])
        shown_W = math.inf if seen_W > top_W else quantise(seen_W, top_W / COUNTS) * 10 ** (self.loss_dB / 10)
        self._last_W = shown_W
        return shown_W

    def _shown(self, power_W: float) -> str:
        if math.isinf(power_W):
            return OVERFLOW
        if self.unit == "W":
            return f"{power_W:.8E}"
        return f"{10 * math.log10(power_W / 1e-3):.8E}" if power_W > 0.0 else f"-{OVERFLOW}"

    @query("MEASure[:SCALar][:POWer]", source=IN_DRIVER)
    def measure(self) -> str:
        """Measure the power."""
        return self._shown(self._measure_W())

    @query("READ", source="unverified")
    def read(self) -> str:
        """Measure what is configured: the power."""
        return self._shown(self._measure_W())

    @command("INITiate[:IMMediate]", source="unverified")
    def initiate(self) -> None:
        """Start a measurement; ``*OPC?`` waits for it."""
        self._measure_W()
        self.start_operation(self.average * SAMPLE_S)

    @query("FETCh", source="unverified")
    def fetch(self) -> str:
        """Return the last measurement, a new one if there is none."""
        return self._shown(self._measure_W() if self._last_W is None else self._last_W)

    @command("ABORt", source="unverified")
    def abort(self) -> None:
        """Drop a measurement."""
        self.busy_until = -1.0

    @command("CONFigure[:SCALar][:POWer]", source="unverified")
    def configure(self) -> None:
        """Measure power: nothing else can be."""

    @query("CONFigure", source="unverified")
    def configured(self) -> str:
        """Return what is measured."""
        return "POW"

    @command("[SENSe]:CORRection:COLLect:ZERO[:INITiate]", source=f"{MANUAL}, p. 43")
    def zero(self) -> None:
        """Take what the diode gives now for darkness: the beam should be blocked."""
        self._old_zero_W = self._zero_W
        sensor = self.bench.pump_sensor
        self._zero_W = sensor.reading_W(self.lab.clock.now(), self.wavelength_nm * 1e-9, 3000)
        self.start_operation(1.0)

    @command("[SENSe]:CORRection:COLLect:ZERO:ABORt", source=f"{MANUAL}, p. 43")
    def abort_zero(self) -> None:
        """Stop zeroing: the zero from before holds again."""
        if self.zeroing():
            self._zero_W, self.busy_until = self._old_zero_W, -1.0

    @query("[SENSe]:CORRection:COLLect:ZERO:STATe", source=f"{MANUAL}, p. 43")
    def zeroing(self) -> int:
        """Return whether zeroing is under way."""
        return int(self.lab.clock.now() < self.busy_until)

    @query("[SENSe]:CORRection:COLLect:ZERO:MAGNitude", source=f"{MANUAL}, p. 43")
    def zero_magnitude(self) -> str:
        """Return what is subtracted [W]; the meter's own unit for it is not known."""
        return f"{self._zero_W:.8E}"

    @query("SYSTem:SENSor:IDN", source=f"{MANUAL}, p. 49")
    def sensor_identity(self) -> str:
        """Return name, serial number, calibration, type, subtype and flags of the sensor."""
        return f"S120VC,{self.serial},01-Jan-2024,1,0,{SENSOR_FLAGS}"
