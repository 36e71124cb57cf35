"""A strip of normal metal and ferromagnet: its torques, and the dc voltage that it rectifies.

A current I along the strip makes the effective fields ``B_eff = F + m x D``, with F and D the sums over the directions
p = x, y, z of the spin polarisation of ``B_FL,p p`` and ``B_DL,p p``; y is that of the spin Hall effect, x and z are
those of interfaces and crystals of low symmetry. The Oersted field adds to F_y.
"""

from __future__ import annotations

import cmath
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from math import cos, pi, radians, sin
from typing import Any

import numpy as np
from scipy.constants import e, hbar, mu_0

from sotlab.errors import StationError
from sotlab.simulated.physics.fmr import Macrospin, Resonance
from sotlab.simulated.physics.rest import Linearised, Surroundings, Vector
from sotlab.simulated.physics.transport import Strip

__all__ = ["Line", "Rectifier", "Sample", "Torques"]

#: Below this field the film breaks into domains: m is undefined and nothing is rectified [T].
SATURATION_T = 0.2e-3

#: Points on the circle around a pole over which its residue is integrated, and the circle's radius in widths.
_CIRCLE_POINTS, _CIRCLE_RADIUS = 16, 0.2


@dataclass(frozen=True)
class Torques:
    """Effective fields of a current, in ``B_eff = F + m x D`` [T]; peak fields of a peak current.

    Attributes
    ----------
    damping_like_T, field_like_T, oersted_T : float
        Of the polarisation y, and the Oersted field along y.
    damping_like_x_T, damping_like_z_T, field_like_x_T, field_like_z_T : float
        Of the polarisations x and z.
    """

    damping_like_T: float
    field_like_T: float
    oersted_T: float
    damping_like_x_T: float = 0.0
    damping_like_z_T: float = 0.0
    field_like_x_T: float = 0.0
    field_like_z_T: float = 0.0

    @property
    def damping_like(self) -> Vector:
        """D, x y z [T]."""
        return self.damping_like_x_T, self.damping_like_T, self.damping_like_z_T

    @property
    def field_like(self) -> Vector:
        """F with the Oersted field, x y z [T]."""
        return self.field_like_x_T, self.field_like_T + self.oersted_T, self.field_like_z_T


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
        Torque efficiencies per electric field, ``xi = (2e/hbar) mu0*M_s t_F H / E`` [1/(ohm m)], of the polarisation
        y; the field-like one without the Oersted field.
    xi_dl_x_E, xi_dl_z_E, xi_fl_x_E, xi_fl_z_E : float
        Those of the polarisations x and z; 0 unless given, as all that follows.
    phase_deg : float
        By how much the torques lead the current that the resistance mixes with [deg].
    pumping_V_per_rad2 : float
        Artefact of spin pumping or a Nernst effect at resonance: ``V = c <(m x dm/dt).m>/omega m_y`` [V/rad^2], that
        is c times the area of m's ellipse over pi times the sine of the angle between m and the current.
    anisotropy_T, easy_axis_deg : float
        B_k of an easy axis in the plane [T], and its direction from the current [deg].
    coefficient_per_K, heating_K_per_W : float
        Relative change of R0 with temperature [1/K], and the strip's thermal resistance [K/W].
    most_A_per_m2 : float
        Current density, over both layers, above which the strip dies.
    contact_ohm, sense_contact_ohm : float
        Each of the two contacts that carry the current, and each that senses [ohm].
    inductance_H, pad_F : float
        Of the strip in series [H], and of each pad to ground [F].

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
    xi_dl_x_E: float = 0.0
    xi_dl_z_E: float = 0.0
    xi_fl_x_E: float = 0.0
    xi_fl_z_E: float = 0.0
    phase_deg: float = 0.0
    pumping_V_per_rad2: float = 0.0
    anisotropy_T: float = 0.0
    easy_axis_deg: float = 0.0
    coefficient_per_K: float = 0.0
    heating_K_per_W: float = 0.0
    most_A_per_m2: float = 2e11
    contact_ohm: float = 0.0
    sense_contact_ohm: float = 0.0
    inductance_H: float = 0.0
    pad_F: float = 0.0

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
        required = [field.name for field in fields(cls) if field.default is MISSING]
        if missing := [name for name in required if name not in numbers]:
            raise StationError(f"sample {where}: {', '.join(missing)} missing; give a number in SI units for each")
        for name, number in numbers.items():
            if not np.isfinite(number):
                raise StationError(f"sample {where}: {name} is {number:g}, it must be finite")
            if name in _SIGNED:
                continue
            if name in _FROM_ZERO and number < 0.0:
                raise StationError(f"sample {where}: {name} is {number:g}, it must be 0 or above")
            if name not in _FROM_ZERO and not number > 0.0:
                raise StationError(f"sample {where}: {name} is {number:g}, it must be above 0")
        if numbers["nm_side"] not in (1.0, -1.0):
            raise StationError(f"sample {where}: nm_side is {numbers['nm_side']:g}, allowed are +1 (below) and -1")
        sample = cls(**numbers)
        try:
            sample.strip()
        except StationError as problem:
            raise StationError(f"sample {where}: {problem}") from None
        return sample

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
        return Torques(
            self.xi_dl_E * per_xi_T,
            self.xi_fl_E * per_xi_T,
            oersted_T,
            self.xi_dl_x_E * per_xi_T,
            self.xi_dl_z_E * per_xi_T,
            self.xi_fl_x_E * per_xi_T,
            self.xi_fl_z_E * per_xi_T,
        )

    def strip(self) -> Strip:
        """Return the strip as a direct current sees it."""
        return Strip(
            self.resistance_ohm,
            self.amr_ohm,
            self.coefficient_per_K,
            self.heating_K_per_W,
            width_m=self.width_m,
            thickness_m=self.fm_thickness_m + self.nm_thickness_m,
            most_A_per_m2=self.most_A_per_m2,
            contact_ohm=self.contact_ohm,
            sense_contact_ohm=self.sense_contact_ohm,
        )

    def surroundings(self, dc_A: float = 0.0, **field: float) -> Surroundings:
        """Return what says where m rests, with a direct current and the field's tilt out of the plane."""
        torques = self.torques(dc_A)
        return Surroundings(
            self.mu0_meff_T,
            self.anisotropy_T,
            self.easy_axis_deg,
            field_like_T=torques.field_like,
            damping_like_T=torques.damping_like,
            **field,
        )

    def rectified_V(self, field_T: float, frequency_Hz: float, current_A_peak: float, angle_deg: float) -> float:
        """Return the dc voltage of the resonance [V]; see :meth:`Rectifier.voltage_V`."""
        return Rectifier(self, frequency_Hz, current_A_peak).voltage_V(field_T, angle_deg)

    def line(self, frequency_Hz: float, current_A_peak: float, angle_deg: float) -> Line:
        """Return the true line of a spectrum; see :meth:`Rectifier.line`."""
        return Rectifier(self, frequency_Hz, current_A_peak).line(angle_deg)


