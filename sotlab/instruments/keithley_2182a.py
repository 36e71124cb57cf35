"""Keithley 2182A nanovoltmeter.

Reference: Model 2182 and 2182A Nanovoltmeter User's Manual, 2182A-900-01.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments.keithley import Keithley2182

from sotlab.errors import OverloadError
from sotlab.instruments.driver import Driver, Options

__all__ = ["Nanovoltmeter"]

#: What the instrument sends for a reading beyond the range.
OVERFLOW = 9.9e37


class NanovoltmeterOptions(Options):
    """Options of the 2182A as ``voltmeter``."""

    #: Integration time in power line cycles.
    nplc: float = Option(default=5.0, ge=0.01, le=60.0)
    #: Range of channel 1 [V].
    range_V: float = Option(default=0.01, gt=0.0, le=120.0)


class Nanovoltmeter(Driver):
    """A 2182A, channel 1, that fills the role ``voltmeter``."""

    role = "voltmeter"
    instrument_class = Keithley2182
    identity = r"MODEL 2182"
    # PyMeasure's default of CR is for RS-232; on GPIB and over a socket a reply ends with LF.
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    options_model = NanovoltmeterOptions

    #: Asked when the meter is configured.
    _line_frequency_Hz = 50.0

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]: autozero measures twice; 10 ms for conversion and transfer."""
        return 2 * self.options.nplc / self._line_frequency_Hz + 0.01

    def configure(self) -> None:
        """Measure dc volts on channel 1, one reading for each question."""
        meter = self.instrument
        meter.clear()
        # Continuous initiation would make READ? an error (-213): each reading belongs to the point that asks for it.
        meter.write(":INIT:CONT OFF")
        meter.active_channel = 1
        meter.channel_function = "voltage"
        self._line_frequency_Hz = self.measured(lambda: meter.line_frequency, "SYST:LFR?")
        meter.voltage_nplc = self.options.nplc
        meter.ch_1.voltage_range = self.options.range_V
        meter.auto_zero_enabled = True
        self.raise_errors()
        slack_s = 2.0
        meter.adapter.allow(self.reading_time_s + slack_s)

    def read_voltage(self) -> float:
        """Return one reading [V]."""
        voltage_V = self.measured(lambda: self.instrument.voltage, "READ?")
        if abs(voltage_V) >= OVERFLOW:
            raise OverloadError(
                f"{self.limits.role}: overload on the {self.options.range_V:g} V range; raise"
                f" [roles.{self.limits.role}.options] range_V in {self.limits.station}, or check the contacts"
            )
        return voltage_V
