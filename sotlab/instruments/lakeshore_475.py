"""Lake Shore 475 DSP gaussmeter.

Reference: Lake Shore Model 475 User's Manual, chapter 6 (remote operation).
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments import Instrument
from pymeasure.instruments.validators import strict_discrete_set

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver, Options

__all__ = ["Gaussmeter", "LakeShore475"]


class LakeShore475(Instrument):
    """Represents the Lake Shore 475 DSP gaussmeter."""

    def __init__(self, adapter: Any, name: str = "Lake Shore 475 gaussmeter", **kwargs: Any) -> None:
        super().__init__(adapter, name, includeSCPI=False, **kwargs)

    field = Instrument.measurement("RDGFIELD?", """Get the field in the unit that is set (float).""")

    unit = Instrument.control(
        "UNIT?",
        "UNIT %d",
        """Control the unit of readings, one of 'G', 'T', 'Oe', 'A/m' (str).""",
        validator=strict_discrete_set,
        values={"G": 1, "T": 2, "Oe": 3, "A/m": 4},
        map_values=True,
    )


class GaussmeterOptions(Options):
    """Options of the 475 as ``gaussmeter``."""

    #: Standard uncertainty of the probe's zero [T]: what is left after zeroing it in the zero chamber.
    zero_sigma_T: float = Option(ge=0.0)
    #: Time of one reading [s]: ten a second at full resolution.
    reading_time_s: float = Option(default=0.1, gt=0.0)


class Gaussmeter(Driver):
    """A 475 that fills the role ``gaussmeter``, in tesla."""

    role = "gaussmeter"
    instrument_class = LakeShore475
    identity = r"LSCI,MODEL475"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\r\n", "write_termination": "\r\n"}
    options_model = GaussmeterOptions

    @property
    def zero_sigma_T(self) -> float:
        """Standard uncertainty of the probe's zero [T]."""
        return self.options.zero_sigma_T

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]."""
        return self.options.reading_time_s

    def configure(self) -> None:
        """Make the instrument answer in tesla, and check that it does."""
        self.instrument.unit = "T"
        if self.instrument.unit != "T":
            raise InstrumentError(
                f"{self.limits.role}: the gaussmeter does not accept tesla as its unit; check the model"
            )

    def read_field(self) -> float:
        """Return the field at the probe [T]."""
        return self.number(self.instrument.field, "RDGFIELD?")
