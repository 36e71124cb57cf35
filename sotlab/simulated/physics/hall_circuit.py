"""Current sources in parallel on one strip: what flows, who stands at a limit, and when the strip burns through.

Every source sees the strip alone: its current is what it was told to force, or as much of it as its own limit allows
with the resistance that the strip had then; the currents add. Two real sources at once would see each other's voltage,
too; a second one that is off is disconnected, and nothing is neglected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from sotlab.simulated.physics.transport import OPEN_OHM, Waveform

__all__ = ["Circuit"]

_NOTHING = Waveform("dc", 0.0, 0.0)


@dataclass(frozen=True)
class Source:
    """What one source does: a signal in A or V, and its limit of the other."""

    wave: Waveform
    is_current: bool
    limit: float

    def current_A(self, loop_ohm: float) -> Waveform:
        """Return what it drives through a loop."""
        wave = self.wave if self.is_current else self.wave.scaled(1.0 / loop_ohm)
        most_A = self.limit / loop_ohm if self.is_current else self.limit
        return wave if wave.peak <= most_A else wave.scaled(most_A / wave.peak)

    def is_limited(self, loop_ohm: float, t_s: float) -> bool:
        """Return whether it stands at its limit."""
        if not self.wave.start_s <= t_s < self.wave.stop_s or self.wave.peak == 0.0:
            return False
        asked_A = self.wave.peak if self.is_current else self.wave.peak / loop_ohm
        return self.current_A(loop_ohm).peak < asked_A * (1.0 - 1e-9)


class Circuit:
    """The sources on a strip.

    Parameters
    ----------
    most_A : float
        Current above which the strip burns through, for good [A].
    """

    def __init__(self, most_A: float) -> None:
        self._most_A = most_A
        self._sources: dict[str, Source] = {}
        self.died_s: float | None = None
        self._wave, self._dc_A = _NOTHING, 0.0

    def drive(
        self, name: str, t_s: float, wave: Waveform, limit: float, loop_ohm: float, *, is_current: bool = True
    ) -> None:
        """Let a source force a signal within its limit.

        Parameters
        ----------
        name : str
            Of the source.
        t_s : float
            Bench time [s].
        wave : Waveform
            Current [A], or voltage [V] with ``is_current`` False.
        limit : float
            Of the voltage [V], or of the current [A].
        loop_ohm : float
            Of strip and contacts now [ohm].
        is_current : bool
            Whether it forces a current.
        """
        self._sources[name] = Source(wave, is_current, limit)
        self._add_up(loop_ohm)
        if self.died_s is None and abs(self._dc_A) + self._wave.peak > self._most_A:
            self.died_s = t_s
            self._add_up(loop_ohm)

    def _add_up(self, loop_ohm: float) -> None:
        ohm = loop_ohm if self.died_s is None else OPEN_OHM
        flowing = [source.current_A(ohm) for source in self._sources.values()]
        self._dc_A = sum(wave.offset for wave in flowing if wave.shape == "dc")
        self._wave = next((wave for wave in flowing if wave.shape != "dc"), _NOTHING)

    def current(self, t_s: float) -> Waveform:
        """Return what flows at a time: a wave with all dc currents in its offset [A]."""
        if self._wave.amplitude and self._wave.start_s <= t_s < self._wave.stop_s:
            return replace(self._wave, offset=self._wave.offset + self._dc_A) if self._dc_A else self._wave
        return replace(_NOTHING, offset=self._dc_A)

    def own_current_A(self, name: str, start_s: float, stop_s: float, loop_ohm: float) -> float:
        """Return the mean current of one source over a window [A]."""
        source = self._sources.get(name)
        ohm = loop_ohm if self.died_s is None else OPEN_OHM
        return 0.0 if source is None else source.current_A(ohm).mean(start_s, stop_s)

    def open_voltage_V(self, name: str) -> float:
        """Return what a source shows on a strip that is burnt through: its limit, or the voltage that it forces [V]."""
        source = self._sources.get(name)
        if source is None or source.wave.peak == 0.0:
            return 0.0
        return math.copysign(source.limit, source.wave.offset) if source.is_current else source.wave.offset

    def in_compliance(self, name: str, t_s: float, loop_ohm: float) -> bool:
        """Return whether a source stands at its limit."""
        source = self._sources.get(name)
        return source is not None and source.is_limited(loop_ohm if self.died_s is None else OPEN_OHM, t_s)
