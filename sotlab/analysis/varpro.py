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
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from sotlab.analysis.rows import row_products

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
        second = u - first * row_products(first, u)[:, None]
        second /= np.sqrt(row_products(second, second))[:, None]
        baseline = np.stack([first, second])
        y = y * mask
        removed = row_products(baseline, y)
        for k in (0, 1):
            y -= removed[k, :, None] * baseline[k]
        return cls(u, y, mask, baseline, removed, shared)

    @cached_property
    def points(self) -> np.ndarray:
        """Number of points that count (K,)."""
        return self.mask.sum(axis=1)

    @cached_property
    def total(self) -> np.ndarray:
        """Sum of squares about a straight line (K,)."""
        return row_products(self.y, self.y)

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
    freedom, total = np.maximum(spectra.points - 6, 1), spectra.total
    b0, w = grid_start(spectra)
    alone = count == 1
    of = _ALONE if alone else _MANY
    if alone:
        freedom, total, b0, w = freedom.item(), total.item(), b0.item(), w.item()
    index = np.arange(count)  # of the spectra still being fitted

    state = _evaluated(work, u, mask, total, b0, w, of)
    result = np.array(state[:5]).reshape(5, count)
    damping, last_gain, going = 0.0 * total, 1e-300 + 0.0 * total, total >= 0.0
    for _ in range(MAX_STEPS):
        new_b0, new_w, gain = _step(state, damping, of)
        new_b0 = of.least(of.most(new_b0, -3.0), 3.0)
        new_w = of.least(of.most(new_w, lowest_w), 4.0)
        # Steps shrink by a constant factor: if that makes the next one short, this one is the last.
        next_gain = of.pick(gain < last_gain, gain * (gain / last_gain), gain)
        short = of.most((STEP_SIGMA / 5) ** 2 * state[4] / freedom, 1e-26 * total)
        trial = _evaluated(work, u, mask, total, new_b0, new_w, of)
        better = going & (trial[4] <= state[4] * (1 + 1e-12))
        state = of.pick(better, trial, state)
        last_gain = of.pick(better, gain, 0.0) + 1e-300  # none: no shrinking is known
        damping = of.pick(better, 0.2 * damping, 5 * damping + 0.1)
        damping = damping * (damping >= 1e-3)
        going = going & (next_gain > short) & (damping <= 1e6)
        if alone:
            if going:
                continue
            break
        if np.count_nonzero(going) >= CARRIED * len(going):
            continue
        result[:, index] = state[:5]
        if not going.any():
            break
        index, damping, last_gain = index[going], damping[going], last_gain[going]
        freedom, total = freedom[going], total[going]
        work, u, mask, state, going = work[:, going], u[going], mask[going], state[:, going], going[going]
    result[:, index] = np.array(state[:5]).reshape(5, -1)
    return _at_optimum(first_work, spectra, result)


def _at_optimum(work: np.ndarray, spectra: Spectra, result: np.ndarray) -> Lines:
    """Return the lines with residuals and Jacobian, which is made in ``work``: memory is what costs here."""
    b0, w, s, a, rss = result
    _fill(work, spectra.u, spectra.mask, b0[:, None], w[:, None])
    line, wave, g, h = work[_L], work[_Q], work[_G], work[_H]
    residual = spectra.y - s[:, None] * line
    residual -= a[:, None] * wave
    baseline = row_products(spectra.baseline, residual)
    for k in (0, 1):
        residual -= baseline[k, :, None] * spectra.baseline[k]
    # The rows of G and H become the derivatives by b0 and w.
    s_w, a_w = (s / w)[:, None], (a / w)[:, None]
    by_b0 = 2 * s_w * g + a_w * (line - 2 * h)
    by_w = 2 * s_w * (line - h) + a_w * (wave - 2 * g)
    work[_G], work[_H] = by_b0, by_w
    return Lines(b0, w, s, a, rss, spectra.removed + baseline, work[:6], residual)


def _fill(work: np.ndarray, u: np.ndarray, mask: np.ndarray, b0: np.ndarray | float, w: np.ndarray | float) -> None:
    """Write L, Q, G, H of the lines (b0, w) into the rows 2-5 of ``work`` (7, K, N)."""
    line, wave = work[_L], work[_Q]
    x = u - b0
    x *= 1 / w
    np.multiply(x, x, out=line)
    line += 1
    np.divide(mask, line, out=line)
    np.multiply(line, x, out=wave)
    np.multiply(line, wave, out=work[_G])
    np.multiply(line, line, out=work[_H])


