"""Out-of-plane harmonic Hall: R_1w and R_2w against the field's polar angle, all fields in one fit.

With theta_H the field's angle from the normal, in the plane of normal and current, and theta that of the magnetisation,
from the torque balance B sin(theta_H - theta) = 1/2 B_K sin 2 theta with one B_K for all points::

    R_1w = R_A cos theta + R_OHE B cos theta_H
    R_2w = -1/2 R_A B_DL sin theta/[B cos(theta_H - theta) + B_K cos 2 theta]
           - R_P B_FL sin^2 theta/(B sin theta_H) - R_ANE sin theta - R_ONE B sin theta_H

R_A, R_P are half swings. theta is that of the net magnetisation, which follows the field; where the Hall effect is that
of a sublattice that points against it (Tb-rich CoTb), R_A comes out below 0 and all else keeps its sign. Seed 000 takes
R_AHE above 0 and theta = arccos(R_1w/R_AHE) - pi instead: the same B_DL, with R_ANE of the other sign.

Beside this full form stands the seed's slope near the pole, `b_dl_slope`::

    d R_2w/d(sin theta) = -R_ANE - 1/2 R_A B_DL [1 - 4 xi^2]/(B + B_K),   xi = R_P/R_A

It neglects that the stiffness depends on the angle, which makes it too large by 1.6 to 5.9 % in the range of the seed;
the factor [1 - 4 xi^2], whose origin could not be verified, divides the result (up to +21 % at xi = 0.2 with the
above); and the field-like torque adds 2 xi B_FL to B_DL. The full form has none. At B_FL = 0 and xi -> 0, near the
pole, both agree.

References
----------
Gao et al. (seed 000), for the slope; the full form is linear response of the torque balance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import optimize

from sotlab.analysis.hall_signals import TERMS, field_without_sign, magnetisation_angle, second_harmonic_columns
from sotlab.analysis.harmonic_hall import (
    SIGNIFICANT,
    SMALL_LEAK,
    FittedReadings,
    HarmonicHallResult,
    SecondHarmonic,
    checked_readings,
    fit_second_harmonic,
    not_determined,
    scans_of,
)
from sotlab.analysis.joint import SMALLEST_UNIQUE, JointFit, fit_joint, number, spread
from sotlab.analysis.lockin_readings import split_parity
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["SLOPE_WINDOW", "fit_out_of_plane"]

METHOD = "out-of-plane angle, full form, joint over fields"
#: |sin theta| up to which the seed's slope is taken.
SLOPE_WINDOW = 0.3
#: Readings of which so many have a partner at the opposite field are reduced to their odd parts.
PAIRED = 0.9
_STARTS = (-1.5, -0.7, -0.3, -0.1, 0.02, 0.1, 0.25, 0.5, 0.8)  # of B_K over the largest field
#: Half the squares left over the squares of R_1w: below it the first start has found the minimum.
_GOOD_COST = 1e-6
_OFFSET_LIMIT_RAD = np.radians(20)


def fit_out_of_plane(
    field_T: np.ndarray,
    polar_rad: np.ndarray,
    r_1w_ohm: np.ndarray,
    r_2w_ohm: np.ndarray,
    *,
    azimuth_rad: float = 0.0,
    r_p: Value | None = None,
    b_k: Value | None = None,
    r_ohe: Value | None = None,
    known: Mapping[str, Value] | None = None,
    left_out: Sequence[str] = (),
    slope_window: float = SLOPE_WINDOW,
) -> HarmonicHallResult:
    """Fit the out-of-plane angle scans of one sample and current.

    Readings at opposite fields (+B and -B, or angles 180 deg apart) are reduced to half their difference, if nearly all
    have a partner: what misaligned arms pick up of R_xx is even in the field.

    Parameters
    ----------
    field_T, polar_rad : (N,) float
        Field [T] and its angle from the normal, in the order of measurement. A field below 0 points the other way.
    r_1w_ohm, r_2w_ohm : (N,) float
        Harmonic Hall resistances. NaN where there is none.
    azimuth_rad : float
        Of the plane in which the field turns; 0 contains the current.
    r_p : Value, optional
        Planar Hall resistance, half swing, from an in-plane scan. Without it there is no `b_fl`, and `b_dl` contains
        2 xi b_fl.
    b_k : Value, optional
        Anisotropy field where it is known better than from R_1w.
    r_ohe : Value, optional
        Ordinary Hall resistance per field where a loop has told it; taken as it is, it should be known well.
    known : mapping of str to Value, optional
        `b_fl`, `r_ane`, `r_one`, `b_dl` from another geometry.
    left_out : sequence of str
        Terms that the sample cannot have. What contradicts that is flagged.
    slope_window : float
        |sin theta| up to which `b_dl_slope` is taken, 0 to 1.

    Returns
    -------
    HarmonicHallResult
        Also with `r_ohe` [ohm/T] and `b_dl_slope` [T]. `scans` hold each field's `slope` [ohm] near the pole.

    Raises
    ------
    FitError
        If there are too few readings, a field of 0 T, or no anomalous Hall effect.
    """
    field, polar, r_1w, r_2w = checked_readings(METHOD, field_T, polar_rad, r_1w_ohm, r_2w_ohm)
    if np.any(field == 0):
        raise FitError(f"{METHOD}: at 0 T the magnetisation points nowhere known; leave those points out")
    flags: list[str] = []
    field, polar, r_1w, r_2w, odd = _odd_parts(field, polar, r_1w, r_2w, flags)
    scan = scans_of(field)
    # Pairs stand in the order of their first readings: between two scans time has passed.
    sequence = scan if odd else None
    first = _FirstHarmonic(field, polar, r_1w, scan, b_k, r_ohe, odd=odd)
    flags += first.flags

    inputs, covariance = first.inputs(r_p)
    with_fl = r_p is not None and bool(r_p.value)
    given = {name: value for name, value in (known or {}).items() if with_fl or name != "b_fl"}
    given |= {name: Value(0.0, 0.0, "") for name in left_out if with_fl or name != "b_fl"}

    def columns_of(point: np.ndarray) -> dict[str, np.ndarray]:
        r_a, b_k_T, offset, its_r_p = point
        true = polar + offset
        theta = magnetisation_angle(field, true, b_k_T)
        columns = second_harmonic_columns(field, true, azimuth_rad, theta, r_a_ohm=r_a, r_p_ohm=its_r_p, b_k_T=b_k_T)
        return columns if with_fl else {name: columns[name] for name in TERMS if name != "b_fl"}

    theta = first.theta
    nuisance = {} if odd else _per_scan("offset", scan, np.ones_like(field))
    nuisance = nuisance | {"leak": np.cos(theta)}
    second = fit_second_harmonic(
        columns_of,
        nuisance,
        r_2w,
        inputs,
        covariance,
        given,
        who=METHOD,
        needed=lambda name: _needed(name, field),
        sequence=sequence,
    )
    flags += second.flags
    flags += _field_like(second, r_p, with_fl, columns_of, nuisance, r_2w, inputs, covariance, given)
    xi = r_p.value / inputs[0] if r_p is not None and r_p.value is not None else 0.0
    slope, scans = _slope_form(field, scan, theta, polar + inputs[2], r_2w, second, inputs, xi, slope_window, odd)
    if slope.value is not None:
        flags.append(
            "b_dl_slope: the slope near the pole is too large by some percent, is divided by 1 - 4 xi^2 whose origin is"
            " unverified, and contains 2 xi b_fl; use b_dl"
        )
    if inputs[0] < 0:
        flags.append(
            "r_a: below 0, the Hall effect opposes the net magnetisation, as in Tb-rich CoTb; b_dl is the net one's"
        )
    results = {
        **first.results,
        "r_p": r_p if r_p is not None else Value(None, None, "ohm"),
        **second.values,
        "b_dl_slope": slope,
    }
    if results["b_fl"].value is not None:
        flags.append("b_fl: contains the Oersted field, which has the same form")
    flags += _leak(second.fit, inputs[0])
    fitted = FittedReadings(field, polar, r_1w, r_2w, r_1w - first.fit.residual, r_2w - second.fit.residual)
    return HarmonicHallResult(results, scans, tuple(flags), second.covariance, METHOD, (fitted,))


def _leak(fit: JointFit, r_a_ohm: float) -> list[str]:
    """Return a flag if R_2w holds a part of R_1w (cos theta), which no torque does in this plane."""
    leak, sigma = fit["leak"] / r_a_ohm, fit.sigma("leak") / abs(r_a_ohm)
    if abs(leak) <= max(SIGNIFICANT * sigma, SMALL_LEAK):
        return []
    return [
        f"source distortion: R_2w holds ({leak:.2g} +- {sigma:.1g}) of R_1w, which no torque does: of the source, or of"
        " the first harmonic's amplifier; it was fitted, measure a known resistor"
    ]


def _odd_parts(field, polar, r_1w, r_2w, flags):
    """Return the readings without sign of the field, reduced to odd parts where that is possible."""
    whole = np.isfinite(r_1w) & np.isfinite(r_2w)
    try:
        pairs = split_parity(field, polar, np.where(whole, r_1w, np.nan))
    except FitError:
        pairs = None
    if pairs is None or 2 * len(pairs.index) < PAIRED * np.count_nonzero(whole):
        flags.append(
            "few readings have a partner at the opposite field: what misaligned arms pick up of R_xx stays in; measure"
            " at +-B, or at angles 180 deg apart"
        )
        return *field_without_sign(field, polar), r_1w, r_2w, False
    second = split_parity(field, polar, np.where(whole, r_2w, np.nan))
    size, true = field_without_sign(field[pairs.index], polar[pairs.index])
    return size, true, pairs.odd, second.odd, True


class _FirstHarmonic:
    """The fit of R_1w: R_A, R_OHE, B_K and the angle's offset, with what they say of the magnetisation's angle."""

    def __init__(self, field, polar, r_1w, scan, b_k, r_ohe, *, odd):
        self.flags: list[str] = []
        self._field, self._polar = field, polar
        self._r_ohe = r_ohe if r_ohe is not None and r_ohe.value is not None else None
        #: What the sigma of a given R_OHE leaves in R_A, about.
        self._taken_ohm = 0.0 if self._r_ohe is None else spread(self._r_ohe) * float(np.mean(field))
        self._r_1w = r_1w if self._r_ohe is None else r_1w - number(self._r_ohe) * field * np.cos(polar)
        self._known = b_k if b_k is not None and b_k.value is not None else None
        self._good = np.isfinite(r_1w)
        self._sequence = scan if odd else None
        self._offsets = list(_per_scan("offset", scan, np.ones_like(field)).items()) if not odd else []
        # One field tells it from R_A, too, where the magnetisation lags behind, but then not from B_K at once.
        self._with_ohe = self._r_ohe is None
        point = self._best()
        fit = self._linearised(point)
        if self._with_ohe and fit.unique_part("r_ohe") < SMALLEST_UNIQUE:
            self._with_ohe = False
            self.flags.append(
                not_determined(
                    "r_a, b_k, r_ohe",
                    f"these fields do not tell them apart (together they are {fit['r_a']:.4g} ohm); measure at"
                    " two fields that differ, or give r_ohe of a loop",
                )
            )
            point = self._best()
            fit = self._linearised(point)
        self.fit: JointFit = fit
        self.point = point
        self.theta = magnetisation_angle(field, polar + point[1], point[0])
        if abs(fit["r_a"]) < 3 * fit.sigma("r_a"):
            raise FitError(
                f"{METHOD}: R_1w shows no anomalous Hall effect ({fit['r_a']:.3g} +- {fit.sigma('r_a'):.2g} ohm)"
            )
        if "b_k" in fit and fit.unique_part("b_k") < SMALLEST_UNIQUE:
            raise FitError(
                f"{METHOD}: R_1w does not determine B_K: the magnetisation follows the field; use lower fields, more"
                " angles away from the poles, or give b_k"
            )
        if point[0] > field.min():
            self.flags.append(
                f"fields from {field.min():.3g} T lie below B_K = {point[0]:.3g} T, where the magnetisation may lag"
                " behind; hysteresis is not followed"
            )

    @property
    def results(self) -> dict[str, Value]:
        """What R_1w says."""
        mixed = not self._with_ohe and self._r_ohe is None
        b_k = self._known if self._known is not None else self.fit.value("b_k", "T")
        if mixed and self._known is None:
            b_k = Value(None, None, "T")
        r_a = self.fit.value("r_a", "ohm")
        if self._r_ohe is not None:
            r_a = Value.of(number(r_a), float(np.hypot(spread(r_a), self._taken_ohm)), "ohm")
        return {
            "r_a": Value(None, None, "ohm") if mixed else r_a,
            "r_ohe": self.fit.value("r_ohe", "ohm/T") if self._with_ohe else self._r_ohe or Value(None, None, "ohm/T"),
            "b_k": Value(b_k.value, b_k.sigma, "T"),
            "mu0_meff": Value(None if b_k.value is None else -b_k.value, b_k.sigma, "T"),
            "angle_offset": self.fit.value("angle_offset", "rad")
            if "angle_offset" in self.fit
            else Value(None, None, "rad"),
        }

    def inputs(self, r_p: Value | None) -> tuple[np.ndarray, np.ndarray]:
        """Return R_A, B_K, the angle's offset and R_P with their covariance."""
        names = ["r_a", "b_k", "angle_offset"]
        covariance = np.zeros((4, 4))
        present = [k for k, name in enumerate(names) if name in self.fit]
        rows = [self.fit.names.index(names[k]) for k in present]
        covariance[np.ix_(present, present)] = self.fit.covariance[np.ix_(rows, rows)]
        if self._known is not None:
            # R_A follows a B_K from elsewhere: fitted again at half a sigma to each side.
            sigma = self._known.sigma or 0.0
            ends = [self._linearised(self._best(self._known.value + d * sigma)) for d in (0.5, -0.5)]
            moved = np.array([ends[0]["r_a"] - ends[1]["r_a"], sigma, 0.0, 0.0])
            if "angle_offset" in self.fit:
                moved[2] = ends[0]["angle_offset"] - ends[1]["angle_offset"]
            covariance += np.outer(moved, moved)
        covariance[0, 0] += self._taken_ohm**2
        if r_p is not None and r_p.value is not None:
            covariance[3, 3] = (r_p.sigma or 0.0) ** 2
        value = r_p.value if r_p is not None and r_p.value is not None else 0.0
        return np.array([self.fit["r_a"], *self.point, value]), covariance

    def _linear(self, point: np.ndarray) -> dict[str, np.ndarray]:
        true = self._polar + point[1]
        columns = {"r_a": np.cos(magnetisation_angle(self._field, true, point[0]))}
        if self._with_ohe:
            columns["r_ohe"] = self._field * np.cos(true)
        return columns | dict(self._offsets)

    def _left(self, point: np.ndarray) -> np.ndarray:
        """Return what the linear part leaves of R_1w."""
        design = np.stack(list(self._linear(point).values()))[:, self._good]
        norm = np.linalg.norm(design, axis=1)
        norm[norm == 0] = 1.0
        design = design / norm[:, None]
        y = self._r_1w[self._good]
        return y - np.linalg.lstsq(design.T, y, rcond=1e-12)[0] @ design

    def _best(self, b_k_T: float | None = None) -> np.ndarray:
        """Return (B_K, angle's offset) of the smallest residual, with B_K held where it is known."""
        top = self._field.max()
        known = self._known.value if b_k_T is None and self._known is not None else b_k_T
        scale = np.linalg.norm(self._r_1w[self._good]) or 1.0
        if known is not None:
            found = optimize.least_squares(
                lambda p: self._left(np.array([known, p[0]])) / scale,
                [0.0],
                bounds=([-_OFFSET_LIMIT_RAD], [_OFFSET_LIMIT_RAD]),
                xtol=1e-14,
                ftol=1e-14,
                gtol=1e-14,
            )
            return np.array([known, found.x[0]])
        starts = sorted((float(np.sum(self._left(np.array([s * top, 0.0])) ** 2)), s * top) for s in _STARTS)
        fits = []
        for _, start in starts[:2]:
            fits.append(
                optimize.least_squares(
                    lambda p: self._left(p) / scale,
                    [start, 0.0],
                    x_scale=[0.1 * top, 0.01],
                    bounds=([-5 * top, -_OFFSET_LIMIT_RAD], [5 * top, _OFFSET_LIMIT_RAD]),
                    xtol=1e-12,
                    ftol=1e-14,
                    gtol=1e-14,
                )
            )
            if fits[0].cost < _GOOD_COST:
                break
        return min(fits, key=lambda fit: fit.cost).x

    def _linearised(self, point: np.ndarray) -> JointFit:
        """Return the fit with the derivatives by B_K and the offset as columns: its covariance is that of all."""
        columns = self._linear(point)
        design = np.stack(list(columns.values()))[:, self._good]
        norm = np.linalg.norm(design, axis=1)
        norm[norm == 0] = 1.0
        weights = np.linalg.lstsq((design / norm[:, None]).T, self._r_1w[self._good], rcond=1e-12)[0] / norm
        steps = {"b_k": np.array([1e-5 * self._field.max(), 0.0]), "angle_offset": np.array([0.0, 1e-5])}
        if self._known is not None:
            del steps["b_k"]
        y = self._r_1w.copy()
        derivatives = {}
        for name, step in steps.items():
            up, down = self._linear(point + step), self._linear(point - step)
            derivative = sum(w * (up[n] - down[n]) for w, n in zip(weights, columns, strict=True)) / (2 * step.sum())
            derivatives[name] = derivative
            y = y + derivative * point[0 if name == "b_k" else 1]
        fit = fit_joint(columns | derivatives, y, who=f"{METHOD}, first harmonic", sequence=self._sequence)
        if fit.unique_part("angle_offset") < SMALLEST_UNIQUE:
            self.flags.append("angle_offset: not determined by these angles: taken as it is")
        return fit


