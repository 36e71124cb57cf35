"""Low-field harmonic Hall of a film magnetised along its normal: field along and across the current.

With b_i = (d R_2w/d B_i)/(d2 R_1w/d B_i2) at B = 0, x along and y across the current, xi = R_P/R_A, upper signs for
m_z > 0::

    B_DL = +-2 (b_x +- 2 xi b_y)/(1 - 4 xi^2) - 2 (R_ANE B_K + R_ONE B_K^2)/[R_A (1 - 4 xi^2)]
    B_FL =  -2 (b_y +- 2 xi b_x)/(1 - 4 xi^2) + 4 xi (R_ANE B_K + R_ONE B_K^2)/[R_A (1 - 4 xi^2)]
    d2 R_1w/d B_i2 = -+ R_A/B_K^2

The Nernst terms have the form of the torque and cannot be told from it here, in neither state of m_z: R_ANE and R_ONE
of another geometry are needed. Undefined at |xi| = 1/2.

These are the slopes and curvatures at B = 0. What is fitted within 0.12 B_K are the curves that have them, exact for a
macrospin with sin(theta) = B/B_K = s: R_1w is that of sqrt(1 - s^2), R_2w that of s/(1 - s^2) along and of s/sqrt(1 -
s^2) across, after what the planar Hall effect and the Nernst terms add beside these curves is taken off. A parabola and
a straight line would give 0.9 % too much torque.

References
----------
Hayashi et al., Phys. Rev. B 89, 144425 (2014), eqs. (26); there with full swings, which leaves xi as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sotlab.analysis.hall_signals import TERMS, second_harmonic_columns
from sotlab.analysis.harmonic_hall import FittedReadings, HarmonicHallResult, checked_readings, not_determined
from sotlab.analysis.joint import fit_joint, number, propagated, spread
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["LowFieldSweep", "fit_low_field"]

METHOD = "low field"
#: Field over B_K within which R_1w is taken as a parabola and R_2w as a line.
WINDOW = 0.12
#: Fewer points of a sweep within the window are too few.
FEWEST_POINTS = 8
#: B/B_K up to which the curves follow a macrospin; beyond it, where there are too few points within the window, they
#: hardly mean anything.
LARGEST_SINE = 0.6
#: A field so small a share of B_K that curves are straight up to it.
SMALLEST_SHARE = 1e-6
#: |1 - 4 xi^2| must be larger than this, and than three of its sigmas.
SMALLEST_DENOMINATOR = 0.1
#: The two states of m_z are said to disagree beyond so many sigmas.
DISAGREEMENT = 3.0


@dataclass(frozen=True)
class LowFieldSweep:
    """A sweep of the in-plane field through zero.

    Parameters
    ----------
    field_T : (N,) float
        Field with sign, in the order of measurement.
    r_1w_ohm, r_2w_ohm : (N,) float
        Harmonic Hall resistances.
    across : bool
        False for a field along the current (x), True for across (y).
    up : bool
        True for m_z > 0.
    """

    field_T: np.ndarray
    r_1w_ohm: np.ndarray
    r_2w_ohm: np.ndarray
    across: bool
    up: bool


def fit_low_field(
    sweeps: Sequence[LowFieldSweep],
    *,
    r_p: Value | None,
    r_a: Value | None = None,
    known: Mapping[str, Value] | None = None,
    left_out: Sequence[str] = (),
) -> HarmonicHallResult:
    """Return the effective fields of low-field sweeps.

    Parameters
    ----------
    sweeps : sequence of LowFieldSweep
        Along and across, for one state of m_z or both.
    r_p : Value or None
        Planar Hall resistance, half swing.
    r_a : Value, optional
        Anomalous Hall resistance, half swing with sign; from the two states of m_z if they are there.
    known : mapping of str to Value, optional
        `r_ane` and `r_one` of another geometry. Without them there is no `b_dl` and no `b_fl`.
    left_out : sequence of str
        Of these, those that the sample cannot have.

    Raises
    ------
    FitError
        If there are too few readings, or R_1w is no parabola.
    """
    if not sweeps:
        raise FitError(f"{METHOD}: there are no sweeps; give one along and one across the current")
    flags: list[str] = []
    whole = _curves(sweeps, np.inf, np.inf)
    given_r_a = r_a
    r_a = _half_swing(sweeps, whole, given_r_a)
    if r_a.value is None:
        names = ("b_dl", "b_fl", "b_k")
        flags += [not_determined(name, "r_a is needed; give both states of m_z, or what a loop says") for name in names]
        return HarmonicHallResult(_nothing(r_a, r_p), [], tuple(flags), method=METHOD)
    curvature, b_k = _curvature(sweeps, whole, r_a)
    fits = whole
    for _ in range(3):  # window and curves follow B_K, which hardly depends on them
        fits = _curves(sweeps, WINDOW * number(b_k), number(b_k))
        r_a = _half_swing(sweeps, fits, given_r_a)
        curvature, b_k = _curvature(sweeps, fits, r_a)
    if any(fit["beyond"] for fit in fits):
        flags.append(
            f"few points within {WINDOW:g} B_K = {WINDOW * number(b_k):.2g} T: points beyond it were used, which biases"
            " the fields by some percent"
        )
    fitted = tuple(fit["fitted"] for fit in fits)
    scans = [_row(sweep, fit) for sweep, fit in zip(sweeps, fits, strict=True)]
    results = _nothing(r_a, r_p) | {
        "b_k": b_k,
        "mu0_meff": Value(-number(b_k), b_k.sigma, "T"),
    }
    given = dict(known or {}) | {name: Value(0.0, 0.0, "") for name in left_out}
    reasons = _reasons(sweeps, r_a, r_p, given)
    if reasons:
        flags += [not_determined(name, reason) for name in ("b_dl", "b_fl") for reason in reasons]
        return HarmonicHallResult(results, scans, tuple(flags), method=METHOD, fitted=fitted)

    thermal = [given["r_ane"], given["r_one"]]
    covariance = np.full((4, 4), np.nan)
    straight = sweeps
    for _ in range(2):  # what is not of the main curve follows the fields, which hardly depend on it
        fits = _curves(straight, WINDOW * number(b_k), number(b_k))
        value, its, said = _of_states(straight, fits, curvature, r_a, r_p, thermal)
        straight = [_straightened(sweep, value, number(b_k), r_a, r_p, thermal) for sweep in sweeps]
    flags += said
    for k, name in enumerate(("b_dl", "b_fl")):
        results[name] = Value.of(value[k], float(np.sqrt(its[k, k])), "T")
    covariance[:2, :2] = its
    results |= {name: Value(v.value, v.sigma, u) for name, v, u in
                (("r_ane", thermal[0], "ohm"), ("r_one", thermal[1], "ohm/T"))}  # fmt: skip
    flags.append("b_fl: contains the Oersted field, which has the same form")
    return HarmonicHallResult(results, scans, tuple(flags), covariance, METHOD, fitted)


def _of_states(
    sweeps, fits, curvature: Value, r_a: Value, r_p: Value | None, thermal: Sequence[Value]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return (B_DL, B_FL) with their covariance, and a flag for each that is not the same in both states."""
    flags = []
    others = [curvature, r_a, r_p, *thermal]
    states = []
    for up in (True, False):
        slopes = [_mean([f["slope"] for s, f in zip(sweeps, fits, strict=True) if s.up is up and s.across is across])
                  for across in (False, True)]  # fmt: skip
        if slopes[0].value is not None and slopes[1].value is not None:
            states.append((up, slopes))
    if len(states) == 1:
        (up, slopes) = states[0]
        return *_with_covariance(lambda point: _fields(point, up), [*slopes, *others]), []
    inputs = [*states[0][1], *states[1][1], *others]
    value, its = _with_covariance(lambda p: (_fields(np.delete(p, [2, 3]), True) + _fields(p[2:], False)) / 2, inputs)
    apart, apart_covariance = _with_covariance(
        lambda p: _fields(np.delete(p, [2, 3]), True) - _fields(p[2:], False), inputs
    )
    for k, name in enumerate(("b_dl", "b_fl")):
        sigma = float(np.sqrt(apart_covariance[k, k]))
        if abs(apart[k]) > DISAGREEMENT * sigma and abs(apart[k]) > 1e-6 * abs(value[k]):
            flags.append(
                f"{name}: the two states of m_z differ by {apart[k]:.2g} +- {sigma:.1g} T: the field is tilted, or"
                " the magnetisation was not in one domain"
            )
    return value, its, flags


