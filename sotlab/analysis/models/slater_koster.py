"""Hopping between s and p orbitals, and spin-orbit coupling, as matrices; generic, no material is known here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["PAULI", "bloch", "onsite", "sp3_hopping"]

#: The Pauli matrices x, y, z.
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def sp3_hopping(bond: np.ndarray, integrals_eV: Sequence[float]) -> np.ndarray:
    """Return the hopping matrix (4, 4) between s, p_x, p_y, p_z along a bond.

    ``<s|H|p_i> = l_i V_sp = -<p_i|H|s>``, ``<p_i|H|p_j> = l_i l_j (V_pps - V_ppp) + delta_ij V_ppp``.

    Parameters
    ----------
    bond : (3,) float
        From the atom of the bra to that of the ket, any unit.
    integrals_eV : four floats
        V_ss, V_sp, V_pps, V_ppp [eV].
    """
    v_ss, v_sp, v_pps, v_ppp = integrals_eV
    cosines = np.asarray(bond, float) / np.linalg.norm(bond)
    hopping = np.zeros((4, 4))
    hopping[0, 0] = v_ss
    hopping[0, 1:] = cosines * v_sp
    hopping[1:, 0] = -cosines * v_sp
    hopping[1:, 1:] = np.outer(cosines, cosines) * (v_pps - v_ppp) + np.eye(3) * v_ppp
    return hopping


def onsite(e_s_eV: float, e_p_eV: float, soc_eV: float) -> np.ndarray:
    """Return the on-site matrix (8, 8) with ``(lambda / 3) L.sigma``: spin up s, p_x, p_y, p_z, then spin down."""
    energy = np.kron(np.eye(2), np.diag([e_s_eV, e_p_eV, e_p_eV, e_p_eV])).astype(complex)
    for axis in range(3):
        angular = np.zeros((4, 4), complex)  # (L_k)_ij = -i epsilon_kij between p orbitals
        i, j = 1 + (axis + 1) % 3, 1 + (axis + 2) % 3
        angular[i, j], angular[j, i] = -1j, 1j
        energy += soc_eV / 3 * np.kron(PAULI[axis], angular)
    return energy


def bloch(k: np.ndarray, bonds: np.ndarray, hoppings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Bloch sum of hoppings and its derivative by k; phases have the true positions.

    Parameters
    ----------
    k : (K, D) float
        Wave vectors.
    bonds : (B, D) float
        From bra to ket, in the inverse unit of k.
    hoppings : (B, n, n)
        One matrix for each bond.

    Returns
    -------
    sum : (K, n, n) complex
        ``sum_b hoppings_b exp(i k.bond_b)``.
    gradient : (D, K, n, n) complex
        ``d sum / d k``.
    """
    phases = np.exp(1j * k @ bonds.T)
    total = np.tensordot(phases, hoppings, axes=1)
    gradient = np.stack([np.tensordot(phases * 1j * bonds[:, axis], hoppings, axes=1) for axis in range(k.shape[1])])
    return total, gradient
