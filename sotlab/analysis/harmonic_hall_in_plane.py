"""In-plane harmonic Hall: R_1w and R_2w against the field's azimuth, all fields in one joint linear fit.

With phi from the current, B the field and M = mu0*M_eff (-B_K for an easy axis along the normal, at B > B_K)::

    R_1w = R_P sin 2(phi + phi0)
    R_2w = -[R_A B_DL/(2(B + M)) + R_ANE + R_ONE B] cos(phi + phi0)
           - R_P (B_FL + B_Oe)/B (2 cos^3 - cos)(phi + phi0)

phi0, `angle_offset`, is what must be added to the angle that was read. R_A, R_P are half swings. The Oersted field is
in `b_fl` and cannot be told from it here.

An anisotropy in the plane, b_u cos^2(phi_m - phi_u), keeps the magnetisation behind the field by (b_u/2B) sin 2(phi -
phi_u), which shows as R_P b_u/(2B) in sin and cos of 4 phi in R_1w. Where the angles can tell that, phi_m stands for
phi in all but the ordinary Nernst term, and b_u adds to the stiffnesses.

The damping-like field, the anomalous and the ordinary Nernst effect have one angular form and are told apart by the
field alone: a range is needed in which 1/(B + M) is not a straight line (with the ordinary Nernst effect) or not
constant (without it). In a semimetal the ordinary Nernst effect must not be left out.

What misaligned arms pick up of the anisotropic magnetoresistance has the form of an offset of the angle in R_1w, and is
in phi0.

References
----------
Avci et al., Phys. Rev. B 90, 224427 (2014), for the thermal terms; the field-linear term is the ordinary Nernst effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import optimize, stats

from sotlab.analysis.hall_signals import TERMS
from sotlab.analysis.harmonic_hall import (
    SIGNIFICANT,
    SMALL_LEAK,
    FittedReadings,
    HarmonicHallResult,
    checked_readings,
    fit_second_harmonic,
    not_determined,
    scans_of,
)
from sotlab.analysis.joint import SMALLEST_UNIQUE, JointFit, fit_joint, number, range_needed, spread
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["fit_in_plane"]

METHOD = "in-plane angle, joint over fields"
#: Of R_1w that reappears in R_2w, more than this is no distortion but the wrong harmonic.
WRONG_HARMONIC = 0.5
#: Parts in 2 and in 4 phi are told apart if so much of each is none of the others.
TOLD_APART = 0.5
#: b_u over the lowest field up to which it is taken for what turns the magnetisation.
LARGEST_LAG = 0.2
#: Below this probability the amplitudes of the single fields do not follow the model.
CHANCE = 1e-3


def fit_in_plane(
    field_T: np.ndarray,
    azimuth_rad: np.ndarray,
    r_1w_ohm: np.ndarray,
    r_2w_ohm: np.ndarray,
    *,
    r_a: Value | None = None,
    mu0_meff: Value | None = None,
    known: Mapping[str, Value] | None = None,
    left_out: Sequence[str] = (),
) -> HarmonicHallResult:
    """Fit the in-plane angle scans of one sample and current.

    Parameters
    ----------
    field_T : (N,) float
        Field of each point in the order of measurement [T]; below 0 it points the other way.
    azimuth_rad : (N,) float
        Its angle to the current.
    r_1w_ohm, r_2w_ohm : (N,) float
        Harmonic Hall resistances. NaN where there is none.
    r_a : Value, optional
        Anomalous Hall resistance, half swing with its sign, from a loop. Without it there is no `b_dl`.
    mu0_meff : Value, optional
        mu0*M_eff, -B_K for an easy axis along the normal. Without it there is no `b_dl`.
    known : mapping of str to Value, optional
        `r_ane`, `r_one`, `b_dl` or `b_fl` from another geometry.
    left_out : sequence of str
        Terms that the sample cannot have, as `r_one` in a metal. What contradicts that is flagged.

    Returns
    -------
    HarmonicHallResult
        `scans` hold, for each field, the amplitudes `r_2w_cos` and `r_2w_cos3` of cos and (2 cos^3 - cos).

    Raises
    ------
    FitError
        If there are too few readings, a field of 0 T, or a planar Hall effect of zero.
    """
    field, azimuth, r_1w, r_2w = checked_readings(METHOD, field_T, azimuth_rad, r_1w_ohm, r_2w_ohm)
    if np.any(field == 0):
        raise FitError(f"{METHOD}: at 0 T the magnetisation points nowhere known; leave those points out")
    azimuth = np.where(field < 0, azimuth + np.pi, azimuth)
    field = np.abs(field)
    scan = scans_of(field)
    fields = np.array([field[scan == k].mean() for k in range(scan.max() + 1)])
    if mu0_meff is not None and mu0_meff.value is not None and np.any(fields + mu0_meff.value <= 0):
        raise FitError(
            f"{METHOD}: at {fields.min():g} T the magnetisation does not lie in the plane (mu0*M_eff ="
            f" {mu0_meff.value:g} T); use fields above {-mu0_meff.value:g} T"
        )
    flags: list[str] = []
    first, r_p, offset, anisotropy = _first_harmonic(field, azimuth, r_1w, scan)
    phi = azimuth + offset.value

    inputs, columns_of, absent = _columns(field, azimuth, r_p, offset, r_a, mu0_meff, anisotropy)
    given = dict(known or {}) | {name: Value(0.0, 0.0, "") for name in left_out}
    nuisance = _per_scan("offset", scan, np.ones_like(phi)) | {"leak": np.sin(2 * phi)}
    if absent:
        nuisance |= _per_scan("cos", scan, np.cos(phi))
    second = fit_second_harmonic(
        columns_of, nuisance, r_2w, *_as_arrays(inputs), given, who=METHOD, needed=_needed(fields, mu0_meff, given)
    )
    flags += [not_determined(name, absent) for name in TERMS if absent and name != "b_fl" and name not in given]
    flags += second.flags
    scans = _scans(scan, fields, phi, r_2w)
    flags += _mistakes(second.fit, r_p, first, phi, r_1w, r_2w, scan, columns_of, inputs, given)
    b_fl, said = second.values["b_fl"], []
    if "b_fl" not in given:
        b_fl, said = _misfit(scans, r_p, b_fl)
    flags += said
    results = {
        "r_a": r_a if r_a is not None else Value(None, None, "ohm"),
        "r_p": r_p,
        "b_k": _negative(mu0_meff),
        "mu0_meff": mu0_meff if mu0_meff is not None else Value(None, None, "T"),
        **second.values,
        "b_fl": b_fl,
        "angle_offset": offset,
    }
    if results["b_fl"].value is not None:
        flags.append("b_fl: contains the Oersted field, which has the same form")
    fitted = FittedReadings(field, azimuth, r_1w, r_2w, r_1w - first.residual, r_2w - second.fit.residual)
    return HarmonicHallResult(results, scans, tuple(flags), second.covariance, METHOD, (fitted,))


def _first_harmonic(
    field: np.ndarray, azimuth: np.ndarray, r_1w: np.ndarray, scan: np.ndarray
) -> tuple[JointFit, Value, Value, tuple[float, float]]:
    """Return the fit of R_1w, R_P, what must be added to the angles, and b_u cos 2 phi_u, b_u sin 2 phi_u [T].

    Each scan has an offset, and parts in cos and sin of its own: a field that leaves the plane by a little turns the
    magnetisation out of it, which the anomalous Hall effect shows.
    """
    columns = {"s2": np.sin(2 * azimuth), "c2": np.cos(2 * azimuth)} | _per_scan("offset", scan, np.ones_like(azimuth))
    columns |= {"cos": np.cos(azimuth), "sin": np.sin(azimuth)}
    lagging = {"s4": np.sin(4 * azimuth) / field, "c4": np.cos(4 * azimuth) / field}
    who = f"{METHOD}, first harmonic"
    try:
        fit = fit_joint(columns | lagging, r_1w, who=who)
        told = min(fit.unique_part(name) for name in ("s2", "c2", "s4", "c4")) > TOLD_APART
    except FitError:
        told = False
    if not told:
        fit = fit_joint(columns, r_1w, who=who)
    r_p, offset = _planar_hall(fit)
    b_u = _anisotropy(fit, r_p, offset, field)
    if any(b_u):  # beyond the first order
        true = azimuth + number(offset)
        lag = _lag(field, true, *b_u)
        # What the first order has of it stays in s4 and c4.
        first_order = (b_u[0] * np.sin(2 * true) - b_u[1] * np.cos(2 * true)) / (2 * field)
        more = {name: wave(2 * (azimuth - lag)) + 2 * first_order * slope(2 * azimuth) for name, wave, slope in
                (("s2", np.sin, np.cos), ("c2", np.cos, lambda x: -np.sin(x)))}  # fmt: skip
        fit = fit_joint(columns | lagging | more, r_1w, who=who)
        r_p, offset = _planar_hall(fit)
    return fit, r_p, offset, b_u


def _planar_hall(fit: JointFit) -> tuple[Value, Value]:
    """Return R_P, and what must be added to the angles."""
    if min(fit.unique_part("s2"), fit.unique_part("c2")) < 0.1:
        raise FitError(f"{METHOD}: the angles do not show sin(2 phi); scan half a turn at least")
    s2, c2 = fit["s2"], fit["c2"]
    # The sign of R_P is free: the offset is taken within 45 deg.
    sign = 1.0 if s2 >= 0 else -1.0
    size = float(np.hypot(s2, c2))
    if size == 0:
        raise FitError(f"{METHOD}: R_1w has no part in sin(2 phi); is the first lock-in on the first harmonic?")
    covariance = fit.covariance[:2, :2]
    along = np.array([s2, c2]) / size
    across = np.array([-c2, s2]) / size
    r_p = Value.of(sign * size, float(np.sqrt(along @ covariance @ along)), "ohm")
    offset = Value.of(
        0.5 * float(np.arctan2(sign * c2, sign * s2)), 0.5 * float(np.sqrt(across @ covariance @ across)) / size, "rad"
    )
    return r_p, offset


def _anisotropy(fit: JointFit, r_p: Value, offset: Value, field: np.ndarray) -> tuple[float, float]:
    """Return b_u cos 2 phi_u and b_u sin 2 phi_u [T], phi_u from the current; 0 where R_1w does not show it."""
    if "s4" not in fit:
        return 0.0, 0.0
    b_u = -2 * (fit["s4"] - 1j * fit["c4"]) / number(r_p)
    sigma = 2 * float(np.hypot(fit.sigma("s4"), fit.sigma("c4"))) / abs(number(r_p))
    if not SIGNIFICANT * sigma < abs(b_u) < LARGEST_LAG * field.min():
        return 0.0, 0.0
    # s4 and c4 are of the angles as read: sin(4 phi - 2 phi_u), phi = azimuth + offset.
    b_u *= np.exp(4j * number(offset))
    return float(b_u.real), float(b_u.imag)


def _lag(field: np.ndarray, phi: np.ndarray, b_cos: float, b_sin: float) -> np.ndarray:
    """Return by how much the magnetisation stays behind the field: B sin(lag) = b_u/2 sin 2(phi - lag - phi_u)."""
    lag = np.zeros_like(phi)
    for _ in range(20):  # each time better by b_u/B, which is small
        twice, before = 2 * (phi - lag), lag
        lag = np.arcsin((b_cos * np.sin(twice) - b_sin * np.cos(twice)) / (2 * field))
        if np.abs(lag - before).max() < 1e-12:
            break
    return lag


def _columns(field, azimuth, r_p, offset, r_a, mu0_meff, anisotropy):
    """Return the inputs of R_2w's columns, what makes the columns of them, and why some are absent."""
    inputs: list[Value] = [r_p, offset]
    missing = [name for name, value in (("r_a", r_a), ("mu0_meff", mu0_meff)) if value is None or value.value is None]
    absent = ""
    if missing:
        absent = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} needed; give what a Hall loop says"
    else:
        inputs += [r_a, mu0_meff]

    b_cos, b_sin = anisotropy

    def columns_of(point: np.ndarray) -> dict[str, np.ndarray]:
        phi = azimuth + point[1]
        lag = _lag(field, phi, b_cos, b_sin) if any(anisotropy) else 0.0
        cos, twice = np.cos(phi - lag), 2 * (phi - lag)
        outer = field * np.cos(lag)
        along = b_cos * np.cos(twice) + b_sin * np.sin(twice)
        columns = {"b_fl": -point[0] * (2 * cos**3 - cos) / (outer + along)}
        if not absent:
            steady = outer + point[3] + (np.hypot(b_cos, b_sin) + along) / 2
            columns = {"b_dl": -point[2] * cos / (2 * steady)} | columns
            columns |= {"r_ane": -cos, "r_one": -field * np.cos(phi)}
        return columns

    return inputs, columns_of, absent


