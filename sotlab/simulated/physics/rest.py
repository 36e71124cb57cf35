"""Where a macrospin rests when the field alone does not say, and its linear response there.

The effective field is that of :mod:`sotlab.simulated.physics.fmr` with an in-plane easy axis u and the torques of a
direct current,

    B_eff(m) = B b + B_k (m.u) u - mu0*M_eff m_z z + F + m x D,

b the field's direction, F and D the field-like and damping-like effective fields of the direct current. At rest
``m x B_eff(m) = 0``: Newton's method on the two angles of m. With e1 = m there, e2 in the plane, e3 = e1 x e2,
``b0 = m.B_eff``, the curvatures ``J_ij = B_k u_i u_j - mu0*M_eff z_i z_j`` and ``D1 = D.m``, the linearised equation is

    [ i Omega + D1 - J23              b0 - J33 + i alpha Omega ] [m2]   [ h3 ]
    [ -(b0 - J22 + i alpha Omega)     i Omega + D1 + J23       ] [m3] = [-h2 ],   h = F_rf + m x D_rf.

D1 adds to the damping: a damping-like torque of the direct current narrows or broadens the line. W0 is the half width
of a Lorentzian distribution of fields along m, so that it again moves ``b0`` to ``b0 + i W0``.

Everything is analytic in the size B of the field, so that the same lines follow it to complex values: there the
resonance is a pole, found by the secant method.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

__all__ = ["NOTHING", "Linearised", "Surroundings", "Vector"]

Vector = tuple[float, float, float]
NOTHING: Vector = (0.0, 0.0, 0.0)

#: Newton's method stops when an angle moves by less than this [rad], or after so many steps.
_ANGLE_RAD, _MOST_STEPS = 1e-13, 60


@dataclass(frozen=True)
class Surroundings:
    """What besides the field's size and in-plane direction says where m rests.

    Parameters
    ----------
    mu0_meff_T : float
        Effective magnetisation [T].
    anisotropy_T : float
        B_k of the easy axis in the plane [T].
    easy_axis_deg : float
        Its direction from the current [deg].
    tilt_deg, wobble_deg, wobble_at_deg : float
        By how much a positive field points out of the plane, towards +z: ``tilt + wobble cos(angle - wobble_at)``, the
        second part where the field's axis of rotation is not the film's normal [deg].
    field_like_T, damping_like_T : tuple of float
        F and D of the direct current, x y z [T].
    """

    mu0_meff_T: float
    anisotropy_T: float = 0.0
    easy_axis_deg: float = 0.0
    tilt_deg: float = 0.0
    wobble_deg: float = 0.0
    wobble_at_deg: float = 0.0
    field_like_T: Vector = NOTHING
    damping_like_T: Vector = NOTHING

    @property
    def along_field(self) -> bool:
        """Whether m rests along the field, so that nothing needs to be solved."""
        still = self.field_like_T == NOTHING and self.damping_like_T == NOTHING
        return still and self.anisotropy_T == 0.0 and self.tilt_deg == 0.0 and self.wobble_deg == 0.0

    def rest(self, field_T: complex, angle_deg: float) -> Linearised:
        """Return where m rests at a field, and the equation linearised there.

        Parameters
        ----------
        field_T : float or complex
            Size of the field [T]; of a negative one the direction is opposite.
        angle_deg : float
            Direction of a positive field in the plane, from the current [deg].
        """
        theta, phi = self._begin(field_T.real, angle_deg)
        if isinstance(field_T, complex):
            theta, phi = self._solve(field_T.real, angle_deg, theta, phi)[:2]
        theta, phi, at_rest = self._solve(field_T, angle_deg, theta, phi)
        return at_rest

    def _begin(self, field_T: float, angle_deg: float) -> tuple[complex, complex]:
        """Return the angles of m [rad] from which to go on: the lowest energy in the plane, at 5 degrees' distance."""
        towards_rad = math.radians(angle_deg) + (math.pi if field_T < 0.0 else 0.0)
        if self.anisotropy_T == 0.0:
            return 0.0, towards_rad
        size_T, axis_rad, k_T = abs(field_T), math.radians(self.easy_axis_deg), self.anisotropy_T

        def energy_T(phi_rad: float) -> float:
            return -size_T * math.cos(phi_rad - towards_rad) - 0.5 * k_T * math.cos(phi_rad - axis_rad) ** 2

        return 0.0, min((towards_rad + math.radians(5.0 * i) for i in range(-18, 19)), key=energy_T)

    def _solve(
        self, field_T: complex, angle_deg: float, theta: complex, phi: complex
    ) -> tuple[complex, complex, Linearised]:
        angle_rad, axis_rad = math.radians(angle_deg), math.radians(self.easy_axis_deg)
        wobble_deg = self.wobble_deg * math.cos(math.radians(angle_deg - self.wobble_at_deg))
        tilt_rad = math.radians(self.tilt_deg + wobble_deg)
        in_plane_T, m_T, k_T = field_T * math.cos(tilt_rad), self.mu0_meff_T, self.anisotropy_T
        (f_x, f_y, f_z), (d_x, d_y, d_z) = self.field_like_T, self.damping_like_T
        outer_x = in_plane_T * math.cos(angle_rad) + f_x
        outer_y = in_plane_T * math.sin(angle_rad) + f_y
        outer_z = field_T * math.sin(tilt_rad) + f_z
        u_x, u_y = math.cos(axis_rad), math.sin(axis_rad)
        for _ in range(_MOST_STEPS):
            c, s, c_t, s_t = cmath.cos(phi), cmath.sin(phi), cmath.cos(theta), cmath.sin(theta)
            x, y, z = c_t * c, c_t * s, s_t
            along = k_T * (x * u_x + y * u_y)
            b_x = outer_x + along * u_x + y * d_z - z * d_y
            b_y = outer_y + along * u_y + z * d_x - x * d_z
            b_z = outer_z - m_T * z + x * d_y - y * d_x
            u_2, u_3 = u_y * c - u_x * s, -s_t * (u_x * c + u_y * s)
            b_0, d_1 = x * b_x + y * b_y + z * b_z, x * d_x + y * d_y + z * d_z
            mixed = k_T * u_2 * u_3
            found = Linearised(
                (x, y, z), (-s, c, 0.0), (-s_t * c, -s_t * s, c_t),
                b_0, k_T * u_2**2, k_T * u_3**2 - m_T * c_t**2, mixed, d_1,
            )  # fmt: skip
            # What of B_eff stands across m, and by how much m must turn to take it in.
            r_2, r_3 = b_y * c - b_x * s, c_t * b_z - s_t * (b_x * c + b_y * s)
            soft, stiff = b_0 - found.j22, b_0 - found.j33
            det = soft * stiff - (mixed + d_1) * (mixed - d_1)
            turn_2 = (r_2 * stiff + (mixed + d_1) * r_3) / det
            turn_3 = (r_3 * soft + (mixed - d_1) * r_2) / det
            phi, theta = phi + turn_2 / c_t, theta + turn_3
            if abs(turn_2) + abs(turn_3) < _ANGLE_RAD:
                break
        return theta, phi, found


