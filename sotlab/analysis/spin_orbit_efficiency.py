"""From effective fields to spin-torque efficiencies, with the measured geometry and all its uncertainties.

::

    xi^E = nm_side (2e/hbar) M_s t_F B/E = nm_side (2e/hbar) mu0*M_s t_F H/E,   E = I R_sh/w
    xi^j = xi^E rho_NM,   B_Oe = nm_side mu0 j_NM t_NM/2,   j_NM = E/rho_NM

I and B are peak values. nm_side is +1 with the spin-orbit layer below the ferromagnet; fields are given as measured, so
Pt below NiFe has xi_dl_E > 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.constants import e, hbar, mu_0

from sotlab.analysis.joint import number, propagated, spread
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["Geometry", "Torques", "oersted_field", "torque_efficiencies"]


@dataclass(frozen=True)
class Geometry:
    """The sample as measured; each value with its sigma.

    Parameters
    ----------
    current : Value
        Peak amplitude of the current through the strip [A].
    sheet_resistance : Value
        Of all layers together, without contacts and pads [ohm].
    width : Value
        Of the strip [m].
    mu0_ms : Value
        mu0*M_s [T].
    fm_thickness : Value
        Of the ferromagnet [m].
    nm_side : {+1, -1}
        +1 with the spin-orbit layer below the ferromagnet.
    nm_resistivity : Value, optional
        Of the spin-orbit layer [ohm*m], for `xi_dl_j` and the Oersted field.
    nm_thickness : Value, optional
        Of the spin-orbit layer [m], for the Oersted field.
    field_factor : Value, optional
        Effective field in the middle of the cross over that of the strip, below 1 for wide Hall arms.
    """

    current: Value
    sheet_resistance: Value
    width: Value
    mu0_ms: Value
    fm_thickness: Value
    nm_side: int
    nm_resistivity: Value | None = None
    nm_thickness: Value | None = None
    field_factor: Value | None = None


@dataclass(frozen=True)
class Torques:
    """Efficiencies.

    Parameters
    ----------
    results : dict of str to Value
        `xi_dl_E`, `xi_fl_E` (without the Oersted field) [1/(ohm*m)], `xi_dl_j`, `xi_fl_j`, `b_oe` [T], `b_dl_per_j`
        [T*m**2/A].
    flags : tuple of str
        What is missing.
    """

    results: dict[str, Value]
    flags: tuple[str, ...] = ()


def torque_efficiencies(b_dl: Value, b_fl: Value, geometry: Geometry) -> Torques:
    """Return the efficiencies of a damping-like and a field-like effective field.

    Parameters
    ----------
    b_dl, b_fl : Value
        Effective fields at the peak of the current [T], as measured; `b_fl` with the Oersted field in it.
    geometry : Geometry
        The sample.

    Raises
    ------
    FitError
        If a value of the geometry is missing or not above 0, or nm_side is neither +1 nor -1.
    """
    _check(geometry)
    flags: list[str] = []
    base = [geometry.current, geometry.sheet_resistance, geometry.width, geometry.mu0_ms, geometry.fm_thickness]
    factor = geometry.field_factor or Value(1.0, 0.0, "")
    side = geometry.nm_side

    def per_field(p: np.ndarray) -> float:
        """Return xi^E over B for (I, R_sh, w, mu0*M_s, t_F, factor)."""
        return side * 2 * e / hbar * p[3] / mu_0 * p[4] * p[2] / (p[0] * p[1]) / p[5]

    results = {
        "xi_dl_E": _combined(lambda p: p[6] * per_field(p), [*base, factor, b_dl], "1/(ohm*m)"),
        "xi_fl_E": Value(None, None, "1/(ohm*m)"),
        "xi_dl_j": Value(None, None, ""),
        "xi_fl_j": Value(None, None, ""),
        "b_oe": Value(None, None, "T"),
        "b_dl_per_j": Value(None, None, "T*m**2/A"),
    }
    rho, thickness = geometry.nm_resistivity, geometry.nm_thickness
    if rho is None:
        flags.append("xi_dl_j, b_dl_per_j: not determined: the resistivity of the spin-orbit layer is needed")
    else:
        results["xi_dl_j"] = _combined(lambda p: p[6] * per_field(p) * p[7], [*base, factor, b_dl, rho], "")
        results["b_dl_per_j"] = _combined(
            lambda p: p[6] / p[5] * p[7] * p[2] / (p[0] * p[1]), [*base, factor, b_dl, rho], "T*m**2/A"
        )
    if rho is None or thickness is None:
        flags.append("xi_fl_E: not determined: the Oersted field in b_fl needs resistivity and thickness of the layer")
    else:
        results["b_oe"] = oersted_field(geometry)

        def free_of_oersted(p: np.ndarray) -> float:
            oersted = side * mu_0 * p[0] * p[1] / p[2] / p[7] * p[8] / 2
            return (p[6] - oersted) * per_field(p)

        inputs = [*base, factor, b_fl, rho, thickness]
        results["xi_fl_E"] = _combined(free_of_oersted, inputs, "1/(ohm*m)")
        results["xi_fl_j"] = _combined(lambda p: free_of_oersted(p) * p[7], inputs, "")
    return Torques(results, tuple(flags))


def oersted_field(geometry: Geometry) -> Value:
    """Return B_Oe = nm_side mu0 j t/2 [T] of the current in the spin-orbit layer, at the peak of the current.

    Of a layer much wider than thick; a half of mu0 times the current per width.

    Raises
    ------
    FitError
        If resistivity or thickness of the layer is missing.
    """
    _check(geometry)
    rho, thickness = geometry.nm_resistivity, geometry.nm_thickness
    if rho is None or thickness is None:
        raise FitError("Oersted field: resistivity and thickness of the spin-orbit layer are needed")
    return _combined(
        lambda p: geometry.nm_side * mu_0 * p[0] * p[1] / p[2] / p[3] * p[4] / 2,
        [geometry.current, geometry.sheet_resistance, geometry.width, rho, thickness],
        "T",
    )


def _combined(function: Callable[[np.ndarray], float], inputs: Sequence[Value], unit: str) -> Value:
    """Return a function of independent values with the sigmas of all of them."""
    if any(value.value is None for value in inputs):
        return Value(None, None, unit)
    nominal = np.array([number(value) for value in inputs])
    carried = propagated(lambda p: np.array([function(p)]), nominal, np.diag([spread(value) ** 2 for value in inputs]))
    return Value.of(float(function(nominal)), 0.0 if carried is None else float(np.sqrt(carried[0, 0])), unit)


def _check(geometry: Geometry) -> None:
    if geometry.nm_side not in (1, -1):
        raise FitError(f"nm_side is {geometry.nm_side}; +1 has the spin-orbit layer below the ferromagnet, -1 above")
    for name in ("current", "sheet_resistance", "width", "mu0_ms", "fm_thickness", "nm_resistivity", "nm_thickness"):
        value = getattr(geometry, name)
        if value is not None and (value.value is None or not value.value > 0):
            raise FitError(f"{name} is {value.value} {value.unit}; it must be above 0")
