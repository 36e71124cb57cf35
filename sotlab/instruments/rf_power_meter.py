"""A microwave power meter with SCPI: the generic one of the virtual lab, and a pattern for a real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments import Instrument, SCPIMixin
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from sotlab.errors import InstrumentError, InstrumentTimeoutError
from sotlab.instruments.driver import Driver, Options

__all__ = ["GenericRFPowerMeter", "RFPowerMeter"]


class GenericRFPowerMeter(SCPIMixin, Instrument):
    """Represents the microwave power meter."""

    def __init__(self, adapter: Any, name: str = "RF power meter", **kwargs: Any) -> None:
        super().__init__(adapter, name, **kwargs)

    frequency = Instrument.control(
        "SENS:FREQ?",
        "SENS:FREQ %.9E HZ",
        """Control the carrier's frequency in Hz, for the sensor's calibration factor (float).""",
        validator=strict_range,
        values=[10e6, 40e9],
    )

    average_count = Instrument.control(
        "SENS:AVER:COUN?",
        "SENS:AVER:COUN %d",
        """Control how many readings are averaged (int from 1 to 1024).""",
        validator=strict_range,
        values=[1, 1024],
        cast=int,
    )

    power_unit = Instrument.control(
        "UNIT:POW?",
        "UNIT:POW %s",
        """Control the unit of readings ('DBM' or 'W').""",
        validator=strict_discrete_set,
        values=["DBM", "W"],
    )

    auto_calibration_factor_enabled = Instrument.control(
        "SENS:CORR:CFAC:AUTO?",
        "SENS:CORR:CFAC:AUTO %d",
        """Control whether the calibration factor follows the frequency (bool).""",
        validator=strict_discrete_set,
        values={True: 1, False: 0},
        map_values=True,
    )

    power = Instrument.measurement("READ?", """Measure the power in the unit that is set (float).""")

    def zero(self) -> None:
        """Start to take what the sensor sees for no power; ``*OPC`` tells when it is done."""
        self.write("CAL:ZERO")


class RFPowerMeterOptions(Options):
    """Options of the microwave power meter as ``rf_power_meter``."""

    #: How many readings of 50 ms are averaged.
    averages: int = Option(default=4, ge=1, le=1024)


class RFPowerMeter(Driver):
    """A microwave power meter that fills the role ``rf_power_meter``, in dBm."""

    role = "rf_power_meter"
    instrument_class = GenericRFPowerMeter
    identity = r"RF power meter"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {"frequency_Hz": (10e6, 40e9)}
    options_model = RFPowerMeterOptions

    #: Time of one reading without averaging, and within how long a zero must have been taken [s].
    READING_S, ZERO_S = 0.05, 60.0

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        return self.options.averages * self.READING_S

    def configure(self) -> None:
        """Answer in dBm, with the label's calibration factors; a zero that was taken is kept."""
        meter = self.instrument
        meter.clear()
        meter.power_unit = "DBM"
        meter.average_count = self.options.averages
        meter.auto_calibration_factor_enabled = True
        self.raise_errors()
        meter.adapter.allow(self.reading_time_s + 2.0)

    def set_frequency(self, frequency_Hz: float) -> None:
        """Tell the sensor's correction the carrier's frequency [Hz]."""
        self.limits.check("frequency_Hz", frequency_Hz)
        self.instrument.frequency = frequency_Hz
        self.raise_errors()

    def zero(self, should_stop: Callable[[], bool] | None = None) -> None:
        """Take what the sensor sees now for no power; the microwave must be off."""
        meter = self.instrument
        meter.ask("*ESR?")  # forgets an earlier end of operation
        meter.zero()
        meter.write("*OPC")
        latest_s = self.clock.now() + self.ZERO_S
        while not int(self.number(meter.ask("*ESR?"), "*ESR?")) & 1:
            if should_stop is not None and should_stop():
                return
            if self.clock.now() > latest_s:
                raise InstrumentError(f"{self.limits.role}: zeroing has not ended within {self.ZERO_S:g} s")
            self.clock.sleep(0.2, should_stop)
        self.raise_errors()

    def read_power(self) -> float:
        """Return the power [dBm].

        Raises
        ------
        InstrumentError
            If the sensor is overloaded, or does not answer.
        """
        try:
            return self.measured(lambda: self.instrument.power, "READ?")
        except InstrumentTimeoutError:
            self.raise_errors()  # an overloaded sensor gives no reading but an error
            raise
