"""Resistivity of thin films against thickness: scattering at surfaces (Fuchs, Sondheimer) and at grain boundaries.

With kappa = t/l, l the mean free path and p the specular part of the surfaces' reflections::

    rho_0/rho = 1 - 3 (1 - p)/(2 kappa) integral_1^inf (u^-3 - u^-5) [1 - exp(-kappa u)]/[1 - p exp(-kappa u)] du

for kappa >> 1 rho = rho_0 [1 + 3 l (1 - p)/(8 t)], what seed 000 uses. Grains that grow with the film, of size t, give

    rho/rho_g = 3 [1/3 - a/2 + a^2 - a^3 ln(1 + 1/a)],   a = (l/t) R/(1 - R)

with R the reflection of a boundary (Mayadas and Shatzkes); rho_g is the resistivity within a grain. Both effects vary
as 1/t for thick films: one series tells one of them.

References
----------
Fuchs, Proc. Camb. Phil. Soc. 34, 100 (1938); Sondheimer, Adv. Phys. 1, 1 (1952), eq. 26; Mayadas and Shatzkes, Phys.
Rev. B 1, 1382 (1970), eqs. 8 and 9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special

from sotlab.analysis.joint import SMALLEST_UNIQUE, number, unique_parts
from sotlab.analysis.transport import fit_sheet_resistance
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["LAWS", "ResistivityFit", "fit_resistivity", "fuchs_sondheimer", "mayadas_shatzkes"]

LAWS = ("empirical", "fuchs-sondheimer", "mayadas-shatzkes")
#: Nodes of the integral over u = 1/x, 0 < x < 1.
_X, _WEIGHT = (0.5 * part for part in np.polynomial.legendre.leggauss(64))
_X = _X + 0.5
#: A scatter that chance gives less often than this is taken for real.
CHANCE = 0.01


def fuchs_sondheimer(thickness_m: np.ndarray | float, mean_free_path_m: float, specularity: float = 0.0) -> np.ndarray:
    """Return rho/rho_0 of films with scattering at both surfaces.

    Parameters
    ----------
    thickness_m : array of float
        Thicknesses t [m], above 0.
    mean_free_path_m : float
        l of the bulk [m], 0 or more.
    specularity : float
        p, 0 (diffuse) to 1.
    """
    t = np.asarray(thickness_m, float)
    if not (np.all(t > 0) and mean_free_path_m >= 0 and 0 <= specularity <= 1):
        raise FitError("Fuchs-Sondheimer: thicknesses must be above 0, l 0 or more, and p between 0 and 1")
    if mean_free_path_m == 0:
        return np.ones_like(t)
    kappa = t / mean_free_path_m
    decay = np.exp(-kappa[..., None] / _X)  # u = 1/x: (u^-3 - u^-5) du = (x - x^3) dx
    integral = ((_X - _X**3) * (1 - decay) / (1 - specularity * decay)) @ _WEIGHT
    return 1 / (1 - 1.5 * (1 - specularity) / kappa * integral)


def mayadas_shatzkes(thickness_m: np.ndarray | float, length_m: float) -> np.ndarray:
    """Return rho/rho_g of films whose grains are as large as the film is thick.

    Parameters
    ----------
    thickness_m : array of float
        Thicknesses t [m], above 0.
    length_m : float
        l R/(1 - R) [m], 0 or more.
    """
    t = np.asarray(thickness_m, float)
    if not (np.all(t > 0) and length_m >= 0):
        raise FitError("Mayadas-Shatzkes: thicknesses must be above 0, and the length 0 or more")
    a = length_m / t
    small = np.minimum(a, 1e6)
    exact = 3 * (1 / 3 - small / 2 + small**2 - small**3 * np.log1p(1 / np.maximum(small, 1e-300)))
    # For large a the terms cancel to 3/(4a) - 3/(5 a^2).
    series = 0.75 / np.maximum(a, 1e-300) - 0.6 / np.maximum(a, 1e-300) ** 2
    return 1 / np.where(a > 1e3, series, exact)


@dataclass(frozen=True)
class ResistivityFit:
    """The result of :func:`fit_resistivity`.

    Parameters
    ----------
    results : dict of str to Value
        `resistivity_0` of a thick film [ohm*m] and `mean_free_path` [m]: l (1 - p) for the empirical law, l for
        diffuse surfaces with Fuchs and Sondheimer, l R/(1 - R) with Mayadas and Shatzkes.
    law : str
        Which of ``LAWS``.
    chi2_reduced : float or None
        By the sigmas as given.
    model : callable or None
        From thicknesses [m] to resistivities [ohm*m].
    flags : tuple of str
        What the reader must know.
    """

    results: dict[str, Value]
    law: str
    chi2_reduced: float | None
    model: Callable[[np.ndarray], np.ndarray] | None
    flags: tuple[str, ...] = ()


def fit_resistivity(
    thickness_m: np.ndarray,
    sheet_ohm: np.ndarray,
    sigma_ohm: np.ndarray | None = None,
    *,
    law: Literal["empirical", "fuchs-sondheimer", "mayadas-shatzkes"] = "empirical",
) -> ResistivityFit:
    """Fit sheet resistances R_sh(t) = rho(t)/t by one of the laws.

    Parameters
    ----------
    thickness_m, sheet_ohm : (n,) float
        Thicknesses [m] and sheet resistances [ohm].
    sigma_ohm : (n,) float, optional
        One standard deviation of each; without them the scatter says, alike in relative size.
    law : str
        "empirical" is rho_0 [1 + 3 l (1 - p)/(8 t)], see :func:`~sotlab.analysis.transport.fit_sheet_resistance`.

    Raises
    ------
    FitError
        For fewer than three thicknesses, values that are not above 0, or a law that does not exist.
    """
    if law not in LAWS:
        raise FitError(f"R_sh(t): there is no law '{law}'; allowed are {', '.join(LAWS)}")
    linear = fit_sheet_resistance(thickness_m, sheet_ohm, sigma_ohm)
    if law == "empirical":
        rho, free_path = (number(linear.results[name]) for name in ("resistivity_0", "mean_free_path"))

        def straight(t: np.ndarray) -> np.ndarray:
            return rho * (1 + 0.375 * free_path / np.asarray(t, float))

        model = straight if np.isfinite(rho) else None
        return ResistivityFit(linear.results, law, linear.chi2_reduced, model, linear.flags)
    t, sheet = np.asarray(thickness_m, float), np.asarray(sheet_ohm, float)
    shape = fuchs_sondheimer if law == "fuchs-sondheimer" else mayadas_shatzkes
    relative = np.ones_like(t) if sigma_ohm is None else np.broadcast_to(np.asarray(sigma_ohm, float), t.shape) / sheet

    def residual(p: np.ndarray) -> np.ndarray:
        return (p[0] + np.log(shape(t, np.exp(p[1])) / t) - np.log(sheet)) / relative

    first = [np.log(np.median(sheet * t)), np.log(np.median(t) / 3)]
    fit = optimize.least_squares(residual, first, bounds=([-np.inf, np.log(1e-13)], [np.inf, np.log(1e-4)]))
    freedom = len(t) - 2
    chi2 = 2 * float(fit.cost)
    flags, scale2 = [], 1.0
    if sigma_ohm is None:
        scale2 = chi2 / freedom * (1 + 0.5 / freedom) ** 2
    elif special.chdtrc(freedom, chi2) < CHANCE:
        scale2 = chi2 / freedom
        flags.append(
            f"resistivity_0, mean_free_path: the data do not follow {law} within their sigmas (chi squared"
            f" {chi2 / freedom:.3g} per degree of freedom); sigmas enlarged"
        )
    rho_0, length = float(np.exp(fit.x[0])), float(np.exp(fit.x[1]))
    results = {"resistivity_0": Value(None, None, "ohm*m"), "mean_free_path": Value(None, None, "m")}
    if unique_parts(fit.jac.T).min() < SMALLEST_UNIQUE:
        flags.append(
            f"resistivity_0, mean_free_path: not determined; {t.min():.3g} to {t.max():.3g} m do not tell them apart;"
            " measure over a larger range"
        )
        return ResistivityFit(results, law, None if sigma_ohm is None else chi2 / freedom, None, tuple(flags))
    sigmas = np.sqrt(np.diag(np.linalg.inv(fit.jac.T @ fit.jac)) * scale2)
    results["resistivity_0"] = Value.of(rho_0, rho_0 * sigmas[0], "ohm*m")
    if sigmas[1] < 0.6:
        results["mean_free_path"] = Value.of(length, length * sigmas[1], "m")
    else:
        flags.append(
            f"mean_free_path: not determined: no more than about {length * np.exp(1.64 * min(sigmas[1], 3)):.2g} m"
        )

    def law_of(t: np.ndarray) -> np.ndarray:
        return rho_0 * shape(np.asarray(t, float), length)

    return ResistivityFit(results, law, None if sigma_ohm is None else chi2 / freedom, law_of, tuple(flags))