def _per_scan(name: str, scan: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}_{k}": np.where(scan == k, values, 0.0) for k in range(scan.max() + 1)}


def _needed(name: str, field: np.ndarray) -> str:
    if name in ("b_dl", "b_fl"):
        return (
            "near the pole b_dl and 2 xi b_fl have one form: scan on to the plane, at fields near B_K too, or give b_fl"
            " of another geometry"
        )
    return f"measure in a wider range of fields than {field.min():.3g} to {field.max():.3g} T, and on to the plane"


def _field_like(
    second: SecondHarmonic, r_p, with_fl, columns_of, nuisance, r_2w, inputs, covariance, given
) -> list[str]:
    """Return what is to be said of the field-like torque, which hides in `b_dl` near the pole."""
    if not with_fl:
        if r_p is not None and r_p.value == 0:
            return [not_determined("b_fl", "without a planar Hall effect nothing shows it in this plane")]
        return [
            not_determined("b_fl", "r_p is needed; give the planar Hall resistance of an in-plane scan"),
            "b_dl: contains 2 xi b_fl near the pole (xi = r_p/r_a), and r_ane and r_one some of the rest, since r_p is"
            " not known",
        ]
    if "b_fl" in given or second.values["b_dl"].value is not None or second.values["b_fl"].value is not None:
        return []
    without = fit_second_harmonic(
        columns_of,
        nuisance,
        r_2w,
        inputs,
        covariance,
        {**given, "b_fl": Value(0.0, 0.0, "T")},
        who=METHOD,
        needed=lambda name: "",
    )
    both = without.values["b_dl"]
    if both.value is None:
        return []
    return [f"b_dl + 2 xi b_fl is {both.value:.4g} +- {both.sigma:.2g} T: near the pole only this sum is determined"]


