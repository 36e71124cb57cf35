"""Variable projection for one Lorentzian line on a straight baseline, for many spectra at once.

With x = u - b0, L = w^2/(x^2 + w^2) and Q = L x/w the model is S L + A Q + c + d u. Of its six parameters four are
linear; they are projected out, and Gauss-Newton steps (in the approximation of Kaufman) are taken in (b0, w) alone.
All derivatives are made of L, Q, G = L Q and H = L^2::

    dL/db0 = 2 G/w        dQ/db0 = (L - 2 H)/w
    dL/dw  = 2 (L - H)/w  dQ/dw  = (Q - 2 G)/w

and L, Q themselves are projected out, so that a step is the coefficients of G and H in the residual, turned by the
phase of the line. The products of the rows {1, u, L, Q, G, H, y} hold all that a step needs.

Fields are scaled to -1..1 over each spectrum's window, voltages to unit rms.

References
----------
Golub and Pereyra, Inverse Problems 19, R1 (2003); Kaufman, BIT 15, 49 (1975).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

__all__ = ["Lines", "Spectra", "fit_lines", "gathered_step_rss"]

#: The fit ends when half this, in standard deviations, is more than the next step would be.
STEP_SIGMA = 1e-3
MAX_STEPS = 60
#: Spectra that have come to rest are carried along until so few still move that copying them out pays.
CARRIED = 0.7
#: Rows of the working array: the baseline's two orthonormal vectors, the line's four functions, the data.
_L, _Q, _G, _H, _Y = 2, 3, 4, 5, 6


@dataclass(frozen=True)
class Spectra:
    """A batch of spectra in scaled units.

    Parameters
    ----------
    u : (K, N) float
        Field, -1..1 over the window; 0 where masked.
    y : (K, N) float
        Voltage without its straight baseline; 0 where masked.
    mask : (K, N) float
        1 for a point that counts, 0 for a gap or padding.
    baseline : (2, K, N) float
        Orthonormal basis of {1, u}.
    removed : (2, K) float
        The coefficients of that basis that were taken out of ``y``.
    shared : bool
        True if all spectra have the same fields and gaps.
    """

    u: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    baseline: np.ndarray
    removed: np.ndarray
    shared: bool

    @classmethod
    def of(cls, u: np.ndarray, y: np.ndarray, mask: np.ndarray, shared: bool) -> Spectra:
        """Project the straight baseline out of ``y``."""
        first = mask / np.sqrt(mask.sum(axis=1, keepdims=True))
        second = u - first * np.einsum("kn,kn->k", first, u)[:, None]
        second /= np.sqrt(np.einsum("kn,kn->k", second, second))[:, None]
        baseline = np.stack([first, second])
        y = y * mask
        removed = np.einsum("jkn,kn->jk", baseline, y)
        for k in (0, 1):
            y -= removed[k, :, None] * baseline[k]
        return cls(u, y, mask, baseline, removed, shared)

    @cached_property
    def histogram(self) -> tuple[int, np.ndarray, np.ndarray]:
        """Number of bins over the window, points (K or 1, bins) and summed voltages (K, bins) in each of them."""
        count, points = self.u.shape
        bins = min(max(2 ** int(math.log2(points)), 64), 256)  # about two points of an even sweep in each, or one
        place = ((self.u + 1) * (bins / 2 * (1 - 1e-12))).astype(np.intp)
        flat = (place + bins * np.arange(count)[:, None]).ravel()
        sums = np.bincount(flat, self.y.ravel(), count * bins).reshape(count, bins)
        rows = 1 if self.shared else count
        counts = np.bincount(flat[: rows * points], self.mask[:rows].ravel(), rows * bins).reshape(rows, bins)
        return bins, counts.astype(np.float32), sums.astype(np.float32)

    def take(self, index: np.ndarray) -> Spectra:
        """Return the spectra of ``index`` (integers or a mask)."""
        u, y, mask = self.u[index], self.y[index], self.mask[index]
        return Spectra(u, y, mask, self.baseline[:, index], self.removed[:, index], self.shared)


@dataclass(frozen=True)
class Lines:
    """Fitted lines in scaled units, one entry a spectrum.

    Parameters
    ----------
    b0, w : (K,) float
        Centre and half width at half maximum.
    s, a : (K,) float
        Symmetric and antisymmetric amplitude.
    rss : (K,) float
        Sum of the squared residuals.
    baseline : (2, K) float
        Coefficients of the spectra's baseline vectors.
    jacobian : (6, K, N) float
        Derivatives by the baseline's coefficients, s, a, b0 and w, in this order; 0 where masked.
    residual : (K, N) float
        Data minus model; 0 where masked.
    """

    b0: np.ndarray
    w: np.ndarray
    s: np.ndarray
    a: np.ndarray
    rss: np.ndarray
    baseline: np.ndarray
    jacobian: np.ndarray
    residual: np.ndarray


def fit_lines(spectra: Spectra) -> Lines:
    """Fit one line to each spectrum, from the best node of a grid in (b0, w).

    Parameters
    ----------
    spectra : Spectra
        Any number of spectra with at least 8 points that count, each.
    """
    count, points = spectra.u.shape
    lowest_w = 0.1 / points
    work = np.empty((7, count, points))
    work[:2] = spectra.baseline
    work[_Y] = spectra.y
    first_work = work
    u, mask = spectra.u, spectra.mask
    freedom = np.maximum(mask.sum(axis=1) - 6, 1)
    total = np.einsum("kn,kn->k", spectra.y, spectra.y)
    index = np.arange(count)  # of the spectra still being fitted

    state = _evaluated(work, u, mask, total, *grid_start(spectra))
    result = state[:5].copy()
    damping = np.zeros(count)
    last_gain = np.full(count, 1e-300)
    at_rest = np.zeros(count, bool)
    for _ in range(MAX_STEPS):
        new_b0, new_w, gain = _step(state, damping)
        new_b0 = np.minimum(np.maximum(new_b0, -3), 3)
        new_w = np.minimum(np.maximum(new_w, lowest_w), 4)
        # Steps shrink by a constant factor: if that makes the next one short, this one is the last.
        next_gain = np.where(gain < last_gain, gain * (gain / last_gain), gain)
        still = next_gain <= np.maximum((STEP_SIGMA / 5) ** 2 * state[4] / freedom, 1e-26 * total)
        trial = _evaluated(work, u, mask, total, new_b0, new_w)
        better = ~at_rest & (trial[4] <= state[4] * (1 + 1e-12))
        state = np.where(better, trial, state)
        last_gain = np.where(better, gain, 0) + 1e-300  # none: no shrinking is known
        damping = np.where(better, 0.2 * damping, 5 * damping + 0.1)
        damping[damping < 1e-3] = 0
        at_rest |= still | (damping > 1e6)
        going = ~at_rest
        if np.count_nonzero(going) >= CARRIED * len(going):
            continue
        result[:, index] = state[:5]
        if not going.any():
            break
        index, damping, last_gain = index[going], damping[going], last_gain[going]
        freedom, total = freedom[going], total[going]
        work, u, mask, state, at_rest = work[:, going], u[going], mask[going], state[:, going], at_rest[going]
    else:
        result[:, index] = state[:5]
    return _at_optimum(first_work, spectra, result)


def _at_optimum(work: np.ndarray, spectra: Spectra, result: np.ndarray) -> Lines:
    """Return the lines with residuals and Jacobian, which is made in ``work``: memory is what costs here."""
    b0, w, s, a, rss = result
    _fill(work, spectra.u, spectra.mask, b0, w)
    line, wave, g, h = work[_L], work[_Q], work[_G], work[_H]
    residual = spectra.y - s[:, None] * line
    residual -= a[:, None] * wave
    baseline = np.einsum("jkn,kn->jk", spectra.baseline, residual)
    for k in (0, 1):
        residual -= baseline[k, :, None] * spectra.baseline[k]
    # The rows of G and H become the derivatives by b0 and w.
    s_w, a_w = (s / w)[:, None], (a / w)[:, None]
    by_b0 = 2 * s_w * g + a_w * (line - 2 * h)
    by_w = 2 * s_w * (line - h) + a_w * (wave - 2 * g)
    work[_G], work[_H] = by_b0, by_w
    return Lines(b0, w, s, a, rss, spectra.removed + baseline, work[:6], residual)


def _fill(work: np.ndarray, u: np.ndarray, mask: np.ndarray, b0: np.ndarray, w: np.ndarray) -> None:
    """Write L, Q, G, H of the lines (b0, w) into the rows 2-5 of ``work`` (7, K, N)."""
    line, wave = work[_L], work[_Q]
    x = u - b0[:, None]
    x *= (1 / w)[:, None]
    np.multiply(x, x, out=line)
    line += 1
    np.divide(mask, line, out=line)
    np.multiply(line, x, out=wave)
    np.multiply(line, wave, out=work[_G])
    np.multiply(line, line, out=work[_H])


def _evaluated(
    work: np.ndarray, u: np.ndarray, mask: np.ndarray, total: np.ndarray, b0: np.ndarray, w: np.ndarray
) -> np.ndarray:
    """Project the linear part out of the lines (b0, w).

    Returns (10, K): b0, w, S, A, the sum of squared residuals, and the products GG, GH, HH, Gy, Hy of what is left.
    """
    _fill(work, u, mask, b0, w)
    gram = work[_L:_Y].transpose(1, 0, 2) @ work.transpose(1, 2, 0)
    on_baseline = gram[:, :, :2]
    gram[:, :, _L:_Y] -= on_baseline @ on_baseline.transpose(0, 2, 1)  # y is free of {1, u} from the start
    g = gram[:, :, 2:].transpose(1, 2, 0)  # of L, Q, G, H on L, Q, G, H, y
    squares = g[0, 0] * g[1, 1]
    norm = squares - g[0, 1] ** 2
    norm[norm <= 1e-14 * squares] = np.inf
    on_l = (g[1, 1] * g[0, 2:] - g[0, 1] * g[1, 2:]) / norm  # coefficients of G, H, y on L and on Q
    on_q = (g[0, 0] * g[1, 2:] - g[0, 1] * g[0, 2:]) / norm
    rest = g[2:, 2:] - g[0, 2:4, None] * on_l - g[1, 2:4, None] * on_q
    s, a = on_l[2], on_q[2]
    rss = np.maximum(total - s * g[0, 4] - a * g[1, 4], 1e-28 * total)
    return np.array([b0, w, s, a, rss, rest[0, 0], rest[0, 1], rest[1, 1], rest[0, 2], rest[1, 2]])


def _step(state: np.ndarray, damping: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return b0, w after a Marquardt step, and what it takes off the sum of squares if the model were linear."""
    b0, w, s, a, _, gg, gh, hh, gy, hy = state
    gg, hh = gg * (1 + damping), hh * (1 + damping)
    squares = gg * hh
    norm = squares - gh * gh
    norm[norm <= 1e-14 * squares] = np.inf
    c_g = (hh * gy - gh * hy) / norm
    c_h = (gg * hy - gh * gy) / norm
    # Without L and Q: d/db0 = 2 (S G - A H)/w and d/dw = -2 (S H + A G)/w.
    scale = w / (2 * (s * s + a * a) + 1e-300)
    move_b0 = np.minimum(np.maximum(scale * (s * c_g - a * c_h), -2 * w), 2 * w)
    move_w = np.minimum(np.maximum(-scale * (a * c_g + s * c_h), -0.6 * w), 1.5 * w)
    return b0 + move_b0, w + move_w, c_g * gy + c_h * hy