def _as_arrays(inputs: Sequence[Value]) -> tuple[np.ndarray, np.ndarray]:
    """Return independent inputs as their values and their covariance."""
    return np.array([v.value for v in inputs], float), np.diag([spread(v) ** 2 for v in inputs])


def _per_scan(name: str, scan: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}_{k}": np.where(scan == k, values, 0.0) for k in range(scan.max() + 1)}


def _needed(fields, mu0_meff, given):
    """Return what says which range of fields would determine a term."""
    names = [name for name in ("b_dl", "r_ane", "r_one") if name not in given]

    def columns(at_T: np.ndarray) -> np.ndarray:
        made = {"b_dl": 1 / (at_T + mu0_meff.value), "r_ane": np.ones_like(at_T), "r_one": at_T}
        return np.stack([made[name] for name in names])

    def needed(name: str) -> str:
        if name not in names:
            return "scan a full turn"
        shape = columns(fields)[0] if names[0] == "b_dl" else None
        varies = ""
        if shape is not None:
            spread = 100 * (shape.max() - shape.min()) / np.abs(shape).mean()
            varies = f"1/(B + mu0*M_eff) varies by {spread:.2g} % over {fields.min():.3g} to {fields.max():.3g} T; "
        top_T = range_needed(columns, fields, names.index(name))
        if top_T is None:
            return f"{varies}no field up to 30 T would do with this model"
        rest = ", or give r_ane or r_one from another geometry" if len(names) > 1 else ""
        return f"{varies}fields up to {top_T:.2g} T would do{rest}"

    return needed


