"""A generic beam shutter with SCPI, of our own design: no model of any maker.

A bench that wants to know has a method ``set_shutter(name, is_open)``, called when the blade begins to move.
"""

from __future__ import annotations

from typing import ClassVar

from sotlab.simulated.device import ScpiDevice, query, setting
from sotlab.simulated.scpi import Boolean

__all__ = ["Shutter"]

OWN = "our own generic model"
#: Time in which the blade moves [s].
MOVE_S = 0.03


class Shutter(ScpiDevice):
    """The shutter: closed after power-on and ``*RST``; ``*OPC?`` waits for the blade."""

    model: ClassVar[str] = "beam shutter"

    is_open = setting("SHUTter[:STATe]", Boolean(), default=False, source=OWN)

    def power_on(self) -> None:
        """Begin closed and at rest."""
        self._told = False
        super().power_on()

    @is_open.on_change
    def _move(self) -> None:
        if self.is_open != self._told:
            self._told = self.is_open
            self.start_operation(MOVE_S)
        tell = getattr(self.bench, "set_shutter", None)
        if tell is not None:
            tell(self.name, self.is_open)

    @query("SHUTter:MOVing", source=OWN)
    def moving(self) -> bool:
        """Return whether the blade still moves."""
        return self.lab.clock.now() < self.busy_until