def _straightened(
    sweep: LowFieldSweep, torques: np.ndarray, b_k_T: float, r_a: Value, r_p: Value | None, thermal: Sequence[Value]
) -> LowFieldSweep:
    """Return a sweep without what its R_2w has beside its main curve: of a macrospin with these torques."""

    def model(field_T: np.ndarray) -> np.ndarray:
        size = np.maximum(np.abs(field_T), SMALLEST_SHARE * b_k_T)
        theta = np.arcsin(np.minimum(size / b_k_T, LARGEST_SINE))
        azimuth = (np.pi / 2 if sweep.across else 0.0) + np.where(field_T < 0, np.pi, 0.0)
        columns = second_harmonic_columns(
            size,
            np.full(size.shape, np.pi / 2),
            azimuth,
            theta if sweep.up else np.pi - theta,
            r_a_ohm=number(r_a),
            r_p_ohm=0.0 if r_p is None else number(r_p),
            b_k_T=b_k_T,
        )
        weights = dict(zip(TERMS, [*torques, *(number(value) for value in thermal)], strict=True))
        return sum((weights[name] * columns[name] for name in TERMS), np.zeros(size.shape))

    near_zero = SMALLEST_SHARE * b_k_T
    slope = model(np.array([near_zero]))[0] / near_zero
    field = np.asarray(sweep.field_T, float)
    bend = model(field) - slope * _main_curve(field, b_k_T, np.full(field.shape, sweep.across))
    return replace(sweep, r_2w_ohm=np.asarray(sweep.r_2w_ohm, float) - bend)


