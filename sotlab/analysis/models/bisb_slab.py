"""A slab of Bi(1-x)Sb(x) (111): its Hamiltonian in blocks of one atomic plane each, and its bands."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise, permutations
from typing import NamedTuple

import numpy as np

from sotlab.analysis.models.bisb_parameters import AlloyRule, BiSb, Rashba, alloy
from sotlab.analysis.models.chunks import Work, split_for_matrices
from sotlab.analysis.models.slater_koster import bloch, both_spins, onsite, sp3_hopping
from sotlab.errors import UsageError

__all__ = ["Blocks", "Slab", "bands", "k_path", "make_slab"]


class Blocks(NamedTuple):
    """The different blocks of a slab's Hamiltonian at K wave vectors.

    A slab is a chain of atomic planes: bottom, bulk, bulk, ..., top. ``intra`` leads from the lower plane of a bilayer
    to its upper one, ``inter`` from there to the lower plane of the next bilayer; both leave the spin alone.
    """

    bulk: np.ndarray  #: (K, 8, 8)
    top: np.ndarray  #: (K, 8, 8), the uppermost plane, with the surface terms
    bottom: np.ndarray  #: (K, 8, 8), the lowermost plane, with the negated surface terms
    intra: np.ndarray  #: (K, 4, 4), ``<lower|H|upper>``
    inter: np.ndarray  #: (K, 4, 4), ``<upper|H|lower of the next>``


@dataclass(frozen=True)
class Slab:
    """A slab with free surfaces.

    Parameters
    ----------
    material : BiSb
        Parameters of the alloy.
    bilayers : int
        Number N of bilayers; the Hamiltonian has 16 N rows.
    rashba : Rashba
        Terms of the outermost planes.

    Notes
    -----
    Gamma-M lies along x, the surface normal (top) along z. Planes are counted from the bottom; each has 8 states: spin
    up s, p_x, p_y, p_z, then spin down. Surface terms of opposite sign leave every band twofold degenerate at each k.
    """

    material: BiSb
    bilayers: int
    rashba: Rashba = field(default_factory=Rashba)

    @property
    def size(self) -> int:
        """Rows of the Hamiltonian, 16 N."""
        return 16 * self.bilayers

    @property
    def electrons(self) -> int:
        """Electrons of a cell of the neutral slab: five for each atom."""
        return 10 * self.bilayers

    @property
    def thickness_m(self) -> float:
        """N c / 3 [m]."""
        return self.bilayers * self.material.bilayer_m

    def blocks(self, k_A: np.ndarray, derivative: int | None = None) -> Blocks:
        """Return the blocks at wave vectors (K, 2) [1/angstrom], or their derivative by k_x (0) or k_y (1).

        In eV, or eV angstrom.
        """
        k = np.atleast_2d(np.asarray(k_A, float))
        own, triangle, vertical = self.material, self.material.triangle_A, self.material.c_A
        intra_z, inter_z = (2 * own.mu - 1 / 3) * vertical, (2 / 3 - 2 * own.mu) * vertical
        ring = np.array([a - b for a, b in permutations(triangle, 2)])
        in_plane = [sp3_hopping(np.array([*bond, 0.0]), own.third_eV) for bond in ring]
        surface = [_surface_hopping(bond, self.rashba) for bond in ring]
        bulk = both_spins(bloch(k, ring, np.array(in_plane), derivative))
        rashba = bloch(k, ring, np.array(surface), derivative)
        if derivative is None:
            bulk = bulk + onsite(own.e_s_eV, own.e_p_eV, own.soc_eV)
            rashba[:, [0, 3], [3, 0]] += self.rashba.sp_eV
        rashba = both_spins(rashba)
        intra, inter = (
            bloch(k, -triangle, np.array([sp3_hopping(np.array([*bond, z]), hop) for bond in -triangle]), derivative)
            for z, hop in ((intra_z, own.first_eV), (inter_z, own.second_eV))
        )
        return Blocks(bulk, bulk + rashba, bulk - rashba, intra, inter)

    def hamiltonian(self, k_A: np.ndarray) -> np.ndarray:
        """Return the Hamiltonian (K, 16 N, 16 N) [eV]."""
        return _assemble(self.blocks(k_A), self.bilayers)


def make_slab(x: float, bilayers: int, rashba: Rashba | None = None, rule: AlloyRule = "teo") -> Slab:
    """Return a slab of Bi(1-x)Sb(x) of N bilayers.

    Raises
    ------
    UsageError
        If x is outside 0 to 1 or there are fewer than one bilayer.
    """
    if bilayers != int(bilayers) or bilayers < 1:
        raise UsageError(f"bilayers: {bilayers:g} asked, a slab has a whole number of them, 1 or more")
    return Slab(alloy(x, rule), int(bilayers), rashba or Rashba())


def bands(slab: Slab, k_A: np.ndarray, work: Work | None = None) -> np.ndarray:
    """Return all energies (K, 16 N) [eV], ascending, at wave vectors (K, 2) [1/angstrom]."""
    k = np.asarray(k_A, float)
    if k.ndim != 2 or k.shape[1] != 2 or not len(k) or not np.isfinite(k).all():
        raise UsageError("bands: wave vectors must be a table of finite k_x and k_y with at least one row")
    pieces = [(slab, piece) for piece in split_for_matrices(k, slab.size)]
    return np.concatenate(list((work or Work()).map(_energies, pieces)))


def k_path(material: BiSb, path: str, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return wave vectors along a path through named points.

    Parameters
    ----------
    material : BiSb
        For the size of the Brillouin zone.
    path : str
        Points joined by "-": G (Gamma), M, K, and M' and K' opposite to them, as in "M'-G-M" or "G-K-M".
    points : int
        Along each leg, both ends counted.

    Returns
    -------
    k_A : (K, 2) float
        Wave vectors [1/angstrom].
    distance_A : (K,) float
        Length of the path up to there [1/angstrom].
    """
    m = material.gamma_m_A
    named = {
        "G": (0.0, 0.0),
        "M": (m, 0.0),
        "M'": (-m, 0.0),
        "K": (m, m / np.sqrt(3)),
        "K'": (-m, -m / np.sqrt(3)),
    }
    stops = path.split("-")
    if len(stops) < 2 or points < 2 or any(stop not in named for stop in stops):
        raise UsageError(f"path: '{path}' with {points} points asked; join two or more of {', '.join(named)} by '-'")
    legs = [
        np.linspace(named[a], named[b], points)[int(leg > 0) :] for leg, (a, b) in enumerate(pairwise(stops))
    ]  # a corner belongs to one leg only
    k = np.concatenate(legs)
    steps = np.linalg.norm(np.diff(k, axis=0), axis=1)
    return k, np.concatenate([[0.0], np.cumsum(steps)])


