"""Lake Shore 425 gaussmeter, on its USB port, which is a serial one.

Reference: Lake Shore Model 425 User's Manual, chapter 4 (computer interface).
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments.lakeshore import LakeShore425
from pyvisa.constants import Parity

from sotlab.errors import InstrumentError, OverloadError
from sotlab.instruments.field_probe import FieldProbe, FieldProbeOptions

__all__ = ["Gaussmeter"]

#: Full scale of the ranges with a high-sensitivity probe, as PyMeasure names them [G].
RANGES_G = (35, 350, 3500, 35000)
#: A reading this close to the full scale of a fixed range is an overload.
FULL = 0.9999


class GaussmeterOptions(FieldProbeOptions):
    """Options of the 425 as ``gaussmeter``."""

    #: Largest field that is to be read [T]: the range stays; automatic if None.
    range_T: float | None = Option(default=None, gt=0.0, le=3.5)


class Gaussmeter(FieldProbe):
    """A 425 that fills the role ``gaussmeter``, in tesla, dc."""

    instrument_class = LakeShore425
    identity = r"LSCI,MODEL425"
    connection: ClassVar[dict[str, Any]] = {
        "read_termination": "\n",
        "write_termination": "\n",
        "asrl": {"baud_rate": 57600, "data_bits": 7, "parity": Parity.odd},
    }
    harmless: ClassVar[frozenset[str]] = frozenset({"read_field"})
    options_model = GaussmeterOptions

    options: GaussmeterOptions

    @property
    def _range_G(self) -> int | None:
        range_T = self.options.range_T
        return None if range_T is None else next(one for one in RANGES_G if one * 1e-4 >= range_T * (1 - 1e-9))

    def identify(self) -> str:
        """Return the answer to ``*IDN?``."""
        return str(self.instrument.ask("*IDN?")).strip()

    def configure(self) -> None:
        """Make the instrument read dc fields in tesla, and check that it does."""
        self.instrument.unit = "T"
        self.instrument.dc_mode()
        if self._range_G is None:
            self.instrument.auto_range()
        else:
            self.instrument.range = self._range_G
        if self.answered(lambda: self.instrument.unit, "UNIT?") != "T":
            raise InstrumentError(
                f"{self.limits.role}: the gaussmeter does not accept tesla as its unit; check the model"
            )

    def read_probe(self) -> float:
        """Return the field at the probe as the instrument has it [T].

        Raises
        ------
        InstrumentError
            If it is beyond the range: the instrument then shows the full scale, or no number.
        """
        field_T = self.measured(lambda: self.instrument.ask("RDGFIELD?").strip(), "RDGFIELD?")
        full_T = (self._range_G or RANGES_G[-1]) * 1e-4
        if abs(field_T) >= FULL * full_T:
            raise OverloadError(
                f"{self.limits.role}: the field is beyond the range of {full_T:g} T; raise"
                f" [roles.{self.limits.role}.options] range_T in {self.limits.station}"
            )
        return field_T
