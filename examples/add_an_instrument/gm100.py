"""Example Instruments GM100 gaussmeter: the instrument in PyMeasure's style, then the driver that fills a role."""

from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments import Instrument, SCPIMixin
from pymeasure.instruments.validators import strict_range

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Options
from sotlab.instruments.field_probe import FieldProbe

#: What is sent for a field beyond the range.
OVERLOAD = 9.9e37


class GM100(SCPIMixin, Instrument):
    """Represents the GM100: what the manual says, nothing more."""

    def __init__(self, adapter: Any, name: str = "GM100 gaussmeter", **kwargs: Any) -> None:
        super().__init__(adapter, name, **kwargs)

    field = Instrument.measurement("MEAS:FIEL?", """Measure the field in T (float).""")

    average_count = Instrument.control(
        "SENS:AVER:COUN?",
        "SENS:AVER:COUN %d",
        """Control how many conversions of 20 ms are averaged (int from 1 to 100).""",
        validator=strict_range,
        values=[1, 100],
        cast=int,
    )

    range = Instrument.control(
        "SENS:FIEL:RANG?",
        "SENS:FIEL:RANG %g",
        """Control the largest field in T that can be read (float from 0.1 to 1).""",
        validator=strict_range,
        values=[0.1, 1.0],
    )


class GaussmeterOptions(Options):
    """What the station file may say under ``[roles.gaussmeter.options]``; anything else is an error."""

    #: Standard uncertainty of the probe's zero [T].
    zero_sigma_T: float = Option(ge=0.0)
    #: Conversions that are averaged.
    averages: int = Option(default=5, ge=1, le=100)
    #: Largest field [T].
    range_T: float = Option(default=1.0, ge=0.1, le=1.0)


class Gaussmeter(FieldProbe):
    """A GM100 that fills the role ``gaussmeter``."""

    instrument_class = GM100
    identity = r"Example Instruments,GM100"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    options_model = GaussmeterOptions

    def configure(self) -> None:
        """Set what the readings rely on, then ask whether the instrument minded."""
        self.instrument.average_count = self.options.averages
        self.instrument.range = self.options.range_T
        self.raise_errors()
        self.instrument.adapter.allow(self.reading_time_s + 2.0)

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        return 0.02 * self.options.averages

    def read_probe(self) -> float:
        """Return the field at the probe [T]; a reading beyond the range is an error, never a point."""
        field_T = self.measured(lambda: self.instrument.field, "MEAS:FIEL?")
        if abs(field_T) >= OVERLOAD:
            raise InstrumentError(
                f"{self.limits.role}: beyond the {self.options.range_T:g} T range; raise range_T in"
                f" {self.limits.station}"
            )
        return field_T