def grid_start(spectra: Spectra) -> tuple[np.ndarray, np.ndarray]:
    """Return (b0, w) of the grid node that takes most off each spectrum's sum of squares.

    Points are gathered into bins of the scaled field, the same for every spectrum, so that one table of grid
    functions serves all field axes: only the number of points in each bin differs, and it enters as a weight.
    """
    bins, counts, sums = spectra.histogram
    table = _line_table(bins)
    n, var_u, on_1, on_u, on_y = _products(table, counts, sums)
    squares, cross = counts @ table.squares, counts @ table.cross
    nodes = len(table.b0)
    (l_1, q_1), (l_u, q_u) = np.split(on_1, [nodes], axis=1), np.split(on_u, [nodes], axis=1)
    # Q^2 = L - L^2: the squares of Q need no table of their own.
    ll = squares - l_1**2 / n - l_u**2 / var_u
    qq = l_1 - squares - q_1**2 / n - q_u**2 / var_u
    lq = cross - l_1 * q_1 / n - l_u * q_u / var_u
    norm = ll * qq - lq**2
    seen = (norm > 1e-3 * np.abs(ll * qq)) & (l_1 > 1.0)  # at least a point's worth of line inside
    norm = np.where(seen, norm, np.inf)
    y_l, y_q = np.split(on_y, [nodes], axis=1)
    gain = y_l * (qq / norm * y_l - 2 * lq / norm * y_q) + ll / norm * y_q**2
    best = gain.argmax(axis=1)
    return table.b0[best].copy(), table.w[best].copy()


