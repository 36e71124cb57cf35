"""Where further points of a field sweep tell most of the line that the points so far have seen.

What they say of centre and width is taken from the sum of squares on a grid of both, the four linear parameters fitted
at each node: few points may leave a width quite open, or two places for the line, and a covariance cannot say so. The
choice is averaged over lines drawn from there.

A point at field B adds r r^T to the information on a line's parameters, r the derivatives of the model there. Points
are chosen one after the other, each the one that lowers the weighted sum of the logarithms of the variances of V_S,
V_A, B0 and W most; the baseline's two parameters take part, but are not asked for.

References
----------
Atkinson, Donev and Tobias, Optimum Experimental Designs (2007), chapters 10 and 18, for sequential designs and priors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["LinesSeen", "lines_seen", "place_points"]

#: Fields that are chosen among, evenly over the window, and lines that the choice is averaged over.
CANDIDATES, DRAWN = 161, 24
#: Nodes of each of the grids after the first, centres by widths, and how many there are.
NODES, GRIDS = (41, 25), 2
#: What is less probable than the best by more than this stays out of the next grid.
NEGLIGIBLE = 1e-4
#: How often noise alone may pass for a line.
FALSE_ALARM = 1e-3
#: The widest line, of half the window: as of the fit.
WIDEST = 2 / 3


@dataclass(frozen=True)
class LinesSeen:
    """Lines that measured points allow.

    Parameters
    ----------
    lines : (M, 4) float
        V_S, V_A [V], B0, W [T] of lines drawn as probable as the points make them; B0 signed as measured.
    certain : bool
        Whether noise about a straight line would hardly ever look like the best of them.
    """

    lines: np.ndarray
    certain: bool


def lines_seen(field_T: np.ndarray, voltage_V: np.ndarray) -> LinesSeen:
    """Return lines on a straight baseline that points allow, under white noise of unknown size.

    Parameters
    ----------
    field_T, voltage_V : (N,) float
        What was measured [T, V], at ten points or more; fields signed as measured.
    """
    field_T, voltage_V = np.asarray(field_T, float), np.asarray(voltage_V, float)
    low, high = field_T.min(), field_T.max()
    centre, half = (low + high) / 2, (high - low) / 2
    u = (field_T - centre) / half
    baseline = np.linalg.qr(np.stack([np.ones_like(u), u], axis=1))[0].T
    y = voltage_V - (voltage_V @ baseline.T) @ baseline
    freedom = max(len(u) - 6, 1)

    narrowest = 1.0 / len(u)  # half the mean distance of two points
    widths = np.exp(np.arange(np.log(narrowest), np.log(WIDEST), 0.25))
    b0 = [np.linspace(-1, 1, int(np.ceil(6 / w))) for w in widths]
    nodes = np.stack([np.concatenate(b0), np.repeat(widths, [len(one) for one in b0])], axis=1)
    # A node stands for the cell about it, in the field and in the logarithm of the width.
    cell = np.repeat(widths, [len(one) for one in b0])
    for grid in range(GRIDS + 1):
        rss, amplitudes = _left(u, y, baseline, nodes)
        probable = cell * (rss / rss.min()) ** (-freedom / 2)
        if grid == GRIDS:
            break
        kept = nodes[probable > NEGLIGIBLE * probable.max()]
        # One cell more to every side, of the coarse grid or of this one.
        more = kept[:, 1] / 3
        b_axis = np.linspace(max((kept[:, 0] - more).min(), -1), min((kept[:, 0] + more).max(), 1), NODES[0])
        w_low, w_high = kept[:, 1].min() / 1.28, min(kept[:, 1].max() * 1.28, WIDEST)
        w_axis = np.exp(np.linspace(np.log(w_low), np.log(w_high), NODES[1]))
        nodes = np.stack([axis.ravel() for axis in np.meshgrid(b_axis, w_axis, indexing="ij")], axis=1)
        cell = np.ones(len(nodes))
    share = np.cumsum(probable) / probable.sum()
    drawn = np.minimum(np.searchsorted(share, (np.arange(DRAWN) + 0.5) / DRAWN), len(nodes) - 1)
    s, a = amplitudes[:, drawn]
    lines = np.stack([s, a, centre + half * nodes[drawn, 0], half * nodes[drawn, 1]], axis=1)
    # The tail of F(2, freedom) in closed form, at as many places as there are points.
    tail = len(u) * (rss.min() / max(float(y @ y), 1e-300)) ** (freedom / 2)
    return LinesSeen(lines, bool(tail < FALSE_ALARM))


def _left(u: np.ndarray, y: np.ndarray, baseline: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sum of squares (M,) and amplitudes (2, M) of the best line at each of the nodes (b0, w) (M, 2)."""
    x = (u - nodes[:, :1]) / nodes[:, 1:]
    line = 1.0 / (1.0 + x * x)
    rows = np.stack([line, x * line])
    rows -= (rows @ baseline.T) @ baseline
    (ss, aa), sa = np.einsum("jmn,jmn->jm", rows, rows), np.einsum("mn,mn->m", *rows)
    on_s, on_a = rows @ y
    norm = ss * aa - sa**2
    norm = np.where(norm > 1e-3 * ss * aa, norm, np.inf)  # points beside a line say nothing of it
    s, a = (aa * on_s - sa * on_a) / norm, (ss * on_a - sa * on_s) / norm
    total = float(y @ y)
    return np.maximum(total - s * on_s - a * on_a, 1e-12 * total + 1e-300), np.stack([s, a])


