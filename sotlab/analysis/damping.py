"""What damping and its change say: spin pumping, and the linewidth under a direct current.

::

    alpha = alpha_0 + g mu_B g_eff/(4 pi M_s t_F),   Re G_eff = (e^2/h) g_eff
    dW/dE = nm_side xi_DL^E (omega/gamma) (hbar/2e) sin phi/[(B0 + mu0*M_eff/2) M_s t_F]

W is the half width [T], M_s in A/m, phi from the current to the field. With xi_DL > 0, the spin-orbit layer below and
phi = 45 deg a positive direct current broadens the line at positive fields.

References
----------
Tserkovnyak et al., Phys. Rev. Lett. 88, 117601 (2002); Liu et al., Phys. Rev. Lett. 106, 036601 (2011), eq. 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.constants import e, h, hbar, mu_0, physical_constants

from sotlab.analysis.budget import Source, combine
from sotlab.analysis.joint import SMALLEST_UNIQUE, number, spread, unique_parts
from sotlab.analysis.kittel import gyromagnetic_Hz_per_T
from sotlab.analysis.spin_orbit_efficiency import Geometry
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["PUMPING_UNITS", "BiasFit", "SpinPumping", "fit_dc_bias", "spin_pumping"]

#: What :func:`spin_pumping` returns, with units.
PUMPING_UNITS = {"delta_alpha": "", "g_eff": "1/m**2", "re_g_eff": "1/(ohm*m**2)"}

_MU_B = physical_constants["Bohr magneton"][0]
#: A difference of fewer sigmas is a bound only.
DETECTED = 2.0


@dataclass(frozen=True)
class SpinPumping:
    """The result of :func:`spin_pumping`.

    Parameters
    ----------
    results : dict of str to Value
        `delta_alpha`, `g_eff` [1/m**2], `re_g_eff` [1/(ohm*m**2)]; the latter two None where the difference is not
        above 0 by two sigma.
    upper_re_g_eff : float
        What Re G_eff is below, at 95 % [1/(ohm*m**2)].
    budget : dict of str to float
        Of `re_g_eff`.
    flags : tuple of str
        What the reader must know.
    """

    results: dict[str, Value]
    upper_re_g_eff: float
    budget: dict[str, float]
    flags: tuple[str, ...] = ()


def spin_pumping(
    alpha: Value, alpha_reference: Value, mu0_ms: Value, fm_thickness: Value, g: Value | float = 2.0
) -> SpinPumping:
    """Return the effective mixing conductance from the damping with and without the spin-orbit layer.

    Parameters
    ----------
    alpha, alpha_reference : Value
        Damping of the ferromagnet with the layer, and of the same ferromagnet without it.
    mu0_ms : Value
        mu0*M_s [T].
    fm_thickness : Value
        t_F [m].
    g : Value or float
        The g factor.

    Raises
    ------
    FitError
        If a value is missing, or M_s or t_F is not above 0.

    Notes
    -----
    What returns from the layer is in g_eff. All that damps more in the one film than in the other, as two-magnon
    scattering, is taken for spin pumping.
    """
    g = g if isinstance(g, Value) else Value(float(g), 0.0, "")
    inputs = {
        "alpha": alpha,
        "alpha_reference": alpha_reference,
        "mu0_ms": mu0_ms,
        "fm_thickness": fm_thickness,
        "g": g,
    }
    for name, value in inputs.items():
        if value.value is None or (name in ("mu0_ms", "fm_thickness", "g") and not value.value > 0):
            raise FitError(f"spin pumping: {name} is {value.value} {value.unit}; it must be known, and above 0")

    def function(p):
        difference = p["alpha"] - p["alpha_reference"]
        conductance = difference * 4 * np.pi * p["mu0_ms"] / mu_0 * p["fm_thickness"] / (p["g"] * _MU_B)
        return {"delta_alpha": difference, "g_eff": conductance, "re_g_eff": e**2 / h * conductance}

    budget = combine(function, [Source.of(name, value) for name, value in inputs.items()])
    results = {name: budget.value(name, unit) for name, unit in PUMPING_UNITS.items()}
    difference, found = results["delta_alpha"], results["re_g_eff"]
    upper = number(found) + 1.645 * spread(found)
    flags = []
    if number(difference) < DETECTED * spread(difference):
        flags.append(
            f"g_eff, re_g_eff: not determined: the dampings differ by {number(difference):.2g} +-"
            f" {spread(difference):.2g}; no more than re_g_eff below {max(upper, 0.0):.2g} 1/(ohm*m**2) (95 %)"
        )
        results |= {name: Value(None, None, PUMPING_UNITS[name]) for name in ("g_eff", "re_g_eff")}
    return SpinPumping(results, upper, budget.of("re_g_eff"), tuple(flags))


@dataclass(frozen=True)
class BiasFit:
    """The result of :func:`fit_dc_bias`.

    Parameters
    ----------
    results : dict of str to Value
        `width_per_current` [T/A], the part odd in current and field; `xi_dl_E` [1/(ohm*m)] and `xi_dl_j` (None without
        the layer's resistivity).
    budget : dict of str to float
        Of `xi_dl_E`.
    flags : tuple of str
        What the reader must know.
    """

    results: dict[str, Value]
    budget: dict[str, float]
    flags: tuple[str, ...] = ()


def fit_dc_bias(
    current_A: np.ndarray,
    field_sign: np.ndarray,
    width_T: np.ndarray,
    sigma_T: np.ndarray,
    *,
    frequency_Hz: float,
    field_res: Value,
    mu0_meff: Value,
    angle: Value,
    geometry: Geometry,
    g: float = 2.0,
    resonances: Source | None = None,
    field_scale_sigma: float = 0.0,
    by_scale: tuple[float, float] = (0.0, 0.0),
) -> BiasFit:
    """Fit the linewidth against a direct current, and return the damping-like efficiency.

    Per sign of field the width is a constant, plus what is odd in the current and odd in the field (the torque), odd in
    the current and even in the field (as a thermal gradient along the current), and even in the current (heating).

    Parameters
    ----------
    current_A : (n,) float
        Direct currents, both signs.
    field_sign : (n,) float
        +1 or -1 for each width.
    width_T, sigma_T : (n,) float
        Half widths, and their standard deviations.
    frequency_Hz : float
        Of all of them.
    field_res, mu0_meff : Value
        Resonance field and mu0*M_eff [T].
    angle : Value
        From the current to positive fields [rad].
    geometry : Geometry
        Of the strip; its current is not used.
    g : float
        The g factor.
    resonances : Source, optional
        ``mu0_meff`` and ``g`` with their covariance, where the resonance fields gave them, without the field's scale.
    field_scale_sigma : float
        Relative standard deviation of the scale that widths and resonance field have in common.
    by_scale : two float
        Derivative of mu0_meff [T] and of g by that scale.

    Raises
    ------
    FitError
        If the currents do not tell the slope, or the angle gives none.
    """
    columns = [np.atleast_1d(np.asarray(one, float)) for one in (current_A, field_sign, width_T, sigma_T)]
    current, sign, width, sigma = columns
    if len({one.shape for one in columns}) != 1 or not all(np.isfinite(one).all() for one in columns):
        raise FitError("linewidth against current: give current, sign of field, width and sigma for each line")
    if not (np.isin(sign, (1, -1)).all() and (sigma > 0).all()):
        raise FitError("linewidth against current: signs of field are +1 or -1, sigmas [T] above 0")
    scale = np.abs(current).max() or 1.0
    x = current / scale
    both = len(np.unique(sign)) == 2
    names = ["slope", *(["even in field"] if both else []), *(f"width {s:+g}" for s in np.unique(sign))]
    parts = [x * sign, *([x] if both else []), *((sign == s).astype(float) for s in np.unique(sign))]
    if len(np.unique(np.abs(x))) > 2 and len(x) > len(parts) + 1:
        names.append("heating")
        parts.append(x**2)
    design = np.stack(parts) / sigma
    if len(x) < len(parts) + 1 or unique_parts(design)[0] < SMALLEST_UNIQUE:
        raise FitError("linewidth against current: currents of both signs, five lines or more, are needed")
    inverse = np.linalg.inv(design @ design.T)
    values = inverse @ (design @ (width / sigma))
    freedom = len(x) - len(parts)
    chi2 = float(np.sum((width / sigma - values @ design) ** 2)) / freedom
    flags = [] if both else ["xi_dl_E: one sign of field only: what a current does to both alike is in it"]
    if chi2 > 1 + 3 * np.sqrt(2 / freedom):
        inverse = inverse * chi2
        flags.append(
            f"width_per_current: widths scatter {np.sqrt(chi2):.2g} times as much as their sigmas say: enlarged"
        )
    if both and abs(values[1]) > 3 * np.sqrt(inverse[1, 1]) and abs(values[1]) > 0.2 * abs(values[0]):
        flags.append("width_per_current: a part as odd in the current does not change sign with the field: left out")
    slope = Value.of(float(values[0] / scale), float(np.sqrt(inverse[0, 0]) / scale), "T/A")
    if abs(np.sin(number(angle))) < 0.1:
        raise FitError(f"linewidth against current: at {np.degrees(number(angle)):.3g} deg the torque does not damp")
    if resonances is None:
        covariance = np.diag([spread(mu0_meff) ** 2, 0.0])
        resonances = Source("mu0_meff", ("mu0_meff", "g"), np.array([number(mu0_meff), g]), covariance)
    sources = [s for s in geometry.sources() if s.name not in ("current", "field_factor", "nm_thickness")]
    field_scale = Value(0.0, field_scale_sigma, "")
    inputs = {"slope": slope, "field_res": field_res, "angle": angle, "field_scale": field_scale}
    sources += [resonances, *(Source.of(name, value) for name, value in inputs.items())]

    def function(p):
        per_length = p["resistance_per_length"] if "resistance_per_length" in p else p["sheet_resistance"] / p["width"]
        moment = p["mu0_ms"] / mu_0 * p["fm_thickness"]
        more = p["field_scale"]
        slope, field_T = p["slope"] * (1 + more), p["field_res"] * (1 + more)
        meff_T, factor = p["mu0_meff"] + by_scale[0] * more, p["g"] + by_scale[1] * more
        reduced_T = frequency_Hz / gyromagnetic_Hz_per_T(factor)
        arm = (field_T + meff_T / 2) * moment / (reduced_T * hbar / (2 * e) * np.sin(p["angle"]))
        xi = geometry.nm_side * slope / per_length * arm
        return {"xi_dl_E": xi, "xi_dl_j": xi * p.get("nm_resistivity", float("nan"))}

    budget = combine(function, sources)
    slope_sigma = float(np.hypot(spread(slope), field_scale_sigma * number(slope)))
    results = {
        "width_per_current": Value.of(number(slope), slope_sigma, "T/A"),
        "xi_dl_E": budget.value("xi_dl_E", "1/(ohm*m)"),
        "xi_dl_j": budget.value("xi_dl_j", ""),
    }
    if results["xi_dl_j"].value is None:
        flags.append("xi_dl_j: not determined: the resistivity of the spin-orbit layer is needed")
    return BiasFit(results, budget.of("xi_dl_E"), tuple(flags))