@dataclass(frozen=True, slots=True)
class Linearised:
    """The equation of motion, linearised about a rest position; all of it may be complex.

    Attributes
    ----------
    e1, e2, e3 : tuple
        m at rest, and the two directions across it.
    b0 : float
        Effective field along m [T].
    j22, j33, j23 : float
        Curvatures of anisotropy and shape [T].
    d1 : float
        Damping-like field of the direct current along m [T].
    """

    e1: tuple
    e2: tuple
    e3: tuple
    b0: complex
    j22: complex
    j33: complex
    j23: complex
    d1: complex

    def across(self, field_like_T: Vector, damping_like_T: Vector) -> tuple[complex, complex]:
        """Return h2 and h3 of a drive ``F + m x D``; e1 x D has the components -D.e3 and D.e2."""
        f, d = field_like_T, damping_like_T
        h2 = sum(a * b for a, b in zip(f, self.e2, strict=True)) - sum(a * b for a, b in zip(d, self.e3, strict=True))
        h3 = sum(a * b for a, b in zip(f, self.e3, strict=True)) + sum(a * b for a, b in zip(d, self.e2, strict=True))
        return h2, h3

    def determinant(self, i_omega_T: complex, alpha: float, width_0_T: float) -> complex:
        """Return the determinant of the linear system [T^2]; ``i_omega_T`` is i Omega [T]."""
        b = self.b0 + 1j * width_0_T + alpha * i_omega_T
        turning = i_omega_T + self.d1
        return turning**2 - self.j23**2 + (b - self.j22) * (b - self.j33)

    def response(
        self, h2: complex, h3: complex, i_omega_T: complex, alpha: float, width_0_T: float
    ) -> tuple[complex, complex]:
        """Return the complex amplitudes m2 and m3 [rad], averaged over the distribution of fields along m."""
        return self._at(self.b0 + 1j * width_0_T, h2, h3, i_omega_T, alpha)

    def cone(self, h2: complex, h3: complex, i_omega_T: complex, alpha: float, width_0_T: float) -> complex:
        """Return a function of B whose real part is the mean of ``(m x dm/dt).e1 / omega`` [rad^2].

        At one field that is ``-Im[m2* m3]``, the product of the half axes of m's ellipse; it depends on the local field
        b through the poles p_k of m2 and m3 and through those of their conjugates: it is ``2 Re sum rho_k/(b - p_k)``
        with rho_k its residue at p_k, and its average over the distribution of fields the same at ``b + i W0``.
        """
        soft, stiff = alpha * i_omega_T - self.j22, alpha * i_omega_T - self.j33  # without b
        turning = i_omega_T + self.d1
        constant = soft * stiff + turning**2 - self.j23**2
        half, root = -(soft + stiff) / 2, cmath.sqrt((soft + stiff) ** 2 / 4 - constant)
        poles = half + root, half - root
        total: complex = 0.0
        for pole, other in (poles, poles[::-1]):
            gap = pole - other
            r2 = (h3 * (turning + self.j23) + (pole + stiff) * h2) / gap
            r3 = ((pole + soft) * h3 - h2 * (turning - self.j23)) / gap
            # The conjugates of m2 and m3 at real fields, continued to the pole: Omega with the other sign of i.
            c2, c3 = self._at(pole, h2, h3, -i_omega_T, alpha)
            total += 1j * (c2 * r3 - r2 * c3) / (self.b0 + 1j * width_0_T - pole)
        return total

    def _at(self, b: complex, h2: complex, h3: complex, i_omega_T: complex, alpha: float) -> tuple[complex, complex]:
        soft, stiff = b + alpha * i_omega_T - self.j22, b + alpha * i_omega_T - self.j33
        turning = i_omega_T + self.d1
        det = turning**2 - self.j23**2 + soft * stiff
        return (h3 * (turning + self.j23) + stiff * h2) / det, (soft * h3 - h2 * (turning - self.j23)) / det