def _scans(scan, fields, phi, r_2w) -> list[dict[str, Any]]:
    """Return the amplitudes of each field by itself."""
    rows = []
    for k, field_T in enumerate(fields):
        own = scan == k
        cos = np.cos(phi[own])
        columns = {"cos": cos, "cos3": 2 * cos**3 - cos, "offset": np.ones_like(cos), "leak": np.sin(2 * phi[own])}
        row: dict[str, Any] = {"field": float(field_T), "points": int(np.count_nonzero(np.isfinite(r_2w[own])))}
        try:
            fit = fit_joint(columns, r_2w[own], who=f"{METHOD}, {field_T:.4g} T")
        except FitError as error:
            nothing = Value(None, None, "ohm")
            rows.append(row | {"r_2w_cos": nothing, "r_2w_cos3": nothing, "flags": [str(error)]})
            continue
        determined = min(fit.unique_part("cos"), fit.unique_part("cos3")) >= SMALLEST_UNIQUE
        none = Value(None, None, "ohm")
        row["r_2w_cos"] = fit.value("cos", "ohm") if determined else none
        row["r_2w_cos3"] = fit.value("cos3", "ohm") if determined else none
        row["flags"] = [] if determined else ["the angles do not tell cos from 2 cos^3 - cos; scan a full turn"]
        rows.append(row)
    return rows


