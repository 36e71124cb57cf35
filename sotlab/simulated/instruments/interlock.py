"""A generic digital interlock input with SCPI, of our own design: no model of any maker.

Wired to ``bench.interlock_closed(line)``, True while the contact of line 1 to 4 is closed (door shut, water flows).
A contact that was found open stays noted until it is cleared, so that a short opening between two questions is kept
if the bench reports it by ``bench.interlock_opened(line, since_s)``; a bench without that is asked when queried.
"""

from __future__ import annotations

from typing import ClassVar

from sotlab.simulated.device import ScpiDevice, command, query

__all__ = ["Interlock"]

OWN = "our own generic model"
LINES = range(1, 5)


class Interlock(ScpiDevice):
    """Four inputs; 1 is closed, which is safe."""

    model: ClassVar[str] = "interlock input"

    def power_on(self) -> None:
        """Begin with nothing noted."""
        self._noted, self._since_s = 0, self.lab.clock.now()
        super().power_on()

    def _look(self, line: int) -> bool:
        closed = bool(self.bench.interlock_closed(line))
        opened = getattr(self.bench, "interlock_opened", None)
        if not closed or (opened is not None and opened(line, self._since_s)):
            self._noted |= 1 << (line - 1)
        return closed

    @query("INPut#:STATe", source=OWN, suffixes=LINES)
    def state(self, line: int) -> bool:
        """Return whether a contact is closed now."""
        return self._look(line)

    @query("INPut:ALL", source=OWN)
    def closed(self) -> int:
        """Return the closed contacts as a bit pattern, line 1 in bit 0."""
        return sum(self._look(line) << (line - 1) for line in LINES)

    @query("INPut:EVENt", source=OWN)
    def event(self) -> int:
        """Return the contacts that were open since the last clear, as a bit pattern."""
        self.closed()
        return self._noted

    @command("INPut:EVENt:CLEar", source=OWN)
    def clear_event(self) -> None:
        """Forget what was open."""
        self._noted, self._since_s = 0, self.lab.clock.now()
