"""A digital interlock input that speaks SCPI: contacts of doors, water, helium level. No model of any maker.

Four contacts, closed is safe. ``INPut:EVENt?`` answers which were open since the last ``INPut:EVENt:CLEar``, as a bit
pattern with line 1 in bit 0, so that one which opens between two questions is not missed.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field as Option
from pydantic import field_validator
from pymeasure.instruments import Instrument, SCPIMixin

from sotlab.instruments.driver import Driver, Options

__all__ = ["DigitalInterlock", "InterlockInput"]

LINES = range(1, 5)


class InterlockInput(SCPIMixin, Instrument):
    """Represents a digital input with four contacts."""

    def __init__(self, adapter: Any, name: str = "Interlock input", **kwargs: Any) -> None:
        super().__init__(adapter, name, **kwargs)

    closed = Instrument.measurement(
        "INP:ALL?", """Get the contacts that are closed now as a bit pattern, line 1 in bit 0 (int).""", cast=int
    )

    opened = Instrument.measurement(
        "INP:EVEN?",
        """Get the contacts that were open since the last :meth:`clear_opened` as a bit pattern (int).""",
        cast=int,
    )

    def clear_opened(self) -> None:
        """Forget which contacts were open; what is open now is noted again."""
        self.write("INP:EVEN:CLE")


class DigitalInterlockOptions(Options):
    """Options of the interlock input."""

    #: What the contacts are, by their line: {1 = "door", 2 = "cooling water"}; those without a name are not looked at.
    lines: dict[int, str] = Option(min_length=1)

    @field_validator("lines")
    @classmethod
    def _are_there(cls, lines: dict[int, str]) -> dict[int, str]:
        if wrong := sorted(set(lines) - set(LINES)):
            raise ValueError(f"there is no line {wrong[0]}, only 1 to {LINES[-1]}")
        return lines


class DigitalInterlock(Driver):
    """A digital input that fills the role ``interlock``."""

    role = "interlock"
    instrument_class = InterlockInput
    identity = r"interlock"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    options_model = DigitalInterlockOptions

    harmless = frozenset({"open_lines"})

    options: DigitalInterlockOptions

    def configure(self) -> None:
        """Forget what was open before; what is open now is found again."""
        self.instrument.clear()
        self.instrument.clear_opened()
        self.raise_errors()

    def open_lines(self) -> list[str]:
        """Return the names of the contacts that are open now, or have been since they were asked last."""
        pattern = int(self.number(self.instrument.opened, "INP:EVEN?"))
        if pattern:  # after the answer has come: a lost one loses nothing, and what opens meanwhile stays noted
            self.instrument.clear_opened()
        return [name for line, name in sorted(self.options.lines.items()) if pattern & 1 << (line - 1)]