def _mistakes(second: JointFit, r_p, first: JointFit, phi, r_1w, r_2w, scan, columns_of, inputs, given) -> list[str]:
    """Return flags for what a mistake of wiring or settings would leave behind."""
    flags = []
    leak, sigma = second["leak"] / r_p.value, second.sigma("leak") / abs(r_p.value)
    if abs(leak) > max(SIGNIFICANT * sigma, SMALL_LEAK):
        if abs(leak) > WRONG_HARMONIC:
            flags.append(f"wrong harmonic: R_2w holds {leak:.2g} of R_1w: the second lock-in is on the first harmonic")
        else:
            flags.append(
                f"source distortion: R_2w holds ({leak:.2g} +- {sigma:.1g}) of R_1w, which no torque does: of the"
                " source, or of the first harmonic's amplifier; it was fitted, measure a known resistor"
            )
    # With the harmonics exchanged, sin 2 phi is what little of R_1w is left.
    explained = np.nanvar(r_1w) - np.nanvar(np.where(np.isfinite(r_1w), first.residual, np.nan))
    own = np.nanvar(r_p.value * np.sin(2 * phi))
    if own < 0.5 * explained and abs(leak) > WRONG_HARMONIC:
        flags.append("exchanged: R_1w follows cos phi and R_2w sin 2 phi: the lock-ins are exchanged")
    # All of R_2w turned by an angle of its own: the derivative of the model by the angle is one more column.
    nominal = np.array([value.value for value in inputs], float)
    turned = [columns_of(nominal + d * np.eye(len(nominal))[1]) for d in (-1e-4, 1e-4)]
    columns = columns_of(nominal)
    weights = {n: second[n] if n in second else given[n].value for n in columns}
    derivative = np.zeros_like(phi) + sum(weights[n] * (turned[1][n] - turned[0][n]) / 2e-4 for n in columns)
    if np.any(derivative):
        design = {n: columns[n] for n in columns if n in second} | {"turn": derivative}
        design |= _per_scan("offset", scan, np.ones_like(phi)) | {"leak": np.sin(2 * phi)}
        if "cos_0" in second:
            design |= _per_scan("cos", scan, np.cos(phi)) | {"sin": np.sin(phi)}
            design.pop("turn")
        rest = r_2w - sum(given[n].value * columns[n] for n in columns if n not in second)
        fit = fit_joint(design, rest, who=METHOD)
        if "turn" in fit:
            turn, turn_sigma = fit["turn"], float(np.hypot(fit.sigma("turn"), inputs[1].sigma))
            if abs(turn) > SIGNIFICANT * turn_sigma and abs(turn) > 1e-6:
                flags.append(
                    f"misaligned arms: R_2w is turned by {np.degrees(turn):.2g} +- {np.degrees(turn_sigma):.1g} deg"
                    " against R_1w: misaligned Hall arms put R_xx (cos 2 phi) into R_1w, or the field leaves the plane"
                )
    return flags


