"""Where further points of a field sweep tell most of the line that a first sweep has seen.

A point at field B adds r r^T to the information on the line's parameters, r the derivatives of the model there. Points
are chosen one after the other, each the one that lowers the sum of the logarithms of the variances of V_S, V_A, B0 and
W most (the baseline's two parameters take part, but are not asked for). The line is known with errors only: the sum is
averaged over lines that lie as far from the fitted one as its covariance says, so that points for a line beside it are
chosen as well.

References
----------
Atkinson, Donev and Tobias, Optimum Experimental Designs (2007), chapters 10 and 18, for sequential designs and priors.
"""

from __future__ import annotations

import numpy as np

from sotlab.analysis.lineshape import LineFit

__all__ = ["place_points"]

#: Fields that are chosen among, evenly over the window.
CANDIDATES = 161
#: How far from the fitted width the lines may lie that the choice is averaged over.
NARROWEST, WIDEST = 0.4, 2.5


def place_points(
    fit: LineFit, field_T: np.ndarray, low_T: float, high_T: float, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return fields for further points, the most telling first, and how well the line is then known.

    Parameters
    ----------
    fit : LineFit
        Of one spectrum that has a line.
    field_T : (N,) float
        Where it has been measured [T]; signed as measured.
    low_T, high_T : float
        Where points may be added [T].
    count : int
        How many.

    Returns
    -------
    fields_T : (count,) float
        The fields, signed as measured.
    left : (count, 4) float
        What part of the variances of V_S, V_A, B0 and W is expected to be left with so many of them.
    """
    lines = _lines(fit)
    sign = float(fit.field_sign[0])
    candidates = np.linspace(low_T, high_T, CANDIDATES)
    rows, measured = (_derivatives(lines, sign * np.asarray(b, float)) for b in (candidates, field_T))
    size = np.linalg.norm(measured, axis=1, keepdims=True)
    rows, measured = rows / size, measured / size
    covariance = np.linalg.inv(measured.transpose(0, 2, 1) @ measured + 1e-12 * np.eye(6))
    first = _variances(covariance)
    chosen, left = [], []
    for _ in range(count):
        carried = rows @ covariance
        grown = 1.0 + np.einsum("mcp,mcp->mc", carried, rows)
        variances = _variances(covariance)[:, None] - carried[:, :, :4] ** 2 / grown[:, :, None]
        best = int(np.argmin(np.log(variances).sum(axis=2).mean(axis=0)))
        step = carried[:, best]
        covariance = covariance - step[:, :, None] * step[:, None, :] / grown[:, best, None, None]
        chosen.append(candidates[best])
        left.append((_variances(covariance) / first).mean(axis=0))
    return np.array(chosen), np.array(left).reshape(count, 4)


def _variances(covariance: np.ndarray) -> np.ndarray:
    return np.einsum("mpp->mp", covariance)[:, :4]


def _lines(fit: LineFit) -> np.ndarray:
    """Return V_S, V_A, B0, W (9, 4) of the fitted line, and of lines two sigma to either side along four axes."""
    line = np.array([float(getattr(fit, name)[0]) for name in ("v_sym", "v_asym", "field_res", "width")])
    scale = np.sqrt(np.diag(fit.covariance[0])[:4])
    variances, axes = np.linalg.eigh(fit.covariance[0][:4, :4] / np.outer(scale, scale))
    apart = 2.0 * scale * (axes * np.sqrt(np.maximum(variances, 0.0))).T
    lines = line + np.concatenate([np.zeros((1, 4)), apart, -apart])
    lines[:, 3] = np.clip(lines[:, 3], NARROWEST * line[3], WIDEST * line[3])
    return lines


def _derivatives(lines: np.ndarray, field_T: np.ndarray) -> np.ndarray:
    """Return the derivatives (M, N, 6) of lines (M, 4) on a straight baseline by their parameters."""
    s, a, b0, w = lines.T[:, :, None]
    x = (field_T - b0) / w
    line = 1.0 / (1.0 + x * x)
    wave = x * line
    by_x = -2.0 * s * x * line**2 + a * (line - 2.0 * wave**2)
    return np.stack([line, wave, -by_x / w, -x * by_x / w, np.ones_like(x), x], axis=2)
