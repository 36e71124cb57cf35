"""The microwave current in a strip from what a network analyser shows of it.

The strip is a series R and L behind the capacitance of its pads, at the tips of a probe; an arm of cable, switch, bias
tee and probe leads there from plane A, where the power is known. Scattering parameters are for Z0 = 50 ohm and the time
factor exp(+j w t); currents are peak amplitudes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from sotlab.errors import FitError

__all__ = ["StripModel", "current_per_root_power", "current_two_port", "fit_strip"]

Z0_OHM = 50.0


@dataclass(frozen=True)
class StripModel:
    """A strip with its contacts and pads.

    Parameters
    ----------
    resistance_ohm : float
        Of strip and contacts at high frequency.
    inductance_H, pad_F : float
        In series, and to ground before it.
    misfit : float
        Root mean square of what the model leaves of the reflection.
    """

    resistance_ohm: float
    inductance_H: float
    pad_F: float
    misfit: float

    def impedance_ohm(self, frequency_Hz: np.ndarray) -> np.ndarray:
        """Return the impedance of the strip itself, without the pads."""
        return self.resistance_ohm + 2j * np.pi * np.asarray(frequency_Hz, float) * self.inductance_H

    def reflection(self, frequency_Hz: np.ndarray) -> np.ndarray:
        """Return the reflection coefficient at the tips."""
        omega = 2 * np.pi * np.asarray(frequency_Hz, float)
        admittance_S = 1.0 / self.impedance_ohm(frequency_Hz) + 1j * omega * self.pad_F
        return (1.0 - Z0_OHM * admittance_S) / (1.0 + Z0_OHM * admittance_S)


def fit_strip(frequency_Hz: np.ndarray, reflection: np.ndarray) -> StripModel:
    """Fit resistance, inductance and pads to the reflection of a strip that ends the line.

    Parameters
    ----------
    frequency_Hz : (N,) float
        At least three.
    reflection : (N,) complex
        At the tips of the probe.

    Raises
    ------
    FitError
        If the frequencies do not tell the three apart, or what is there is no resistor.
    """
    frequency_Hz, reflection = np.asarray(frequency_Hz, float), np.asarray(reflection, complex)
    if len(frequency_Hz) < 3:
        raise FitError(f"a strip and its pads need the reflection at 3 frequencies or more, not {len(frequency_Hz)}")
    scale = np.array([Z0_OHM, 1e-10, 1e-13])
    admittance_S = (1 - reflection) / (1 + reflection) / Z0_OHM
    start_ohm = 1.0 / np.median(admittance_S.real)
    if not (np.isfinite(start_ohm) and 0.0 < start_ohm < 1e5):
        raise FitError(
            f"the reflection is that of no resistor (1/Re Y = {start_ohm:.3g} ohm): is the probe on the strip?"
        )

    def left(unknown: np.ndarray) -> np.ndarray:
        ohm, henry, farad = (unknown * scale).tolist()
        off = StripModel(ohm, henry, farad, 0.0).reflection(frequency_Hz) - reflection
        return np.concatenate([np.real(off), np.imag(off)])

    found = least_squares(left, np.array([start_ohm, 0.0, 0.0]) / scale, method="lm")
    misfit = float(np.sqrt(np.mean(found.fun**2)))
    resistance_ohm, inductance_H, pad_F = (found.x * scale).tolist()
    if not resistance_ohm > 0.0:
        raise FitError(f"the reflection asks for a resistance of {resistance_ohm:.3g} ohm: is the probe on the strip?")
    return StripModel(resistance_ohm, inductance_H, pad_F, misfit)


def current_per_root_power(
    arm_s21: np.ndarray, arm_s22: np.ndarray, reflection: np.ndarray, impedance_ohm: np.ndarray
) -> np.ndarray:
    """Return the peak current through the strip for a wave of 1 W that arrives at plane A from a matched source.

    ``I = sqrt(2 P Z0) |s21 (1 + G) / (1 - s22 G)| / |Z|``: the wave at the tips makes the voltage ``a (1 + G)`` there,
    and the strip, without its pads, carries that over its impedance. Without an arm and pads it is
    ``sqrt(2 P/Z0) |1 - G|``.

    Parameters
    ----------
    arm_s21, arm_s22 : (N,) complex
        Of the arm from plane A (port 1) to the tips (port 2).
    reflection : (N,) complex
        At the tips.
    impedance_ohm : (N,) complex
        Of the strip without its pads.

    Returns
    -------
    (N,) float
        [A peak per root watt].
    """
    voltage = np.sqrt(Z0_OHM) * arm_s21 * (1.0 + reflection) / (1.0 - arm_s22 * reflection)
    return np.sqrt(2.0) * np.abs(voltage / impedance_ohm)


def current_two_port(power_W: np.ndarray, s11: np.ndarray, s21: np.ndarray, resistance_ohm: float) -> np.ndarray:
    """Return the peak current in a strip between two matched ports, from the power that it takes up.

    ``I = sqrt(2 P (1 - |S11|^2 - |S21|^2) / R)``, with R the strip's resistance at high frequency and the current taken
    to be the same all along it.

    Parameters
    ----------
    power_W : (N,) float
        That arrives at port 1.
    s11, s21 : (N,) complex
        De-embedded to both ends of the strip.
    resistance_ohm : float
        Of the strip, contacts included where they are between the planes.
    """
    absorbed = 1.0 - np.abs(s11) ** 2 - np.abs(s21) ** 2
    return np.sqrt(2.0 * np.asarray(power_W, float) * np.clip(absorbed, 0.0, None) / resistance_ohm)
