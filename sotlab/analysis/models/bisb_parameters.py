"""Tight-binding parameters of Bi, Sb and their alloys, and the lattice they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sotlab.errors import UsageError

__all__ = ["BI", "SB", "AlloyRule", "BiSb", "Rashba", "alloy"]

AlloyRule = Literal["teo", "linear"]


@dataclass(frozen=True)
class BiSb:
    """Parameters of the A7 lattice and of the sp3 model on it.

    Parameters
    ----------
    a_A, c_A : float
        Hexagonal lattice constants [angstrom].
    mu : float
        Internal parameter: the atoms of a cell lie at 0 and (0, 0, 2 mu c).
    e_s_eV, e_p_eV : float
        On-site energies [eV].
    soc_eV : float
        lambda of H_SO = (lambda / 3) L.sigma [eV].
    first_eV, second_eV, third_eV : tuple of float
        Slater-Koster hoppings ss sigma, sp sigma, pp sigma, pp pi [eV] to the three nearest neighbours (in the same
        bilayer), the three second ones (in the next bilayer) and the six third ones (in the plane).

    References
    ----------
    Liu and Allen, Phys. Rev. B 52, 1566 (1995).
    """

    a_A: float
    c_A: float
    mu: float
    e_s_eV: float
    e_p_eV: float
    soc_eV: float
    first_eV: tuple[float, float, float, float]
    second_eV: tuple[float, float, float, float]
    third_eV: tuple[float, float, float, float]

    @property
    def bilayer_m(self) -> float:
        """The thickness of one bilayer, c / 3 [m]: 0.393 nm in Bi."""
        return self.c_A / 3 * 1e-10

    @property
    def gamma_m_A(self) -> float:
        """The distance Gamma-M of the surface's Brillouin zone [1/angstrom], 2 pi / (sqrt(3) a)."""
        return 2 * np.pi / (np.sqrt(3) * self.a_A)

    @property
    def triangle_A(self) -> np.ndarray:
        """The in-plane parts (3, 2) of the three rhombohedral vectors [angstrom]; Gamma-M lies along +x."""
        r = self.a_A / np.sqrt(3)
        return np.array([[-r / 2, self.a_A / 2], [-r / 2, -self.a_A / 2], [r, 0.0]])


@dataclass(frozen=True)
class Rashba:
    """Surface terms between s and p_z, and between p_x, p_y and p_z, of the outermost planes (seed 002, eq. 8).

    Parameters
    ----------
    sp_eV, sp1_eV, pp_eV : float
        On site, and between the six in-plane neighbours [eV]; positive on the top plane, negated on the bottom one
        (eq. 8 leaves the sign out on the first, the text has it).
    direction : "ij" or "ji"
        ``<p_x,i| H |p_z,j> = pp cos(theta)`` with theta from i to j, or from j to i, which negates ``pp``. Only "ij"
        gives the paper's spin texture; the paper does not say which it means.

    Notes
    -----
    The defaults are the paper's for x = 0.15, used for every x since it prints no others but those of pure Bi.
    """

    sp_eV: float = -0.2
    sp1_eV: float = 0.3
    pp_eV: float = -0.6
    direction: Literal["ij", "ji"] = "ij"


BI = BiSb(
    4.5332, 11.7967, 0.2341, -10.906, -0.486, 1.5,
    (-0.608, 1.320, 1.854, -0.600), (-0.384, 0.433, 1.396, -0.344), (0.0, 0.0, 0.156, 0.0),
)  # fmt: skip
SB = BiSb(
    4.3007, 11.2221, 0.2336, -10.068, -0.926, 0.6,
    (-0.694, 1.554, 2.342, -0.582), (-0.366, 0.478, 1.418, -0.393), (0.0, 0.0, 0.352, 0.0),
)  # fmt: skip


def alloy(x: float, rule: AlloyRule = "teo") -> BiSb:
    """Return the parameters of Bi(1-x)Sb(x) in the virtual-crystal approximation.

    ``V = x V_Sb + (1 - x**2) V_Bi`` for the hoppings; on-site energies, spin-orbit coupling and lattice are linear.

    Parameters
    ----------
    x : float
        Antimony content, 0 to 1.
    rule : "teo" or "linear"
        For the hoppings: as printed (seed 002, eq. 2, after Teo, Fu and Kane), or ``x V_Sb + (1 - x) V_Bi``. The
        square is no misprint: the end points are right, and only so is there the paper's gap of some 40 meV at
        x = 0.07, where the linear rule gives a semimetal.

    Raises
    ------
    UsageError
        If x is outside 0 to 1, or the rule does not exist.
    """
    if not 0.0 <= x <= 1.0:
        raise UsageError(f"x: {x:g} asked, the antimony content lies in 0 to 1")
    if rule not in ("teo", "linear"):
        raise UsageError(f"rule: '{rule}' asked, there are teo and linear")
    bi = 1.0 - x**2 if rule == "teo" else 1.0 - x

    def linear(name: str) -> float:
        return (1.0 - x) * getattr(BI, name) + x * getattr(SB, name)

    def hopping(name: str) -> tuple[float, float, float, float]:
        a, b, c, d = (bi * v + x * w for v, w in zip(getattr(BI, name), getattr(SB, name), strict=True))
        return a, b, c, d

    return BiSb(
        a_A=linear("a_A"),
        c_A=linear("c_A"),
        mu=linear("mu"),
        e_s_eV=linear("e_s_eV"),
        e_p_eV=linear("e_p_eV"),
        soc_eV=linear("soc_eV"),
        first_eV=hopping("first_eV"),
        second_eV=hopping("second_eV"),
        third_eV=hopping("third_eV"),
    )
