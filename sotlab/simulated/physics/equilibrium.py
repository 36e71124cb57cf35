"""Where a macrospin rests: field, anisotropies and current-induced fields in balance, with a memory of its well.

The magnetisation m (unit vector, z the film's normal) rests where the torque ``m x B_eff`` vanishes, with

    B_eff = B + B_K m_z z + B_u (m.u) u + B_DL (m x y)

B is the external field with all current-induced fields that do not depend on m (field-like and Oersted, along y); B_K
is the effective anisotropy along z (above 0 out of plane, below 0 easy plane, the shape anisotropy included), B_u one
in the plane along u. ``B_eff`` is linear in m, so a Newton step on the sphere is a 2 x 2 system. A rest is stable if
an overdamped m, ``dm/dt ~ -m x (m x B_eff)``, comes back to it; the torque of B_DL has no energy, so this is the
definition that covers it too.

Along the easy axis there are two wells. A macrospin stays in one until its rest there vanishes (Stoner and Wohlfarth);
in a film a reversed domain comes earlier: as soon as the field along the easy axis that opposes m, the damping-like
one included, exceeds the coercive field B_c (Kondorsky's law, where B_c/cos(theta) switches at an angle theta).

References: E. Stoner and E. Wohlfarth, Phil. Trans. R. Soc. A 240, 599 (1948); J. Slonczewski, J. Magn. Magn. Mater.
159, L1 (1996), damping-like torque; E. Kondorsky, Zh. Eksp. Teor. Fiz. 10, 420 (1940), from memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, inf, radians, sin, sqrt

__all__ = ["RestingSpin", "Vector"]

Vector = tuple[float, float, float]

#: The angle between m and B_eff at which a rest is found [rad], and the largest step of Newton's method.
_CLOSE_RAD, _LONGEST_STEP = 1e-12, 0.5
_NEWTON_STEPS, _RELAXATION_STEPS = 12, 4000


@dataclass
class RestingSpin:
    """A macrospin at rest in its anisotropies.

    Parameters
    ----------
    b_k_T : float
        B_K: effective anisotropy field along z, below 0 for an easy plane [T].
    b_u_T : float
        B_u: anisotropy field in the plane, 0 or above [T].
    easy_axis_deg : float
        Direction of u from x [deg].
    b_c_T : float
        Coercive field B_c along the easy axis; infinite for a macrospin that switches coherently [T].
    """

    b_k_T: float
    b_u_T: float = 0.0
    easy_axis_deg: float = 0.0
    b_c_T: float = inf

    def __post_init__(self) -> None:
        u_x, u_y = cos(radians(self.easy_axis_deg)), sin(radians(self.easy_axis_deg))
        self._a_xx, self._a_xy, self._a_yy = self.b_u_T * u_x * u_x, self.b_u_T * u_x * u_y, self.b_u_T * u_y * u_y
        #: Unit vector of the easy axis.
        self.easy_axis: Vector = (0.0, 0.0, 1.0) if self.b_k_T > 0.0 else (u_x, u_y, 0.0)

    def effective_T(self, m: Vector, field_T: Vector, dl_T: float) -> Vector:
        """Return B_eff at a magnetisation [T]."""
        x, y, z = m
        return (
            field_T[0] + self._a_xx * x + self._a_xy * y - dl_T * z,
            field_T[1] + self._a_xy * x + self._a_yy * y,
            field_T[2] + self.b_k_T * z + dl_T * x,
        )

    def well_of(self, m: Vector) -> int:
        """Return +1 or -1: on which side of the hard plane m is."""
        a = self.easy_axis
        return 1 if m[0] * a[0] + m[1] * a[1] + m[2] * a[2] >= 0.0 else -1

    def opposing_T(self, m: Vector, field_T: Vector, dl_T: float, well: int) -> float:
        """Return how much field along the easy axis pushes m out of its well, anisotropy not counted [T]."""
        a, (x, _, z) = self.easy_axis, m
        along = (field_T[0] - dl_T * z) * a[0] + field_T[1] * a[1] + (field_T[2] + dl_T * x) * a[2]
        return -well * along

    def rest(self, field_T: Vector, dl_T: float, well: int, near: Vector | None = None) -> Vector:
        """Return where m rests in a well, or in the other one if there is no rest in it.

        Parameters
        ----------
        field_T : (3,) float
            B: external field and the current's fields along y [T].
        dl_T : float
            B_DL [T].
        well : int
            +1 or -1.
        near : (3,) float, optional
            A rest at similar fields; it saves time.
        """
        m = None if near is None else self._newton(near, field_T, dl_T)
        if m is None or self.well_of(m) != well:
            start = self._start(field_T, well)
            m = self._newton(start, field_T, dl_T)
            if m is None or self.well_of(m) != well:
                m = self._relaxed(start, field_T, dl_T)
        return m

    def next_well(self, field_T: Vector, dl_T: float, well: int) -> int:
        """Return the well that m is in after it came to these fields from a rest in ``well``."""
        m = self.rest(field_T, dl_T, well)
        reached = self.well_of(m)
        if reached != well:
            return reached
        if self.opposing_T(m, field_T, dl_T, well) <= self.b_c_T:
            return well
        other = self.rest(field_T, dl_T, -well)
        # Where the fields would push it back at once, as a damping-like field without one along x does, it stays.
        stays = self.well_of(other) == well or self.opposing_T(other, field_T, dl_T, -well) > self.b_c_T
        return well if stays else -well

    def _start(self, field_T: Vector, well: int) -> Vector:
        """Return about where m rests in the well: along the field with the anisotropy that m feels there."""
        x, y, z = field_T
        size = sqrt(x * x + y * y + z * z)
        if self.b_k_T > 0.0:
            z += well * self.b_k_T
        else:
            u_x, u_y, _ = self.easy_axis
            x, y = x + well * self.b_u_T * u_x, y + well * self.b_u_T * u_y
            z *= size / (size - self.b_k_T)
        return _unit(x, y, z) if abs(x) + abs(y) + abs(z) > 1e-9 * (size + abs(self.b_k_T)) else self.easy_axis

    def _newton(self, m: Vector, field_T: Vector, dl_T: float) -> Vector | None:
        """Return the stable rest that Newton's method finds near m, None if it finds none."""
        b_x, b_y, b_z = field_T
        a_xx, a_xy, a_yy, b_k = self._a_xx, self._a_xy, self._a_yy, self.b_k_T
        x, y, z = m
        for _ in range(_NEWTON_STEPS):
            h_x, h_y, h_z = b_x + a_xx * x + a_xy * y - dl_T * z, b_y + a_xy * x + a_yy * y, b_z + b_k * z + dl_T * x
            # Two unit vectors across m: p, and q = m x p.
            if x * x + y * y > 0.1:
                s = hypot(x, y)
                p_x, p_y, p_z = -y / s, x / s, 0.0
                q_x, q_y, q_z = -z * x / s, -z * y / s, s
            else:
                s = hypot(y, z)
                p_x, p_y, p_z = 0.0, -z / s, y / s
                q_x, q_y, q_z = s, -x * y / s, -x * z / s
            along = x * h_x + y * h_y + z * h_z
            f_p, f_q = p_x * h_x + p_y * h_y + p_z * h_z, q_x * h_x + q_y * h_y + q_z * h_z
            # The change of B_eff with m along p and q, less what keeps |m| = 1.
            c_x, c_y, c_z = a_xx * p_x + a_xy * p_y - dl_T * p_z, a_xy * p_x + a_yy * p_y, b_k * p_z + dl_T * p_x
            d_x, d_y, d_z = a_xx * q_x + a_xy * q_y - dl_T * q_z, a_xy * q_x + a_yy * q_y, b_k * q_z + dl_T * q_x
            j_pp = p_x * c_x + p_y * c_y + p_z * c_z - along
            j_qp = q_x * c_x + q_y * c_y + q_z * c_z
            j_pq = p_x * d_x + p_y * d_y + p_z * d_z
            j_qq = q_x * d_x + q_y * d_y + q_z * d_z - along
            determinant = j_pp * j_qq - j_pq * j_qp
            if not (determinant > 0.0 and j_pp + j_qq < 0.0):
                return None  # it would run away from a rest here
            step_p = (f_q * j_pq - f_p * j_qq) / determinant
            step_q = (f_p * j_qp - f_q * j_pp) / determinant
            if abs(step_p) + abs(step_q) > _LONGEST_STEP:
                return None
            x, y, z = x + step_p * p_x + step_q * q_x, y + step_p * p_y + step_q * q_y, z + step_p * p_z + step_q * q_z
            s = sqrt(x * x + y * y + z * z)
            x, y, z = x / s, y / s, z / s
            # Newton's steps shrink as their squares: after one of 1e-7 nothing is left to do.
            if abs(step_p) + abs(step_q) < 1e-7:
                return x, y, z
        return None

    def _relaxed(self, m: Vector, field_T: Vector, dl_T: float) -> Vector:
        """Follow the overdamped way downhill from m, and return the rest at its end."""
        scale = abs(self.b_k_T) + self.b_u_T + abs(dl_T) + sqrt(sum(b * b for b in field_T)) or 1.0
        for count in range(_RELAXATION_STEPS):
            h = self.effective_T(m, field_T, dl_T)
            along = m[0] * h[0] + m[1] * h[1] + m[2] * h[2]
            across = tuple(h[i] - along * m[i] for i in range(3))
            m = _unit(*(m[i] + across[i] / scale for i in range(3)))
            if count % 8 == 7 and (found := self._newton(m, field_T, dl_T)) is not None:
                # Only what lies on the way: a distant rest may be that of another well.
                if found[0] * m[0] + found[1] * m[1] + found[2] * m[2] > 0.9:
                    return found
            if sqrt(sum(a * a for a in across)) < _CLOSE_RAD * scale:
                break
        return m


def _unit(x: float, y: float, z: float) -> Vector:
    size = sqrt(x * x + y * y + z * z)
    return x / size, y / size, z / size