def gathered_step_rss(spectra: Spectra) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the best step of a grid, tanh((u - b0)/w) on a straight baseline, leaves, and its b0 and w: (K,)."""
    bins, counts, sums = spectra.histogram
    table = _step_table(bins)
    n, var_u, on_1, on_u, on_y = _products(table, counts, sums)
    own = counts @ table.squares - on_1**2 / n - on_u**2 / var_u
    own = np.where(own > 1e-3 * n, own, np.inf)
    gain = on_y**2 / own
    best = gain.argmax(axis=1)
    taken = gain[np.arange(len(best)), best]
    return np.einsum("kn,kn->k", spectra.y, spectra.y) - taken, table.b0[best], table.w[best]


@dataclass(frozen=True)
class _Table:
    """Grid functions at the centres of the bins; the columns are nodes (twice as many where L and Q stand)."""

    bins: int
    u: np.ndarray
    b0: np.ndarray
    w: np.ndarray
    functions: np.ndarray
    squares: np.ndarray
    cross: np.ndarray


def _products(table: _Table, counts: np.ndarray, sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return points, the field's sum of squares about its mean, and the functions' products with 1, u - mean and y."""
    n, nu = counts.sum(axis=1, keepdims=True), counts @ table.u[:, None]
    mean_u = nu / n
    var_u = counts @ (table.u**2)[:, None] - nu * mean_u
    # In one go: for a single spectrum reading the table from memory takes longer than all else.
    rows = len(counts)
    products = np.vstack([counts, (counts * table.u).astype(np.float32), sums]) @ table.functions
    on_1, on_u, on_y = products[:rows], products[rows : 2 * rows], products[2 * rows :]
    return n, var_u, on_1, on_u - mean_u * on_1, on_y