def _misfit(scans, r_p: Value, b_fl: Value) -> tuple[Value, list[str]]:
    """Return `b_fl`, and a flag if the amplitudes of (2 cos^3 - cos) do not follow 1/B within their sigmas.

    Then what each field says of `b_fl` is averaged with a scatter common to all of them, such that chi squared equals
    the degrees of freedom (Paule and Mandel, J. Res. NBS 87, 377 (1982)).
    """
    usable = [row for row in scans if row["r_2w_cos3"].value is not None]
    if b_fl.value is None or len(usable) < 3:
        return b_fl, []
    field = np.array([row["field"] for row in usable])
    each = -np.array([row["r_2w_cos3"].value for row in usable]) * field / number(r_p)
    sigma = np.array([row["r_2w_cos3"].sigma for row in usable]) * field / abs(number(r_p))

    def averaged(scatter: float) -> tuple[float, float, float]:
        weight = 1 / (sigma**2 + scatter**2)
        mean = float(np.average(each, weights=weight))
        return mean, float(np.sum(weight * (each - mean) ** 2)), float(1 / np.sqrt(weight.sum()))

    _, chi2, _ = averaged(0.0)
    freedom = len(usable) - 1
    if stats.chi2.sf(chi2, freedom) >= CHANCE or np.ptp(each) <= 1e-6 * np.abs(each).max():
        return b_fl, []
    scatter = float(optimize.root_scalar(lambda s: averaged(s)[1] - freedom, bracket=(0.0, 10 * np.ptp(each))).root)
    mean, _, error = averaged(scatter)
    worst = int(np.argmax(np.abs(each - mean)))
    return Value.of(mean, float(np.hypot(error, mean * spread(r_p) / number(r_p))), "T"), [
        f"b_fl: R_2w does not follow 1/B: from {each.min():.3g} to {each.max():.3g} T between the fields, worst at"
        f" {field[worst]:.3g} T; a scatter of {scatter:.2g} T was allowed for. Leave out fields that do not saturate"
        " the film, and check for overload and for the zero of the field"
    ]


def _negative(value: Value | None) -> Value:
    return Value(None, None, "T") if value is None or value.value is None else Value(-value.value, value.sigma, "T")