class _Arithmetic(NamedTuple):
    """What the algebra of a step needs beside + - * /, for numbers or for arrays (K,).

    numpy takes as long for an array of one as for one of a hundred: a spectrum alone is fitted in plain numbers.
    """

    least: Callable[..., Any]
    most: Callable[..., Any]
    pick: Callable[..., Any]


_ALONE = _Arithmetic(min, max, lambda first, one, other: one if first else other)
_MANY = _Arithmetic(np.minimum, np.maximum, np.where)


def _evaluated(work: np.ndarray, u: np.ndarray, mask: np.ndarray, total: Any, b0: Any, w: Any, of: _Arithmetic) -> Any:
    """Project the linear part out of the lines (b0, w).

    Returns b0, w, S, A, the sum of squared residuals, and the products GG, GH, HH, Gy, Hy of what is left: ten
    numbers, or an array (10, K).
    """
    if of is _ALONE:
        _fill(work, u, mask, b0, w)
        rows = work[:, 0]
        gram = rows[_L:_Y] @ rows.T
        gram[:, _L:_Y] -= gram[:, :2] @ gram[:, :2].T  # y is free of {1, u} from the start
        return b0, w, *_projected(gram[:, 2:].tolist(), total, of)
    _fill(work, u, mask, b0[:, None], w[:, None])
    gram = work[_L:_Y].transpose(1, 0, 2) @ work.transpose(1, 2, 0)
    on_baseline = gram[:, :, :2]
    gram[:, :, _L:_Y] -= on_baseline @ on_baseline.transpose(0, 2, 1)
    products = np.ascontiguousarray(gram[:, :, 2:].transpose(1, 2, 0))
    return np.array([b0, w, *_projected(products, total, of)])


def _projected(products: Any, total: Any, of: _Arithmetic) -> tuple[Any, ...]:
    """Return S, A, sum of squares, GG, GH, HH, Gy, Hy from the products of L, Q, G, H with L, Q, G, H, y."""
    (ll, lq, lg, lh, ly), (_, qq, qg, qh, qy), (_, _, gg, gh, gy), (_, _, _, hh, hy) = products
    squares = ll * qq
    norm = squares - lq * lq
    inverse = (norm > 1e-14 * squares) / of.most(norm, 1e-300)
    ll, lq, qq = ll * inverse, lq * inverse, qq * inverse
    s, a = qq * ly - lq * qy, ll * qy - lq * ly  # the coefficients of y on L and Q, then those of G and of H
    g_l, g_q = qq * lg - lq * qg, ll * qg - lq * lg
    h_l, h_q = qq * lh - lq * qh, ll * qh - lq * lh
    rss = of.most(total - s * ly - a * qy, 1e-28 * total)
    gg, gh, hh = gg - lg * g_l - qg * g_q, gh - lg * h_l - qg * h_q, hh - lh * h_l - qh * h_q
    return s, a, rss, gg, gh, hh, gy - s * lg - a * qg, hy - s * lh - a * qh


def _step(state: Any, damping: Any, of: _Arithmetic) -> tuple[Any, Any, Any]:
    """Return b0, w after a Marquardt step, and what it takes off the sum of squares if the model were linear."""
    b0, w, s, a, _, gg, gh, hh, gy, hy = state
    gg, hh = gg * (1 + damping), hh * (1 + damping)
    squares = gg * hh
    norm = squares - gh * gh
    inverse = (norm > 1e-14 * squares) / of.most(norm, 1e-300)
    c_g = (hh * gy - gh * hy) * inverse
    c_h = (gg * hy - gh * gy) * inverse
    # Without L and Q: d/db0 = 2 (S G - A H)/w and d/dw = -2 (S H + A G)/w.
    scale = w / (2 * (s * s + a * a) + 1e-300)
    move_b0 = of.least(of.most(scale * (s * c_g - a * c_h), -2 * w), 2 * w)
    move_w = of.least(of.most(-scale * (a * c_g + s * c_h), -0.6 * w), 1.5 * w)
    return b0 + move_b0, w + move_w, c_g * gy + c_h * hy


