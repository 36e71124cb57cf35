"""The efficiency against thickness: constant, as of an interface, or tanh(t/l) tanh(t/2l), as of the bulk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["ThicknessFit", "bulk_shape", "compare_thickness"]

#: chi squared by which one model must be better to be preferred: 5 standard deviations.
DECIDED = 25.0
#: Lengths tried [m].
_LENGTHS_M = np.geomspace(0.1e-9, 1e-6, 241)
_STEPS = 30


@dataclass(frozen=True)
class ThicknessFit:
    """The result of :func:`compare_thickness`.

    Parameters
    ----------
    constant : Value
        The constant efficiency.
    chi2_constant, chi2_bulk, chi2_free : float
        Chi squared of a constant, of the bulk's shape with the length given, and with the best length.
    delta_chi2 : float
        chi2_bulk - chi2_constant: positive for the constant.
    length_m : Value
        Best length l of the bulk's shape; None where the data leave it open.
    upper_limit_m, lower_limit_m : float or None
        95 % limits of the length where the data leave it open to that side.
    preferred : str
        "constant", "bulk" or "undecided", by 25 of chi squared.
    freedom : int
        Degrees of freedom of the one-parameter models.
    flags : tuple of str
        What the reader must know.
    """

    constant: Value
    chi2_constant: float
    chi2_bulk: float
    chi2_free: float
    delta_chi2: float
    length_m: Value
    upper_limit_m: float | None
    lower_limit_m: float | None
    preferred: str
    freedom: int
    flags: tuple[str, ...]


def bulk_shape(thickness_m: np.ndarray | float, length_m: np.ndarray | float) -> np.ndarray:
    """Return tanh(t/l) tanh(t/2l): t^2/(2 l^2) for thin films, 1 for thick ones."""
    x = np.asarray(thickness_m, float) / length_m
    return np.tanh(x) * np.tanh(x / 2)


def compare_thickness(
    thickness_m: np.ndarray,
    eta: np.ndarray,
    signal_sigma: np.ndarray,
    covariance: np.ndarray | None = None,
    *,
    length_m: float = 8e-9,
) -> ThicknessFit:
    """Compare a constant with the bulk's shape, each with its best amplitude, and with errors common to samples.

    chi^2 = (y - m)' (diag(s^2) + m m' o C)^-1 (y - m): a relative error belongs to what the model says, not to what was
    read, or small values would pull the fit down (Peelle's puzzle).

    Parameters
    ----------
    thickness_m : (N,) float
        Thicknesses of the emitting material.
    eta : (N,) float
        Efficiencies, with sign.
    signal_sigma : (N,) float
        Errors of the signals alone.
    covariance : (N, N) float, optional
        Of the relative errors of the rest (``Efficiency.covariance``).
    length_m : float
        The bulk's length that the constant is tested against: 8 nm of the seed's reference.
    """
    t, y, s = (np.asarray(one, float) for one in (thickness_m, eta, signal_sigma))
    if not (t.ndim == 1 and t.shape == y.shape == s.shape):
        raise FitError(f"thickness: {t.shape} thicknesses, {y.shape} values, {s.shape} sigmas; give one of each")
    relative = np.zeros((len(t), len(t))) if covariance is None else np.asarray(covariance, float)
    good = np.isfinite(t) & np.isfinite(y) & np.isfinite(s) & (s > 0)
    t, y, s, relative = t[good], y[good], s[good], relative[np.ix_(good, good)]
    if len(np.unique(t)) < 2:
        raise FitError("thickness: two different thicknesses are the least that tell a constant from a slope")

    def solve(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return amplitude, its sigma, chi squared of shapes (L, N), all at once."""
        amplitude = (shapes * y / s**2).sum(axis=1) / (shapes**2 / s**2).sum(axis=1)
        inverse, sigma = np.zeros((len(shapes), len(t), len(t))), amplitude
        for _ in range(_STEPS):
            model = amplitude[:, None] * shapes
            inverse = np.linalg.inv(np.diag(s**2) + model[:, :, None] * model[:, None, :] * relative)
            weighted = np.einsum("lij,lj->li", inverse, shapes)
            sigma = (weighted * shapes).sum(axis=1) ** -0.5
            moved = (weighted * y).sum(axis=1) * sigma**2 - amplitude
            amplitude = amplitude + moved
            if (np.abs(moved) < 1e-4 * sigma).all():
                break
        residual = y - amplitude[:, None] * shapes
        return amplitude, sigma, np.einsum("li,lij,lj->l", residual, inverse, residual)

    def chi2_of(length_m: np.ndarray) -> np.ndarray:
        return solve(bulk_shape(t, np.atleast_1d(length_m)[:, None]))[2]

    (amplitude,), (amplitude_sigma,), (chi2_constant,) = solve(np.ones((1, len(t))))
    (chi2_bulk,) = chi2_of(np.array(length_m))
    curve = chi2_of(_LENGTHS_M)
    best = int(curve.argmin())
    near = np.geomspace(_LENGTHS_M[max(best - 1, 0)], _LENGTHS_M[min(best + 1, len(curve) - 1)], 81)
    close = chi2_of(near)
    best_m, chi2_free = float(near[close.argmin()]), float(close.min())
    # The curve with its finer middle, for where it has risen by so much.
    lengths = np.concatenate([_LENGTHS_M, near])
    order = np.argsort(lengths)
    lengths, curve = lengths[order], np.concatenate([curve, close])[order] - chi2_free
    best = int(curve.argmin())
    below, above = (_crossing(lengths, curve, best, side, 1.0) for side in (-1, 1))
    far_below, far_above = (_crossing(lengths, curve, best, side, 2.71) for side in (-1, 1))
    flags: list[str] = []
    length, upper, lower = Value(None, None, "m"), None, None
    if far_below is None and far_above is None:
        flags.append("length: not determined: constant and square law fit alike; more thicknesses, or less noise")
    elif far_below is None:
        upper = far_above
        flags.append(f"length: not determined, below {(upper or 0) * 1e9:.2g} nm (95 %): a constant fits as well")
    elif far_above is None:
        lower = far_below
        flags.append(f"length: not determined, above {lower * 1e9:.2g} nm (95 %): a square law fits as well")
    elif below is not None and above is not None:
        length = Value.of(best_m, (above - below) / 2, "m")
    delta = float(chi2_bulk - chi2_constant)
    preferred = "constant" if delta > DECIDED else "bulk" if delta < -DECIDED else "undecided"
    if preferred == "undecided":
        flags.append(f"thickness: undecided between the models: chi2 differs by {abs(delta):.2g}, less than 25")
    freedom = len(t) - 1
    if min(chi2_constant, chi2_free) > freedom + 5 * np.sqrt(2 * freedom):
        flags.append("thickness: neither model fits; unknown absorption, conductance, or interface between samples?")
    return ThicknessFit(
        Value.of(float(amplitude), float(amplitude_sigma), ""),
        float(chi2_constant),
        float(chi2_bulk),
        chi2_free,
        delta,
        length,
        upper,
        lower,
        preferred,
        freedom,
        tuple(flags),
    )


def _crossing(lengths: np.ndarray, curve: np.ndarray, best: int, side: int, rise: float) -> float | None:
    """Return the length on one side of the best at which chi squared has risen by so much; None if it never does."""
    ys = curve[best::side]
    over = np.flatnonzero(ys >= rise)
    if not len(over):
        return None
    k = int(over[0])
    log = np.log(lengths[best::side])
    part = (rise - ys[k - 1]) / (ys[k] - ys[k - 1])
    return float(np.exp(log[k - 1] + part * (log[k] - log[k - 1])))
