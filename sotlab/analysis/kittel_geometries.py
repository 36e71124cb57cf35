"""Resonance fields of films with an easy axis in the plane, and of films magnetised along their normal.

With delta the angle of m to the easy axis, beta that of the field to m, and the field B (Smit and Beljers)::

    f = (gamma/2pi) sqrt[(B cos beta + B_k cos 2delta) (B cos beta + M + B_k cos^2 delta)],
    B sin beta = (B_k/2) sin 2delta            where m rests
    f = (gamma/2pi) (B - M)                    field and m along the normal, B > M

M = mu0*M_eff, B_k = 2K/M_s. m is followed to where it rests: B_k need not be small against B.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from sotlab.analysis.kittel import CHANCE, gyromagnetic_Hz_per_T
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["ResonanceFit", "fit_perpendicular", "fit_uniaxial", "uniaxial_resonance_T"]

_ROUNDS = 60


@dataclass(frozen=True)
class ResonanceFit:
    """What resonance fields say.

    Parameters
    ----------
    results : dict of str to Value
        `mu0_meff` [T], `g`, `field_offset` [T], and with an easy axis `b_k` [T] and `easy_axis` [rad], from the
        direction of angle 0, modulo pi.
    names : tuple of str
        The order of the covariance.
    covariance : (P, P) float
        Their covariance; 0 for what was exact.
    chi2_reduced : float or None
        By the sigmas as given.
    flags : tuple of str
        What the reader must know.
    """

    results: dict[str, Value]
    names: tuple[str, ...]
    covariance: np.ndarray
    chi2_reduced: float | None
    flags: tuple[str, ...] = ()


def uniaxial_resonance_T(
    frequency_Hz: np.ndarray | float,
    angle_rad: np.ndarray | float,
    mu0_meff_T: float,
    b_k_T: float,
    easy_axis_rad: float,
    *,
    g: float = 2.0,
) -> np.ndarray:
    """Return the resonance field [T] of a field at ``angle_rad`` in the plane.

    Parameters
    ----------
    frequency_Hz, angle_rad : array of float
        Microwave frequency, and direction of the field.
    mu0_meff_T, b_k_T : float
        mu0*M_eff and the anisotropy field.
    easy_axis_rad : float
        Direction of the easy axis (hard for b_k below 0).
    g : float
        The g factor.
    """
    reduced, phi = np.broadcast_arrays(
        np.asarray(frequency_Hz, float) / gyromagnetic_Hz_per_T(g), np.asarray(angle_rad, float) - easy_axis_rad
    )
    delta = phi.copy()
    field = np.zeros_like(reduced)
    for _ in range(_ROUNDS):
        first, second = b_k_T * np.cos(2 * delta), mu0_meff_T + b_k_T * np.cos(delta) ** 2
        along = -(first + second) / 2 + np.hypot((second - first) / 2, reduced)
        field = along / np.cos(phi - delta)
        new = phi - np.arcsin(np.clip(b_k_T / 2 * np.sin(2 * delta) / np.maximum(field, 1e-12), -0.99, 0.99))
        moved = np.abs(new - delta).max(initial=0.0)
        delta = 0.5 * (delta + new) if moved > 0.3 else new
        if moved < 1e-13:
            break
    return field


def fit_uniaxial(
    frequency_Hz: np.ndarray,
    angle_rad: np.ndarray,
    field_res_T: np.ndarray,
    sigma_T: np.ndarray,
    *,
    g: float = 2.0,
    g_sigma: float = 0.0,
    field_offset_sigma_T: float = 0.0,
) -> ResonanceFit:
    """Fit mu0*M_eff and the easy axis to resonance fields at several angles in the plane.

    Parameters
    ----------
    frequency_Hz, angle_rad : (n,) float
        Of each spectrum; the angle is that of a positive field.
    field_res_T, sigma_T : (n,) float
        Resonance fields as the gaussmeter shows them, negative at negative fields, and their standard deviations.
    g, g_sigma, field_offset_sigma_T : float
        As in :func:`~sotlab.analysis.kittel.fit_kittel`.

    Raises
    ------
    FitError
        If the angles are too few to tell an easy axis from the rest.
    """
    f, phi, b, sigma = _columns(frequency_Hz, angle_rad, field_res_T, sigma_T)
    axes = len(np.unique(np.round(np.exp(2j * phi), 4)))
    if axes < 4 or len(f) < 4:
        raise FitError(f"easy axis: {axes} directions of the field's axis; four are needed")
    sign = np.sign(b)
    reduced = f / gyromagnetic_Hz_per_T(g)
    level = float(np.median(reduced**2 / np.abs(b) - np.abs(b)))

    def model(p: np.ndarray) -> np.ndarray:
        """Return what the gaussmeter shows for (M, B_k cos 2u, B_k sin 2u, offset, relative g)."""
        b_k, easy = np.hypot(p[1], p[2]), np.arctan2(p[2], p[1]) / 2
        return sign * uniaxial_resonance_T(f / (1 + p[4]), phi, p[0], b_k, easy, g=g) + p[3]

    # A small easy axis lowers the resonance field by about B_k cos 2(phi - u).
    waves = np.stack([np.ones_like(phi), np.cos(2 * phi), np.sin(2 * phi)], axis=1)
    _, by_cos, by_sin = np.linalg.lstsq(waves, np.abs(b), rcond=None)[0]
    start = np.array([level, -by_cos or 1e-6, -by_sin, 0.0, 0.0])
    values, covariance, chi2 = _solve(model, start, b, sigma, field_offset_sigma_T, g_sigma / g)
    freedom = len(b) - 3 - int(g_sigma == np.inf)
    covariance, chi2_reduced, flags = _judged(covariance, chi2, freedom, "resonance fields")
    b_k, easy = float(np.hypot(values[1], values[2])), float(np.arctan2(values[2], values[1]) / 2 % np.pi)
    turn = np.eye(5)
    turn[2, 2] = turn[1, 1] = 0.0
    turn[1, 1], turn[1, 2] = values[1] / b_k, values[2] / b_k
    turn[2, 1], turn[2, 2] = -values[2] / b_k**2 / 2, values[1] / b_k**2 / 2
    turn[4, 4] = g
    covariance = turn @ covariance @ turn.T
    errors = np.sqrt(np.diag(covariance))
    results = {
        "mu0_meff": Value.of(float(values[0]), errors[0], "T"),
        "b_k": Value.of(b_k, errors[1], "T"),
        "easy_axis": Value.of(easy, errors[2], "rad"),
        "field_offset": Value.of(float(values[3]), errors[3], "T"),
        "g": Value.of(g * (1 + float(values[4])), errors[4], ""),
    }
    if b_k < 2 * errors[1]:
        results["easy_axis"] = Value(None, None, "rad")
        flags.append(f"easy_axis: not determined: b_k is within 2 sigma of zero ({b_k:.2g} T)")
    return ResonanceFit(results, tuple(results), covariance, chi2_reduced, tuple(flags))


def fit_perpendicular(
    frequency_Hz: np.ndarray,
    field_res_T: np.ndarray,
    sigma_T: np.ndarray,
    *,
    g: float = 2.0,
    g_sigma: float = np.inf,
    field_offset_sigma_T: float = 0.0,
) -> ResonanceFit:
    """Fit f = (gamma/2pi)(B - mu0*M_eff), field along the normal: a straight line, that gives g as well.

    Parameters
    ----------
    frequency_Hz, field_res_T, sigma_T : (n,) float
        Frequencies, resonance fields as shown (negative at negative fields), and their standard deviations.
    g, g_sigma, field_offset_sigma_T : float
        What is known; an offset cannot be told from mu0*M_eff with fields of one sign.

    Raises
    ------
    FitError
        If there are fewer than two frequencies while g is free.
    """
    f, b, sigma = _columns(frequency_Hz, field_res_T, sigma_T)
    if g_sigma == np.inf and len(np.unique(f)) < 2:
        raise FitError("perpendicular resonance: one frequency does not tell g from mu0*M_eff; give g_sigma, or more")
    sign, reduced = np.sign(b), f / gyromagnetic_Hz_per_T(g)

    def model(p: np.ndarray) -> np.ndarray:
        return sign * (reduced / (1 + p[2]) + p[0]) + p[1]

    start = np.array([float(np.median(np.abs(b) - reduced)), 0.0, 0.0])
    values, covariance, chi2 = _solve(model, start, b, sigma, field_offset_sigma_T, g_sigma / g)
    covariance, chi2_reduced, flags = _judged(covariance, chi2, len(b) - 1 - int(g_sigma == np.inf), "resonance fields")
    covariance = covariance * np.outer([1, 1, g], [1, 1, g])
    errors = np.sqrt(np.diag(covariance))
    results = {
        "mu0_meff": Value.of(float(values[0]), errors[0], "T"),
        "field_offset": Value.of(float(values[1]), errors[1], "T"),
        "g": Value.of(g * (1 + float(values[2])), errors[2], ""),
    }
    return ResonanceFit(results, tuple(results), covariance, chi2_reduced, tuple(flags))


def _columns(*columns: np.ndarray) -> list[np.ndarray]:
    arrays = [np.atleast_1d(np.asarray(one, float)) for one in columns]
    if len({one.shape for one in arrays}) != 1 or not len(arrays[0]):
        raise FitError("resonance fields: give frequency, field and sigma (and angle) for each spectrum")
    if not all(np.isfinite(one).all() for one in arrays) or np.any(arrays[0] <= 0) or np.any(arrays[-1] <= 0):
        raise FitError("resonance fields: frequencies and sigmas must be above 0, all else finite")
    return arrays


def _solve(model, start: np.ndarray, b: np.ndarray, sigma: np.ndarray, offset_sigma: float, g_sigma: float):
    """Return values, covariance and chi squared; the last two parameters have priors of these sigmas, 0 for exact."""
    known = np.array([offset_sigma, g_sigma])
    free = np.array([*range(len(start) - 2), *(len(start) - 2 + np.flatnonzero(known > 0))])

    def whole(q: np.ndarray) -> np.ndarray:
        p = start.copy()
        p[free] = q
        return p

    prior = np.isfinite(known) & (known > 0)

    def residual(q: np.ndarray) -> np.ndarray:
        p = whole(q)
        return np.concatenate([(b - model(p)) / sigma, p[-2:][prior] / known[prior]])

    fit = optimize.least_squares(residual, start[free], x_scale="jac", xtol=1e-10, ftol=1e-10, gtol=1e-10)
    size = np.linalg.norm(fit.jac, axis=0)
    size[size == 0] = 1.0
    inverse = np.linalg.pinv((fit.jac / size).T @ (fit.jac / size)) / np.outer(size, size)
    covariance = np.zeros((len(start), len(start)))
    covariance[np.ix_(free, free)] = inverse
    return whole(fit.x), covariance, 2 * float(fit.cost)


def _judged(covariance: np.ndarray, chi2: float, freedom: int, what: str):
    """Return covariance (enlarged where the scatter asks for it), reduced chi squared, flags."""
    if freedom < 1:
        return covariance, None, []
    if special.chdtrc(freedom, chi2) >= CHANCE:
        return covariance, chi2 / freedom, []
    flag = f"{what} scatter {np.sqrt(chi2 / freedom):.2g} times as much as their sigmas say: enlarged"
    return covariance * chi2 / freedom, chi2 / freedom, [flag]
