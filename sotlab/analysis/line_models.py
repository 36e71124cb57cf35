"""Lines that :mod:`~sotlab.analysis.lineshape` does not have: two in one window, and the derivative of one.

Two lines are the sum of two on one straight baseline. With a modulated field and a lock-in amplifier the signal is the
derivative by the field, as long as the modulation is small against W::

    dV/dB = [-2 V_S W^2 x + V_A W (W^2 - x^2)]/(x^2 + W^2)^2,   x = B - B0

Both are fitted by variable projection: only centres and half widths are searched for, from the best node of a grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy import optimize

from sotlab.analysis.correlated import correlated_covariance
from sotlab.analysis.lineshape import CLEAN, FALSE_ALARM, MIN_FIELDS, MIN_POINTS, PARAMETERS, LineFit, fit_lineshape
from sotlab.errors import FitError

__all__ = ["TwoLines", "derivative_lineshape", "fit_derivative", "fit_two_lines", "recognised_pairs"]

#: Widths of the grid, from a few points to the whole window, and spacing of its centres in widths.
_RATIO, _SPACING = 1.6, 0.7
#: Above this lag-1 autocorrelation the residuals of one line may hold another.
WAVES = 0.3
#: Two lines where one was refused must leave no more than this part of the data's variance.
LEFT = 0.05


def derivative_lineshape(
    field_T: np.ndarray,
    v_sym: float,
    v_asym: float,
    field_res_T: float,
    width_T: float,
    offset: float = 0.0,
    slope: float = 0.0,
) -> np.ndarray:
    """Return the derivative of a line by the field, on a straight baseline; V_S and V_A in units of the signal times T.

    Parameters
    ----------
    field_T : (N,) float
        Field B [T].
    v_sym, v_asym : float
        V_S, V_A.
    field_res_T, width_T : float
        B0 and W (half width of the line itself, not of its derivative) [T].
    offset, slope : float
        Baseline at B0, and its slope.
    """
    x = np.asarray(field_T, float) - field_res_T
    w = width_T
    return (-2 * v_sym * w**2 * x + v_asym * w * (w**2 - x**2)) / (x**2 + w**2) ** 2 + offset + slope * x


@dataclass(frozen=True)
class TwoLines:
    """Two lines in one spectrum, the larger one first.

    Parameters
    ----------
    values : (2, 4) float
        V_S, V_A [V], B0, W [T] of each.
    covariance : (2, 4, 4) float
        Covariance of each line's parameters.
    offset, slope : float
        Baseline at the first line's field.
    better : float
        By how much the deviance is lower than with one line, the four parameters more paid for by Bayes' criterion.
    """

    values: np.ndarray
    covariance: np.ndarray
    offset: float
    slope: float
    better: float


def fit_two_lines(field_T: np.ndarray, voltage_V: np.ndarray, *, must_explain: bool = False) -> TwoLines | None:
    """Fit two lines to a spectrum, or return None if one explains it as well, or they cannot be told apart.

    Parameters
    ----------
    field_T, voltage_V : (N,) float
        One spectrum of fields of one sign (magnitudes), in the order of measurement.
    must_explain : bool
        Whether they must leave next to nothing of the data, as where one line was none.
    """
    data = _Data.of(field_T, voltage_V)
    if data is None or len(data.u) < 2 * MIN_POINTS:
        return None
    first = data.refined(data.start(data.y))
    rest = data.rest(first)
    second = data.start(rest)
    both = data.refined(np.concatenate([first, second]))
    one, two = data.deviance(rest), data.deviance(data.rest(both))
    better = one - two - 4 * np.log(len(data.u))
    (b1, w1), (b2, w2) = both.reshape(2, 2)
    inside = max(abs(b1) + w1, abs(b2) + w2) < 1.0 and max(w1, w2) < 2 / 3
    near = [np.count_nonzero(np.abs(data.u - b) <= w) for b, w in both.reshape(2, 2)]
    if better < 4 * np.log(len(data.u)) or not inside or min(near) < 3 or abs(b1 - b2) < 0.5 * max(w1, w2):
        return None
    if must_explain and float(np.sum(data.rest(both) ** 2)) > LEFT * float(np.sum(data.y**2)):
        return None
    values, covariance, _ = data.judged(both)
    lines = values[:8].reshape(2, 4)
    blocks = np.stack([covariance[:4, :4], covariance[4:8, 4:8]])
    size = np.hypot(lines[:, 0], lines[:, 1])
    for k in (0, 1):
        spread = np.sqrt(blocks[k, 0, 0] + blocks[k, 1, 1])
        if size[k] < 4 * spread:
            return None
    order = np.argsort(-size)
    slope = float(values[9])
    offset = float(values[8]) + slope * float(lines[order[0], 2] - lines[0, 2])
    return TwoLines(lines[order], blocks[order], offset, slope, float(better))


def recognised_pairs(
    fit: LineFit, field_T: Sequence[np.ndarray], voltage_V: Sequence[np.ndarray]
) -> tuple[LineFit, dict[int, TwoLines]]:
    """Return the fits with the larger line of each spectrum that holds two, and those pairs by spectrum.

    Looked at are spectra in whose residuals another line stands out, and those that were refused as too wide or no line
    of the usual shape.

    Parameters
    ----------
    fit : LineFit
        Of one line each.
    field_T, voltage_V : sequence of (N,) float
        What was fitted.
    """
    good = np.flatnonzero(fit.good)
    doubtful = [k for k, flags in enumerate(fit.flags) if not fit.good[k] and any(map(_may_be_two, flags))]
    # One line through two leaves a wave: another line stands out of it, or its neighbours are alike.
    waves = fit.good & (fit.lag1 > WAVES)
    doubtful += [int(k) for k in np.flatnonzero(waves)]
    calm = good[~waves[good]]
    if len(calm):
        rests = [voltage_V[k] - _one(fit, k).model(np.asarray(field_T[k], float))[0] for k in calm]
        again = fit_lineshape([field_T[k] for k in calm], rests)
        doubtful += [int(k) for k in calm[again.good]]
    pairs = {}
    for k in sorted(doubtful):
        field, voltage = fit.field_sign[k] * np.asarray(field_T[k], float), np.asarray(voltage_V[k], float)
        pair = fit_two_lines(field, voltage, must_explain=not fit.good[k])
        if pair is not None:
            pairs[k] = pair
    return (_with_larger(fit, pairs) if pairs else fit), pairs


def _may_be_two(flag: str) -> bool:
    return "exceeds a third" in flag or flag.startswith("no line")


def _one(fit: LineFit, k: int) -> LineFit:
    return replace(fit, **{one.name: getattr(fit, one.name)[k : k + 1] for one in fields(fit)})


def _with_larger(fit: LineFit, pairs: Mapping[int, TwoLines]) -> LineFit:
    changed = {one.name: getattr(fit, one.name).copy() for one in fields(fit) if one.name != "flags"}
    flags = list(fit.flags)
    for k, pair in pairs.items():
        for j, name in enumerate(PARAMETERS[:4]):
            changed[name][k] = pair.values[0, j]
            changed[f"{name}_sigma"][k] = np.sqrt(pair.covariance[0, j, j])
        changed["offset"][k], changed["slope"][k] = pair.offset, pair.slope
        changed["covariance"][k, :4, :4] = pair.covariance[0]
        v_sym, v_asym, b0, w = pair.values[1]
        kept = [flag for flag in flags[k] if not _may_be_two(flag)]
        flags[k] = (
            *kept,
            f"two lines: the larger one is given; the other lies at {b0:.4g} T with a half width of {w:.2g} T,"
            f" v_sym {v_sym:.3g} V, v_asym {v_asym:.3g} V",
        )
    return replace(fit, **changed, flags=tuple(flags))


def fit_derivative(field_T: Sequence[np.ndarray], signal: Sequence[np.ndarray]) -> LineFit:
    """Fit the derivative of a line to each spectrum, without a guess.

    Parameters
    ----------
    field_T : sequence of (N,) float
        Field of each spectrum in the order of measurement [T], of one sign; NaN for a gap.
    signal : sequence of (N,) float
        The lock-in's readings.

    Returns
    -------
    LineFit
        One entry a spectrum; its amplitudes are in units of the signal times T. Not a line: NaN with a flag.

    Raises
    ------
    FitError
        If fields and signals do not fit each other in shape.
    """
    each = [_one_derivative(b, v) for b, v in zip(field_T, signal, strict=True)]
    if not each:
        raise FitError("derivative line: no spectrum given")
    joined = {
        one.name: np.concatenate([getattr(fit, one.name) for fit in each])
        for one in fields(LineFit)
        if one.name != "flags"
    }
    return LineFit(**joined, flags=tuple(fit.flags[0] for fit in each))


def _one_derivative(field_T: np.ndarray, signal: np.ndarray) -> LineFit:
    field_T, signal = np.asarray(field_T, float), np.asarray(signal, float)
    if field_T.shape != signal.shape or field_T.ndim != 1:
        raise FitError(f"derivative line: fields {field_T.shape} and signals {signal.shape}; give one each")
    sign = -1.0 if np.nanmedian(field_T) < 0 else 1.0
    # At negative fields d/dB = -d/d|B|.
    data = _Data.of(sign * field_T, sign * signal, derivative=True)
    if data is None:
        return _no_line(sign, field_T, f"too few points; needed are {MIN_POINTS} at {MIN_FIELDS} different fields")
    p = data.refined(data.start(data.y))
    values, covariance, noise = data.judged(p)
    b0, w = p
    amplitudes = values[:2]
    wald = amplitudes @ np.linalg.solve(covariance[:2, :2], amplitudes)
    freedom = float(noise.freedom[0])
    rest = data.rest(p)
    clean = float(np.sum(rest**2)) < CLEAN * float(np.sum(data.y**2))
    weak = (1 + wald / freedom) ** (-freedom / 2) >= FALSE_ALARM and not clean
    weak = weak or data.deviance(data.y) - data.deviance(rest) < 4 * np.log(len(rest))
    reasons = (
        (weak, "no line: a straight line with correlated noise explains the data as well"),
        (
            abs(b0) + w > 1,
            "line not enclosed: the resonance lies outside the window or within a half width of its edge",
        ),
        (
            np.count_nonzero(np.abs(data.u - b0) <= w) < 3,
            "line not resolved: fewer than three points within its half widths",
        ),
        (w > 2 / 3, "line not enclosed: its half width exceeds a third of the window"),
    )
    reason = next((said for wrong, said in reasons if wrong), None)
    if reason:
        return _no_line(sign, field_T, reason)
    sigma = np.sqrt(np.diag(covariance))
    return LineFit(
        **{name: values[k : k + 1] for k, name in enumerate(PARAMETERS)},
        **{f"{name}_sigma": sigma[k : k + 1] for k, name in enumerate(PARAMETERS)},
        covariance=covariance[None],
        rms=noise.sigma * data.scale,
        lag1=noise.rho,
        points=np.array([len(data.u)]),
        field_sign=np.array([sign]),
        flags=((),),
    )


def _no_line(sign: float, field_T: np.ndarray, reason: str) -> LineFit:
    nothing = np.array([np.nan])
    return LineFit(
        **dict.fromkeys(PARAMETERS, nothing),
        **{f"{name}_sigma": nothing for name in PARAMETERS},
        covariance=np.full((1, 6, 6), np.nan),
        rms=nothing,
        lag1=nothing,
        points=np.array([np.count_nonzero(np.isfinite(field_T))]),
        field_sign=np.array([sign]),
        flags=((reason,),),
    )


@dataclass(frozen=True)
class _Data:
    """A spectrum with the field scaled to -1..1 and the signal without its straight baseline, to unit rms."""

    u: np.ndarray
    y: np.ndarray
    baseline: np.ndarray  # (2, N) orthonormal
    centre: float
    half: float
    mean: float
    scale: float
    derivative: bool

    @classmethod
    def of(cls, field_T: np.ndarray, signal: np.ndarray, derivative: bool = False) -> _Data | None:
        good = np.isfinite(field_T) & np.isfinite(signal)
        b, v = np.asarray(field_T, float)[good], np.asarray(signal, float)[good]
        if len(b) < MIN_POINTS or len(np.unique(b)) < MIN_FIELDS:
            return None
        centre, half = (b.max() + b.min()) / 2, (b.max() - b.min()) / 2
        u = (b - centre) / half
        baseline = np.linalg.qr(np.stack([np.ones_like(u), u], axis=1))[0].T
        mean = v.mean()
        scale = float(np.std(v)) or 1.0
        y = (v - mean) / scale
        return cls(u, y - baseline.T @ (baseline @ y), baseline, centre, half, mean, scale, derivative)

    def shapes(self, b0: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return the functions of V_S and V_A (2, K, N) of lines (b0, w) (K,)."""
        x = (self.u - b0[:, None]) / w[:, None]
        line = 1 / (1 + x * x)
        wave = line * x
        if not self.derivative:
            return np.stack([line, wave])
        return np.stack([-2 * line * wave, 2 * line**2 - line]) / w[:, None]

    def free(self, rows: np.ndarray) -> np.ndarray:
        """Return rows (..., N) without their straight baseline."""
        return rows - (rows @ self.baseline.T) @ self.baseline

    def start(self, y: np.ndarray) -> np.ndarray:
        """Return (b0, w) of the node that takes most off the sum of squares of ``y``."""
        narrowest = max(3.0 / len(self.u), 1e-3)
        best, chosen = -1.0, np.array([0.0, 0.1])
        for w in 0.5 / _RATIO ** np.arange(np.log(0.5 / narrowest) / np.log(_RATIO) + 1):
            b0 = np.linspace(-1, 1, int(np.ceil(2 / (_SPACING * w))) + 1)
            rows = self.free(self.shapes(b0, np.full_like(b0, w)))
            (ss, aa), sa = np.einsum("jkn,jkn->jk", rows, rows), np.einsum("kn,kn->k", *rows)
            on_s, on_a = rows @ y
            norm = ss * aa - sa**2
            norm = np.where(norm > 1e-6 * ss * aa, norm, np.inf)
            gain = (aa * on_s**2 - 2 * sa * on_s * on_a + ss * on_a**2) / norm
            k = int(np.argmax(gain))
            if gain[k] > best:
                best, chosen = float(gain[k]), np.array([b0[k], w])
        return chosen

    def functions(self, p: np.ndarray) -> np.ndarray:
        """Return all linear functions (2 lines, N), without their baseline."""
        b0, w = p.reshape(-1, 2).T
        return self.free(self.shapes(b0, w).transpose(1, 0, 2).reshape(-1, len(self.u)))

    def rest(self, p: np.ndarray) -> np.ndarray:
        functions = self.functions(p)
        return self.y - np.linalg.lstsq(functions.T, self.y, rcond=1e-9)[0] @ functions

    def refined(self, start: np.ndarray) -> np.ndarray:
        """Return (b0, w, ...) at the optimum."""
        start = start.copy()
        low = np.tile([-1.5, 1e-4], len(start) // 2)
        high = np.tile([1.5, 2.0], len(start) // 2)
        scale = np.repeat(start[1::2], 2)
        return optimize.least_squares(self.rest, start, bounds=(low, high), x_scale=scale, xtol=1e-10, ftol=1e-12).x

    def deviance(self, rest: np.ndarray) -> float:
        """Return -2 ln likelihood of residuals under first-order autoregressive noise, up to a constant."""
        rss = max(float(rest @ rest), 1e-28 * len(rest))
        lag1 = float(rest[1:] @ rest[:-1]) / rss
        return (len(rest) - 8) * float(np.log(rss * max(1 - lag1**2, 1e-9)))

    def judged(self, p: np.ndarray):
        """Return V_S, V_A, B0, W of each line, offset and slope in T and V, their covariance, and the noise."""
        lines = p.reshape(-1, 2)
        raw = self.shapes(lines[:, 0], lines[:, 1]).transpose(1, 0, 2)
        functions = self.free(raw.reshape(-1, len(self.u)))
        linear = np.linalg.lstsq(functions.T, self.y, rcond=1e-9)[0].reshape(-1, 2)
        rows, step = [], 1e-5
        for (b0, w), part, amplitude in zip(lines, raw, linear, strict=True):
            rows += [part[0], part[1]]
            for move in ((step * w, 0.0), (0.0, step * w)):
                ends = [
                    np.einsum(
                        "j,jn->n",
                        amplitude,
                        self.shapes(np.array([b0 + d * move[0]]), np.array([w + d * move[1]]))[:, 0],
                    )
                    for d in (1, -1)
                ]
                rows.append((ends[0] - ends[1]) / (2 * step * w))
        first = lines[0, 0]
        rows += [np.ones_like(self.u), self.u - first]
        jacobian = np.stack(rows)
        rest = self.rest(p)
        noise = correlated_covariance(jacobian[:, None], rest[None], np.ones((1, len(rest))))
        used = np.concatenate([[*amplitude, b0, w] for amplitude, (b0, w) in zip(linear, lines, strict=True)])
        model = sum(np.einsum("j,jn->n", amplitude, part) for amplitude, part in zip(linear, raw, strict=True))
        # What of the model's own baseline was projected out belongs to the straight line.
        straight = np.linalg.lstsq(
            np.stack([np.ones_like(self.u), self.u - first], axis=1), self.y - model, rcond=None
        )[0]
        values = np.concatenate([used, straight])
        amplitude_unit = self.scale * (self.half if self.derivative else 1.0)
        units = np.array(
            [*[amplitude_unit, amplitude_unit, self.half, self.half] * len(lines), self.scale, self.scale / self.half]
        )
        values = values * units
        values[2 : 4 * len(lines) : 4] += self.centre
        values[-2] += self.mean
        return values, noise.covariance[0] * np.outer(units, units), noise