def _main_curve(field_T: np.ndarray, b_k_T: float, across: np.ndarray) -> np.ndarray:
    """Return what R_2w follows by the damping-like torque along the current, by the field-like one across it."""
    cos2 = 1 - np.minimum((field_T / b_k_T) ** 2, LARGEST_SINE**2)
    return field_T / np.where(across, np.sqrt(cos2), cos2)


def _nothing(r_a: Value, r_p: Value | None) -> dict[str, Value]:
    units = {"b_k": "T", "mu0_meff": "T", "b_dl": "T", "b_fl": "T", "r_ane": "ohm", "r_one": "ohm/T"}
    nothing = {name: Value(None, None, unit) for name, unit in units.items()}
    return {"r_a": r_a, "r_p": r_p if r_p is not None else Value(None, None, "ohm")} | nothing


def _fields(point: np.ndarray, up: bool) -> np.ndarray:
    """Return (B_DL, B_FL) of slopes along and across, R_A/B_K^2, R_A, R_P, R_ANE, R_ONE."""
    along, across, curvature, r_a, r_p, r_ane, r_one = point
    sign = 1.0 if up else -1.0
    b_x, b_y = along / (-sign * curvature), across / (-sign * curvature)
    xi = r_p / r_a
    b_k = np.sqrt(r_a / curvature)
    nernst = (r_ane * b_k + r_one * b_k**2) / r_a
    b_dl = 2 * (sign * (b_x + sign * 2 * xi * b_y) - nernst)
    b_fl = -2 * (b_y + sign * 2 * xi * b_x) + 4 * xi * nernst
    return np.array([b_dl, b_fl]) / (1 - 4 * xi**2)


def _with_covariance(function, inputs: Sequence[Value]) -> tuple[np.ndarray, np.ndarray]:
    nominal = np.array([number(value) for value in inputs])
    carried = propagated(function, nominal, np.diag([spread(value) ** 2 for value in inputs]))
    value = function(nominal)
    return value, np.zeros((len(value), len(value))) if carried is None else carried


def _curves(sweeps: Sequence[LowFieldSweep], window_T: float, b_k_T: float) -> list[dict[str, Any]]:
    """Return each sweep's curvature and offset of R_1w and slope of R_2w at B = 0.

    Within the window, where enough points lie there; with B_K unknown (infinite) by a parabola and a straight line. All
    sweeps are fitted at once, since their noise is one.
    """
    parts = [checked_readings(METHOD, sweep.field_T, sweep.r_1w_ohm, sweep.r_2w_ohm) for sweep in sweeps]
    found: list[dict[str, Any]] = []
    for k, (field, r_1w, r_2w) in enumerate(parts):
        near = np.abs(field) <= window_T
        beyond = np.count_nonzero(near & np.isfinite(r_1w) & np.isfinite(r_2w)) < FEWEST_POINTS
        near |= beyond
        parts[k] = [field[near], r_1w[near], r_2w[near]]
        found.append({"beyond": beyond and np.isfinite(window_T), "points": np.count_nonzero(near)})
    number_of = np.repeat(np.arange(len(parts)), [len(field) for field, _, _ in parts])
    field, r_1w, r_2w = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    across = np.array([sweep.across for sweep in sweeps])[number_of]
    cos2 = 1 - np.minimum((field / b_k_T) ** 2, LARGEST_SINE**2)
    shapes = {
        "offset": np.ones_like(field),
        "tilt": field,
        "square": field**2 * 2 / (1 + np.sqrt(cos2)),  # 2 B_K^2 (1 - cos theta), without a difference of near numbers
        "slope": _main_curve(field, b_k_T, across),
    }
    first, second = (
        fit_joint(
            {f"{name}_{k}": np.where(number_of == k, shapes[name], 0.0) for name in names for k in range(len(parts))},
            readings,
            who=METHOD,
            sequence=number_of,
        )
        for names, readings in ((("offset", "tilt", "square"), r_1w), (("offset", "slope"), r_2w))
    )
    for k, (sweep, one) in enumerate(zip(sweeps, found, strict=True)):
        own = number_of == k
        angle = np.full(np.count_nonzero(own), np.pi / 2 if sweep.across else 0.0)
        model_1w, model_2w = (r_1w - first.residual)[own], (r_2w - second.residual)[own]
        one |= {
            "fitted": FittedReadings(field[own], angle, r_1w[own], r_2w[own], model_1w, model_2w),
            "curvature": Value.of(2 * first[f"square_{k}"], 2 * first.sigma(f"square_{k}"), "ohm/T**2"),
            "offset": first.value(f"offset_{k}", "ohm"),
            "slope": second.value(f"slope_{k}", "ohm/T"),
        }
    return found