def place_points(
    seen: LinesSeen,
    field_T: np.ndarray,
    low_T: float,
    high_T: float,
    count: int,
    weights: Sequence[float] | np.ndarray = (1.0, 1.0, 1.0, 1.0),
) -> tuple[np.ndarray, np.ndarray]:
    """Return fields for further points, the most telling first, and how well the line is then known.

    Parameters
    ----------
    seen : LinesSeen
        What the points so far allow.
    field_T : (N,) float
        Where they are [T]; signed as measured.
    low_T, high_T : float
        Where points may be added [T].
    count : int
        How many.
    weights : four float
        How much V_S, V_A, B0 and W are asked for.

    Returns
    -------
    fields_T : (count,) float
        The fields, signed as measured.
    left : (count, 4) float
        What part of the variances of V_S, V_A, B0 and W is expected to be left with so many of them.
    """
    candidates = np.linspace(low_T, high_T, CANDIDATES)
    rows, measured = (_derivatives(seen.lines, np.asarray(b, float)) for b in (candidates, field_T))
    size = np.linalg.norm(measured, axis=1, keepdims=True)
    rows, measured = rows / size, measured / size
    covariance = np.linalg.inv(measured.transpose(0, 2, 1) @ measured + 1e-12 * np.eye(6))
    variances = np.einsum("mpp->mp", covariance)[:, :4]
    first = variances
    carried = rows @ covariance
    grown = 1.0 + np.einsum("mcp,mcp->mc", carried, rows)
    weights = np.asarray(weights, float)
    chosen, left = [], []
    for _ in range(count):
        then = variances[:, None] - carried[:, :, :4] ** 2 / grown[:, :, None]
        best = int(np.argmin((np.log(then) @ weights).mean(axis=0)))
        # A point more takes from the covariance what it carries: a matrix of rank one.
        step, by = carried[:, best].copy(), grown[:, best].copy()
        along = np.einsum("mcp,mp->mc", carried, rows[:, best]) / by[:, None]
        carried -= along[:, :, None] * step[:, None, :]
        grown -= along**2 * by[:, None]
        variances = then[:, best]
        chosen.append(candidates[best])
        left.append((variances / first).mean(axis=0))
    return np.array(chosen), np.array(left).reshape(count, 4)


def _derivatives(lines: np.ndarray, field_T: np.ndarray) -> np.ndarray:
    """Return the derivatives (M, N, 6) of lines (M, 4) on a straight baseline by their parameters."""
    s, a, b0, w = lines.T[:, :, None]
    x = (field_T - b0) / w
    line = 1.0 / (1.0 + x * x)
    wave = x * line
    by_x = -2.0 * s * x * line**2 + a * (line - 2.0 * wave**2)
    return np.stack([line, wave, -by_x / w, -x * by_x / w, np.ones_like(x), x], axis=2)
