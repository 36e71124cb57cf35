"""Point contacts on a thin film of a given shape: what each contact's current does to the potential of the others.

A current I that enters a film of sheet resistance R_sh at the point a, and leaves it elsewhere, adds to the potential
at the point x (up to a constant, which differences of potential do not see)

    V(x) = R_sh N(x, a) I,   N(x, a) = -(1 / 2 pi) [ln |w - w_a| + ln |w - w_a*|]

where w maps the film to the upper half-plane and a* is the mirror image of a; for a contact on the edge both terms are
equal. So four contacts on the edge, i and j for the current, k and l for the voltage, have the resistance

    R_ij,kl = (R_sh / pi) ln(|w_k - w_j| |w_l - w_i| / (|w_k - w_i| |w_l - w_j|)),

from which van der Pauw's relation and reciprocity follow exactly. A rectangle is mapped by ``w = sn``, written as a
ratio of theta functions, so that no contact lies at infinity; a disk has the half-plane's formula with its own images.
A film that conducts differently along x and y is an isotropic one, stretched.

A magnetic field leaves the paths of the current as they are (the film's edge carries none, and the conductivity is the
same everywhere), but adds the Hall resistance times the current that passes between two contacts.

References: L. J. van der Pauw, Philips Res. Rep. 13, 1 (1958) and 16, 187 (1961); P. F. Byrd and M. D. Friedman,
Handbook of Elliptic Integrals (Springer, 1971), 1050.01 (theta functions).
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sotlab.errors import StationError

__all__ = ["Disk", "Point", "Rectangle", "Shape", "between", "potentials"]

#: Coordinates from the middle of the film [m].
Point = tuple[float, float]

#: Terms of the theta series: with a nome below exp(-pi) ten are far below a rounding error.
_TERMS = 10
#: Longest side over the other; beyond it the map would leave what a float can hold.
_MOST_ASPECT = 100.0


class Shape(Protocol):
    """A film without holes."""

    area_m2: float

    def spread(self, x: Point, a: Point) -> float:
        """Return N(x, a) without its constant."""
        ...

    def along_edge(self, x: Point) -> float:
        """Return where on the edge a point lies, or the one nearest to it: 0 to 1, counterclockwise."""
        ...

    def holds(self, x: Point) -> bool:
        """Return whether a point lies on the film or its edge."""
        ...


class Disk:
    """A disk.

    Parameters
    ----------
    diameter_m : float
    """

    def __init__(self, diameter_m: float) -> None:
        if not 0.0 < diameter_m < math.inf:
            raise StationError(f"disk: diameter_m is {diameter_m:g}, it must be above 0")
        self._radius_m = diameter_m / 2.0
        self.area_m2 = math.pi * self._radius_m**2

    def spread(self, x: Point, a: Point) -> float:
        """Return N(x, a) without its constant."""
        z, source = complex(*x) / self._radius_m, complex(*a) / self._radius_m
        return -(math.log(abs(z - source)) + math.log(abs(1.0 - z * source.conjugate()))) / (2.0 * math.pi)

    def along_edge(self, x: Point) -> float:
        """Return where on the edge a point lies, or the one nearest to it: 0 to 1, counterclockwise from +x."""
        return math.atan2(x[1], x[0]) / (2.0 * math.pi) % 1.0

    def holds(self, x: Point) -> bool:
        """Return whether a point lies on the film or its edge."""
        return math.hypot(*x) <= self._radius_m * (1.0 + 1e-9)


class Rectangle:
    """A rectangle, its length along x.

    Parameters
    ----------
    length_m, width_m : float
        Along x and along y.
    anisotropy : float
        Resistivity along x over that along y; the sheet resistance is then the geometric mean of both.
    """

    def __init__(self, length_m: float, width_m: float, anisotropy: float = 1.0) -> None:
        for name, value in (("length_m", length_m), ("width_m", width_m), ("anisotropy", anisotropy)):
            if not 0.0 < value < math.inf:
                raise StationError(f"rectangle: {name} is {value:g}, it must be above 0")
        self._half = (length_m / 2.0, width_m / 2.0)
        self.area_m2 = length_m * width_m
        stretch = anisotropy**0.25
        # The longer side of the stretched film runs along the imaginary axis, so that the nome stays small.
        sides = (length_m * stretch, width_m / stretch)
        self._turned = sides[0] >= sides[1]
        short, long = (sides[1], sides[0]) if self._turned else (sides[0], sides[1])
        if long > _MOST_ASPECT * short:
            raise StationError(
                f"rectangle: {long / short:g} times as long as wide; at most {_MOST_ASPECT:g} is allowed"
            )
        self._scale = (math.pi / short * stretch, math.pi / short / stretch)
        self._log_nome = -2.0 * math.pi * long / short
        self._height = math.pi * long / short

    def spread(self, x: Point, a: Point) -> float:
        """Return N(x, a) without its constant."""
        (p, q), (p_a, q_a) = self._mapped(x), self._mapped(a)
        direct, image = abs(p * q_a - p_a * q), abs(p * q_a.conjugate() - p_a.conjugate() * q)
        return -(math.log(direct) + math.log(image)) / (2.0 * math.pi)

    def along_edge(self, x: Point) -> float:
        """Return where on the edge a point lies, or the one nearest to it: 0 to 1, counterclockwise from a corner."""
        (length_2, width_2), (u, v) = self._half, x
        ways = {"bottom": width_2 + v, "right": length_2 - u, "top": width_2 - v, "left": length_2 + u}
        nearest = min(ways, key=lambda side: ways[side])
        way = {
            "bottom": u + length_2,
            "right": 2.0 * length_2 + v + width_2,
            "top": 2.0 * (length_2 + width_2) + length_2 - u,
            "left": 4.0 * length_2 + 2.0 * width_2 + width_2 - v,
        }[nearest]
        return way / (4.0 * (length_2 + width_2))

    def holds(self, x: Point) -> bool:
        """Return whether a point lies on the film or its edge."""
        return all(abs(value) <= half * (1.0 + 1e-9) for value, half in zip(x, self._half, strict=True))

    def _mapped(self, x: Point) -> tuple[complex, complex]:
        """Return theta_1 and theta_4, whose ratio is w but for a factor that is the same for all points."""
        u, v = x[0] * self._scale[0], x[1] * self._scale[1]
        z = complex(v, u + self._height / 2.0) if self._turned else complex(u, v + self._height / 2.0)
        first, fourth = 0j, 1.0 + 0j
        for n in range(_TERMS):
            sign = -1.0 if n % 2 else 1.0
            power, order = (n + 0.5) ** 2 * self._log_nome, 1j * (2 * n + 1) * z
            first += sign * (cmath.exp(order + power) - cmath.exp(-order + power)) / 1j
            if n:
                power, order = n * n * self._log_nome, 2j * n * z
                fourth += sign * (cmath.exp(order + power) + cmath.exp(-order + power))
        return first, fourth


def potentials(shape: Shape, contacts_m: Sequence[Point], radii_m: Sequence[float]) -> np.ndarray:
    """Return N between all contacts, (n, n), symmetric.

    A contact's own entry is the potential at its rim, at its radius from its middle towards the middle of the film:
    it counts in two-terminal resistances only.
    """
    count = len(contacts_m)
    found = np.empty((count, count))
    for i, (x, y) in enumerate(contacts_m):
        for j in range(i):
            found[i, j] = found[j, i] = shape.spread((x, y), contacts_m[j])
        away = math.hypot(x, y)
        inward = (1.0, 0.0) if away < radii_m[i] else (-x / away, -y / away)
        rim = (x + radii_m[i] * inward[0], y + radii_m[i] * inward[1])
        found[i, i] = shape.spread((x, y), rim)
    return found


def between(shape: Shape, contacts_m: Sequence[Point]) -> np.ndarray:
    """Return what the Hall resistance is multiplied with, (n, n), antisymmetric: V = R_H A I.

    Going counterclockwise along the edge, the potential rises by R_H I over each contact where a current I enters. Of a
    contact inside the film the nearest point of the edge counts: an approximation.
    """
    places = np.array([shape.along_edge(x) for x in contacts_m])
    return 0.5 * np.sign(places[:, None] - places[None, :])