def _row(sweep: LowFieldSweep, fit: Mapping[str, Any]) -> dict[str, Any]:
    state = "m_z > 0" if sweep.up else "m_z < 0"
    return {
        "name": f"{'across' if sweep.across else 'along'}, {state}",
        "r_1w_curvature": fit["curvature"],
        "r_2w_slope": fit["slope"],
        "points": fit["points"],
        "flags": [],
    }


def _mean(values: Sequence[Value]) -> Value:
    """Return the weighted mean, None of nothing."""
    if not values:
        return Value(None, None, "")
    weight = np.array([1 / max(spread(v), 1e-150) ** 2 for v in values])
    mean = float(np.average([number(v) for v in values], weights=weight / weight.max()))
    return Value.of(mean, float(1 / np.sqrt(weight.sum())), values[0].unit)


def _half_swing(sweeps, fits, r_a: Value | None) -> Value:
    """Return R_A as given, or from the two states of m_z."""
    if r_a is not None and r_a.value:
        return Value(r_a.value, r_a.sigma, "ohm")
    up = _mean([fit["offset"] for sweep, fit in zip(sweeps, fits, strict=True) if sweep.up])
    down = _mean([fit["offset"] for sweep, fit in zip(sweeps, fits, strict=True) if not sweep.up])
    if up.value is None or down.value is None:
        return Value(None, None, "ohm")
    return Value.of((up.value - down.value) / 2, float(np.hypot(spread(up), spread(down))) / 2, "ohm")


def _curvature(sweeps, fits, r_a: Value) -> tuple[Value, Value]:
    """Return R_A/B_K^2 of both states, and B_K."""
    states = [
        _mean(
            [
                Value((-1.0 if up else 1.0) * fit["curvature"].value, fit["curvature"].sigma, "ohm/T**2")
                for sweep, fit in zip(sweeps, fits, strict=True)
                if sweep.up is up
            ]
        )
        for up in (True, False)
    ]
    states = [state for state in states if state.value is not None]
    # Half and half: what misaligned arms pick up of a magnetoresistance has one sign in both states.
    mean = sum(number(state) for state in states) / len(states)
    shared = Value.of(mean, float(np.hypot.reduce([spread(state) for state in states])) / len(states), "ohm/T**2")
    value, sigma = number(shared), spread(shared)
    ratio = number(r_a) / value
    if not (ratio > 0 and abs(value) >= 3 * sigma):
        raise FitError(
            f"{METHOD}: R_1w is no parabola of the sign of r_a = {r_a.value:.3g} ohm (R_A/B_K^2 = {value:.2g} +-"
            f" {sigma:.1g} ohm/T^2): is the film magnetised along its normal, and m_z as said?"
        )
    b_k = float(np.sqrt(ratio))
    relative = np.hypot(spread(r_a) / number(r_a), sigma / value)
    return shared, Value.of(b_k, 0.5 * b_k * float(relative), "T")


def _reasons(sweeps, r_a: Value, r_p: Value | None, given: Mapping[str, Value]) -> list[str]:
    """Return why there are no effective fields."""
    reasons = []
    complete = any({s.across for s in sweeps if s.up is up} == {False, True} for up in (True, False))
    if not complete:
        reasons.append("sweeps along and across the current are needed in one state of m_z")
    missing = [name for name in ("r_ane", "r_one") if name not in given or given[name].value is None]
    if missing:
        reasons.append(
            f"{' and '.join(missing)} add to the torque in the same form here; give them from another geometry"
            " (in-plane or out-of-plane angle scans), or leave out what the sample cannot have"
        )
    if r_p is None or r_p.value is None:
        reasons.append("r_p is needed for the planar Hall correction; give that of an in-plane scan")
        return reasons
    xi = number(r_p) / number(r_a)
    denominator = 1 - 4 * xi**2
    sigma = 8 * abs(xi) * abs(xi) * np.hypot(spread(r_p) / (r_p.value or 1.0), spread(r_a) / number(r_a))
    if abs(denominator) < max(SMALLEST_DENOMINATOR, 3 * sigma):
        reasons.append(
            f"xi = r_p/r_a = {xi:.3g}: 1 - 4 xi^2 = {denominator:.2g} +- {sigma:.1g} is too near to 0; use angle scans"
        )
    return reasons
