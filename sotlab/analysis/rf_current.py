"""The microwave current in a strip: by the heat that it makes, and two calibrations of it compared.

A strip whose resistance is linear in its temperature has ``1/R = (1 - b <I^2>)/R_0``, whatever makes the mean square of
the current. A fit of 1/R against I_dc^2 and against the set power P gives ``I_peak = K sqrt(P/1 mW)``, ``K = sqrt(2
b_P/b)``. All that lies between source and strip is in K.

References
----------
Tshitoyan et al., Phys. Rev. B 92, 214406 (2015), for the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sotlab.analysis.joint import fit_joint
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["CurrentCalibration", "JouleHeating", "current_ratio", "fit_joule_heating"]

#: With fewer sigmas a current does not heat enough to compare with.
HEATS = 5.0
#: Frequencies that differ by less than this part are one.
SAME_FREQUENCY = 1e-6


@dataclass(frozen=True)
class CurrentCalibration:
    """Peak currents over the square root of the set power.

    Parameters
    ----------
    frequency_Hz : (n,) float
        Frequencies.
    factor_A : (n,) float
        Peak current at 1 mW.
    own_sigma : (n,) float
        What of the relative standard deviation is each frequency's own.
    scale_sigma : float
        Relative standard deviation that all of them share.
    """

    frequency_Hz: np.ndarray
    factor_A: np.ndarray
    own_sigma: np.ndarray
    scale_sigma: float


@dataclass(frozen=True)
class JouleHeating:
    """The result of :func:`fit_joule_heating`.

    Parameters
    ----------
    currents : CurrentCalibration
        K at each frequency; in the scale are the noise of the direct currents' series and what was said of them.
    resistance : Value
        R_0 [ohm].
    heating : Value
        b [1/A**2].
    """

    currents: CurrentCalibration
    resistance: Value
    heating: Value


def fit_joule_heating(
    frequency_Hz: np.ndarray,
    power_mW: np.ndarray,
    current_A: np.ndarray,
    resistance_ohm: np.ndarray,
    *,
    current_sigma: float = 0.0,
) -> JouleHeating:
    """Return the microwave current per root of the power from how both currents heat the strip.

    Parameters
    ----------
    frequency_Hz, power_mW : (n,) float
        Frequency and set power of each reading, in the order of measurement; 0 with the microwave off.
    current_A, resistance_ohm : (n,) float
        Direct current and resistance.
    current_sigma : float
        Relative standard deviation of the direct currents, common to all.

    Raises
    ------
    FitError
        If there are too few readings, or one of the two does not heat, or both do not in the same direction.
    """
    frequency, power, current, resistance = (
        np.asarray(one, float) for one in (frequency_Hz, power_mW, current_A, resistance_ohm)
    )
    found_Hz = np.unique(frequency[frequency > 0])
    if not len(found_Hz):
        raise FitError("rf_current: no reading has the microwave on; calibrate at one frequency or more")
    columns = {"cold": np.ones_like(frequency), "dc": current**2}
    columns |= {f"{f!r}": np.where(frequency == f, power, 0.0) for f in found_Hz.tolist()}
    fit = fit_joint(columns, 1.0 / resistance, who="rf_current")
    heated, sigma = fit["dc"], fit.sigma("dc")
    if abs(heated) < HEATS * sigma:
        raise FitError(
            f"rf_current: a direct current changes the resistance by {abs(heated) / sigma:.1f} sigma only;"
            f" {HEATS:g} are needed: raise current_stop, or repeats"
        )
    ratio = np.array([fit[name] for name in fit.names[2:]]) / heated
    if np.any(ratio <= 0.0):
        where = ", ".join(f"{f / 1e9:g} GHz" for f in found_Hz[ratio <= 0.0])
        raise FitError(f"rf_current: the microwave does not heat at {where}: is the source on the strip?")
    by_slopes = np.hstack([np.full((len(ratio), 1), -1.0 / heated), np.diag(1.0 / (ratio * heated))])
    noise = by_slopes @ fit.covariance[1:, 1:] @ by_slopes.T / 4.0  # d ln K = (d ln b_P - d ln b)/2
    common, own = _common_part(noise)
    cold = fit["cold"]
    return JouleHeating(
        CurrentCalibration(found_Hz, np.sqrt(2.0 * ratio), own, float(np.hypot(common, current_sigma))),
        Value.of(1.0 / cold, fit.sigma("cold") / cold**2, "ohm"),
        Value.of(-heated / cold, sigma / cold, "1/A**2"),
    )


def current_ratio(first: CurrentCalibration, second: CurrentCalibration) -> Value:
    """Return the current by the first calibration over that by the second, a mean over the frequencies of both.

    Each frequency counts by its own sigmas; what all of them share is in the sigma of the mean.

    Raises
    ------
    FitError
        If they have no frequency in common, or neither has a sigma.
    """
    distance = np.abs(first.frequency_Hz[:, None] / second.frequency_Hz - 1.0)
    one, other = np.nonzero(distance < SAME_FREQUENCY)
    if not len(one):
        raise FitError("closure: the two calibrations of the current have no frequency in common")
    own = np.hypot(first.own_sigma[one], second.own_sigma[other])
    shared = float(np.hypot(first.scale_sigma, second.scale_sigma))
    if not (own.any() or shared):
        raise FitError("closure: neither current has a sigma; there is nothing to compare by")
    weight = 1.0 / np.maximum(own, 1e-3 * own.max()) ** 2 if own.any() else np.ones(len(own))
    weight = weight / weight.sum()
    ratio = float(np.exp(np.sum(weight * np.log(first.factor_A[one] / second.factor_A[other]))))
    return Value.of(ratio, ratio * float(np.hypot(shared, np.linalg.norm(weight * own))), "")


def _common_part(covariance: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the standard deviations that all values share and that each has of its own (n,), from a covariance (n, n).

    What one value shares with the others is the mean of all pairs; a single value shares nothing.
    """
    count = len(covariance)
    pairs = covariance.sum() - np.trace(covariance)
    shared = max(pairs / (count * (count - 1)), 0.0) if count > 1 else 0.0
    return float(np.sqrt(shared)), np.sqrt(np.maximum(np.diag(covariance) - shared, 0.0))
