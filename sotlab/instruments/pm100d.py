"""Thorlabs PM100D optical power meter.

Reference: PM100D operation manual, SCPI chapter (17654-D02).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments import Instrument
from pymeasure.instruments.thorlabs import ThorlabsPM100USB
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver, Options

__all__ = ["PM100D", "PowerMeter"]

#: What the meter sends for a power beyond its range.
OVERFLOW = 9.9e37
#: Samples that it takes and averages in a second.
SAMPLES_PER_S = 3000.0


class PM100D(ThorlabsPM100USB):
    """Represents the Thorlabs PM100D.

    PyMeasure's PM100USB asks for the sensor while it is opened, and clips a wavelength in silence; here the sensor is
    asked by :meth:`identify_sensor`, and a wavelength that it cannot have is refused.
    """

    def __init__(self, adapter: Any, name: str = "Thorlabs PM100D power meter", **kwargs: Any) -> None:
        Instrument.__init__(self, adapter, name, includeSCPI=False, **kwargs)

    def identify_sensor(self) -> str:
        """Ask which sensor is connected and what it can do, and return its name.

        Raises
        ------
        OSError
            If none is connected.
        """
        self._set_flags()
        return str(self.sensor_name)

    @property
    def wavelength(self) -> float:
        """Control the wavelength for which the reading is corrected in nm (float within the sensor's range)."""
        return self.values("SENS:CORR:WAV?")[0]  # type: ignore[return-value]

    @wavelength.setter
    def wavelength(self, value: float) -> None:
        value = strict_range(value, [self.wavelength_min, self.wavelength_max])
        self.write(f"SENS:CORR:WAV {value:.7g}")

    average_count = Instrument.control(
        "SENS:AVER:COUN?",
        "SENS:AVER:COUN %d",
        """Control how many samples are averaged, 3000 a second (int).""",
        validator=strict_range,
        values=[1, 300_000],
        cast=int,
    )

    auto_range_enabled = Instrument.control(
        "SENS:POW:RANG:AUTO?",
        "SENS:POW:RANG:AUTO %d",
        """Control whether the range is chosen automatically (bool).""",
        validator=strict_discrete_set,
        values={True: 1, False: 0},
        map_values=True,
    )

    power_unit = Instrument.control(
        "SENS:POW:UNIT?",
        "SENS:POW:UNIT %s",
        """Control the unit of readings ('W' or 'DBM').""",
        validator=strict_discrete_set,
        values=["W", "DBM"],
    )

    zeroing = Instrument.measurement(
        "SENS:CORR:COLL:ZERO:STAT?",
        """Get whether zeroing is under way (bool).""",
        values={True: 1, False: 0},
        map_values=True,
    )

    def zero(self) -> None:
        """Start to take what the sensor sees for darkness; :attr:`zeroing` tells when it is done."""
        self.write("SENS:CORR:COLL:ZERO:INIT")


class PowerMeterOptions(Options):
    """Options of the PM100D as ``power_meter``."""

    #: Wavelength of the light [m].
    wavelength_m: float = Option(gt=100e-9, lt=30e-6)
    #: How long a reading averages [s].
    averaging_s: float = Option(default=0.1, ge=1 / SAMPLES_PER_S, le=100.0)


class PowerMeter(Driver):
    """A PM100D that fills the role ``power_meter``, in watt."""

    role = "power_meter"
    instrument_class = PM100D
    identity = r"PM100"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    options_model = PowerMeterOptions

    #: Within how long a zero must have been taken [s].
    ZERO_S = 30.0
    #: Conversion and transfer of a reading [s].
    OVERHEAD_S = 0.01

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        return round(self.options.averaging_s * SAMPLES_PER_S) / SAMPLES_PER_S + self.OVERHEAD_S

    def configure(self) -> None:
        """Set wavelength, averaging, unit and automatic range; a zero that was taken is kept."""
        meter = self.instrument
        try:
            sensor = meter.identify_sensor()
        except (OSError, ValueError, IndexError) as error:
            raise InstrumentError(f"{self.limits.role}: no sensor that is known ({error}); connect one") from error
        if not meter.is_power_sensor:
            raise InstrumentError(f"{self.limits.role}: the sensor {sensor} measures no power; connect one that does")
        if meter.wavelength_settable:
            wavelength_nm = self.options.wavelength_m * 1e9
            low_nm, high_nm = (
                self.measured(lambda: meter.wavelength_min, "SENS:CORR:WAV? MIN"),
                self.measured(lambda: meter.wavelength_max, "SENS:CORR:WAV? MAX"),
            )
            if not low_nm <= wavelength_nm <= high_nm:
                raise InstrumentError(
                    f"{self.limits.role}: wavelength of {wavelength_nm:g} nm asked, the sensor {sensor} takes"
                    f" {low_nm:g} to {high_nm:g} nm; change wavelength_m in {self.limits.station}, or the sensor"
                )
            meter.wavelength = wavelength_nm
        meter.average_count = round(self.options.averaging_s * SAMPLES_PER_S)
        meter.power_unit = "W"
        meter.auto_range_enabled = True
        self.raise_errors()
        meter.adapter.allow(self.reading_time_s + 2.0)

    def zero(self, should_stop: Callable[[], bool] | None = None) -> None:
        """Take what the sensor sees now for no light; the beam must be blocked.

        Raises
        ------
        InstrumentError
            If the meter does not come to an end.
        """
        self.instrument.zero()
        latest_s = self.clock.now() + self.ZERO_S
        while self.answered(lambda: self.instrument.zeroing, "ZERO:STAT?"):
            if should_stop is not None and should_stop():
                return
            if self.clock.now() > latest_s:
                raise InstrumentError(f"{self.limits.role}: zeroing has not ended within {self.ZERO_S:g} s")
            self.clock.sleep(0.1, should_stop)
        self.raise_errors()

    def read_power(self) -> float:
        """Return the power [W].

        Raises
        ------
        InstrumentError
            If it is beyond the sensor's range.
        """
        power_W = self.measured(lambda: self.instrument.power, "MEAS:POW?")
        if abs(power_W) >= OVERFLOW:
            raise InstrumentError(f"{self.limits.role}: the power is beyond the sensor's range; attenuate the beam")
        return power_W