#: What a sample file may give any sign, and what may be zero; all else must be above 0.
_SIGNED = (
    "xi_dl_E", "xi_fl_E", "xi_dl_x_E", "xi_dl_z_E", "xi_fl_x_E", "xi_fl_z_E", "nm_side", "amr_ohm", "phase_deg",
    "pumping_V_per_rad2", "easy_axis_deg", "coefficient_per_K",
)  # fmt: skip
_FROM_ZERO = (
    "nm_thickness_m", "width_0_T", "anisotropy_T", "heating_K_per_W", "contact_ohm", "sense_contact_ohm",
    "inductance_H", "pad_F",
)  # fmt: skip


class Rectifier:
    """What a sample makes of a microwave current, at one frequency and one direct current.

    The voltage is ``<I(t) R(t)>``: turning m by the small angles m2, m3 changes ``R = R0 + dR m_x**2`` by
    ``2 dR m_x (e2_x m2 + e3_x m3)``, and ``<cos(wt) Re[a exp(iwt)]> = Re[a]/2``. Its sign is that of a voltmeter whose
    + is at the end where I enters on its positive half period.

    Parameters
    ----------
    sample : Sample
    frequency_Hz, current_A_peak : float
        Of the microwave current in the strip [Hz], [A].
    dc_A : float
        Direct current in the strip [A].
    field : float
        ``tilt_deg``, ``wobble_deg``, ``wobble_at_deg`` of :class:`~sotlab.simulated.physics.rest.Surroundings`.

    Notes
    -----
    Left out, being of second order in m2, m3: what the direct current reads of the mean resistance during precession.
    """

    def __init__(
        self, sample: Sample, frequency_Hz: float, current_A_peak: float, dc_A: float = 0.0, **field: float
    ) -> None:
        spin = sample.spin
        self._sample, self._spin, self.frequency_Hz = sample, spin, frequency_Hz
        self._surroundings = sample.surroundings(dc_A, **field)
        self._along_field = self._surroundings.along_field
        torques = sample.torques(current_A_peak)
        self._field_like, self._damping_like = torques.field_like, torques.damping_like
        self._omega_T = 2 * pi * frequency_Hz / spin.gamma_rad_per_s_T
        self._damped_T = 1j * (spin.width_0_T + spin.alpha * self._omega_T)
        self._volts_per_rad = current_A_peak * sample.amr_ohm
        self._phase = cmath.exp(1j * radians(sample.phase_deg))
        self._pumping_V = sample.pumping_V_per_rad2

    def voltage_V(self, field_T: float, angle_deg: float) -> float:
        """Return the dc voltage of the resonance [V].

        Parameters
        ----------
        field_T : float
            Field, of either sign [T].
        angle_deg : float
            Direction of a positive field in the plane, from the current [deg].

        Notes
        -----
        m follows the field: at a negative one it points the other way. With m along a field in the plane,
        ``h2 = F_y cos(phi) - F_x sin(phi) - D_z``, ``h3 = F_z + D_y cos(phi) - D_x sin(phi)`` and m2 follow from
        Cramer's rule, written out because the virtual voltmeter calls this for every reading.
        """
        if abs(field_T) < SATURATION_T:
            return 0.0
        if not self._along_field or self._pumping_V:
            return self._analytic_V(self._rest(field_T, angle_deg)).real
        phi_rad = radians(angle_deg + 180.0) if field_T < 0.0 else radians(angle_deg)
        c, s = cos(phi_rad), sin(phi_rad)
        (f_x, f_y, f_z), (d_x, d_y, d_z) = self._field_like, self._damping_like
        soft_T = abs(field_T) + self._damped_T
        stiff_T = soft_T + self._spin.mu0_meff_T
        omega_T = self._omega_T
        driven = 1j * omega_T * (f_z + d_y * c - d_x * s) + stiff_T * (f_y * c - f_x * s - d_z)
        return -self._volts_per_rad * c * s * (self._phase * driven / (soft_T * stiff_T - omega_T**2)).real

    def direction(self, field_T: float, angle_deg: float) -> Vector:
        """Return where m points at rest, x y z."""
        if self._along_field:
            phi_rad = radians(angle_deg + 180.0) if field_T < 0.0 else radians(angle_deg)
            return cos(phi_rad), sin(phi_rad), 0.0
        x, y, z = self._rest(field_T, angle_deg).e1
        return x.real, y.real, z.real

    def line(self, angle_deg: float) -> Line:
        """Return the true line of a spectrum at positive fields, from the pole of the response and its residue.

        The voltage is the real part of an analytic function of the field, near its pole ``r/(x + iW)``, and
        ``Re[r/(x + iW)] = (Re[r] x + Im[r] W)/(x^2 + W^2)``: ``V_S W = Im r``, ``V_A W = Re r``.
        """
        if self._along_field and not self._pumping_V:
            return self._line_along_field(angle_deg)
        pole_T = self._pole_T(angle_deg)
        # A pole and no more inside the circle: the trapezoid rule converges faster than any power of the point count.
        offsets_T = -pole_T.imag * _CIRCLE_RADIUS * np.exp(2j * pi * np.arange(_CIRCLE_POINTS) / _CIRCLE_POINTS)
        residue = complex(
            np.mean([self._analytic_V(self._rest(pole_T + o, angle_deg)) * o for o in offsets_T.tolist()])
        )
        width_T = -pole_T.imag
        return Line(residue.imag / width_T, residue.real / width_T, pole_T.real, width_T)

    def _line_along_field(self, angle_deg: float) -> Line:
        phi_rad = radians(angle_deg)
        c, s = cos(phi_rad), sin(phi_rad)
        (f_x, f_y, f_z), (d_x, d_y, d_z) = self._field_like, self._damping_like
        in_plane_T, normal_T = f_y * c - f_x * s - d_z, f_z + d_y * c - d_x * s
        pole: Resonance = self._spin.resonance(self.frequency_Hz, in_plane_T, normal_T)
        residue = -self._volts_per_rad * c * s * self._phase * pole.residue / pole.width_T
        return Line(residue.imag, residue.real, pole.field_T, pole.width_T)

    def _rest(self, field_T: complex, angle_deg: float) -> Linearised:
        return self._surroundings.rest(field_T, angle_deg)

    def _analytic_V(self, rest: Linearised) -> complex:
        """Return the function of the field whose real part is the voltage [V]."""
        h2, h3 = rest.across(self._field_like, self._damping_like)
        system = h2, h3, 1j * self._omega_T, self._spin.alpha, self._spin.width_0_T
        m2, m3 = rest.response(*system)
        voltage_V = self._phase * self._volts_per_rad * rest.e1[0] * (rest.e2[0] * m2 + rest.e3[0] * m3)
        if self._pumping_V:
            voltage_V += self._pumping_V * rest.e1[1] * rest.cone(*system)
        return voltage_V

    def _pole_T(self, angle_deg: float) -> complex:
        """Return the complex field of the resonance, by the secant method from that of a film without anisotropy."""

        def determinant(field_T: complex) -> complex:
            rest = self._rest(field_T, angle_deg)
            return rest.determinant(1j * self._omega_T, self._spin.alpha, self._spin.width_0_T)

        half_T = self._spin.mu0_meff_T / 2
        guess_T = (half_T**2 + self._omega_T**2) ** 0.5 - half_T
        one, two = complex(guess_T), guess_T - self._damped_T
        f_one, f_two = determinant(one), determinant(two)
        for _ in range(60):
            one, two, f_one = two, two - f_two * (two - one) / (f_two - f_one), f_two
            f_two = determinant(two)
            if abs(two - one) < 1e-14 or f_two == f_one:
                break
        return two