@lru_cache(maxsize=8)
def _line_table(bins: int) -> _Table:
    u = (np.arange(bins) + 0.5) * (2 / bins) - 1
    # Two lines of widths w, w' a distance d apart overlap by 4ww'/((w + w')^2 + d^2): above 0.85 everywhere here.
    b0, w = _nodes(widths=1.0 / 1.9 ** np.arange(0, np.log(bins / 2) / np.log(1.9)), spacing=1.4)
    x = (u[:, None] - b0) / w
    line = 1 / (1 + x * x)
    wave = line * x
    functions = np.hstack([line, wave])
    return _Table(bins, u, b0, w, *_single(functions, line * line, line * wave))


@lru_cache(maxsize=8)
def _step_table(bins: int) -> _Table:
    u = (np.arange(bins) + 0.5) * (2 / bins) - 1
    b0, w = _nodes(widths=0.8 / 1.6 ** np.arange(0, np.log(bins / 4) / np.log(1.6)), spacing=0.6)
    step = np.tanh((u[:, None] - b0) / w)
    return _Table(bins, u, b0, w, *_single(step, step * step, np.empty(0)))


def _single(*arrays: np.ndarray) -> list[np.ndarray]:
    """Return the arrays in single precision, which is ample for a start."""
    return [array.astype(np.float32) for array in arrays]


def _nodes(widths: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (b0, w) of all nodes: for each width, centres over the window ``spacing`` widths apart."""
    centres = [np.linspace(-1, 1, max(3, int(np.ceil(2 / (spacing * width))) + 1)) for width in widths]
    return np.concatenate(centres), np.repeat(widths, [len(c) for c in centres])
