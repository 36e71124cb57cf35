"""The inverse Edelstein length of a slab against energy, and its charge-neutral Fermi level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sotlab.analysis.models.bisb_slab import Blocks, Slab, bands
from sotlab.analysis.models.chunks import Work, split_for_matrices
from sotlab.errors import UsageError

__all__ = [
    "HBAR_EV_S",
    "Denominator",
    "SlabStates",
    "fermi_level",
    "full_zone",
    "neutral_level",
    "slab_states",
    "wedge",
]

HBAR_EV_S = 6.582119569e-16  # exact
Denominator = Literal["all", "top"]

#: Energies on both sides of which the states' spins and velocities are worked out [eV].
WINDOW_EV = (-1.2, 1.2)


@dataclass(frozen=True)
class SlabStates:
    """What the sums over the Fermi surface need of each state.

    Parameters
    ----------
    energy_eV : (K, 16 N) float
        All energies, ascending.
    response_m_per_s : (K, 16 N) float
        ``(v_x s_y - v_y s_x) / 2`` of the state, the spin that of the top half of the slab; NaN outside the window.
    weight_top : (K, 16 N) float
        The share of the state that lies in the top half; NaN outside the window.
    electrons : int
        States of each k that are filled in the neutral slab.
    """

    energy_eV: np.ndarray
    response_m_per_s: np.ndarray
    weight_top: np.ndarray
    electrons: int

    @property
    def fermi_eV(self) -> float:
        """The charge-neutral Fermi level [eV]."""
        return fermi_level(self.energy_eV, self.electrons)

    def length_m(
        self,
        energies_eV: np.ndarray | float,
        broadening_eV: float,
        relaxation_s: float = 10e-15,
        denominator: Denominator = "all",
    ) -> np.ndarray:
        """Return the inverse Edelstein length [m] at the energies.

        ``Lambda_xy = tau sum v_x <sigma_y P> L(eps - e) / sum w L(eps - e)``, with a Lorentzian L and the projector P
        on the top half; linear in tau.

        Parameters
        ----------
        energies_eV : (E,) float
            Energies on the scale of the tight-binding parameters [eV].
        broadening_eV : float
            Half width at half maximum of the Lorentzian [eV]; hbar / (2 tau) is 33 meV for 10 fs (the paper's "50 meV"
            is rounded up). The paper does not print what it took.
        relaxation_s : float
            Relaxation time tau [s].
        denominator : "all" or "top"
            Density of states of the whole slab (w = 1), which gives the paper's 0.2-0.3 nm, or of the top half
            (w = <P>), which is twice as large. The paper does not say which.

        Raises
        ------
        UsageError
            If there are no energies, one is not finite, the broadening is not above 0, or no state entered the sums.

        Notes
        -----
        Negative for electrons whose spin turns as at the surface of Bi(1-x)Sb(x), since the charge -e is left out; the
        paper plots the magnitude.
        """
        energies = np.atleast_1d(np.asarray(energies_eV, float))
        if not energies.size or not np.isfinite(energies).all():
            raise UsageError("energies: at least one, and all finite, are wanted")
        if not (np.isfinite(broadening_eV) and broadening_eV > 0):
            raise UsageError(f"broadening: {broadening_eV:g} eV asked, it must be above 0")
        if denominator not in ("all", "top"):
            raise UsageError(f"denominator: '{denominator}' asked, there are all and top")
        inside = np.isfinite(self.response_m_per_s)
        if not inside.any():
            raise UsageError("inverse Edelstein length: no state lies within the window of energies; widen the window")
        energy, response = self.energy_eV[inside], self.response_m_per_s[inside]
        weight = self.weight_top[inside] if denominator == "top" else np.ones_like(energy)
        lines = (1 / ((energy - each) ** 2 + broadening_eV**2) for each in energies)
        return relaxation_s * np.array([line @ response / (line @ weight) for line in lines])


def slab_states(
    slab: Slab,
    k_A: np.ndarray,
    window_eV: tuple[float, float] = WINDOW_EV,
    work: Work | None = None,
) -> SlabStates:
    """Diagonalise a slab at wave vectors (K, 2) [1/angstrom], all of the same weight: those of :func:`wedge`.

    States outside the window do not enter the sums of :meth:`SlabStates.length_m`, also not into the denominator, to
    which the Lorentzian's tails would add: 6 % at 33 meV between 1 and 2 eV.
    """
    k = np.asarray(k_A, float)
    if k.ndim != 2 or not len(k) or not np.isfinite(k).all():
        raise UsageError("wave vectors must be a table of finite k_x and k_y with at least one row")
    pieces = [(slab, piece, window_eV) for piece in split_for_matrices(k, slab.size)]
    parts = list((work or Work()).map(_states, pieces))
    energy, response, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    return SlabStates(energy, response, weight, slab.electrons)


def fermi_level(energy_eV: np.ndarray, electrons: int) -> float:
    """Return the middle between the last filled and the first empty state of a neutral slab [eV].

    Parameters
    ----------
    energy_eV : (K, n) float
        All energies at wave vectors of equal weight.
    electrons : int
        Filled states for each wave vector.
    """
    filled = electrons * len(energy_eV)
    below, above = np.partition(energy_eV.ravel(), [filled - 1, filled])[[filled - 1, filled]]
    return float((below + above) / 2)


def neutral_level(slab: Slab, divisions: int, work: Work | None = None) -> float:
    """Return the charge-neutral Fermi level of a slab [eV], summed over the :func:`wedge` of so many divisions."""
    return fermi_level(bands(slab, wedge(slab, divisions), work), slab.electrons)


def wedge(slab: Slab, divisions: int) -> np.ndarray:
    """Return wave vectors (n**2, 2) [1/angstrom] of equal weight on the triangle Gamma-M-K: 1/12 of the zone.

    Centroids of the triangles into which n divisions of each side cut it. By the threefold axis, the mirror and time
    reversal ``Lambda_xy = -Lambda_yx`` and ``Lambda_xx = Lambda_yy = 0``, so that the wedge gives what the whole zone
    does if ``(v_x s_y - v_y s_x) / 2`` is summed.
    """
    if divisions < 1:
        raise UsageError(f"divisions: {divisions} asked, 1 or more are needed")
    m = slab.material.gamma_m_A
    to_m, to_k = np.array([m, 0.0]), np.array([m, m / np.sqrt(3)])
    along = (to_m / divisions, (to_k - to_m) / divisions)
    pairs = [(i, j) for i in range(divisions) for j in range(i + 1)]
    upright = [((i + 2 / 3), (j + 1 / 3)) for i, j in pairs]
    inverted = [((i + 1 / 3), (j + 2 / 3)) for i, j in pairs if j < i]
    return np.array([a * along[0] + b * along[1] for a, b in upright + inverted])


def full_zone(slab: Slab, divisions: int) -> np.ndarray:
    """Return the wave vectors (12 n**2, 2) of the whole zone that :func:`wedge` stands for."""
    k = wedge(slab, divisions)
    mirrored = np.concatenate([k, k * [1.0, -1.0]])
    turns = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in np.arange(6) * np.pi / 3]
    return np.concatenate([mirrored @ turn.T for turn in turns])


def _states(slab: Slab, k_A: np.ndarray, window_eV: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    energy, vectors = np.linalg.eigh(slab.hamiltonian(k_A))
    gradients = [slab.blocks(k_A, derivative=axis) for axis in (0, 1)]
    response, weight = np.full_like(energy, np.nan), np.full_like(energy, np.nan)
    for at in range(len(energy)):
        wanted = (energy[at] > window_eV[0]) & (energy[at] < window_eV[1])
        if not wanted.any():
            continue
        planes = vectors[at][:, wanted].reshape(2 * slab.bilayers, 8, -1)
        top = planes[slab.bilayers :].reshape(-1, 2, 4, planes.shape[-1])  # plane, spin, orbital, state
        flipped = 2 * (top[:, 0].conj() * top[:, 1]).sum(axis=(0, 1))  # <sigma_x> + i <sigma_y>
        v_x, v_y = (_expectation(Blocks(*(b[at] for b in gradient)), planes) for gradient in gradients)
        response[at, wanted] = (v_x * flipped.imag - v_y * flipped.real) / 2 * (1e-10 / HBAR_EV_S)
        weight[at, wanted] = (np.abs(top) ** 2).sum(axis=(0, 1, 2))
    return energy, response, weight


def _expectation(blocks: Blocks, planes: np.ndarray) -> np.ndarray:
    """Return ``<n|A|n>`` of an operator in blocks (of one k) for states (planes, 8, m)."""
    acted = blocks.bulk @ planes
    acted[0], acted[-1] = blocks.bottom @ planes[0], blocks.top @ planes[-1]
    by_spin = planes.reshape(len(planes) * 2, 4, -1)
    own = np.einsum("pim,pim->m", planes.conj(), acted).real
    hopped = np.zeros(planes.shape[-1])
    for block, first in ((blocks.intra, 0), (blocks.inter, 1)):
        lower = planes[first:-1:2].reshape(-1, 4, by_spin.shape[-1])
        upper = planes[first + 1 :: 2].reshape(-1, 4, by_spin.shape[-1])
        hopped += 2 * np.einsum("pim,pim->m", lower.conj(), block @ upper).real
    return own + hopped
