"""The signal against the fluence of the pump: exponent and saturation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["FluenceFit", "fit_fluence", "fluence_J_m2"]

#: 2 ln L that saturation must gain over a straight line, to be believed.
SIGNIFICANT = 9.0
CHANCE = 0.01
_STEPS = 30


@dataclass(frozen=True)
class FluenceFit:
    """The result of :func:`fit_fluence`.

    Parameters
    ----------
    exponent : Value
        n of S = a F^n.
    slope : Value
        a of S = a F/(1 + F/F_s), the signal per fluence at small fluence [V m^2/J].
    saturation : Value
        F_s [J/m^2]; None where a straight line describes the data as well.
    lower_limit : float or None
        95 % lower limit of F_s [J/m^2] where it is not determined.
    chi2_red : float or None
        Of the power law.
    flags : tuple of str
        What the reader must know.
    """

    exponent: Value
    slope: Value
    saturation: Value
    lower_limit: float | None
    chi2_red: float | None
    flags: tuple[str, ...]


def fluence_J_m2(power_W: np.ndarray | float, repetition_rate_Hz: float, area_m2: float) -> np.ndarray:
    """Return the fluence F = P/(f_rep A) [J/m^2] of each pulse.

    600 mW at 80 MHz are 7.5 nJ, on (200 um)^2 0.1875 J/m^2 = 18.75 uJ/cm^2. Behind a chopper, P is the power of the
    open beam, not the mean.

    Parameters
    ----------
    power_W : float or (N,) float
        Mean power P on the sample.
    repetition_rate_Hz : float
        Pulses a second.
    area_m2 : float
        Illuminated area.
    """
    if not (repetition_rate_Hz > 0 and area_m2 > 0):
        raise FitError(f"fluence: {repetition_rate_Hz} Hz on {area_m2} m^2 are not possible; both must be positive")
    return np.asarray(power_W, float) / (repetition_rate_Hz * area_m2)


def fit_fluence(
    fluence_J_m2: np.ndarray,
    signal: np.ndarray,
    sigma: np.ndarray,
    *,
    fluence_relative_sigma: float = 0.0,
    unit: str = "V",
) -> FluenceFit:
    """Fit S = a F^n, and S = a F/(1 + F/F_s).

    Not by logarithms: the logarithm of a noisy small signal is biased, and a signal of the wrong sign has none. An
    uncertainty of each power reading enters with the slope of the curve.

    Parameters
    ----------
    fluence_J_m2 : (N,) float
        Fluences [J/m^2].
    signal, sigma : (N,) float
        Signals with their sign, as field ratios or band amplitudes, and one standard deviation of each.
    fluence_relative_sigma : float
        Relative scatter of single power readings. A common error of the scale does not touch the exponent.
    unit : str
        Unit of ``signal``.
    """
    F, S, s = (np.asarray(one, float) for one in (fluence_J_m2, signal, sigma))
    if not (F.ndim == 1 and F.shape == S.shape == s.shape):
        raise FitError(f"fluence: {F.shape} fluences, {S.shape} signals, {s.shape} sigmas; give one of each a point")
    good = np.isfinite(F) & np.isfinite(S) & np.isfinite(s) & (s > 0) & (F > 0)
    F, S, s = F[good], S[good], s[good]
    flags: list[str] = []
    nothing, nothing_a = Value(None, None, ""), Value(None, None, f"{unit}*m**2/J")
    nothing_F = Value(None, None, "J/m**2")
    if len(F) < 3 or F.max() < 1.5 * F.min():
        flags.append(
            f"exponent: not determined: {len(F)} points over a factor {F.max() / F.min() if len(F) else 0:.2g} of"
            " fluence; three over a factor 1.5 are the least"
        )
        return FluenceFit(nothing, nothing_a, nothing_F, None, None, tuple(flags))
    polarity = float(np.sign(np.sum(S * F / s**2))) or 1.0
    F0 = float(np.exp(np.mean(np.log(F))))
    x, y = F / F0, S * polarity
    if np.sum(y * x / s**2) ** 2 < 25 * np.sum(x**2 / s**2):
        flags.append("exponent: not determined: no signal stands out; average more")
        return FluenceFit(nothing, nothing_a, nothing_F, None, None, tuple(flags))

    def law(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value = p[0] * x ** p[1]
        return value, np.stack([x ** p[1], value * np.log(x)])

    def curve(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        below = np.maximum(1 + p[1] * x, 0.05)
        return p[0] * x / below, np.stack([x / below, -p[0] * x**2 / below**2])

    start = float(np.sum(y * x / s**2) / np.sum(x**2 / s**2))
    power, cov_power, chi2 = _fit(law, np.array([start, 1.0]), x, y, s, fluence_relative_sigma)
    bent, cov_bent, chi2_bent = _fit(curve, np.array([start, 0.0]), x, y, s, fluence_relative_sigma)
    freedom = len(F) - 2
    widen = 1.0
    if stats.chi2.sf(min(chi2, chi2_bent), freedom) < CHANCE:
        widen = float(np.sqrt(min(chi2, chi2_bent) / freedom))
        flags.append(f"exponent: the points scatter {widen:.2g} times as much as their sigmas say: widened")
    exponent = Value.of(power[1], float(np.sqrt(cov_power[1, 1])) * widen, "")
    _, _, chi2_line = _fit(lambda p: (p[0] * x, x[None]), np.array([start]), x, y, s, fluence_relative_sigma)
    q, q_sigma = bent[1], float(np.sqrt(cov_bent[1, 1])) * widen
    gained = (chi2_line - chi2_bent) / widen**2
    saturation, limit = nothing_F, None
    if gained > SIGNIFICANT and q > 0:
        saturation = Value.of(F0 / q, F0 * q_sigma / q**2, "J/m**2")
        flags.append(
            f"exponent: the signal saturates (chi2 falls by {gained:.3g} against a straight line): the exponent is an"
            " average over this range"
        )
    else:
        limit = F0 / max(q + 1.645 * q_sigma, 1e-12)
        flags.append(f"saturation: not determined, above {limit:.2g} J/m^2 (95 %); higher fluence would tell")
        if gained > SIGNIFICANT:
            flags.append("saturation: the signal rises faster than the fluence: power meter's zero, or a pump offset?")
    slope = Value.of(polarity * bent[0] / F0, float(np.sqrt(cov_bent[0, 0])) * widen / F0, f"{unit}*m**2/J")
    return FluenceFit(exponent, slope, saturation, limit, chi2 / freedom, tuple(flags))


def _fit(
    model, start: np.ndarray, x: np.ndarray, y: np.ndarray, sigma: np.ndarray, relative: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return parameters, covariance, chi squared, by Gauss-Newton with the effective variance."""
    p = start
    for _ in range(_STEPS):
        value, jacobian = model(p)
        # The slope of all these curves is near S/F: that is all that is needed of it here.
        weight = 1 / (sigma**2 + (relative * value) ** 2)
        inverse = np.linalg.pinv((jacobian * weight) @ jacobian.T)
        step = inverse @ (jacobian @ (weight * (y - value)))
        step[1:] = np.clip(step[1:], -0.5, 0.5)
        p = p + step
        if np.all(np.abs(step) <= 1e-4 * np.sqrt(np.diag(inverse))):  # of a sigma
            break
    value, jacobian = model(p)
    weight = 1 / (sigma**2 + (relative * value) ** 2)
    covariance = np.linalg.pinv((jacobian * weight) @ jacobian.T)
    return p, covariance, float(np.sum(weight * (y - value) ** 2))
