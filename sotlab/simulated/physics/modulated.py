"""Waves that are gated into bursts, or whose amplitude is modulated."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from sotlab.simulated.physics.transport import Waveform

__all__ = ["AmplitudeModulated", "Burst"]


@dataclass(frozen=True)
class Burst(Waveform):
    """A wave for some whole cycles at the start of each period; between them it stays at the value of its phase.

    Parameters
    ----------
    burst_s : float
        How long each burst is.
    period_s : float
        From the start of one to that of the next; infinite for a single one.
    """

    burst_s: float = math.inf
    period_s: float = math.inf

    @property
    def _carrier(self) -> Waveform:
        shown = (self.shape, self.amplitude, self.frequency_Hz, self.offset, self.phase_deg, self.duty)
        return Waveform(*shown, points=self.points)

    @property
    def _share(self) -> float:
        """Return how much of the time a burst is on."""
        return 0.0 if math.isinf(self.period_s) else self.burst_s / self.period_s

    @property
    def idle(self) -> float:
        """Return the value between bursts."""
        return self._carrier.value(0.0)

    def _since(self, t_s: float) -> float:
        origin_s = self.start_s if math.isfinite(self.start_s) else 0.0
        since_s = t_s - origin_s
        return since_s if math.isinf(self.period_s) else since_s % self.period_s

    def value(self, t_s: float) -> float:
        """Return the signal at a time."""
        if not self.start_s <= t_s < self.stop_s:
            return 0.0
        since_s = self._since(t_s)
        return self._carrier.value(since_s) if since_s < self.burst_s else self.idle

    def _integral(self, since_s: float) -> float:
        """Return the integral from the start of a period."""
        on_s = min(since_s, self.burst_s)
        return (self._carrier.mean(0.0, on_s) * on_s if on_s > 0.0 else 0.0) + self.idle * (since_s - on_s)

    def mean(self, start_s: float, stop_s: float) -> float:
        """Return the mean over a window, exactly."""
        first_s, last_s = max(start_s, self.start_s), min(stop_s, self.stop_s)
        if last_s <= first_s:
            return 0.0
        total = self._integral(self._since(last_s)) - self._integral(self._since(first_s))
        if math.isfinite(self.period_s):
            turns = round((last_s - first_s - (self._since(last_s) - self._since(first_s))) / self.period_s)
            total += turns * self._integral(self.period_s)
        return total / (stop_s - start_s)

    @property
    def dc(self) -> float:
        """Return the mean over whole periods."""
        return self._share * self._carrier.dc + (1.0 - self._share) * self.idle

    @property
    def rms(self) -> float:
        """Return the rms value over whole periods."""
        return math.sqrt(self._share * self._carrier.rms**2 + (1.0 - self._share) * self.idle**2)

    def harmonic_rms(self, order: int) -> complex:
        """Return the rms phasor of the carrier's harmonic; nothing where the bursts are not in step with it."""
        cycles = order * self.frequency_Hz * self.period_s
        if math.isinf(cycles) or abs(cycles - round(cycles)) > 1e-6:
            return 0j
        return self._share * self._carrier.harmonic_rms(order)


@dataclass(frozen=True)
class AmplitudeModulated(Waveform):
    """A sine whose amplitude is ``A (1 + m sin(2 pi F t)) / 2``: half the one set at no depth, and up to all of it.

    Parameters
    ----------
    depth : float
        m, 0 to 1.2.
    rate_Hz : float
        F.
    """

    depth: float = 0.0
    rate_Hz: float = 1.0

    @property
    def _parts(self) -> tuple[Waveform, ...]:
        """Return carrier and side bands: ``2 sin a sin b = cos(a - b) - cos(a + b)``."""
        half = self.amplitude / 2.0
        carrier = Waveform(
            "sine", half, self.frequency_Hz, self.offset, self.phase_deg, start_s=self.start_s, stop_s=self.stop_s
        )
        side = half * self.depth / 2.0
        bands = replace(carrier, amplitude=side, offset=0.0, phase_deg=self.phase_deg + 90.0)
        lower = replace(bands, frequency_Hz=self.frequency_Hz - self.rate_Hz)
        upper = replace(bands, frequency_Hz=self.frequency_Hz + self.rate_Hz, amplitude=-side)
        return carrier, lower, upper

    def value(self, t_s: float) -> float:
        """Return the signal at a time."""
        return sum(part.value(t_s) for part in self._parts)

    def mean(self, start_s: float, stop_s: float) -> float:
        """Return the mean over a window, exactly."""
        return sum(part.mean(start_s, stop_s) if part.frequency_Hz else part.value(start_s) for part in self._parts)

    @property
    def rms(self) -> float:
        """Return the rms value over a long time."""
        return math.sqrt(self.offset**2 + self.amplitude**2 / 8.0 * (1.0 + self.depth**2 / 2.0))

    @property
    def peak(self) -> float:
        """Return the largest magnitude that the signal reaches."""
        return abs(self.offset) + abs(self.amplitude) / 2.0 * (1.0 + self.depth)

    def harmonic_rms(self, order: int) -> complex:
        """Return the rms phasor of the carrier; its side bands are other frequencies."""
        return self._parts[0].harmonic_rms(order)

    def scaled(self, factor: float) -> AmplitudeModulated:
        """Return the signal times a factor."""
        return replace(self, amplitude=self.amplitude * factor, offset=self.offset * factor)
