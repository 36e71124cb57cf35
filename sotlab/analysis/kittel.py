"""Resonance field and width against frequency: mu0*M_eff from Kittel's formula, damping from the width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import constants, optimize, special

from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["KittelFit", "LinewidthFit", "fit_kittel", "fit_linewidth", "gyromagnetic_Hz_per_T", "resonance_field_T"]

#: A scatter that chance gives less often than this is taken for real, and the sigmas grow with it.
CHANCE = 0.01
#: Fewer frequencies than this say nothing of g and mu0*M_eff both.
FREE_G_FREQUENCIES = 3
#: Beyond it the reader is told what one value does to the other.
STRONG_CORRELATION = 0.9

#: Relative change of the field by which the derivative by its scale is taken.
SCALE_STEP = 1e-4

#: The parameters, their covariance, and chi squared.
_Solution = tuple[np.ndarray, np.ndarray, float]


@dataclass(frozen=True)
class KittelFit:
    """The result of :func:`fit_kittel`.

    Parameters
    ----------
    mu0_meff : Value
        Effective magnetisation mu0*M_eff [T]; negative for a perpendicular easy axis.
    field_offset : Value
        What the gaussmeter shows at zero field [T].
    g : Value
        The g factor: as it was given, or as the data and what was known before say.
    covariance : (3, 3) float
        Of mu0_meff [T], field_offset [T] and g.
    chi2_red : float or None
        Chi squared per degree of freedom, by the sigmas as given; None with no degree of freedom.
    flags : tuple of str
        What the reader must know.
    field_scale_sigma : float
        Relative standard deviation of the field's scale; the covariance contains it.
    by_scale : (3,) float
        Derivative of mu0_meff, field_offset and g by the scale.
    """

    mu0_meff: Value
    field_offset: Value
    g: Value
    covariance: np.ndarray
    chi2_red: float | None
    flags: tuple[str, ...]
    field_scale_sigma: float = 0.0
    by_scale: np.ndarray = field(default_factory=lambda: np.zeros(3))


@dataclass(frozen=True)
class LinewidthFit:
    """The result of :func:`fit_linewidth`.

    Parameters
    ----------
    alpha : Value
        Gilbert damping.
    width_0 : Value
        Width at zero frequency [T], half width.
    covariance : (2, 2) float
        Of alpha and width_0.
    chi2_red : float or None
        Chi squared per degree of freedom, by the sigmas as given; None with no degree of freedom.
    flags : tuple of str
        What the reader must know.
    """

    alpha: Value
    width_0: Value
    covariance: np.ndarray
    chi2_red: float | None
    flags: tuple[str, ...]


def gyromagnetic_Hz_per_T(g: float) -> float:
    """Return gamma/2pi = g mu_B/h [Hz/T]; 27.99 GHz/T for g = 2.

    Raises
    ------
    FitError
        If g is not a positive number.
    """
    if not (np.isfinite(g) and g > 0):
        raise FitError(f"Kittel: g = {g} is not allowed; give a positive g, as 2.0 or 2.1")
    return g * constants.physical_constants["Bohr magneton"][0] / constants.h


def resonance_field_T(frequency_Hz: np.ndarray | float, mu0_meff_T: float, *, g: float = 2.0) -> np.ndarray:
    """Return the resonance field B0 [T] > 0, that solves f = (gamma/2pi) sqrt(B0 (B0 + mu0*M_eff)).

    Parameters
    ----------
    frequency_Hz : array of float
        Microwave frequency f.
    mu0_meff_T : float
        Effective magnetisation.
    g : float
        The g factor.
    """
    reduced = np.asarray(frequency_Hz, float) / gyromagnetic_Hz_per_T(g)
    return -mu0_meff_T / 2 + np.hypot(mu0_meff_T / 2, reduced)


def fit_kittel(
    frequency_Hz: np.ndarray,
    field_res_T: np.ndarray,
    sigma_T: np.ndarray,
    *,
    g: float = 2.0,
    g_sigma: float = 0.0,
    field_offset_sigma_T: float = 0.0,
    field_scale_sigma: float = 0.0,
) -> KittelFit:
    """Fit f = (gamma/2pi) sqrt(B0 (B0 + mu0*M_eff)) to the resonance fields of an in-plane magnetised film.

    The gaussmeter shows B0 + b with one offset b for all spectra, known to be zero within ``field_offset_sigma_T``:
    b is fitted along with this as its prior, so that mu0*M_eff's sigma contains it with its correlation over f. The
    g factor likewise is known within ``g_sigma``. All fields are in error by one factor 1 + s, too, with s known to be
    zero within ``field_scale_sigma``: it cannot be told from the data, so the covariance gets
    ``field_scale_sigma^2 D D^T``, D the derivative of the results by s.

    Parameters
    ----------
    frequency_Hz : (n,) float
        Microwave frequencies.
    field_res_T : (n,) float
        Resonance fields as the gaussmeter shows them; negative for those measured at negative fields.
    sigma_T : (n,) float
        One standard deviation of each, without the offset's.
    g : float
        The g factor.
    g_sigma : float
        Its standard deviation: 0 for exact, infinite for one that only the data say. g and mu0*M_eff can hardly be
        told apart over a small range of frequencies.
    field_offset_sigma_T : float
        One standard deviation of the gaussmeter's zero; 0 for a zero that is exact.
    field_scale_sigma : float
        Relative standard deviation of the field's scale, as of the ratio of the field at sample and probe.

    Raises
    ------
    FitError
        If there are no data, or they are not finite and positive where they must be.

    References
    ----------
    Kittel, Phys. Rev. 73, 155 (1948).
    """
    f, b, sigma = _checked("Kittel", frequency_Hz, field_res_T, sigma_T)
    if not (np.isfinite(field_offset_sigma_T) and field_offset_sigma_T >= 0):
        raise FitError(f"Kittel: a field offset known to {field_offset_sigma_T} T is not possible; give 0 or more")
    if not (np.isfinite(field_scale_sigma) and field_scale_sigma >= 0):
        raise FitError(f"Kittel: a field scale known to {field_scale_sigma} is not possible; give 0 or more")
    if not g_sigma >= 0:
        raise FitError(f"Kittel: g known to {g_sigma} is not possible; give 0 or more")
    if np.any(b == 0):
        raise FitError("Kittel: a resonance field of 0 T is no resonance; leave that spectrum out")
    sign, reduced = np.sign(b), f / gyromagnetic_Hz_per_T(g)
    distinct = len(np.unique(f))
    if g_sigma == np.inf and distinct < FREE_G_FREQUENCIES:
        reason = f"not determined: with g free, {FREE_G_FREQUENCIES} frequencies are needed; there are {distinct}"
        nothing = np.full((3, 3), np.nan)
        flags = tuple(f"{name}: {reason}" for name in ("mu0_meff", "g"))
        return KittelFit(Value(None, None, "T"), Value(None, None, "T"), Value(None, None, ""), nothing, None, flags)
    flags = []
    if distinct == 1:
        flags.append(f"mu0_meff: from one frequency, it holds for g = {g:g} only, and nothing tests it")

    known = np.array([field_offset_sigma_T, g_sigma / g])

    def solve(sigma_T: np.ndarray) -> _Solution:
        return _solve_kittel(sign, reduced, b, sigma_T, known)

    freedom = len(f) - 1 - (g_sigma == np.inf)  # what is known before brings its prior along as a datum
    (meff, offset, stretch), covariance, chi2, scatter_T = _with_scatter(solve, sigma, freedom)
    scale = np.array([1.0, 1.0, g])
    covariance = covariance * np.outer(scale, scale)
    if scatter_T:
        flags.append(
            f"mu0_meff: resonance fields scatter by {scatter_T:.2g} T more than their sigmas say; added to each of them"
        )
    by_scale = np.zeros(3)
    if field_scale_sigma:
        total_T = np.hypot(sigma, scatter_T)
        scaled, *_ = _solve_kittel(sign, reduced, b * (1.0 + SCALE_STEP), total_T, known)
        by_scale = (scaled - (meff, offset, stretch)) / SCALE_STEP * scale
        covariance = covariance + field_scale_sigma**2 * np.outer(by_scale, by_scale)
    errors = np.sqrt(np.diag(covariance))
    if g_sigma and errors[0] and errors[2]:
        together = covariance[0, 2] / errors[0] / errors[2]
        if abs(together) > STRONG_CORRELATION:
            flags.append(
                f"mu0_meff, g: correlated by {together:+.4f}: with g fixed, mu0_meff moves by"
                f" {covariance[0, 2] / covariance[2, 2] * 0.01:.2g} T for each 0.01 of g"
            )
    return KittelFit(
        Value.of(meff, errors[0], "T"),
        Value.of(offset, errors[1], "T"),
        Value.of(g * (1 + stretch), errors[2], ""),
        covariance,
        chi2 / freedom if freedom > 0 else None,
        tuple(flags),
        field_scale_sigma,
        by_scale,
    )


def _solve_kittel(
    sign: np.ndarray, reduced: np.ndarray, b: np.ndarray, sigma: np.ndarray, known: np.ndarray
) -> _Solution:
    """Return (mu0*M_eff, offset, relative change of g), their covariance, and chi squared, by Gauss-Newton.

    ``known`` (2,) has the prior sigmas of the last two: 0 for exact, infinite for none. It begins at what the data
    say of mu0*M_eff alone.
    """
    magnitude = np.abs(b)
    values = np.array([float(np.median(reduced**2 / magnitude - magnitude)), 0.0, 0.0])
    weight = 1 / sigma
    # In units of the prior's sigma a parameter is well scaled, and a prior of zero width needs no special case.
    unit = np.array([1.0, *np.where(np.isfinite(known), known, 1.0)])
    prior = np.array([0.0, *np.where(np.isfinite(known), 1.0, 0.0)])
    step = np.zeros(3)

    def residual_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        scaled = reduced / (1 + values[2])
        root = np.hypot(values[0] / 2, scaled)
        return (b - sign * (root - values[0] / 2) - values[1]) * weight, scaled, root

    def priors_of(values: np.ndarray) -> np.ndarray:
        return np.where(unit > 0, values / np.where(unit > 0, unit, 1.0), 0.0) * prior

    for _ in range(100):
        residual, scaled, root = residual_of(values)
        by_meff = sign * (values[0] / 4 / root - 0.5)
        by_g = -sign * scaled**2 / root / (1 + values[2])
        jacobian = np.stack([by_meff, np.ones_like(b), by_g], axis=1) * weight[:, None] * unit
        size = np.sqrt(np.einsum("np,np->p", jacobian, jacobian) + prior)
        size[size == 0] = 1.0
        inverse = np.linalg.inv((jacobian.T @ jacobian + np.diag(prior)) / np.outer(size, size)) / np.outer(size, size)
        step = inverse @ (jacobian.T @ residual - priors_of(values))
        values = values + step * unit
        values[2] = np.clip(values[2], -0.5, 1.0)
        if np.all(np.abs(step) <= 1e-9 * np.sqrt(np.diag(inverse)) + 1e-15):
            break
    residual = residual_of(values)[0]
    return values, inverse * np.outer(unit, unit), float(residual @ residual + np.sum(priors_of(values) ** 2))


def fit_linewidth(
    frequency_Hz: np.ndarray, width_T: np.ndarray, sigma_T: np.ndarray, *, g: float = 2.0
) -> LinewidthFit:
    """Fit W = W0 + alpha omega/gamma, a weighted straight line.

    Parameters
    ----------
    frequency_Hz : (n,) float
        Microwave frequencies.
    width_T : (n,) float
        Half widths at half maximum.
    sigma_T : (n,) float
        One standard deviation of each.
    g : float
        The g factor in omega/gamma = f/(gamma/2pi).

    Returns
    -------
    LinewidthFit
        Not determined, with a flag, for fewer than two different frequencies.

    Raises
    ------
    FitError
        If there are no data, or they are not finite and positive where they must be.
    """
    f, width, sigma = _checked("linewidth", frequency_Hz, width_T, sigma_T)
    reduced = f / gyromagnetic_Hz_per_T(g)
    if len(np.unique(f)) < 2:
        reason = "not determined: a slope needs spectra at two different frequencies or more"
        nothing = np.full((2, 2), np.nan)
        flags = (f"alpha: {reason}", f"width_0: {reason}")
        return LinewidthFit(Value(None, None, ""), Value(None, None, "T"), nothing, None, flags)

    def solve(sigma_T: np.ndarray) -> _Solution:
        return _solve_line(reduced, width, sigma_T)

    freedom = len(f) - 2
    (alpha, width_0), covariance, chi2, scatter_T = _with_scatter(solve, sigma, freedom)
    flags = []
    if scatter_T:
        flags.append(
            f"alpha, width_0: widths scatter by {scatter_T:.2g} T more than their sigmas say; added to each of them"
        )
    errors = np.sqrt(np.diag(covariance))
    for name, value, error in (("alpha", alpha, errors[0]), ("width_0", width_0, errors[1])):
        if value < -2 * error:
            flags.append(f"{name}: negative by {-value / error:.2g} sigma, which no film is; check the widths")
    return LinewidthFit(
        Value.of(alpha, errors[0], ""),
        Value.of(width_0, errors[1], "T"),
        covariance,
        chi2 / freedom if freedom else None,
        tuple(flags),
    )


def _solve_line(x: np.ndarray, y: np.ndarray, sigma: np.ndarray) -> _Solution:
    """Return (slope, intercept), their covariance, and chi squared."""
    # About the weighted mean the two parameters are independent: an exact and stable solution.
    weight = sigma**-2
    mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
    var_slope, var_mean = 1 / np.sum(weight * (x - mean_x) ** 2), 1 / np.sum(weight)
    slope = var_slope * np.sum(weight * (x - mean_x) * (y - mean_y))
    cross = -mean_x * var_slope
    covariance = np.array([[var_slope, cross], [cross, var_mean + mean_x**2 * var_slope]])
    residual = y - mean_y - slope * (x - mean_x)
    return np.array([slope, mean_y - slope * mean_x]), covariance, float(np.sum(weight * residual**2))


def _with_scatter(
    solve: Callable[[np.ndarray], _Solution], sigma: np.ndarray, freedom: int
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Solve; where the data scatter more than chance explains, solve again with a scatter common to all of them.

    It is added in quadrature such that chi squared equals the degrees of freedom (Paule and Mandel, J. Res. NBS 87,
    377 (1982)): what the sigmas do not know of, as anisotropy or drift, is no smaller where the noise is.

    Returns the solution, its covariance, chi squared before, and the scatter, 0 if none was needed.
    """
    solution, covariance, chi2 = solve(sigma)
    if freedom < 1 or special.chdtrc(freedom, chi2) >= CHANCE:
        return solution, covariance, chi2, 0.0

    def excess(scatter: float) -> float:
        return solve(np.hypot(sigma, scatter))[2] - freedom

    largest = sigma.max() * np.sqrt(chi2 / freedom)
    while excess(largest) > 0:  # the prior of the offset adds to chi squared what no scatter takes off at once
        largest *= 2
    scatter = float(optimize.root_scalar(excess, bracket=(0.0, largest), rtol=1e-6).root)
    solution, covariance, _ = solve(np.hypot(sigma, scatter))
    return solution, covariance, chi2, scatter


def _checked(name: str, frequency_Hz, value_T, sigma_T) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    f, value, sigma = (np.atleast_1d(np.asarray(one, float)) for one in (frequency_Hz, value_T, sigma_T))
    if not (f.ndim == 1 and f.shape == value.shape == sigma.shape and len(f)):
        shapes = f"{f.shape}, {value.shape}, {sigma.shape}"
        raise FitError(f"{name}: frequencies, fields and sigmas have the shapes {shapes}; give one of each a spectrum")
    if not (np.isfinite(f).all() and np.isfinite(value).all() and (f > 0).all()):
        raise FitError(f"{name}: frequencies [Hz] must be positive and fields [T] finite; leave out what is not")
    if not (np.isfinite(sigma).all() and (sigma > 0).all()):
        raise FitError(f"{name}: sigmas [T] must be finite and positive; leave out what has none")
    return f, value, sigma