def _energies(slab: Slab, k_A: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(slab.hamiltonian(k_A))


def _surface_hopping(bond: np.ndarray, rashba: Rashba) -> np.ndarray:
    """Return the surface terms (4, 4) along an in-plane bond; antisymmetric between p_x, p_y and p_z."""
    direction = bond / np.linalg.norm(bond) * (1.0 if rashba.direction == "ij" else -1.0)
    hopping = np.zeros((4, 4))
    hopping[0, 3] = hopping[3, 0] = rashba.sp1_eV
    hopping[1:3, 3] = rashba.pp_eV * direction
    hopping[3, 1:3] = -rashba.pp_eV * direction
    return hopping


def _assemble(blocks: Blocks, bilayers: int) -> np.ndarray:
    planes = 2 * bilayers
    full = np.zeros((len(blocks.bulk), planes, 8, planes, 8), complex)
    hops = (both_spins(blocks.intra), both_spins(blocks.inter))
    for plane in range(planes):
        full[:, plane, :, plane] = blocks.bulk
        if plane + 1 < planes:
            hop = hops[plane % 2]
            full[:, plane, :, plane + 1] = hop
            full[:, plane + 1, :, plane] = hop.conj().swapaxes(1, 2)
    full[:, 0, :, 0] = blocks.bottom
    full[:, -1, :, -1] = blocks.top
    return full.reshape(len(full), planes * 8, planes * 8)
