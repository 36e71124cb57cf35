"""From effective fields to spin-torque efficiencies, with the measured geometry and all its uncertainties.

::

    xi^E = nm_side (2e/hbar) M_s t_F B/E = nm_side (2e/hbar) mu0*M_s t_F H/E,   E = I R_sh/w = I R/L
    xi^j = xi^E rho_NM,   B_Oe = nm_side mu0 j_NM t_NM/2,   j_NM = E/rho_NM

I and B are peak values. nm_side is +1 with the spin-orbit layer below the ferromagnet; fields are given as measured, so
Pt below NiFe has xi_dl_E > 0. B_Oe is that of a layer much wider than thick.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.constants import e, hbar, mu_0

from sotlab.analysis.budget import Source, combine
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["EFFICIENCY_UNITS", "Geometry", "Torques", "efficiencies", "oersted_field", "torque_efficiencies"]

#: What :func:`efficiencies` returns, with units.
EFFICIENCY_UNITS = {
    "xi_dl_E": "1/(ohm*m)",
    "xi_fl_E": "1/(ohm*m)",
    "xi_dl_j": "",
    "xi_fl_j": "",
    "xi_fmr": "",
    "b_oe": "T",
    "b_dl_per_j": "T*m**2/A",
    "e_field": "V/m",
}
_QUANTITIES = (
    "current",
    "sheet_resistance",
    "width",
    "mu0_ms",
    "fm_thickness",
    "nm_resistivity",
    "nm_thickness",
    "field_factor",
    "resistance_per_length",
)


@dataclass(frozen=True)
class Geometry:
    """The sample as measured; each value with its sigma.

    Parameters
    ----------
    current : Value
        Peak amplitude of the current through the strip [A].
    sheet_resistance : Value or None
        Of all layers together, without contacts and pads [ohm]; None if the resistance per length is given.
    width : Value or None
        Of the strip [m]; None if the resistance per length is given.
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
    resistance_per_length : Value, optional
        dR/dL of strips of different lengths [ohm/m], free of contacts; used in place of R_sh/w.
    """

    current: Value
    sheet_resistance: Value | None
    width: Value | None
    mu0_ms: Value
    fm_thickness: Value
    nm_side: int
    nm_resistivity: Value | None = None
    nm_thickness: Value | None = None
    field_factor: Value | None = None
    resistance_per_length: Value | None = None

    def sources(self) -> list[Source]:
        """Return the quantities that are given, as sources of uncertainty.

        Raises
        ------
        FitError
            If one is missing or not above 0, or nm_side is neither +1 nor -1.
        """
        if self.nm_side not in (1, -1):
            raise FitError(f"nm_side is {self.nm_side}; +1 has the spin-orbit layer below the ferromagnet, -1 above")
        given = {name: getattr(self, name) for name in _QUANTITIES}
        for name, value in given.items():
            if value is not None and (value.value is None or not value.value > 0):
                raise FitError(f"{name} is {value.value} {value.unit}; it must be above 0")
        if self.resistance_per_length is None and (self.sheet_resistance is None or self.width is None):
            raise FitError("the electric field needs sheet_resistance and width, or resistance_per_length")
        return [Source.of(name, value) for name, value in given.items() if value is not None]


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


def efficiencies(p: Mapping[str, float], nm_side: int) -> dict[str, float]:
    """Return the efficiencies that exact numbers give; NaN for one that lacks a number.

    Parameters
    ----------
    p : mapping of str to float
        `b_dl` and `b_fl` [T], the latter with the Oersted field in it, and the quantities of :class:`Geometry`.
    nm_side : {+1, -1}
        +1 with the spin-orbit layer below the ferromagnet.

    Returns
    -------
    dict
        By the names of ``EFFICIENCY_UNITS``. `xi_fmr` is the ratio method: (V_S/V_A)(e/hbar) mu0*M_s t_F t_NM
        sqrt(1 + mu0*M_eff/B0), which is (b_dl/b_fl) (e/hbar) mu0*M_s t_F t_NM and equals xi_dl_j if the field-like
        torque is the Oersted field's alone.

    References
    ----------
    Liu et al., Phys. Rev. Lett. 106, 036601 (2011), eq. 4, for the ratio; Pai et al., Phys. Rev. B 92, 064426 (2015),
    for its bias.
    """
    missing = float("nan")
    per_length = p["resistance_per_length"] if "resistance_per_length" in p else p["sheet_resistance"] / p["width"]
    e_field = p["current"] * per_length
    moment = p["mu0_ms"] / mu_0 * p["fm_thickness"]
    factor, rho, thickness = p.get("field_factor", 1.0), p.get("nm_resistivity"), p.get("nm_thickness")
    per_field = nm_side * 2 * e / hbar * moment / e_field / factor
    b_dl, b_fl = p.get("b_dl", missing), p.get("b_fl", missing)
    b_oe = missing if rho is None or thickness is None else nm_side * mu_0 * e_field / rho * thickness / 2
    xi_dl_E, xi_fl_E = b_dl * per_field, (b_fl - b_oe) * per_field
    return {
        "xi_dl_E": xi_dl_E,
        "xi_fl_E": xi_fl_E,
        "xi_dl_j": missing if rho is None else xi_dl_E * rho,
        "xi_fl_j": missing if rho is None else xi_fl_E * rho,
        "xi_fmr": missing if thickness is None or b_fl == 0 else b_dl / b_fl * e / hbar * mu_0 * moment * thickness,
        "b_oe": b_oe,
        "b_dl_per_j": missing if rho is None else b_dl / factor * rho / e_field,
        "e_field": e_field,
    }


def torque_efficiencies(b_dl: Value, b_fl: Value, geometry: Geometry) -> Torques:
    """Return the efficiencies of a damping-like and a field-like effective field.

    Parameters
    ----------
    b_dl, b_fl : Value
        Effective fields at the peak of the current [T], as measured, independent of the current's error; `b_fl` with
        the Oersted field in it.
    geometry : Geometry
        The sample.

    Raises
    ------
    FitError
        If a value of the geometry is missing or not above 0, or nm_side is neither +1 nor -1.
    """
    names = ("xi_dl_E", "xi_fl_E", "xi_dl_j", "xi_fl_j", "b_oe", "b_dl_per_j")
    fields = [Source.of(name, value) for name, value in (("b_dl", b_dl), ("b_fl", b_fl))]

    def wanted(p: Mapping[str, float]) -> dict[str, float]:
        found = efficiencies(p, geometry.nm_side)
        return {name: found[name] for name in names}

    budget = combine(wanted, [*geometry.sources(), *fields])
    flags: list[str] = []
    if geometry.nm_resistivity is None:
        flags.append("xi_dl_j, b_dl_per_j: not determined: the resistivity of the spin-orbit layer is needed")
    if geometry.nm_resistivity is None or geometry.nm_thickness is None:
        flags.append("xi_fl_E: not determined: the Oersted field in b_fl needs resistivity and thickness of the layer")
    return Torques({name: budget.value(name, EFFICIENCY_UNITS[name]) for name in names}, tuple(flags))


def oersted_field(geometry: Geometry) -> Value:
    """Return B_Oe = nm_side mu0 j t/2 [T] of the current in the spin-orbit layer, at the peak of the current.

    Of a layer much wider than thick; a half of mu0 times the current per width.

    Raises
    ------
    FitError
        If resistivity or thickness of the layer is missing.
    """
    sources = geometry.sources()
    if geometry.nm_resistivity is None or geometry.nm_thickness is None:
        raise FitError("Oersted field: resistivity and thickness of the spin-orbit layer are needed")
    budget = combine(lambda p: {"b_oe": efficiencies(p, geometry.nm_side)["b_oe"]}, sources)
    return budget.value("b_oe", "T")
