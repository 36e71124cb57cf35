"""A generic motorised optical attenuator with SCPI, of our own design: no model of any maker.

A wheel sets the attenuation from 0 to 40 dB and moves at 10 dB/s. A bench that wants to know has a method
``set_attenuation(name, start_dB, stop_dB, start_s, speed_dB_per_s)``: from ``start_s`` on the wheel moves straight to
``stop_dB``.
"""

from __future__ import annotations

import math
from typing import ClassVar

from sotlab.simulated.device import ScpiDevice, command, query, setting

__all__ = ["Attenuator"]

OWN = "our own generic model"
SPEED_DB_PER_S, MOST_DB = 10.0, 40.0


class Attenuator(ScpiDevice):
    """The wheel: at most attenuation after power-on, and it goes there on ``*RST``; ``*OPC?`` waits for it."""

    model: ClassVar[str] = "motorised attenuator"

    target = setting("ATTenuation", unit="DB", default=MOST_DB, minimum=0.0, maximum=MOST_DB, source=OWN)

    def power_on(self) -> None:
        """Begin at the most attenuation, at rest."""
        self._start_dB = self._stop_dB = MOST_DB
        self._start_s = self.lab.clock.now()
        super().power_on()

    def position_dB(self) -> float:
        """Return where the wheel is [dB]."""
        travelled_dB = min(SPEED_DB_PER_S * (self.lab.clock.now() - self._start_s), abs(self._stop_dB - self._start_dB))
        return self._start_dB + math.copysign(travelled_dB, self._stop_dB - self._start_dB)

    def _go(self, stop_dB: float) -> None:
        self._start_dB, self._stop_dB, self._start_s = self.position_dB(), stop_dB, self.lab.clock.now()
        self.busy_until = self._start_s + abs(self._stop_dB - self._start_dB) / SPEED_DB_PER_S
        tell = getattr(self.bench, "set_attenuation", None)
        if tell is not None:
            tell(self.name, self._start_dB, self._stop_dB, self._start_s, SPEED_DB_PER_S)

    @target.on_change
    def _move(self) -> None:
        self._go(self.target)

    @command("ATTenuation:STOP", source=OWN)
    def stop(self) -> None:
        """Stop where the wheel is."""
        self.before_change()
        self._go(self.position_dB())
        self.target = self._stop_dB

    @query("ATTenuation:POSition", source=OWN)
    def position(self) -> str:
        """Return where the wheel is [dB]."""
        return f"{self.position_dB():.6E}"

    @query("ATTenuation:MOVing", source=OWN)
    def moving(self) -> bool:
        """Return whether the wheel still moves."""
        return self.lab.clock.now() < self.busy_until
