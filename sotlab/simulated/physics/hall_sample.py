"""A Hall cross of spin-orbit layer and ferromagnet: its numbers, as functions of temperature, from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

import numpy as np
from scipy.constants import e, hbar, mu_0

from sotlab.errors import StationError
from sotlab.simulated.physics.equilibrium import RestingSpin

__all__ = ["HallFilm", "HallSample", "Law"]


@dataclass(frozen=True)
class Law:
    """A quantity against temperature: straight between the given points, constant beyond them."""

    temperatures_K: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, temperature_K: float) -> float:
        """Return the value at a temperature."""
        if len(self.values) == 1:
            return self.values[0]
        return float(np.interp(temperature_K, self.temperatures_K, self.values))

    @classmethod
    def read(cls, given: Any, where: str) -> Law:
        """Return what a file gives: a number, or a table ``{temperature in K: value}``."""
        table = given if isinstance(given, Mapping) else {0.0: given}
        if not table:
            raise StationError(f"{where}: an empty table; give a number or {{temperature in K: number}}")
        try:
            points = sorted((float(key), float(value)) for key, value in table.items())
        except (TypeError, ValueError):
            points = [(np.nan, np.nan)]
        if not all(isfinite(number) for point in points for number in point):
            raise StationError(f"{where} is '{given}', a number in SI units or {{temperature in K: number}} is wanted")
        temperatures_K, values = zip(*points, strict=True)
        return cls(temperatures_K, values)


@dataclass(frozen=True)
class HallFilm:
    """The cross at one temperature; names and units as in :class:`HallSample`.

    Attributes
    ----------
    strip_ohm : float
        R_0: of the strip between its taps, without magnetoresistance [ohm].
    dl_T_per_A, fl_T_per_A, oe_T_per_A : float
        Effective fields per current at the cross: B_DL, B_FL (of spin-current origin) and B_Oe [T/A].
    spin : RestingSpin
        The ferromagnet.
    """

    strip_ohm: float
    ahe_ohm: float
    phe_ohm: float
    ohe_ohm_per_T: float
    amr_ohm: float
    mr_per_T2: float
    mr_per_T: float
    usmr_ohm_per_A: float
    ane_ohm_per_A: float
    one_ohm_per_A_T: float
    squares: float
    dl_T_per_A: float
    fl_T_per_A: float
    oe_T_per_A: float
    spin: RestingSpin

    @property
    def in_plane_T_per_A(self) -> float:
        """What the current does along y: field-like and Oersted field [T/A]."""
        return self.fl_T_per_A + self.oe_T_per_A


@dataclass(frozen=True)
class HallSample:
    """A Hall cross with the current along x, the Hall voltage along y and growth along z.

    Parameters
    ----------
    width_m, length_m : float
        Of the strip, and between its longitudinal taps [m].
    fm_thickness_m, nm_thickness_m : float
        Of the ferromagnet and the spin-orbit layer [m].
    nm_side : float
        +1 if the spin-orbit layer is below the ferromagnet, -1 above; it turns the sign of all torques.
    cross_factor : float
        Current density in the middle of the cross over that in the strip, 0 to 1: arms as wide as the strip take some
        of it (Neumann and Meinert, arXiv 1804.07577). The effective fields shrink by it.
    arm_admixture : float
        eta: share of the longitudinal voltage that misaligned arms add to the Hall voltage, of either sign.
    contact_ohm, arm_ohm : float
        Each of the contacts that carry the current; the source resistance between the Hall arms [ohm].
    heating_K_per_W, most_A_per_m2 : float
        Thermal resistance to the bath, and the current density above which the strip burns through.
    coercivity : float
        B_c over the anisotropy field along the easy axis, 0 to 1; 1 and above: the macrospin switches by itself.
    wall_T : float
        Field in the plane that turns the moments of the domain walls half-way: how much of it a current needs to switch
        a perpendicular film.
    easy_axis_deg : float
        Of the anisotropy in the plane, from the current [deg].
    sheet_ohm, nm_resistivity_ohm_m : Law
        Sheet resistance of the whole stack, resistivity of the spin-orbit layer.
    mu0_ms_T, b_k_T, b_u_T : Law
        mu0 M_s; B_K (above 0 out of plane, below 0 easy plane: -mu0 M_eff); anisotropy in the plane [T].
    ahe_ohm, phe_ohm, ohe_ohm_per_T : Law
        R_A and R_P (half swings), and the ordinary Hall resistance per field, in
        ``R_xy = R_A m_z + 2 R_P m_x m_y + R_O B_z``. R_A < 0 where the Hall effect follows the smaller sublattice, as
        in Tb-rich CoTb: m is the net magnetisation.
    amr_ohm, mr_per_T2, mr_per_T, usmr_ohm_per_A : Law
        In ``R_xx = R_0 (1 + c_2 B^2 + c_1 |B|) + dR m_x^2 + u I m_y``, with R_0 = sheet_ohm length/width.
    ane_ohm_per_A, one_ohm_per_A_T : Law
        R_ANE and R_ONE per peak current and, the latter, field. The heat of the current makes a gradient along z:
        ``V_xy = 2 I^2 (r_ANE m_x + r_ONE B_x)``, and along x -length/width times that with m_y and B_y.
    xi_dl_E, xi_fl_E : Law
        Torque efficiencies per electric field, ``xi = (2e/hbar) mu0*M_s t_F H / E`` [1/(ohm m)], the field-like one
        without the Oersted field.

    Raises
    ------
    StationError
        From :meth:`from_mapping`, if a value is missing, unknown, no number, or not allowed.
    """

    width_m: float
    length_m: float
    fm_thickness_m: float
    nm_thickness_m: float
    nm_side: float
    cross_factor: float
    arm_admixture: float
    contact_ohm: float
    arm_ohm: float
    heating_K_per_W: float
    most_A_per_m2: float
    coercivity: float
    wall_T: float
    easy_axis_deg: float
    sheet_ohm: Law
    nm_resistivity_ohm_m: Law
    mu0_ms_T: Law
    b_k_T: Law
    b_u_T: Law
    ahe_ohm: Law
    phe_ohm: Law
    ohe_ohm_per_T: Law
    amr_ohm: Law
    mr_per_T2: Law
    mr_per_T: Law
    usmr_ohm_per_A: Law
    ane_ohm_per_A: Law
    one_ohm_per_A_T: Law
    xi_dl_E: Law
    xi_fl_E: Law

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str) -> HallSample:
        """Return the sample that a file describes; ``where`` names the file in errors."""
        laws = {field.name for field in fields(cls) if field.type == "Law"}
        names = [field.name for field in fields(cls)]
        given = {key: value for key, value in values.items() if key not in ("name", "stack")}
        if unknown := [key for key in given if key not in names]:
            raise StationError(f"sample {where}: unknown key '{unknown[0]}'; known are {', '.join(names)}")
        if missing := [name for name in names if name not in given]:
            raise StationError(f"sample {where}: {', '.join(missing)} missing; give a number in SI units for each")
        read = {key: Law.read(value, f"sample {where}: {key}") for key, value in given.items()}
        for name, law in read.items():
            if name not in laws and len(law.values) > 1:
                raise StationError(f"sample {where}: {name} is a table, one number is wanted")
            _check(name, law, where)
        checked: dict[str, Any] = {name: law if name in laws else law.values[0] for name, law in read.items()}
        return cls(**checked)

    @property
    def most_A(self) -> float:
        """The current above which the strip burns through [A]."""
        return self.most_A_per_m2 * self.width_m * (self.fm_thickness_m + self.nm_thickness_m)

    @property
    def squares(self) -> float:
        """Length over width."""
        return self.length_m / self.width_m

    def film(self, temperature_K: float) -> HallFilm:
        """Return the cross at a temperature.

        ``B = nm_side xi (hbar/2e) E / (M_s t_F)`` per current with ``E = R_sheet / width``, and
        ``B_Oe = nm_side mu0 j t / 2`` with ``j = E / rho`` in the spin-orbit layer.
        """
        now = {field.name: getattr(self, field.name).at(temperature_K) for field in fields(self) if field.type == "Law"}
        field_per_A = self.cross_factor * now["sheet_ohm"] / self.width_m
        per_xi_T = self.nm_side * hbar / (2 * e) * field_per_A / (now["mu0_ms_T"] / mu_0 * self.fm_thickness_m)
        density_per_A = field_per_A / now["nm_resistivity_ohm_m"]
        easy_T = now["b_k_T"] if now["b_k_T"] > 0.0 else now["b_u_T"]
        b_c_T = self.coercivity * easy_T if self.coercivity < 1.0 else float("inf")
        return HallFilm(
            strip_ohm=now["sheet_ohm"] * self.squares,
            squares=self.squares,
            dl_T_per_A=now["xi_dl_E"] * per_xi_T,
            fl_T_per_A=now["xi_fl_E"] * per_xi_T,
            oe_T_per_A=self.nm_side * mu_0 * density_per_A * self.nm_thickness_m / 2,
            spin=RestingSpin(now["b_k_T"], now["b_u_T"], self.easy_axis_deg, b_c_T, self.wall_T),
            **{name: now[name] for name in _AS_THEY_ARE},
        )


_AS_THEY_ARE = ("ahe_ohm", "phe_ohm", "ohe_ohm_per_T", "amr_ohm", "mr_per_T2", "mr_per_T", "usmr_ohm_per_A",
                "ane_ohm_per_A", "one_ohm_per_A_T")  # fmt: skip
_POSITIVE = ("width_m", "length_m", "fm_thickness_m", "nm_thickness_m", "most_A_per_m2", "sheet_ohm", "mu0_ms_T",
             "nm_resistivity_ohm_m", "cross_factor", "coercivity")  # fmt: skip
_NOT_NEGATIVE = ("contact_ohm", "arm_ohm", "heating_K_per_W", "wall_T", "b_u_T", "mr_per_T2", "mr_per_T")


def _check(name: str, law: Law, where: str) -> None:
    for value in law.values:
        if name in _POSITIVE and not value > 0.0:
            raise StationError(f"sample {where}: {name} is {value:g}, it must be above 0")
        if name in _NOT_NEGATIVE and value < 0.0:
            raise StationError(f"sample {where}: {name} is {value:g}, it must be 0 or above")
    value = law.values[0]
    if name == "nm_side" and value not in (1.0, -1.0):
        raise StationError(f"sample {where}: nm_side is {value:g}, allowed are +1 (below) and -1")
    if name == "cross_factor" and value > 1.0:
        raise StationError(f"sample {where}: cross_factor is {value:g}, it must be at most 1")
    if name == "b_k_T" and min(law.values) * max(law.values) <= 0.0:
        raise StationError(
            f"sample {where}: b_k_T must be above 0 (out of plane) or below 0 (easy plane) at all temperatures"
        )
