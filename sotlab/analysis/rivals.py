"""What else could explain a spectrum in which a line was fitted: a smooth step, a polynomial, nothing but drift.

All are compared by the deviance (-2 ln likelihood) of their residuals as first-order autoregressive noise, so that a
drift is not taken for structure, nor structure for drift.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial import legendre
from scipy.special import erf

from sotlab.analysis.rows import row_products
from sotlab.analysis.varpro import Spectra, gathered_step_rss

__all__ = ["deviance", "deviance_of", "polynomial_residual", "step_deviance"]

#: Rises from -1 to 1 and the slopes of them. A domain wall, an amplifier's recovery and a smeared edge look like these.
_RISES: tuple[tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]], ...] = (
    (np.tanh, lambda x: 1 / np.cosh(np.clip(x, -300, 300)) ** 2),
    (lambda x: 2 / np.pi * np.arctan(x), lambda x: 2 / np.pi / (1 + x * x)),
    (erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-np.minimum(x * x, 700))),
)
_STEPS = 25


def deviance(residual: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return -2 ln likelihood (K,) of residuals (K, N) under first-order autoregressive noise, up to a constant.

    The factor is points - 8 in place of points: it makes up for what a fit of six or seven parameters takes off.
    """
    rss = np.maximum(row_products(residual, residual), 1e-28 * points)
    lag1 = row_products(residual[:, 1:], residual[:, :-1]) / rss
    return deviance_of(rss, lag1, points)


def deviance_of(rss: np.ndarray, lag1: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the same from the residuals' sum of squares and lag-1 autocorrelation (K,)."""
    return (points - 8) * np.log(rss * np.maximum(1 - lag1**2, 1e-9))


def polynomial_residual(spectra: Spectra) -> np.ndarray:
    """Return what a polynomial with six parameters leaves (K, N)."""
    basis = np.moveaxis(legendre.legvander(spectra.u, 5), 2, 1) * spectra.mask[:, None]
    gram = basis @ basis.transpose(0, 2, 1)
    gram += 1e-9 * np.einsum("kpp->k", gram)[:, None, None] * np.eye(6)
    on = np.einsum("kpn,kn->kp", basis, spectra.y)
    return spectra.y - np.einsum("kpn,kp->kn", basis, np.linalg.solve(gram, on[:, :, None])[:, :, 0])


def step_deviance(spectra: Spectra, line_rss: np.ndarray, misfit: np.ndarray) -> np.ndarray:
    """Return the deviance (K,) of the best smooth step on a straight baseline.

    Infinite where no step can come near: where the best step of a grid leaves half more than the line does,
    ``line_rss`` (K,), and more of all there is than the coarseness of the grid accounts for; that is doubled and more
    for a line that misfits, ``misfit`` (K,) bool.
    """
    total = spectra.total
    rss, b0, w = gathered_step_rss(spectra)
    best = np.full(len(total), np.inf)
    near = np.flatnonzero((rss < 1.5 * line_rss) | (rss < total / np.where(misfit, 12, 30)))
    if len(near):
        chosen = spectra.take(near)
        points = chosen.points
        for rise, slope in _RISES:
            residual = _step_residual(chosen, b0[near], w[near], rise, slope)
            best[near] = np.minimum(best[near], deviance(residual, points))
    return best


def _step_residual(
    spectra: Spectra,
    b0: np.ndarray,
    w: np.ndarray,
    rise: Callable[[np.ndarray], np.ndarray],
    slope: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return what the best step leaves (K, N), from a start (b0, w); variable projection with Marquardt's damping."""

    def evaluated(b0: np.ndarray, w: np.ndarray) -> list[np.ndarray]:
        """Return residual, the derivatives by b0 and w over -height/w without the linear part, and the height."""
        x = (spectra.u - b0[:, None]) / w[:, None]
        shape = _free(spectra, rise(x) * spectra.mask)
        size = np.sqrt(row_products(shape, shape) + 1e-300)
        shape /= size[:, None]
        on_y = row_products(shape, spectra.y)
        edge = slope(x) * spectra.mask
        rows = [_free(spectra, row) for row in (edge, edge * x)]
        rows = [row - shape * row_products(shape, row)[:, None] for row in rows]
        return [spectra.y - on_y[:, None] * shape, *rows, on_y / size]

    state = evaluated(b0, w)
    damping = np.full(len(b0), 1e-3)
    for _ in range(_STEPS):
        residual, by_b0, by_w, height = state
        aa, ab, bb = row_products(by_b0, by_b0), row_products(by_b0, by_w), row_products(by_w, by_w)
        ay, by = row_products(by_b0, residual), row_products(by_w, residual)
        aa, bb = aa * (1 + damping), bb * (1 + damping)
        norm = np.maximum(aa * bb - ab * ab, 1e-12 * aa * bb) + 1e-200
        scale = -w / np.where(height == 0, np.inf, height)
        new_b0 = np.clip(b0 + np.clip(scale * (bb * ay - ab * by) / norm, -w, w), -1.5, 1.5)
        new_w = np.clip(w + np.clip(scale * (aa * by - ab * ay) / norm, -0.6 * w, 1.5 * w), 1e-3, 3)
        trial = evaluated(new_b0, new_w)
        gained = 1 - row_products(trial[0], trial[0]) / (row_products(residual, residual) + 1e-300)
        better = gained > 0
        b0, w = np.where(better, new_b0, b0), np.where(better, new_w, w)
        state = [
            np.where(better if one.ndim == 1 else better[:, None], one, old)
            for one, old in zip(trial, state, strict=True)
        ]
        damping = np.where(better, damping / 5, damping * 5)
        if not ((gained > 1e-4) | (~better & (damping < 1))).any():
            break
    return state[0]


def _free(spectra: Spectra, rows: np.ndarray) -> np.ndarray:
    """Return rows (K, N) without their straight baseline."""
    on = row_products(spectra.baseline, rows)
    return rows - on[0, :, None] * spectra.baseline[0] - on[1, :, None] * spectra.baseline[1]
