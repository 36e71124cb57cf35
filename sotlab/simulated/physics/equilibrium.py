"""Where a macrospin rests: field, anisotropies and current-induced fields in balance, with a memory of its well.

The magnetisation m (unit vector, z the film's normal) rests where the torque ``m x B_eff`` vanishes, with

    B_eff = B + B_K m_z z + B_u (m.u) u + B_DL (m x y)

B is the external field with all current-induced fields that do not depend on m (field-like and Oersted, along y); B_K
is the effective anisotropy along z (above 0 out of plane, below 0 easy plane, the shape anisotropy included), B_u one
in the plane along u. ``B_eff`` is linear in m, so a Newton step on the sphere is a 2 x 2 system. A rest is stable if
an overdamped m, ``dm/dt ~ -m x (m x B_eff)``, comes back to it; the torque of B_DL has no energy, so this is the
definition that covers it too.

Along the easy axis there are two wells. A macrospin stays in one until its rest there vanishes (Stoner and Wohlfarth);
in a film a reversed domain grows earlier: as soon as the field along the easy axis that opposes m exceeds the coercive
field B_c (Kondorsky's law: B_c/cos(theta) at an angle theta). In a perpendicular film a current adds its push on the
domain walls, whose moments lie in the plane: ``(pi/2) B_DL cos(Phi)`` along z, with cos(Phi) their mean component along
the current. Without field it is 0, since walls of both kinds are there; a field turns them against the wall field B_W.

References: E. Stoner and E. Wohlfarth, Phil. Trans. R. Soc. A 240, 599 (1948); J. Slonczewski, J. Magn. Magn. Mater.
159, L1 (1996), damping-like torque; from memory: E. Kondorsky, Zh. Eksp. Teor. Fiz. 10, 420 (1940), and C.-F. Pai et
al., Phys. Rev. B 93, 144409 (2016), current-induced loop shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, inf, pi, radians, sin, sqrt

__all__ = ["RestingSpin", "Vector"]

Vector = tuple[float, float, float]

#: Newton's steps shrink as their squares: after one of this angle nothing is left to do [rad].
_LAST_STEP = 1e-7
#: Longer steps are not trusted, and are cut on the way downhill [rad].
_LONGEST_STEP, _DOWNHILL_STEP = 0.5, 0.2
_NEWTON_STEPS, _RELAXATION_STEPS = 12, 400


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
    b_w_T : float
        B_W: field in the plane that turns the walls' moments half-way, of the Dzyaloshinskii-Moriya interaction [T].
    """

    b_k_T: float
    b_u_T: float = 0.0
    easy_axis_deg: float = 0.0
    b_c_T: float = inf
    b_w_T: float = 0.0

    def __post_init__(self) -> None:
        u_x, u_y = cos(radians(self.easy_axis_deg)), sin(radians(self.easy_axis_deg))
        self._a_xx, self._a_xy, self._a_yy = self.b_u_T * u_x * u_x, self.b_u_T * u_x * u_y, self.b_u_T * u_y * u_y
        #: Unit vector of the easy axis.
        self.easy_axis: Vector = (0.0, 0.0, 1.0) if self.b_k_T > 0.0 else (u_x, u_y, 0.0)

    def well_of(self, m: Vector) -> int:
        """Return +1 or -1: on which side of the hard plane m is."""
        a = self.easy_axis
        return 1 if m[0] * a[0] + m[1] * a[1] + m[2] * a[2] >= 0.0 else -1

    def opposing_T(self, field_T: Vector, dl_T: float, well: int) -> float:
        """Return the field along the easy axis that works against a well, the current's push on walls included [T]."""
        a, (x, y, z) = self.easy_axis, field_T
        along = x * a[0] + y * a[1] + z * a[2]
        if self.b_k_T > 0.0 and x != 0.0:
            along += pi / 2 * dl_T * x / sqrt(x * x + y * y + self.b_w_T * self.b_w_T)
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
        free = self.is_single(field_T, dl_T)
        if m is None or not (free or self.well_of(m) == well):
            start = self._start(field_T, well)
            m = self._newton(start, field_T, dl_T)
            if m is None or not (free or self.well_of(m) == well):
                m = self._relaxed(start, field_T, dl_T)
        return m

    def is_single(self, field_T: Vector, dl_T: float) -> bool:
        """Return whether there is certainly one rest only: well outside the astroid of Stoner and Wohlfarth."""
        a = self.easy_axis
        along = field_T[0] * a[0] + field_T[1] * a[1] + field_T[2] * a[2]
        if self.b_k_T > 0.0:
            across, easy_T = hypot(field_T[0], field_T[1]), self.b_k_T + self.b_u_T
        else:
            across, easy_T = field_T[1] * a[0] - field_T[0] * a[1], self.b_u_T
        # The margin covers what the damping-like field and a field across the plane do to the astroid.
        return abs(along) ** (2 / 3) + abs(across) ** (2 / 3) > (1.3 * easy_T + 3.0 * abs(dl_T)) ** (2 / 3)

    def stays(self, field_T: Vector, dl_T: float, well: int) -> bool:
        """Return whether m is still where it was in its well, or there are no two wells."""
        return self.is_single(field_T, dl_T) or self.next_well(field_T, dl_T, well) == well

    def next_well(self, field_T: Vector, dl_T: float, well: int) -> int:
        """Return the well that m is in after it came to these fields from a rest in ``well``."""
        reversed_ = self.opposing_T(field_T, dl_T, well) > self.b_c_T
        return self.well_of(self.rest(field_T, dl_T, -well if reversed_ else well))

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
        for _ in range(_NEWTON_STEPS):
            found, step, growth_T = self._step(m, field_T, dl_T)
            if growth_T >= 0.0 or step > _LONGEST_STEP:
                return None
            if step < _LAST_STEP:
                return found
            m = found
        return None

    def _relaxed(self, m: Vector, field_T: Vector, dl_T: float) -> Vector:
        """Follow m downhill about as an overdamped one goes, and return the rest at its end."""
        for _ in range(_RELAXATION_STEPS):
            found, step, growth_T = self._step(m, field_T, dl_T, downhill=True)
            if step < _LAST_STEP:
                if growth_T < 0.0:
                    return found
                found = _unit(m[0] + 1e-4, m[1] + 2e-4, m[2] + 3e-4)  # off the top of the hill
            m = found
        return m

    def _step(self, m: Vector, field_T: Vector, dl_T: float, *, downhill: bool = False) -> tuple[Vector, float, float]:
        """Return m after one of Newton's steps towards a rest, the step's length, and how fast m runs away there [T].

        The last is the larger eigenvalue, or its real part, of an overdamped m's equation of motion: below 0 where it
        is stable. A step downhill is one of that motion instead where it is not, and never a long one.
        """
        x, y, z = m
        a_xx, a_xy, a_yy, b_k = self._a_xx, self._a_xy, self._a_yy, self.b_k_T
        h_x = field_T[0] + a_xx * x + a_xy * y - dl_T * z
        h_y = field_T[1] + a_xy * x + a_yy * y
        h_z = field_T[2] + b_k * z + dl_T * x
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
        mean, determinant = (j_pp + j_qq) / 2, j_pp * j_qq - j_pq * j_qp
        growth_T = mean + sqrt(max(mean * mean - determinant, 0.0))
        if growth_T >= 0.0:
            if not downhill:
                return m, 0.0, growth_T
            slower_T = 2.0 * growth_T + 1e-9
            j_pp, j_qq = j_pp - slower_T, j_qq - slower_T
            determinant = j_pp * j_qq - j_pq * j_qp
        step_p, step_q = (f_q * j_pq - f_p * j_qq) / determinant, (f_p * j_qp - f_q * j_pp) / determinant
        step = hypot(step_p, step_q)
        if downhill and step > _DOWNHILL_STEP:
            step_p, step_q = step_p * _DOWNHILL_STEP / step, step_q * _DOWNHILL_STEP / step
        x, y, z = x + step_p * p_x + step_q * q_x, y + step_p * p_y + step_q * q_y, z + step_p * p_z + step_q * q_z
        s = sqrt(x * x + y * y + z * z)
        return (x / s, y / s, z / s), step, growth_T


def _unit(x: float, y: float, z: float) -> Vector:
    size = sqrt(x * x + y * y + z * z)
    return x / size, y / size, z / size
