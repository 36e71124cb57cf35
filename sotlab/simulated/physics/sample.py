"""A strip of normal metal and ferromagnet: its torques, and the dc voltage that it rectifies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import cos, radians, sin
from typing import Any

from scipy.constants import e, hbar, mu_0

from sotlab.errors import StationError
from sotlab.simulated.physics.fmr import Macrospin, Resonance

__all__ = ["Line", "Sample", "Torques"]

#: Below this field the film breaks into domains: m is undefined and nothing is rectified [T].
SATURATION_T = 0.2e-3


@dataclass(frozen=True)
class Torques:
    """Peak effective fields of a peak current, in ``B_eff = B_FL y + B_DL (m x y)`` [T]."""

    damping_like_T: float
    field_like_T: float
    oersted_T: float


@dataclass(frozen=True)
class Line:
    """The resonance line of one spectrum: ``V_S W^2/(x^2 + W^2) + V_A W x/(x^2 + W^2)``, x = B - B0, B > 0.

    Attributes
    ----------
    v_sym_V, v_asym_V : float
        V_S and V_A [V].
    field_res_T, width_T : float
        B0 and W, the half width at half maximum [T].
    """

    v_sym_V: float
    v_asym_V: float
    field_res_T: float
    width_T: float


@dataclass(frozen=True)
class Sample:
    """A strip along x, with the film's normal z along growth and the field in the plane.

    Parameters
    ----------
    width_m, length_m : float
        Of the strip [m].
    resistance_ohm : float
        Of the strip without contacts, R0 [ohm].
    amr_ohm : float
        Anisotropic magnetoresistance dR = R_parallel - R_perpendicular, in ``R = R0 + dR m_x**2`` [ohm].
    fm_thickness_m, nm_thickness_m : float
        Of the ferromagnet and the spin-orbit layer [m].
    nm_resistivity_ohm_m : float
        Of the spin-orbit layer [ohm m]; with the field E along the strip it gives the current that makes the
        Oersted field.
    nm_side : int
        +1 if the spin-orbit layer is below the ferromagnet, -1 above; it turns the sign of all torques.
    mu0_ms_T, mu0_meff_T : float
        Saturation and effective magnetisation times mu0 [T].
    g, alpha, width_0_T : float
        Of :class:`~sotlab.simulated.physics.fmr.Macrospin`.
    xi_dl_E, xi_fl_E : float
        Torque efficiencies per electric field, ``xi = (2e/hbar) mu0*M_s t_F H / E`` [1/(ohm m)]; the field-like one
        without the Oersted field.

    Raises
    ------
    StationError
        From :meth:`from_mapping`, if a value is missing, unknown, no number, or not positive where it must be.
    """

    width_m: float
    length_m: float
    resistance_ohm: float
    amr_ohm: float
    fm_thickness_m: float
    nm_thickness_m: float
    nm_resistivity_ohm_m: float
    nm_side: float
    mu0_ms_T: float
    mu0_meff_T: float
    g: float
    alpha: float
    width_0_T: float
    xi_dl_E: float
    xi_fl_E: float

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str) -> Sample:
        """Return the sample that a file describes; ``where`` names the file in errors."""
        names = [field.name for field in fields(cls)]
        numbers: dict[str, float] = {}
        for key, value in values.items():
            if key in ("name", "stack"):
                continue
            if key not in names:
                raise StationError(f"sample {where}: unknown key '{key}'; known are {', '.join(names)}")
            try:
                numbers[key] = float(value)
            except (TypeError, ValueError):
                raise StationError(f"sample {where}: {key} is '{value}', a number in SI units is wanted") from None
        if missing := [name for name in names if name not in numbers]:
            raise StationError(f"sample {where}: {', '.join(missing)} missing; give a number in SI units for each")
        signed = ("xi_dl_E", "xi_fl_E", "nm_side", "amr_ohm", "width_0_T")
        for name, number in numbers.items():
            if name not in signed and not number > 0.0:
                raise StationError(f"sample {where}: {name} is {number:g}, it must be above 0")
        if numbers["nm_side"] not in (1.0, -1.0):
            raise StationError(f"sample {where}: nm_side is {numbers['nm_side']:g}, allowed are +1 (below) and -1")
        if numbers["width_0_T"] < 0.0:
            raise StationError(f"sample {where}: width_0_T is {numbers['width_0_T']:g} T, it must be 0 or above")
        return cls(**numbers)

    @property
    def spin(self) -> Macrospin:
        """The ferromagnet."""
        return Macrospin(self.mu0_meff_T, self.g, self.alpha, self.width_0_T)

    def torques(self, current_A_peak: float) -> Torques:
        """Return the peak effective fields of a peak current along the strip.

        ``B = nm_side xi (hbar/2e) E / (M_s t_F)`` with ``E = I R0 / length``, and
        ``B_Oe = nm_side mu0 j t / 2`` with ``j = E / rho`` in the spin-orbit layer.
        """
        electric_V_per_m = current_A_peak * self.resistance_ohm / self.length_m
        per_xi_T = self.nm_side * hbar / (2 * e) * electric_V_per_m / (self.mu0_ms_T / mu_0 * self.fm_thickness_m)
        current_density_A_per_m2 = electric_V_per_m / self.nm_resistivity_ohm_m
        oersted_T = self.nm_side * mu_0 * current_density_A_per_m2 * self.nm_thickness_m / 2
        return Torques(self.xi_dl_E * per_xi_T, self.xi_fl_E * per_xi_T, oersted_T)

    def _drive(self, current_A_peak: float, angle_deg: float) -> tuple[float, float, float]:
        """Return the drive along z x m and along z, and dR/d(angle)/2 times the current.

        y = sin(phi) m + cos(phi) (z x m) and m x y = cos(phi) z. Turning m by the small angle m2 changes
        ``R = R0 + dR m_x**2`` by ``-dR sin(2 phi) m2``, and ``<cos(wt) Re[m2 exp(iwt)]> = Re[m2]/2``.
        """
        torques = self.torques(current_A_peak)
        phi_rad = radians(angle_deg)
        in_plane_T = (torques.field_like_T + torques.oersted_T) * cos(phi_rad)
        normal_T = torques.damping_like_T * cos(phi_rad)
        volts_per_rad = -0.5 * current_A_peak * self.amr_ohm * sin(2 * phi_rad)
        return in_plane_T, normal_T, volts_per_rad

    def rectified_V(self, field_T: float, frequency_Hz: float, current_A_peak: float, angle_deg: float) -> float:
        """Return the dc voltage ``<I(t) R(t)>`` of the resonance [V].

        Parameters
        ----------
        field_T : float
            Field in the plane [T], of either sign.
        frequency_Hz, current_A_peak : float
            Of the microwave current in the strip [Hz], [A].
        angle_deg : float
            Direction of a positive field, from the current [deg].

        Notes
        -----
        m follows the field: at a negative field it points to ``angle_deg + 180``, which makes the voltage odd in the
        field. The sign is that of a voltmeter whose + is at the end where I enters on its positive half period.
        """
        if abs(field_T) < SATURATION_T:
            return 0.0
        in_plane_T, normal_T, volts_per_rad = self._drive(current_A_peak, angle_deg + (180.0 if field_T < 0 else 0.0))
        return volts_per_rad * self.spin.in_plane_response(abs(field_T), frequency_Hz, in_plane_T, normal_T).real

    def line(self, frequency_Hz: float, current_A_peak: float, angle_deg: float) -> Line:
        """Return the true line of a spectrum, from the pole of the response and its residue.

        With the residue ``r``, ``Re[r/(x + iW)] = (Re[r] x + Im[r] W)/(x^2 + W^2)``, so ``V_S W = Im r`` and
        ``V_A W = Re r``, each times the volts per radian.
        """
        in_plane_T, normal_T, volts_per_rad = self._drive(current_A_peak, angle_deg)
        pole: Resonance = self.spin.resonance(frequency_Hz, in_plane_T, normal_T)
        per_width = volts_per_rad / pole.width_T
        return Line(per_width * pole.residue.imag, per_width * pole.residue.real, pole.field_T, pole.width_T)
