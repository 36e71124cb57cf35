"""Sheet resistance, its thickness and its temperature dependence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize

from sotlab.analysis.joint import SMALLEST_UNIQUE, fit_joint, number, spread, unique_parts
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = [
    "TransportResult",
    "fit_parallel_conduction",
    "fit_sheet_resistance",
    "parallel_conduction_ohm",
    "van_der_pauw",
]

#: The temperature at which shares are given [K].
REFERENCE_K = 300.0
#: The power of T_h/T in the exponent of each law of hopping.
HOPPING_POWERS = {"activated": 1.0, "mott": 0.25}
#: Readings of one configuration and of its reciprocal, or with the current reversed, may differ by so many sigmas.
DISAGREEMENT = 3.0


@dataclass(frozen=True)
class TransportResult:
    """Results by name, with flags.

    Parameters
    ----------
    results : dict of str to Value
        What the data say; None with a flag where they do not.
    flags : tuple of str
        Why.
    chi2_reduced : float or None
        Of a fit with sigmas given.
    """

    results: dict[str, Value]
    flags: tuple[str, ...] = ()
    chi2_reduced: float | None = None


def van_der_pauw(r_a: Value, r_b: Value) -> TransportResult:
    """Solve van der Pauw's equation exp(-pi R_a/R_s) + exp(-pi R_b/R_s) = 1 for the sheet resistance.

    Parameters
    ----------
    r_a, r_b : Value
        Four-point resistances of two neighbouring configurations, as R_12,43 and R_23,14 [ohm], with independent
        sigmas. Contacts are points on the edge of a film without holes.

    Returns
    -------
    TransportResult
        `sheet_resistance` [ohm].

    Raises
    ------
    FitError
        If a resistance is missing or not above 0.

    References
    ----------
    van der Pauw, Philips Res. Rep. 13, 1 (1958).
    """
    for name, value in (("r_a", r_a), ("r_b", r_b)):
        if value.value is None or not value.value > 0:
            raise FitError(
                f"van der Pauw: {name} is {value.value} ohm; both must be above 0: check the order of the contacts"
            )
    a, b = number(r_a), number(r_b)
    # Between the value for two equal resistances of the smaller and of the larger one.
    low, high = (np.pi / np.log(2) * r for r in (min(a, b), max(a, b)))

    def excess(sheet: float) -> float:
        return np.exp(-np.pi * a / sheet) + np.exp(-np.pi * b / sheet) - 1

    sheet = (
        float(low) if a == b else float(optimize.root_scalar(excess, bracket=(low, high), xtol=1e-300, rtol=1e-14).root)
    )
    # By the implicit function: exp(-x) dx summed over both is zero, x = pi R/R_s.
    weight_a, weight_b = np.exp(-np.pi * a / sheet), np.exp(-np.pi * b / sheet)
    slope = sheet / (a * weight_a + b * weight_b)
    sigma = float(np.hypot(slope * weight_a * spread(r_a), slope * weight_b * spread(r_b)))
    flags = []
    if max(a, b) > 10 * min(a, b):
        flags.append(
            f"r_a and r_b differ by a factor of {max(a, b) / min(a, b):.3g}: the film is anisotropic or not whole, or a"
            " contact is not on the edge"
        )
    return TransportResult({"sheet_resistance": Value.of(sheet, sigma, "ohm")}, tuple(flags))


def fit_sheet_resistance(
    thickness_m: np.ndarray, sheet_ohm: np.ndarray, sigma_ohm: np.ndarray | None = None
) -> TransportResult:
    """Fit R_sh(t) = rho_0/t [1 + 3 l (1 - p)/(8 t)], the thick-film limit of Fuchs.

    Linear in rho_0 and rho_0 l(1 - p); weights are relative. Without sigmas, that of the scatter is taken.

    Parameters
    ----------
    thickness_m, sheet_ohm : (n,) float
        Film thicknesses [m] and sheet resistances [ohm].
    sigma_ohm : (n,) float, optional
        One standard deviation of each.

    Returns
    -------
    TransportResult
        `resistivity_0` [ohm*m] and `mean_free_path` l(1 - p) [m].

    Raises
    ------
    FitError
        For fewer than three thicknesses, or values that are not above 0.

    References
    ----------
    Fuchs, Proc. Camb. Phil. Soc. 34, 100 (1938), for t well above l.
    """
    t, sheet = (np.atleast_1d(np.asarray(one, float)) for one in (thickness_m, sheet_ohm))
    if t.shape != sheet.shape or len(np.unique(t)) < 3:
        raise FitError(f"R_sh(t): {len(np.unique(t))} thicknesses; three are needed")
    if not (np.all(t > 0) and np.all(sheet > 0)):
        raise FitError("R_sh(t): thicknesses [m] and resistances [ohm] must be above 0")
    if sigma_ohm is not None:
        sigma_ohm = np.broadcast_to(np.asarray(sigma_ohm, float), t.shape)
        if not np.all(sigma_ohm > 0):
            raise FitError("R_sh(t): sigmas [ohm] must be above 0; leave out what has none")
    relative = np.ones_like(t) if sigma_ohm is None else sigma_ohm / sheet
    design = np.stack([1 / t, 1 / t**2])
    model = sheet
    for _ in range(50):  # weights of the model, not of the readings, which favour those that came out small
        weight = 1 / (relative * model)
        size = np.linalg.norm(design * weight, axis=1)
        values = np.linalg.lstsq((design * weight / size[:, None]).T, sheet * weight, rcond=None)[0] / size
        new = values @ design
        if np.any(new <= 0):
            raise FitError("R_sh(t): the data do not follow rho_0/t [1 + 3 l(1 - p)/(8 t)] with a resistivity above 0")
        done = np.allclose(new, model, rtol=1e-12, atol=0)
        model = new
        if done:
            break
    scaled = design * weight / size[:, None]
    covariance = np.linalg.inv(scaled @ scaled.T) / np.outer(size, size)
    freedom = len(t) - 2
    chi2 = float(np.sum(((sheet - model) * weight) ** 2)) / freedom
    flags = []
    if sigma_ohm is None:
        # Student's t: the scatter is itself estimated.
        covariance = covariance * chi2 * (1 + 0.5 / freedom) ** 2
    rho, second = values
    size_l = 8 / 3 * second / rho
    slope = 8 / 3 * np.array([-second / rho**2, 1 / rho])
    sigma_l = float(np.sqrt(slope @ covariance @ slope))
    results = {
        "resistivity_0": Value.of(rho, float(np.sqrt(covariance[0, 0])), "ohm*m"),
        "mean_free_path": Value.of(size_l, sigma_l, "m"),
    }
    if unique_parts(scaled).min() < SMALLEST_UNIQUE:
        results = {name: Value(None, None, value.unit) for name, value in results.items()}
        flags.append(
            f"resistivity_0, mean_free_path: not determined; {t.min():.3g} to {t.max():.3g} m do not tell"
            " them apart; measure over a factor of two at least"
        )
    elif size_l < -2 * sigma_l:
        flags.append(f"mean_free_path: below 0 by {-size_l / sigma_l:.2g} sigma: thin films are better than thick ones")
    elif size_l > t.min():
        flags.append(
            f"mean_free_path: {size_l:.2g} m, beyond the thinnest film of {t.min():.2g} m: its limit does not hold"
        )
    return TransportResult(results, tuple(flags), chi2 if sigma_ohm is not None else None)


def parallel_conduction_ohm(
    temperature_K: np.ndarray, results: Mapping[str, float], *, hopping: Literal["activated", "mott"] = "activated"
) -> np.ndarray:
    """Return R(T) [ohm] of a metallic and a hopping channel in parallel, as `fit_parallel_conduction` has it.

    Parameters
    ----------
    temperature_K : (n,) float
        Temperatures.
    results : mapping of str to float
        `resistance_300` [ohm], `metallic_share`, `hopping_temperature` [K], `metal_slope` [1/K].
    hopping : {"activated", "mott"}
        The law of the hopping channel.
    """
    t, power = np.asarray(temperature_K, float), HOPPING_POWERS[hopping]
    share, t_h = results["metallic_share"], results["hopping_temperature"]
    metal = share / (1 + results["metal_slope"] * (t - REFERENCE_K))
    hop = (1 - share) * np.exp(-((t_h / t) ** power) + (t_h / REFERENCE_K) ** power)
    return results["resistance_300"] / (metal + hop)


def fit_parallel_conduction(
    temperature_K: np.ndarray,
    resistance_ohm: np.ndarray,
    *,
    hopping: Literal["activated", "mott"] = "activated",
    metal_slope: Value | None = None,
) -> TransportResult:
    """Fit R(T) by a metallic and a hopping channel in parallel.

    With T_0 = 300 K: 1/R = (1/R_0) {s/[1 + a (T - T_0)] + (1 - s) h(T)/h(T_0)}, where h = exp(-T_h/T) (activated) or
    exp[-(T_h/T)^(1/4)] (Mott, three dimensions), and s is the metallic share of the conductance at T_0.

    Parameters
    ----------
    temperature_K, resistance_ohm : (n,) float
        In the order of measurement.
    hopping : {"activated", "mott"}
        The law of the hopping channel.
    metal_slope : Value, optional
        a [1/K] of the metallic channel, where it is known. Free otherwise.

    Returns
    -------
    TransportResult
        `resistance_300` [ohm], `metallic_share`, `hopping_temperature` [K], `metal_slope` [1/K].

    Raises
    ------
    FitError
        If there are fewer than eight readings, or values that are not above 0.

    References
    ----------
    Gao et al., Appl. Phys. Lett. 100, 212402 (2012), for channels in parallel; the seed's own formula is in a
    supplement that was not available.
    """
    t, r = (np.atleast_1d(np.asarray(one, float)) for one in (temperature_K, resistance_ohm))
    good = np.isfinite(t) & np.isfinite(r)
    t, r = t[good], r[good]
    if t.shape != r.shape or len(t) < 8:
        raise FitError(f"R(T): {len(t)} readings; eight are needed")
    if not (np.all(t > 0) and np.all(r > 0)):
        raise FitError("R(T): temperatures [K] and resistances [ohm] must be above 0")
    power = HOPPING_POWERS.get(hopping)
    if power is None:
        raise FitError(f"R(T): hopping is '{hopping}'; allowed are activated, mott")
    given = metal_slope if metal_slope is not None and metal_slope.value is not None else None
    fixed = None if given is None else number(given)

    def basis(log_t_h: float, slope: float) -> np.ndarray:
        """Return the conductances of both channels over those at 300 K."""
        t_h = np.exp(log_t_h)
        return np.stack(
            [1 / (1 + slope * (t - REFERENCE_K)), np.exp(-((t_h / t) ** power) + (t_h / REFERENCE_K) ** power)]
        )

    def solved(p: np.ndarray, slope: float | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the two conductances and the relative residual of 1/R."""
        a = slope if slope is not None else p[1]
        design = basis(p[0], a) * r  # relative errors are alike
        g = np.linalg.lstsq(design.T, np.ones_like(r), rcond=1e-12)[0]
        return g, 1 - g @ design

    def best(slope: float | None) -> np.ndarray:
        low, high = np.log(3.0), np.log(1e4 if hopping == "activated" else 1e8)
        fits = []
        for start in np.linspace(low + 0.5, high - 1.0, 5):
            p0 = [start] if slope is not None else [start, 0.0]
            bounds = ([low], [high]) if slope is not None else ([low, -1e-3], [high, 3e-3])
            scale = [1.0] if slope is not None else [1.0, 1e-4]
            fits.append(
                optimize.least_squares(
                    lambda p: solved(p, slope)[1], p0, bounds=bounds, x_scale=scale, xtol=1e-13, ftol=1e-13, gtol=1e-13
                )
            )
        return min(fits, key=lambda fit: fit.cost).x

    p = best(fixed)
    a = fixed if fixed is not None else float(p[1])
    (g_metal, g_hop), _ = solved(p, fixed)
    total = g_metal + g_hop
    # In (ln R_0, share, ln T_h, a), linearised: the fit's covariance is that of the whole model.
    names = ["log_r", "share", "log_t_h"] + ([] if fixed is not None else ["slope"])
    point = np.array([-np.log(total), g_metal / total, p[0], a])

    def log_r(q: np.ndarray) -> np.ndarray:
        metal, hop = basis(q[2], q[3])
        return q[0] - np.log(q[1] * metal + (1 - q[1]) * hop)

    steps = np.diag([1e-6, 1e-6, 1e-6, 1e-8])
    derivatives = {n: (log_r(point + s) - log_r(point - s)) / (2 * s.sum()) for n, s in zip(names, steps, strict=False)}
    y = np.log(r) - log_r(point) + sum(derivatives[n] * point[k] for k, n in enumerate(names))
    fit = fit_joint(derivatives, y, who="R(T)")
    r_0 = float(np.exp(point[0]))
    results = {
        "resistance_300": Value.of(r_0, r_0 * fit.sigma("log_r"), "ohm"),
        "metallic_share": Value.of(float(point[1]), fit.sigma("share"), ""),
        "hopping_temperature": Value.of(float(np.exp(p[0])), float(np.exp(p[0])) * fit.sigma("log_t_h"), "K"),
        "metal_slope": given if given is not None else Value.of(a, fit.sigma("slope"), "1/K"),
    }
    if given is not None and given.sigma:
        ends = [number(given) + d * spread(given) for d in (-0.5, 0.5)]
        moved = [_share_and_temperature(best(end), end, solved) for end in ends]
        for k, name in enumerate(("metallic_share", "hopping_temperature")):
            value = results[name]
            total_sigma = float(np.hypot(spread(value), moved[1][k] - moved[0][k]))
            results[name] = Value.of(number(value), total_sigma, value.unit)
    flags = []
    for name, column in (("metallic_share", "share"), ("hopping_temperature", "log_t_h"), ("metal_slope", "slope")):
        if column not in fit:
            continue
        value = results[name]
        if fit.unique_part(column) < SMALLEST_UNIQUE or (column == "log_t_h" and fit.sigma(column) > 1):
            results[name] = Value(None, None, value.unit)
            flags.append(
                f"{name}: not determined: the metal's slope, the share and the hopping law imitate each other over"
                f" {t.min():.3g} to {t.max():.3g} K; go to lower temperatures, or give metal_slope"
            )
    share, sigma = results["metallic_share"].value, spread(results["metallic_share"])
    if share is not None and not -2 * sigma <= share <= 1 + 2 * sigma:
        flags.append("metallic_share: outside of 0 to 1, which two channels in parallel cannot have")
    if t.max() < REFERENCE_K * 0.9:
        flags.append(f"metallic_share: extrapolated from {t.max():.3g} K to {REFERENCE_K:g} K")
    return TransportResult(results, tuple(flags))


def _share_and_temperature(p, slope, solved) -> tuple[float, float]:
    (metal, hop), _ = solved(p, slope)
    return metal / (metal + hop), float(np.exp(p[0]))
