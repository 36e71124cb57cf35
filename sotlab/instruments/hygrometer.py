"""A hygrometer with SCPI: the generic one of the virtual lab, and a pattern for a real one."""

from __future__ import annotations

from typing import Any, ClassVar

from pymeasure.instruments import Instrument, SCPIMixin

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver

__all__ = ["Humidity", "Hygrometer"]


class Hygrometer(SCPIMixin, Instrument):
    """Represents the hygrometer."""

    def __init__(self, adapter: Any, name: str = "hygrometer", **kwargs: Any) -> None:
        super().__init__(adapter, name, **kwargs)

    humidity = Instrument.measurement("MEAS:HUM?", """Measure the relative humidity in percent (float).""")

    temperature = Instrument.measurement("MEAS:TEMP?", """Measure the temperature of the air in deg C (float).""")


class Humidity(Driver):
    """A hygrometer that fills the role ``humidity``."""

    role = "humidity"
    instrument_class = Hygrometer
    identity = r"hygrometer"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    harmless = frozenset({"read_humidity", "read_air_temperature"})

    def read_humidity(self) -> float:
        """Return the relative humidity, 0 to 1.

        Raises
        ------
        InstrumentError
            If the sensor shows what no air can have.
        """
        percent = self.measured(lambda: self.instrument.humidity, "MEAS:HUM?")
        if not 0.0 <= percent <= 100.0:
            raise InstrumentError(
                f"{self.limits.role}: the sensor shows {percent:g} %, which is no humidity; is it connected?"
            )
        return percent / 100.0

    def read_air_temperature(self) -> float:
        """Return the temperature of the air [K]."""
        return self.measured(lambda: self.instrument.temperature, "MEAS:TEMP?") + 273.15
