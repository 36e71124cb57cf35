"""The microwave on its way from the source to the strip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

__all__ = ["Microwave", "RFPath", "RFState"]

#: Characteristic impedance of the line [ohm].
Z0_OHM = 50.0


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
    """

    frequency_Hz: float = 1e9
    power_dBm: float = -135.0
    on: bool = False
    mean_square: float = 1.0


class RFPath:
    """Cable, bias tee and probe between the source and a strip that ends the line.

    The loss is ``fixed_loss_dB + skin_loss_dB * sqrt(f / 1 GHz)`` (the skin effect of the cable); the source's level
    error is a smooth function of frequency. The line ends in the strip: ``Gamma = (R - Z0)/(R + Z0)`` and the peak
    current is ``I = sqrt(2 P / Z0) |1 - Gamma|``.

    Parameters
    ----------
    fixed_loss_dB, skin_loss_dB : float
        The two parts of the loss [dB], >= 0.
    flatness_dB : float
        Rms of the source's level error over frequency [dB]; 0 for a perfect source.
    stream : numpy.random.Generator
        Draws the level error once.

    References
    ----------
    D. M. Pozar, Microwave Engineering, 4th ed. (Wiley, 2012), sections 2.3 and 2.7.
    """

    #: Periods of the level error over frequency [Hz]: standing waves in tens of centimetres to a metre of line.
    _PERIODS_HZ = np.array([0.35e9, 0.9e9, 2.3e9, 6.1e9])

    def __init__(
        self, fixed_loss_dB: float, skin_loss_dB: float, flatness_dB: float, stream: np.random.Generator
    ) -> None:
        self.fixed_loss_dB = fixed_loss_dB
        self.skin_loss_dB = skin_loss_dB
        self._phases_rad = stream.uniform(0.0, 2 * np.pi, self._PERIODS_HZ.size)
        self._amplitude_dB = flatness_dB * sqrt(2.0 / self._PERIODS_HZ.size)

    def level_error_dB(self, frequency_Hz: float) -> float:
        """Return by how much the source's level is off at this frequency [dB]."""
        return float(self._amplitude_dB * np.sin(2 * np.pi * frequency_Hz / self._PERIODS_HZ + self._phases_rad).sum())

    def loss_dB(self, frequency_Hz: float) -> float:
        """Return the loss between source and strip [dB]."""
        return self.fixed_loss_dB + self.skin_loss_dB * sqrt(frequency_Hz / 1e9)

    def power_at_device_W(self, frequency_Hz: float, power_dBm: float) -> float:
        """Return the power that arrives at the strip [W]."""
        level_dBm = power_dBm + self.level_error_dB(frequency_Hz) - self.loss_dB(frequency_Hz)
        return 1e-3 * 10.0 ** (level_dBm / 10.0)

    def current_A_peak(self, frequency_Hz: float, power_dBm: float, resistance_ohm: float) -> float:
        """Return the peak amplitude of the current in a strip of this resistance [A]."""
        gamma = (resistance_ohm - Z0_OHM) / (resistance_ohm + Z0_OHM)
        return sqrt(2.0 * self.power_at_device_W(frequency_Hz, power_dBm) / Z0_OHM) * abs(1.0 - gamma)


class Microwave:
    """The source's output, and what of it reaches the strip.

    Parameters
    ----------
    path : RFPath
        From source to strip.
    resistance_ohm : float
        Of the strip [ohm].
    """

    def __init__(self, path: RFPath, resistance_ohm: float) -> None:
        self.path = path
        self._resistance_ohm = resistance_ohm
        self.state = RFState()
        self._current_A_peak = 0.0

    def set(self, **changes: float) -> None:
        """Change what the source puts out, at once: the names are those of :class:`RFState`."""
        self.state = replace(self.state, **changes)
        self._current_A_peak = self.current_for(self.state.frequency_Hz, self.state.power_dBm)

    def current_for(self, frequency_Hz: float, power_dBm: float) -> float:
        """Return the peak current in the strip at this setting [A]."""
        return self.path.current_A_peak(frequency_Hz, power_dBm, self._resistance_ohm)

    @property
    def current_A_peak(self) -> float:
        """Peak current in the strip now, without modulation [A]."""
        return self._current_A_peak if self.state.on else 0.0
