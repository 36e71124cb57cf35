"""A generic RF power meter with SCPI, of our own design: no model of any maker.

Wired to ``bench.sensor_power_W(time_s)``, the microwave power [W] that arrives at its sensor. The sensor has a zero
offset and a calibration factor [%] that falls with frequency; a zero is right only when no power arrives, and a reading
only with the factor of the carrier's frequency: ``P = P_sensor 100 / factor``.
"""

from __future__ import annotations

import math
from typing import ClassVar

from sotlab.simulated.device import ScpiDevice, command, query, setting
from sotlab.simulated.scpi import Boolean, Choice, ScpiError

__all__ = ["RFPowerMeter", "calibration_factor_percent"]

OWN = "our own generic model"
#: Headers are those of this meter; what is behind them is generic.
GUIDE = "Agilent E4418B programming guide p. "

#: Power range of the sensor [W]: -60 to 20 dBm.
FULL_W = 0.1
#: Standard deviation of the zero offset, drawn once, and of a reading without averaging [W].
OFFSET_W, NOISE_W = 20e-9, 0.5e-9
#: Time of one reading, and of zeroing [s].
READING_S, ZERO_S = 0.05, 5.0


def calibration_factor_percent(frequency_Hz: float) -> float:
    """Return the share of the power that the sensor shows [%]: ``100 - 0.3 f/GHz``, as its label would say."""
    return 100.0 - 0.3 * frequency_Hz / 1e9


class RFPowerMeter(ScpiDevice):
    """The meter: W or dBm; option ``frequency_Hz`` is of what arrives, for the sensor's true factor."""

    model: ClassVar[str] = "RF power meter"

    frequency = setting(
        "[SENSe]:FREQuency[:CW|:FIXed]", unit="HZ", default=50e6, minimum=10e6, maximum=40e9, source=OWN
    )
    factor = setting("[SENSe]:CORRection:CFACtor", unit="PCT", default=100.0, minimum=1.0, maximum=150.0, source=OWN)
    automatic = setting("[SENSe]:CORRection:CFACtor:AUTO", Boolean(), default=True, source=OWN)
    average = setting("[SENSe]:AVERage:COUNt", default=1, minimum=1, maximum=1024, integer=True, source=OWN)
    unit = setting("UNIT#:POWer", Choice("DBM", "W"), default="DBM", source=GUIDE + "2-10")
    continuous = setting("INITiate#:CONTinuous", Boolean(), default=False, source=GUIDE + "2-37")

    def power_on(self) -> None:
        """Begin with the sensor not zeroed."""
        self._last: str | None = None
        quiet = not self.lab.spec.noise
        self._stream = None if quiet else self.lab.rng(f"{self.name}.noise")
        self._offset_W = 0.0 if self._stream is None else self._stream.normal(0.0, OFFSET_W)
        self._zero_W = 0.0
        super().power_on()

    @factor.on_change
    def _take_factor(self) -> None:
        """Use the factor that was set in place of the label's."""
        self.automatic = False

    def reset(self) -> None:
        """Set the defaults, with the label's factors; the zero is kept."""
        super().reset()
        self.automatic = True
        self._last = None

    def _sensor_W(self, count: int) -> float:
        """Return what the sensor says now, before zero and calibration factor."""
        arriving_W = self.bench.sensor_power_W(self.lab.clock.now())
        carrier_Hz = float(getattr(self.bench, "sensor_frequency_Hz", 0.0))
        seen_W = arriving_W * calibration_factor_percent(carrier_Hz) / 100 + self._offset_W
        return seen_W if self._stream is None else seen_W + self._stream.normal(0.0, NOISE_W / math.sqrt(count))

    @query("MEASure#[:SCALar][:POWer][:AC]", source=GUIDE + "2-3")
    def measure(self) -> str:
        """Measure once, whatever was going on."""
        self.continuous = False
        return self._measure()

    @query("READ#[:SCALar][:POWer][:AC]", source=GUIDE + "2-37")
    def read(self) -> str:
        """Measure; -213 while the meter measures continuously."""
        if self.continuous:
            raise ScpiError(-213)
        return self._measure()

    @command("INITiate#[:IMMediate]", source=GUIDE + "2-37")
    def initiate(self) -> None:
        """Measure; -213 while the meter measures continuously."""
        if self.continuous:
            raise ScpiError(-213)
        self._last = self._measure()

    @query("FETCh#[:SCALar][:POWer][:AC]", source="SCPI-1999 volume 2, 3.2")
    def fetch(self) -> str:
        """Return the last measurement, or while measuring continuously a new one; -230 if there is none."""
        if self.continuous:
            return self._measure()
        if self._last is None:
            raise ScpiError(-230, "Data corrupt or stale")
        return self._last

    def _measure(self) -> str:
        """Return what the meter shows; -222 if the sensor is driven beyond its range."""
        seen_W = self._sensor_W(self.average)
        if seen_W > FULL_W:
            raise ScpiError(-222, "Data out of range;sensor overloaded")
        self.reply_after(self.average * READING_S)
        factor = calibration_factor_percent(self.frequency) if self.automatic else self.factor
        power_W = (seen_W - self._zero_W) * 100 / factor
        if self.unit == "W":
            self._last = f"{power_W:+.8E}"
        else:  # dBm has no negative power: -120 dBm
            self._last = f"{10 * math.log10(max(power_W, 1e-15) / 1e-3):+.8E}"
        return self._last

    @command("CALibration#:ZERO:AUTO", Choice("ONCE"), source=GUIDE + "1-84")
    @command("CALibration#:ZERO", Choice("ONCE", optional=True), source=OWN)
    def zero(self, once: str = "ONCE") -> None:
        """Take what the sensor says now for no power; the microwave should be off."""
        self._zero_W = self._sensor_W(100)
        self.start_operation(ZERO_S)