def _slope_form(field, scan, theta, polar, r_2w, second, inputs, xi, window, odd) -> tuple[Value, list[dict[str, Any]]]:
    """Return B_DL of the slopes near the pole, and each field's slope without the ordinary Nernst effect."""
    r_one = second.values["r_one"].value or 0.0
    shown = r_2w + r_one * field * np.sin(polar)
    rows, made = [], []
    for k in range(scan.max() + 1):
        own = (scan == k) & (np.abs(np.sin(theta)) <= window)
        row: dict[str, Any] = {
            "field": float(field[scan == k].mean()),
            "points": int(np.count_nonzero(own)),
            "flags": [],
        }
        columns = {"slope": np.sin(theta[own])} | ({} if odd else {"offset": np.ones(np.count_nonzero(own))})
        try:
            fit = fit_joint(columns, shown[own], who=METHOD)
            row["slope"] = fit.value("slope", "ohm")
            made.append((row["field"], fit["slope"], fit.sigma("slope")))
        except FitError:
            row["slope"] = Value(None, None, "ohm")
            row["flags"] = [f"slope: not determined: too few points with |sin theta| below {window:g}"]
        rows.append(row)
    nothing = Value(None, None, "T")
    if len(made) < 2 or abs(xi) >= 0.5:
        return nothing, rows
    at, slope, sigma = (np.array(column) for column in zip(*made, strict=True))
    sigma = np.maximum(sigma, 1e-12 * np.abs(slope).max())
    design = np.stack([-np.ones_like(at), -0.5 * inputs[0] * (1 - 4 * xi**2) / (at + inputs[1])])
    scaled = design / sigma
    size = np.linalg.norm(scaled, axis=1)
    gram = (scaled / size[:, None]) @ (scaled / size[:, None]).T
    if np.linalg.cond(gram) > 1 / SMALLEST_UNIQUE**2 * 4:
        return nothing, rows
    inverse = np.linalg.inv(gram)
    values = inverse @ ((scaled / size[:, None]) @ (slope / sigma)) / size
    return Value.of(values[1], float(np.sqrt(inverse[1, 1]) / size[1]), "T"), rows
