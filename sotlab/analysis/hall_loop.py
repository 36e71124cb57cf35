"""The anomalous Hall loop: R_A, the ordinary slope, coercivity, remanence, and what it says of the anisotropy.

With the field along the normal, R_xy = R_0 + R_OHE B + R_A m_z. R_A is half of the swing; above 0 if R_xy rises with
the magnetisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sotlab.analysis.harmonic_hall import checked_readings, not_determined
from sotlab.analysis.joint import JointFit, fit_joint, number, spread
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["HallLoop", "fit_hall_loop"]

#: The tails begin at this part of the largest field.
TAIL = 0.7
#: Not saturated: the tails' sagitta is beyond so many sigmas, and beyond this part of the half swing.
BENT, SAGITTA = 3.0, 2e-3
#: Half of the points nearest to where a branch crosses zero, for the curve through them.
CROSSING_POINTS = 4
#: Below these parts of the swing a loop counts as closed and a branch as straight.
CLOSED, STRAIGHT = 0.03, 0.03


@dataclass(frozen=True)
class HallLoop:
    """What a loop says.

    Parameters
    ----------
    results : dict of str to Value
        `r_a` [ohm], `r_ohe` [ohm/T], `r_offset` [ohm], `coercivity` [T], `loop_shift` [T], `remanence` (over
        saturation), `b_k` and `mu0_meff` [T].
    flags : tuple of str
        What the reader must know.
    """

    results: dict[str, Value]
    flags: tuple[str, ...] = ()


def fit_hall_loop(field_T: np.ndarray, r_xy_ohm: np.ndarray, *, tail: float = TAIL) -> HallLoop:
    """Fit a loop of the Hall resistance against the field along the normal.

    Parameters
    ----------
    field_T : (N,) float
        Field in the order of measurement [T], through both signs; both directions for a coercivity.
    r_xy_ohm : (N,) float
        Hall resistance.
    tail : float
        Part of the largest field from which the film is taken as saturated.

    Raises
    ------
    FitError
        If the field does not go to both signs, or there are too few readings.
    """
    field, r_xy = checked_readings("hall loop", field_T, r_xy_ohm)
    good = np.isfinite(field) & np.isfinite(r_xy)
    field, r_xy = field[good], r_xy[good]
    top = min(field.max(initial=0.0), -field.min(initial=0.0))
    if top <= 0:
        raise FitError("hall loop: the field must go to both signs; a half swing needs both saturated states")
    flags: list[str] = []
    in_tail = np.abs(field) >= tail * top
    side = np.sign(field)
    # Gaps are NaN, so that what follows in time still does.
    shown = np.where(in_tail, r_xy, np.nan)
    columns = {"r_a": side, "r_ohe": field, "offset": np.ones_like(field)}
    fit = fit_joint(columns, shown, who="hall loop, tails")
    saturated = _sagitta(field, r_xy, in_tail, top, tail) < SAGITTA * abs(fit["r_a"])
    if saturated:
        r_a, r_ohe, offset = fit.value("r_a", "ohm"), fit.value("r_ohe", "ohm/T"), fit.value("offset", "ohm")
        slope = fit["r_ohe"]
    else:
        r_a, offset = _at_the_ends(fit, top)
        r_ohe, slope = Value(None, None, "ohm/T"), 0.0
        flags.append(not_determined("r_ohe", f"the loop still bends at {top:.3g} T; go to higher fields"))
        flags.append(f"r_a: half of the swing at {top:.3g} T, where the loop still bends: not that of saturation")
    if not abs(number(r_a)) >= 3 * spread(r_a):
        raise FitError(
            f"hall loop: no anomalous Hall effect stands out ({fit['r_a']:.2g} +- {fit.sigma('r_a'):.1g} ohm)"
        )
    m_z = (r_xy - number(offset) - slope * field) / number(r_a)
    coercivity, shift, said = _coercivity(field, m_z, fit.noise / abs(number(r_a)), fit.rho)
    flags += said
    remanence, m_sigma = _remanence(field, m_z)
    b_k, said = _anisotropy(field, m_z, coercivity, remanence, saturated)
    flags += said
    results = {
        "r_a": r_a,
        "r_ohe": r_ohe,
        "r_offset": offset,
        "coercivity": coercivity,
        "loop_shift": shift,
        "remanence": Value(None, None, "") if remanence is None else Value.of(remanence, m_sigma, ""),
        "b_k": b_k,
        "mu0_meff": Value(None if b_k.value is None else -b_k.value, b_k.sigma, "T"),
    }
    return HallLoop(results, tuple(flags))


def _sagitta(field: np.ndarray, r_xy: np.ndarray, in_tail: np.ndarray, top: float, tail: float) -> float:
    """Return by how much the tails are bent, away from the field's axis [ohm]; 0 where that is not significant.

    Each passage through a tail has an offset of its own, for drift. The noise is that of neighbours: what is left of a
    wrong model over the whole tail must not count as noise here, or it would hide itself.
    """
    side = np.sign(field)
    passage = np.cumsum(np.diff(np.where(in_tail, side, 0) * (2 + _branches(field)[True]), prepend=0) != 0)
    own = [(passage == k) & in_tail for k in np.unique(passage[in_tail])]
    own = [o for o in own if np.count_nonzero(o) > 3]
    if not own:
        return 0.0
    used = np.logical_or.reduce(own)
    half = (1 - tail) * top / 2
    bend = side * (np.abs(field) - top) * (np.abs(field) - tail * top) / half**2
    design = np.stack([*(np.where(o, 1.0, 0.0) for o in own), field / top, bend])[:, used]
    solve = np.linalg.pinv(design.T)
    values = solve @ r_xy[used]
    residual, number = r_xy[used] - values @ design, passage[used]
    noise, rho = _neighbours(residual, number)
    apart = np.abs(np.subtract.outer(np.arange(len(number)), np.arange(len(number))))
    correlation = np.where(np.equal.outer(number, number), rho**apart, 0.0)
    sigma = noise * float(np.sqrt(solve[-1] @ correlation @ solve[-1]))
    return abs(float(values[-1])) if abs(values[-1]) > BENT * sigma else 0.0


def _neighbours(residual: np.ndarray, number: np.ndarray) -> tuple[float, float]:
    """Return deviation and lag-1 autocorrelation of first-order autoregressive noise, of differences within passages.

    Its differences over one and two points have the variances 2 s^2 (1 - rho) and 2 s^2 (1 - rho^2).
    """
    squares = [np.mean((residual[lag:] - residual[:-lag])[number[lag:] == number[:-lag]] ** 2) for lag in (1, 2)]
    if squares[0] == 0:
        return 0.0, 0.0
    rho = float(np.clip(squares[1] / squares[0] - 1, 0.0, 0.9))
    return float(np.sqrt(squares[0] / 2 / (1 - rho))), rho


def _noise(readings: np.ndarray) -> float:
    """Return the standard deviation of the noise between neighbours."""
    return float(np.median(np.abs(np.diff(readings, 2))) / 0.6745 / np.sqrt(6))


def _at_the_ends(fit: JointFit, top: float) -> tuple[Value, Value]:
    """Return half the swing and half the sum at the largest field, by the lines through the tails."""
    weights = np.array([1.0, top])
    rows = [fit.names.index(name) for name in ("r_a", "r_ohe")]
    variance = weights @ fit.covariance[np.ix_(rows, rows)] @ weights
    return Value.of(fit["r_a"] + fit["r_ohe"] * top, float(np.sqrt(variance)), "ohm"), fit.value("offset", "ohm")


def _branches(field: np.ndarray) -> dict[bool, np.ndarray]:
    """Return for rising and falling field which points belong to it."""
    step = np.sign(np.diff(field, prepend=field[0]))
    step[0] = step[1] if len(step) > 1 else 0
    return {up: step == (1 if up else -1) for up in (True, False)}


def _coercivity(field: np.ndarray, m_z: np.ndarray, noise: float, rho: float) -> tuple[Value, Value, list[str]]:
    """Return half the distance, and the middle, of where the two branches cross zero."""
    nothing = Value(None, None, "T")
    crossings = {}
    for up, own in _branches(field).items():
        crossings[up] = _crossing(field[own], m_z[own], noise, rho)
    if crossings[True] is None or crossings[False] is None:
        reason = "sweep the field both ways through zero, in steps smaller than the coercivity"
        return nothing, nothing, [not_determined("coercivity", reason)]
    (up_T, up_sigma), (down_T, down_sigma) = crossings[True], crossings[False]
    sigma = float(np.hypot(up_sigma, down_sigma)) / 2
    flags = [] if up_T - down_T > -3 * 2 * sigma else ["coercivity: below 0: the meter or the field lags behind"]
    return Value.of((up_T - down_T) / 2, sigma, "T"), Value.of((up_T + down_T) / 2, sigma, "T"), flags


def _crossing(field: np.ndarray, m_z: np.ndarray, noise: float, rho: float) -> tuple[float, float] | None:
    """Return where a branch crosses zero, and its sigma under noise of this size and lag-1 autocorrelation."""
    above = m_z >= 0
    changes = np.flatnonzero(above[1:] != above[:-1])
    if not len(changes):
        return None
    # With noise near zero there are several: the middle one.
    k = int(changes[len(changes) // 2])
    step = field[k + 1] - field[k]
    between = float(field[k] - m_z[k] * step / (m_z[k + 1] - m_z[k]))
    near = slice(max(k - CROSSING_POINTS + 1, 0), k + CROSSING_POINTS + 1)
    at, y = (field[near] - between) / step, m_z[near]
    if len(at) < 2 * CROSSING_POINTS or abs(m_z[k + 1] - m_z[k]) > 0.5:
        # It switches between two points: anywhere between them, evenly.
        return between, abs(step) / np.sqrt(12)
    # A branch bends on both sides of zero: a cubic, whose value and slope where the line between the two points is zero
    # give one step of Newton.
    design = np.vander(at, 4, increasing=True)
    solve = np.linalg.pinv(design)
    value, slope = (solve @ y)[:2]
    apart = np.abs(np.subtract.outer(np.arange(len(at)), np.arange(len(at))))
    variance = noise**2 * float(solve[0] @ rho**apart @ solve[0])
    if abs(slope) < 3 * np.sqrt(variance):
        return None
    return between - value / slope * step, float(np.sqrt(variance) / abs(slope) * abs(step))


def _remanence(field: np.ndarray, m_z: np.ndarray) -> tuple[float | None, float]:
    """Return half of the opening at zero field over saturation."""
    ends = []
    for own in _branches(field).values():
        order = np.argsort(field[own])
        at, y = field[own][order], m_z[own][order]
        if len(at) < 4 or at[0] > 0 or at[-1] < 0:
            return None, np.nan
        ends.append(float(np.interp(0.0, at, y)))
    return abs(ends[1] - ends[0]) / 2, _noise(m_z) / np.sqrt(2)


def _anisotropy(field, m_z, coercivity: Value, remanence: float | None, saturated: bool) -> tuple[Value, list[str]]:
    """Return B_K where the loop is that of a film magnetised in its plane: straight up to saturation at -B_K."""
    nothing = Value(None, None, "T")
    if remanence is None or remanence > CLOSED:
        return nothing, [
            not_determined(
                "b_k",
                "a loop along the easy axis does not show it; sweep across the normal (low field) or scan the angle",
            )
        ]
    middle = np.abs(m_z) <= 0.7
    if not saturated or np.count_nonzero(middle) < 8:
        return nothing, [not_determined("b_k", "the loop does not saturate, or has too few points below saturation")]
    at = field[middle]
    fit = fit_joint({"one": np.ones_like(at), "slope": at}, m_z[middle], who="hall loop, middle")
    scaled = at / np.abs(at).max()
    cubic = fit_joint(
        {"one": np.ones_like(at), "slope": scaled, "cubic": scaled**3}, m_z[middle], who="hall loop, middle"
    )
    if abs(cubic["cubic"]) > STRAIGHT and abs(cubic["cubic"]) > 3 * cubic.sigma("cubic"):
        return nothing, [
            not_determined("b_k", "the loop is closed but not straight: domains, not the rotation of one magnetisation")
        ]
    at_T = 1 / fit["slope"]
    return Value.of(-at_T, fit.sigma("slope") * at_T**2, "T"), [
        "b_k: of the straight rise to saturation, as if the magnetisation turned out of its plane; domains look alike"
    ]
