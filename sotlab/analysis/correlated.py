"""Uncertainties of a least-squares fit whose residuals are correlated in the order of measurement.

The noise is taken to be a first-order autoregression, cov(e_i, e_j) = s^2 rho^|i-j|, or where points further apart are
less alike than that, as behind a filter of up to four poles (:mod:`sotlab.analysis.filtered_noise`). The estimate stays
the ordinary least-squares one; its covariance is the sandwich (J'J)^-1 J' R J (J'J)^-1 s^2. The fit takes part of the
noise with it, and more of slow noise, so that the residuals look whiter and smaller than the noise: their expected
autocorrelation is computed for a table of rho, with the fit's own projector, and read backwards.

References
----------
Cochrane and Orcutt, J. Am. Stat. Assoc. 44, 32 (1949); Newey and West, Econometrica 55, 703 (1987), for the sandwich.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from scipy import fft

from sotlab.analysis.filtered_noise import FILTERED_RHO, filter_correlation, filter_densities
from sotlab.analysis.rows import row_products

__all__ = ["CorrelatedNoise", "correlated_covariance"]

#: The table of rho; beyond its ends the end is taken.
_RHO = np.array([-0.9, -0.7, -0.5, -0.35, -0.2, -0.1, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.97])
#: Above this rho it is asked whether the noise has passed a filter of several poles, if so many points can tell.
SLOW, ENOUGH = 0.2, 50
#: How far apart residuals tell which: behind several poles noise forgets faster.
FURTHER = (2, 3)
#: How much the two must differ, in squares of what autocorrelations of white noise scatter by.
SCATTER = 3.0
#: Zeros appended for the Fourier transform, so that the noise does not correlate around the ends.
_PADDING = 48


@dataclass(frozen=True)
class CorrelatedNoise:
    """The noise under a fit, and the covariance that it gives the parameters; one entry a spectrum.

    Parameters
    ----------
    covariance : (K, P, P) float
        Covariance of the parameters.
    sigma : (K,) float
        Standard deviation of the noise.
    rho : (K,) float
        Lag-1 autocorrelation of the noise.
    lag1 : (K,) float
        Lag-1 autocorrelation of the residuals as they are: smaller, since the fit follows slow noise.
    freedom : (K,) float
        Degrees of freedom left to estimate sigma from, at least 1: few where the noise is slow.
    filtered : (K,) float
        How much of it is noise behind four poles, 0 to 1.
    """

    covariance: np.ndarray
    sigma: np.ndarray
    rho: np.ndarray
    lag1: np.ndarray
    freedom: np.ndarray
    filtered: np.ndarray


def correlated_covariance(
    jacobian: np.ndarray, residual: np.ndarray, mask: np.ndarray, *, poles: int = 4
) -> CorrelatedNoise:
    """Return the covariance of fitted parameters under noise behind a filter of one to four poles.

    Parameters
    ----------
    jacobian : (P, K, N) float
        Derivatives of the model, in the order of measurement; 0 at gaps.
    residual : (K, N) float
        Data minus model; 0 at gaps.
    mask : (K, N) float
        1 for a point that counts, 0 for a gap.
    poles : int
        1 for first-order autoregressive noise, which forgets slowest; else it may be of up to four.
    """
    points = mask.sum(axis=1)
    pairs = row_products(mask[:, 1:], mask[:, :-1])
    rss = np.maximum(row_products(residual, residual), 1e-300)
    lag1 = row_products(residual[:, 1:], residual[:, :-1]) / rss

    to_orthonormal = _whitener(jacobian)
    # Single precision is ample for a correction. Real and imaginary parts stand side by side, as two real columns.
    functions = jacobian.astype(np.float32).transpose(1, 0, 2)
    length = cast("int", fft.next_fast_len(mask.shape[1] + _PADDING, real=True))
    basis = to_orthonormal.astype(np.float32) @ functions
    spectrum = np.asarray(fft.rfft(basis, length)).view(np.float32)
    cosine, weight, table = _frequencies(length)

    own = np.einsum("kpf,kpf->kf", spectrum, spectrum)
    # Expected products of residuals 0 and 1 apart, for each rho of the table: tr(MR) and tr(SMRM) with M = 1 - QQ'
    # and S the shift; to the order of (spacing/width)^2 the fit's own functions stay among themselves when shifted,
    # SQQ' = QQ'S, which leaves tr(SR) - tr(Q'SRQ).
    lost = own @ table
    squares = np.maximum(points[:, None] - lost[:, : len(_RHO)], 0.02 * points[:, None])
    products = pairs[:, None] * _RHO - lost[:, len(_RHO) :]
    rho = _invert(_RHO, products / squares, lag1)

    density = _density(cosine, rho)
    squared = points * (1 + 2 * rho**2 / (1 - rho**2)) - 2 * rho**2 / (1 - rho**2) ** 2  # tr(RR)
    filtered, slow = np.zeros(len(rho)), np.flatnonzero((rho > SLOW) & (points >= ENOUGH))
    if len(slow) and poles > 1:
        gaps = mask[slow], residual[slow]
        further, alike = (np.stack([row_products(x[:, d:], x[:, :-d]) for d in FURTHER]) for x in gaps)
        counts, lags = (points[slow], pairs[slow], further), (lag1[slow], alike / rss[slow])
        found = _behind_a_filter(own[slow], counts, lags, rho[slow], density[slow], length)
        rho[slow], density[slow], filtered[slow] = found
        squared[slow] = points[slow] * (density[slow] ** 2 @ weight) / weight.sum()
    spectrum *= np.sqrt(weight * density).astype(np.float32)[:, None, :]
    inner = (spectrum @ spectrum.transpose(0, 2, 1)).astype(float)  # Q R Q'
    left = np.maximum(points - np.trace(inner, axis1=1, axis2=2), 0.02 * points)
    noise2 = rss / left
    # Satterthwaite: the residuals' sum of squares varies as that of tr(MR)^2/tr(MRMR) independent ones would.
    spread = squared + np.einsum("kpq,kpq->k", inner, inner) - 2 * row_products(own, weight * density**2)
    freedom = np.maximum(left**2 / np.maximum(spread, left), 1.0)
    # Noise and rho are themselves estimates: var(rho) = (1 - rho^2)/N moves ln (1 + rho)/(1 - rho), to which variances
    # are proportional; behind four poles half as much, ln S(0) by 1/2(1 - rho). Student's t of so many degrees of
    # freedom has its 68 % wider by 1/2 of their inverse.
    known = 1 / freedom + 2 * (1 - 0.75 * filtered) / (points * (1 - rho**2))
    scale = noise2 * (1 + np.minimum(known, 1.0) / 2) ** 2
    covariance = scale[:, None, None] * (to_orthonormal.transpose(0, 2, 1) @ inner @ to_orthonormal)
    return CorrelatedNoise(covariance, np.sqrt(noise2), rho, lag1, freedom, filtered)


@lru_cache(maxsize=8)
def _frequencies(length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cosine and weight of each frequency of a real transform, twice over: as real and imaginary part.

    And what each weighs in an expected product of residuals 0 and 1 apart (frequencies, 2 x table).
    """
    cosine = np.cos(2 * np.pi * np.arange(length // 2 + 1) / length)
    weight = np.full(len(cosine), 2.0 / length)
    weight[0] = 1.0 / length
    if length % 2 == 0:
        weight[-1] = 1.0 / length
    cosine, weight = np.repeat(cosine, 2), np.repeat(weight, 2)
    table = weight[:, None] * _density(cosine, _RHO).T
    return cosine, weight, np.hstack([table, cosine[:, None] * table]).astype(np.float32)


def _behind_a_filter(
    own: np.ndarray,
    counts: tuple[np.ndarray, ...],
    lags: tuple[np.ndarray, np.ndarray],
    rho: np.ndarray,
    density: np.ndarray,
    length: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rho (K,) and density (K, F) of noise between that of one pole, which are given, and that of four.

    And how much of it is that of four (K,), 0 to 1.

    ``counts`` are points, pairs of neighbours and pairs ``FURTHER`` apart, ``lags`` the residuals' autocorrelations.
    """
    cosine, weight, _ = _frequencies(length)
    points, pairs, further = counts
    table = np.repeat(filter_densities(length), 2, axis=1)
    lost = (own * weight) @ np.vstack([table, cosine * table]).T
    squares = np.maximum(points[:, None] - lost[:, : len(table)], 0.02 * points[:, None])
    rho_4 = _invert(FILTERED_RHO, (pairs[:, None] * FILTERED_RHO - lost[:, len(table) :]) / squares, lags[0])
    upper = np.minimum(np.maximum(np.searchsorted(FILTERED_RHO, rho_4), 1), len(table) - 1)
    part = ((rho_4 - FILTERED_RHO[upper - 1]) / (FILTERED_RHO[upper] - FILTERED_RHO[upper - 1]))[:, None]
    density_4 = (1 - part) * table[upper - 1] + part * table[upper]

    apart = np.array(FURTHER, float)
    waves = np.cos(np.arccos(np.clip(cosine, -1.0, 1.0))[:, None] * apart)

    def expected(correlation: np.ndarray, of: np.ndarray) -> np.ndarray:
        """Return the autocorrelations (lags, K) of residuals of such noise (K, lags)."""
        taken = own * weight * of
        left = np.maximum(points - taken.sum(axis=1), 0.02 * points)
        return (further * correlation.T - (taken @ waves).T) / left

    one, four = expected(rho[:, None] ** apart, density), expected(filter_correlation(rho_4, apart), density_4)
    unlike = one - four
    # Where the two differ by no more than the autocorrelations of fast noise scatter, one pole is the safe choice.
    safe = SCATTER * (1 - rho) / points
    mixed = np.sum(unlike * (one - lags[1]), axis=0) / (np.sum(unlike**2, axis=0) + safe)
    mixed = np.minimum(np.maximum(mixed, 0.0), 1.0)
    part = mixed[:, None]
    return (1 - mixed) * rho + mixed * rho_4, (1 - part) * density + part * density_4, mixed


def _whitener(jacobian: np.ndarray) -> np.ndarray:
    """Return T (K, P, P) for which the rows of T J are orthonormal."""
    gram = jacobian.transpose(1, 0, 2) @ jacobian.transpose(1, 2, 0)
    scale = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    scale = np.where(scale > 1e-30, scale, 1.0)  # no line at all has no derivative by its centre
    gram /= scale[:, :, None] * scale[:, None, :]
    # A parameter that the data hardly hold must not stop the others: it gets a large sigma instead.
    np.einsum("kpp->kp", gram)[...] += 1e-10
    return np.linalg.inv(np.linalg.cholesky(gram)) / scale[:, None, :]


def _density(cosine: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """Return the spectral density (len(rho), F) of a first-order autoregression of unit variance."""
    rho = rho[:, None]
    return (1 - rho**2) / (1 - 2 * rho * cosine + rho**2)


def _invert(x: np.ndarray, y: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where each row of the rising curves y (K, T) over x (T,) reaches ``wanted`` (K,), by straight lines."""
    y = np.maximum.accumulate(y, axis=1)
    upper = np.minimum(np.maximum((y < wanted[:, None]).sum(axis=1), 1), len(x) - 1)
    rows = np.arange(len(y))
    y0, y1 = y[rows, upper - 1], y[rows, upper]
    part = np.minimum(np.maximum((wanted - y0) / np.maximum(y1 - y0, 1e-12), 0.0), 1.0)
    x0 = x[upper - 1]
    return x0 + part * (x[upper] - x0)
