"""The microwave on its way from the source to the strip.

    source - cable - plane A - arm (switch, bias tee, probe) - strip

The source's cable ends at plane A, where the power sensor or the network analyser can take the arm's place. Arm and
strip are those of :class:`sotlab.simulated.physics.network.Network`: what the analyser sees is what the source drives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import pi, sqrt

import numpy as np

from sotlab.simulated.physics.network import Network

__all__ = ["Envelope", "Microwave", "RFPath", "RFState"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)


@dataclass(frozen=True)
class Envelope:
    """What a periodic modulation makes of the carrier's power, in units of the power without it.

    Parameters
    ----------
    shape : {"SINE", "TRI", "SQU", "RAMP", "PULSE"}
        Of the modulating wave w; its phase is 0 at the reference's rising zero crossing. Amplitude modulation makes
        ``(1 + depth w)^2``, w between -1 and +1; pulses make 1 for the share ``duty`` of the period, then 0.
    depth, duty : float
        0 to 1.
    """

    shape: str
    depth: float = 1.0
    duty: float = 0.5

    def power(self, turns: np.ndarray) -> np.ndarray:
        """Return the power at times from 0 to 1, in periods."""
        x = np.asarray(turns)
        if self.shape == "PULSE":
            return (x < self.duty).astype(float)
        wave = {
            "SINE": lambda: np.sin(2 * pi * x),
            "SQU": lambda: np.where(x < 0.5, 1.0, -1.0),
            "TRI": lambda: 1.0 - 4.0 * np.abs((x + 0.25) % 1.0 - 0.5),
            "RAMP": lambda: 2.0 * x - 1.0,
        }[self.shape]()
        return (1.0 + self.depth * wave) ** 2

    def phasor(self, harmonic: int) -> complex:
        """Return the rms phasor of a harmonic, relative to ``sin(2 pi harmonic f t)``: what a lock-in detects.

        With ``c = 2 <power exp(-2 pi i n x)>`` it is ``i c / sqrt(2)``. Square pulses give sqrt(2)/pi = 0.450, sine
        amplitude modulation ``sqrt(2) depth`` at n = 1 whatever the depth.
        """
        return _phasor(self, harmonic)


@lru_cache(maxsize=256)
def _phasor(envelope: Envelope, harmonic: int) -> complex:
    """Integrate by Gauss-Legendre in pieces that are smooth and no longer than a period of the harmonic."""
    edges = np.union1d(np.linspace(0.0, 1.0, 4 * harmonic + 1), [0.25, 0.5, 0.75, envelope.duty])
    half, middle = np.diff(edges)[:, None] / 2, (edges[:-1, None] + edges[1:, None]) / 2
    x = middle + half * _NODES
    total = np.sum(half * _WEIGHTS * envelope.power(x) * np.exp(-2j * pi * harmonic * x))
    return complex(1j * sqrt(2.0) * total)


@dataclass(frozen=True)
class RFState:
    """What the source puts out.

    Attributes
    ----------
    frequency_Hz, power_dBm : float
        Carrier frequency [Hz] and level [dBm] as set.
    on : bool
        Whether the RF output is on.
    mean_square : float
        Mean square of the envelope that a modulation puts on the carrier; 1 without modulation.
    envelope : Envelope or None
        What a periodic modulation does; None without one.
    modulation_Hz : float or None
        Frequency of the signal at the modulation's sync output; None where there is none.
    """

    frequency_Hz: float = 1e9
    power_dBm: float = -135.0
    on: bool = False
    mean_square: float = 1.0
    envelope: Envelope | None = None
    modulation_Hz: float | None = None


class RFPath:
    """The source's cable, and where it and the analyser's lead.

    The loss between source and strip is ``fixed_loss_dB + skin_loss_dB sqrt(f / 1 GHz)`` (the skin effect of the
    cable), the part of it beyond plane A being the network's arm; the source's level error is a smooth function of
    frequency. Source and cable are matched. What the strip reflects and the current it carries are the network's.

    Parameters
    ----------
    fixed_loss_dB, skin_loss_dB : float
        The two parts of the loss from source to strip [dB].
    flatness_dB : float
        Rms of the source's level error over frequency [dB]; 0 for a perfect source.
    drift_dB_per_h : float
        Standard deviation of the rate at which the level drifts, drawn once [dB/h].
    stream : numpy.random.Generator
        Draws the level error and its drift.
    network : Network
        Arm and strip.

    References
    ----------
    D. M. Pozar, Microwave Engineering, 4th ed. (Wiley, 2012), sections 2.3 and 2.7.
    """

    #: Periods of the level error over frequency [Hz]: standing waves in tens of centimetres to a metre of line.
    _PERIODS_HZ = np.array([0.35e9, 0.9e9, 2.3e9, 6.1e9])

    def __init__(
        self,
        fixed_loss_dB: float,
        skin_loss_dB: float,
        flatness_dB: float,
        drift_dB_per_h: float,
        stream: np.random.Generator,
        network: Network,
    ) -> None:
        self.fixed_loss_dB = fixed_loss_dB
        self.skin_loss_dB = skin_loss_dB
        self.network = network
        self._phases_rad = stream.uniform(0.0, 2 * np.pi, self._PERIODS_HZ.size)
        self._amplitude_dB = flatness_dB * sqrt(2.0 / self._PERIODS_HZ.size)
        self.drift_dB_per_s = drift_dB_per_h / 3600.0 * float(stream.standard_normal())
        #: By how much an unlevelled source falls short of its level [dB].
        self.short_dB = 0.0
        self.route("strip", "source")

    def route(self, source_to: str, strip_to: str) -> None:
        """Lead the source to ``strip``, ``sensor`` or nowhere (""), and the strip to ``source``, ``vna`` or nowhere."""
        self.source_to, self.strip_to = source_to, strip_to
        self.network.routed = strip_to == "vna"

    @property
    def on_strip(self) -> bool:
        """Whether the source drives the strip."""
        return self.source_to == "strip" and self.strip_to == "source"

    def level_error_dB(self, frequency_Hz: float) -> float:
        """Return by how much the source's level is off at this frequency [dB]."""
        return float(self._amplitude_dB * np.sin(2 * np.pi * frequency_Hz / self._PERIODS_HZ + self._phases_rad).sum())

    def loss_dB(self, frequency_Hz: float) -> float:
        """Return the loss between source and strip [dB]."""
        return self.fixed_loss_dB + self.skin_loss_dB * sqrt(frequency_Hz / 1e9)

    def power_at_A_W(self, frequency_Hz: float, power_dBm: float) -> float:
        """Return the power that arrives at plane A, before any drift [W]."""
        spec = self.network.spec
        arm_dB = spec.arm_fixed_loss_dB + spec.arm_skin_loss_dB * sqrt(frequency_Hz / 1e9)
        level_dBm = power_dBm + self.level_error_dB(frequency_Hz) - self.short_dB - self.loss_dB(frequency_Hz) + arm_dB
        return 1e-3 * 10.0 ** (level_dBm / 10.0)

    def drift_factor(self, t_s: float) -> float:
        """Return what the level's drift has made of the power."""
        return 10.0 ** (self.drift_dB_per_s * t_s / 10.0) if self.drift_dB_per_s else 1.0

    def current_A_peak(self, frequency_Hz: float, power_dBm: float) -> float:
        """Return the peak current that the source drives through the strip when it leads there [A]."""
        power_W = self.power_at_A_W(frequency_Hz, power_dBm)
        return sqrt(2.0 * power_W) * self.network.current_A_per_rtW(frequency_Hz)


class Microwave:
    """The source's output, and what of it reaches the strip.

    Parameters
    ----------
    path : RFPath
        From source to strip.
    changed : callable
        Called after any change.
    """

    def __init__(self, path: RFPath, changed: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self.state = RFState()
        self._changed = changed
        self._current_A_peak = 0.0

    def set(self, **changes: float | Envelope | None) -> None:
        """Change what the source puts out, at once: the names are those of :class:`RFState`."""
        self.state = replace(self.state, **changes)
        self.refresh()

    def refresh(self) -> None:
        """Find the current anew, after the path has changed."""
        self._current_A_peak = self.current_for(self.state.frequency_Hz, self.state.power_dBm)
        self._changed()

    def current_for(self, frequency_Hz: float, power_dBm: float) -> float:
        """Return the peak current in the strip at this setting, with the source on the strip [A]."""
        return self.path.current_A_peak(frequency_Hz, power_dBm)

    @property
    def unlevelled(self) -> bool:
        """Whether the source fails to reach the level that it is set to."""
        return self.path.short_dB > 0.0

    @property
    def current_A_peak(self) -> float:
        """Peak current in the strip now, without modulation [A]."""
        return self._current_A_peak if self.state.on and self.path.on_strip else 0.0
