"""Lake Shore 475 DSP gaussmeter.

Reference: Lake Shore Model 475 User's Manual, chapter 6 (remote operation).
"""

from __future__ import annotations

from typing import Any, ClassVar

from pymeasure.instruments import Instrument
from pymeasure.instruments.validators import strict_discrete_set

from sotlab.errors import InstrumentError
from sotlab.instruments.field_probe import FieldProbe, FieldProbeOptions

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


class GaussmeterOptions(FieldProbeOptions):
    """Options of the 475 as ``gaussmeter``."""


class Gaussmeter(FieldProbe):
    """A 475 that fills the role ``gaussmeter``, in tesla."""

    instrument_class = LakeShore475
    identity = r"LSCI,MODEL475"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\r\n", "write_termination": "\r\n"}
    options_model = GaussmeterOptions

    def configure(self) -> None:
        """Make the instrument answer in tesla, and check that it does."""
        self.instrument.unit = "T"
        if self.answered(lambda: self.instrument.unit, "UNIT?") != "T":
            raise InstrumentError(
                f"{self.limits.role}: the gaussmeter does not accept tesla as its unit; check the model"
            )

    def read_probe(self) -> float:
        """Return the field at the probe as the instrument has it [T]."""
        return self.measured(lambda: self.instrument.field, "RDGFIELD?")
