"""The microwave current in a strip from what a network analyser shows of it, and whether two ways to it agree.

The strip is a series R and L behind the capacitance of its pads, at the tips of a probe; an arm of cable, switch, bias
tee and probe leads there from plane A, where the power is known. Scattering parameters are for Z0 = 50 ohm and the time
factor exp(+j w t); currents are peak amplitudes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from sotlab.errors import FitError

__all__ = [
    "Closure",
    "StripModel",
    "compare_currents",
    "current_per_root_power",
    "current_two_port",
    "fit_strip",
]

Z0_OHM = 50.0

#: Beyond so many sigmas two calibrations are said to disagree: 5 % of honest pairs do.
ALARM = 1.96


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


@dataclass(frozen=True)
class Closure:
    """Whether two calibrations of the current agree.

    Parameters
    ----------
    difference_dB, sigma_dB : float
        The mean difference, first less second, and its standard deviation.
    """

    difference_dB: float
    sigma_dB: float

    @property
    def pull(self) -> float:
        """The difference over its standard deviation."""
        return self.difference_dB / self.sigma_dB

    @property
    def alarms(self) -> bool:
        """Whether they disagree: 5 % of honest pairs do."""
        return abs(self.pull) > ALARM


def compare_currents(
    first_A: np.ndarray, first_sigma_A: np.ndarray, second_A: np.ndarray, second_sigma_A: np.ndarray
) -> Closure:
    """Return how two calibrations of the current in one strip differ, over the frequencies that both have.

    A wrong level, cable, connector or contact is wrong at all frequencies alike, so the sigmas are taken to be common
    to all of them; what is independent in them makes the test the more cautious.

    Parameters
    ----------
    first_A, second_A : (N,) float
        Current at the same settings.
    first_sigma_A, second_sigma_A : (N,) float
        Their standard deviations.
    """
    per_dB = 20.0 / np.log(10.0)
    difference_dB = per_dB * np.log(np.asarray(first_A, float) / np.asarray(second_A, float))
    relative = np.hypot(
        np.asarray(first_sigma_A, float) / np.asarray(first_A, float),
        np.asarray(second_sigma_A, float) / np.asarray(second_A, float),
    )
    return Closure(float(np.mean(difference_dB)), float(per_dB * np.sqrt(np.mean(relative**2))))
