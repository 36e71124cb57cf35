"""Linear least squares for short series, with sigmas that hold when the noise is larger, or slower, than said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from sotlab.analysis.correlated import correlated_covariance

__all__ = ["LinearFit", "fit_linear"]

#: A misfit that chance gives less often than this is taken for real.
CHANCE = 0.01


@dataclass(frozen=True)
class LinearFit:
    """The result of :func:`fit_linear`.

    Parameters
    ----------
    parameters : (P,) float
        Coefficients of the design's rows; NaN where the points do not determine them.
    covariance : (P, P) float
        Their covariance.
    chi2 : float
        Sum of squared residuals over sigma^2; NaN without sigmas.
    freedom : int
        Degrees of freedom.
    flags : tuple of str
        What the reader must know.
    """

    parameters: np.ndarray
    covariance: np.ndarray
    chi2: float
    freedom: int
    flags: tuple[str, ...]


def fit_linear(design: np.ndarray, y: np.ndarray, sigma: np.ndarray | None = None) -> LinearFit:
    """Fit y = parameters @ design, in the order of measurement.

    The sigmas given are taken at their word unless the residuals contradict them: if these are too large by chance,
    or correlated from point to point, the covariance is that of first-order autoregressive noise of the residuals'
    own size.

    Parameters
    ----------
    design : (P, N) float
        Functions at the points.
    y : (N,) float
        Values.
    sigma : (N,) float, optional
        One standard deviation of each; taken from the residuals if not given.
    """
    count, points = design.shape
    s = np.ones(points) if sigma is None else np.asarray(sigma, float)
    rows, z = design / s, np.asarray(y, float) / s
    freedom = points - count
    scale = np.sqrt(np.einsum("pn,pn->p", rows, rows))
    normal = (rows @ rows.T) / np.outer(scale, scale) if (scale > 0).all() else np.zeros((count, count))
    if points < count or np.linalg.eigvalsh(normal)[0] < 1e-6 or (sigma is None and freedom < 1):
        nothing = np.full(count, np.nan)
        return LinearFit(nothing, np.full((count, count), np.nan), np.nan, freedom, ())
    covariance = np.linalg.inv(normal) / np.outer(scale, scale)
    parameters = covariance @ (rows @ z)
    residual = z - parameters @ rows
    chi2 = float(residual @ residual)
    flags: list[str] = []
    if freedom < 4:
        if sigma is None:
            # Few degrees of freedom: the 68 % of Student's t.
            covariance = covariance * (chi2 / freedom * float(stats.t.ppf(0.8413, freedom)) ** 2)
        return LinearFit(parameters, covariance, chi2 if sigma is not None else np.nan, freedom, tuple(flags))
    lag1 = float(residual[1:] @ residual[:-1]) / max(chi2, 1e-300)
    slow = lag1 > 2.33 / np.sqrt(points)
    large = sigma is not None and stats.chi2.sf(chi2, freedom) < CHANCE
    if sigma is None or slow or large:
        noise = correlated_covariance(rows[:, None, :], residual[None], np.ones((1, points)))
        found = noise.covariance[0]
        if sigma is None or float(np.trace(found / covariance)) > count:
            covariance = found
        if large:
            flags.append(f"the points scatter {np.sqrt(chi2 / freedom):.2g} times as much as their sigmas say: widened")
        if slow:
            flags.append(f"residuals are correlated from point to point (lag1 {lag1:.2f}), as by drift: sigmas widened")
    return LinearFit(parameters, covariance, chi2 if sigma is not None else np.nan, freedom, tuple(flags))