def grid_start(spectra: Spectra) -> tuple[np.ndarray, np.ndarray]:
    """Return (b0, w) of the grid node that takes most off each spectrum's sum of squares.

    Points are gathered into bins of the scaled field, the same for every spectrum, so that one table of grid
    functions serves all field axes: only the number of points in each bin differs, and it enters as a weight.
    """
    bins, counts, sums = spectra.histogram
    table = _line_table(bins)
    n, var_u, own, on_1, on_u, on_y = _products(table, counts, sums)
    nodes = len(table.b0)
    l_1, q_1, l_u, q_u = on_1[:, :nodes], on_1[:, nodes:], on_u[:, :nodes], on_u[:, nodes:]
    squares, cross = own[:, :nodes], own[:, nodes:]
    # Q^2 = L - L^2: the squares of Q need no table of their own.
    per_n, per_var = 1 / n, 1 / var_u
    ll = squares - per_n * l_1 * l_1 - per_var * l_u * l_u
    qq = l_1 - squares - per_n * q_1 * q_1 - per_var * q_u * q_u
    lq = cross - per_n * l_1 * q_1 - per_var * l_u * q_u
    both = ll * qq
    norm = both - lq * lq
    seen = (norm > 1e-3 * np.abs(both)) & (l_1 > 1.0)  # at least a point's worth of line inside
    norm = np.where(seen, norm, np.inf)
    y_l, y_q = on_y[:, :nodes], on_y[:, nodes:]
    gain = (y_l * (qq * y_l - 2 * lq * y_q) + ll * y_q * y_q) / norm
    best = gain.argmax(axis=1)
    return table.b0[best], table.w[best]


def gathered_step_rss(spectra: Spectra) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the best step of a grid, tanh((u - b0)/w) on a straight baseline, leaves, and its b0 and w: (K,)."""
    bins, counts, sums = spectra.histogram
    table = _step_table(bins)
    n, var_u, squares, on_1, on_u, on_y = _products(table, counts, sums)
    own = squares - on_1**2 / n - on_u**2 / var_u
    own = np.where(own > 1e-3 * n, own, np.inf)
    gain = on_y**2 / own
    best = gain.argmax(axis=1)
    taken = gain[np.arange(len(best)), best]
    return spectra.total - taken, table.b0[best], table.w[best]


@dataclass(frozen=True)
class _Table:
    """Grid functions at the centres of the bins; the columns are nodes, those of L and then of Q where both stand.

    ``quadratic`` has the functions' squares (L^2 and L Q), and as its last two columns u and u^2.
    """

    u: np.ndarray
    b0: np.ndarray
    w: np.ndarray
    functions: np.ndarray
    quadratic: np.ndarray

    @classmethod
    def of(
        cls, u: np.ndarray, b0: np.ndarray, w: np.ndarray, functions: list[np.ndarray], squares: list[np.ndarray]
    ) -> _Table:
        # Single precision is ample for a start.
        quadratic = np.hstack([*squares, u[:, None], u[:, None] ** 2]).astype(np.float32)
        return cls(u.astype(np.float32), b0, w, np.hstack(functions).astype(np.float32), quadratic)


def _products(table: _Table, counts: np.ndarray, sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return points, the field's sum of squares about its mean, the functions' own and theirs with 1, u - mean, y."""
    n, quadratic = counts.sum(axis=1, keepdims=True), counts @ table.quadratic
    nu = quadratic[:, -2:-1]
    mean_u = nu / n
    var_u = quadratic[:, -1:] - nu * mean_u
    # In one go: for a single spectrum reading the table from memory takes longer than all else.
    rows = len(counts)
    products = np.concatenate([counts, counts * table.u, sums]) @ table.functions
    on_1, on_u, on_y = products[:rows], products[rows : 2 * rows], products[2 * rows :]
    return n, var_u, quadratic[:, :-2], on_1, on_u - mean_u * on_1, on_y


@lru_cache(maxsize=8)
def _line_table(bins: int) -> _Table:
    u = (np.arange(bins) + 0.5) * (2 / bins) - 1
    # Two lines of widths w, w' a distance d apart overlap by 4ww'/((w + w')^2 + d^2): above 0.85 everywhere here.
    b0, w = _nodes(widths=1.0 / 1.9 ** np.arange(0, np.log(bins / 2) / np.log(1.9)), spacing=1.4)
    x = (u[:, None] - b0) / w
    line = 1 / (1 + x * x)
    wave = line * x
    return _Table.of(u, b0, w, [line, wave], [line * line, line * wave])


@lru_cache(maxsize=8)
def _step_table(bins: int) -> _Table:
    u = (np.arange(bins) + 0.5) * (2 / bins) - 1
    b0, w = _nodes(widths=0.8 / 1.6 ** np.arange(0, np.log(bins / 4) / np.log(1.6)), spacing=0.6)
    step = np.tanh((u[:, None] - b0) / w)
    return _Table.of(u, b0, w, [step], [step * step])


def _nodes(widths: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (b0, w) of all nodes: for each width, centres over the window ``spacing`` widths apart."""
    centres = [np.linspace(-1, 1, max(3, int(np.ceil(2 / (spacing * width))) + 1)) for width in widths]
    return np.concatenate(centres), np.repeat(widths, [len(c) for c in centres])
