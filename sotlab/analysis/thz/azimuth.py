"""Harmonics of a signal in the azimuth of the sample, or of the field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sotlab.analysis.thz.linear import fit_linear
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["AzimuthFit", "Harmonic", "fit_azimuth"]


@dataclass(frozen=True)
class Harmonic:
    """One harmonic, a cos(n phi) + b sin(n phi) = c cos(n phi - n phase).

    Parameters
    ----------
    order : int
        n.
    cosine, sine : Value
        a and b.
    amplitude : Value
        c = sqrt(a^2 + b^2), its bias by noise removed; None where it does not stand out.
    relative : Value
        c over the size that the fit was told to compare with.
    phase_rad : Value
        The angle at which the harmonic is largest, within +-pi/n.
    upper_limit : float
        95 % limit of c over that size, also where it stands out.
    """

    order: int
    cosine: Value
    sine: Value
    amplitude: Value
    relative: Value
    phase_rad: Value
    upper_limit: float


@dataclass(frozen=True)
class AzimuthFit:
    """The result of :func:`fit_azimuth`.

    Parameters
    ----------
    mean : Value
        c0.
    harmonics : tuple of Harmonic
        n = 1, 2, ...
    chi2_red : float or None
        By the sigmas given; None without.
    flags : tuple of str
        What the reader must know.
    """

    mean: Value
    harmonics: tuple[Harmonic, ...]
    chi2_red: float | None
    flags: tuple[str, ...]


def fit_azimuth(
    angle_rad: np.ndarray,
    value: np.ndarray,
    sigma: np.ndarray | None = None,
    *,
    orders: int = 3,
    compared_with: float | None = None,
    unit: str = "",
) -> AzimuthFit:
    """Fit c0 + sum_{n=1..orders} (a_n cos n phi + b_n sin n phi), all of them at once.

    Fit the odd and the even part of the signal (see ``odd_even``) separately: magnetic emission of an isotropic film
    has c0 only as the sample turns, and n = 1 only as the field turns; (111) surfaces of symmetry C3v allow n = 3 in
    the even part (shift current), miscut or strain n = 1 and 2.

    Parameters
    ----------
    angle_rad : (N,) float
        Azimuth, in the order of measurement.
    value : (N,) float
        Signals with sign, as field ratios to one reference trace.
    sigma : (N,) float, optional
        One standard deviation of each; from the residuals if not given.
    orders : int
        Highest harmonic.
    compared_with : float, optional
        The size that harmonics are given relative to; |c0| if not given. For the even part, the odd part's |c0|.
    unit : str
        Unit of ``value``.
    """
    phi, y = np.asarray(angle_rad, float), np.asarray(value, float)
    if phi.ndim != 1 or phi.shape != y.shape:
        raise FitError(f"azimuth: {phi.shape} angles and {y.shape} values; give one value an angle")
    good = np.isfinite(phi) & np.isfinite(y)
    if sigma is not None:
        sigma = np.broadcast_to(np.asarray(sigma, float), y.shape)
        good &= np.isfinite(sigma) & (sigma > 0)
        sigma = sigma[good]
    phi, y = phi[good], y[good]
    n = np.arange(1, orders + 1)[:, None]
    design = np.concatenate([np.ones((1, len(phi))), np.cos(n * phi), np.sin(n * phi)])
    fit = fit_linear(design, y, sigma)
    flags = list(fit.flags)
    if not np.isfinite(fit.parameters).all():
        flags.append(
            f"azimuth: not determined: {len(np.unique(np.round(phi % (2 * np.pi), 6)))} different angles do not tell"
            f" {2 * orders + 1} coefficients apart; measure over the whole turn, at {2 * orders + 2} angles or more"
        )
    p, v = fit.parameters, fit.covariance
    mean = Value.of(p[0], float(np.sqrt(v[0, 0])), unit)
    size = compared_with if compared_with is not None else p[0]
    harmonics = tuple(
        _harmonic(k, p[[k, orders + k]], v[np.ix_([k, orders + k], [k, orders + k])], abs(size), unit)
        for k in range(1, orders + 1)
    )
    chi2_red = fit.chi2 / fit.freedom if fit.freedom > 0 and np.isfinite(fit.chi2) else None
    return AzimuthFit(mean, harmonics, chi2_red, tuple(flags))


def _harmonic(order: int, ab: np.ndarray, covariance: np.ndarray, size: float, unit: str) -> Harmonic:
    nothing = Value(None, None, unit)
    if not np.isfinite(ab).all():
        return Harmonic(order, nothing, nothing, nothing, Value(None, None, ""), Value(None, None, "rad"), np.inf)
    a, b = ab
    errors = np.sqrt(np.diag(covariance))
    c = float(np.hypot(a, b))
    noise2 = float(np.trace(covariance)) / 2
    along = np.array([a, b]) / c if c > 0 else np.array([1.0, 0.0])
    across = np.array([-along[1], along[0]])
    sigma_c, sigma_across = (float(np.sqrt(u @ covariance @ u)) for u in (along, across))
    limit = (np.sqrt(max(c**2 - 2 * noise2, 0)) + 2.0 * np.sqrt(noise2)) / size if size > 0 else np.inf
    amplitude, relative, phase = nothing, Value(None, None, ""), Value(None, None, "rad")
    # Two components of noise alone are larger than 3.4 sigma once in 300 times.
    if c**2 > 11.6 * noise2:
        true = float(np.sqrt(c**2 - noise2))
        amplitude = Value.of(true, sigma_c, unit)
        relative = Value.of(true / size, sigma_c / size, "") if size > 0 else relative
        phase = Value.of(float(np.arctan2(b, a)) / order, sigma_across / true / order, "rad")
    return Harmonic(
        order,
        Value.of(a, float(errors[0]), unit),
        Value.of(b, float(errors[1]), unit),
        amplitude,
        relative,
        phase,
        float(limit),
    )
