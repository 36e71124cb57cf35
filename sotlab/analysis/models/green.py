"""Spin-resolved density of states of a slab's bilayers, from its block-recursive Green function.

``G = (E + i delta - H)**-1`` of a chain of planes costs one 8 x 8 inversion for each plane: linear in the thickness,
where diagonalising grows with its cube. Compiled by numba where that is installed, else batched in numpy.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

import numpy as np

from sotlab.analysis.models.bisb_slab import Blocks, Slab
from sotlab.analysis.models.chunks import Work, split
from sotlab.analysis.models.slater_koster import both_spins
from sotlab.errors import UsageError

__all__ = ["Kernel", "spin_dos", "spin_dos_map"]

Kernel = Literal["auto", "numba", "numpy"]

#: Wave vectors in one piece: its blocks take some 4 MB.
CHUNK = 1024


def spin_dos(
    slab: Slab,
    k_A: np.ndarray,
    energies_eV: np.ndarray,
    broadening_eV: float,
    bilayer: int = 1,
    kernel: Kernel = "auto",
    work: Work | None = None,
) -> np.ndarray:
    """Return the density of states and of spin of one bilayer.

    ``N = -(1/pi) Im Tr G``, ``s_a = -(1/pi) Im Tr sigma_a G``, traces over the bilayer's two planes.

    Parameters
    ----------
    slab : Slab
        The slab.
    k_A : (K, 2) float
        Wave vectors [1/angstrom].
    energies_eV : (E,) float
        Energies, on the scale of the tight-binding parameters [eV].
    broadening_eV : float
        delta: half width at half maximum of the Lorentzian [eV].
    bilayer : int
        1 is the topmost.
    kernel : "auto", "numba" or "numpy"
        "auto" takes numba where it is installed; the results agree to rounding.
    work : Work, optional
        Executor, progress, cancelling.

    Returns
    -------
    (K, E, 4) float
        N, s_x, s_y, s_z [1/eV]; s / N is the spin polarisation.

    Raises
    ------
    UsageError
        If a grid is empty or not finite, the broadening is not above 0, or there is no such bilayer or kernel.

    Notes
    -----
    Seed 002, eq. 9, prints ``+1/pi`` for the spin and ``-1/pi`` for the density; with that the polarisation would have
    the wrong sign. Here both have the minus sign.
    """
    k, energies = np.asarray(k_A, float), np.atleast_1d(np.asarray(energies_eV, float))
    if k.ndim != 2 or k.shape[1:] != (2,) or not len(k) or not energies.size:
        raise UsageError(f"empty grid: {len(k) if k.ndim else 0} wave vectors and {energies.size} energies asked")
    if not (np.isfinite(k).all() and np.isfinite(energies).all()):
        raise UsageError("wave vectors and energies must be finite")
    if not (np.isfinite(broadening_eV) and broadening_eV > 0):
        raise UsageError(f"broadening: {broadening_eV:g} eV asked, it must be above 0")
    if not 1 <= bilayer <= slab.bilayers:
        raise UsageError(f"bilayer: {bilayer} asked, the slab has 1 (top) to {slab.bilayers}")
    installed = find_spec("numba") is not None
    if kernel not in ("auto", "numba", "numpy") or (kernel == "numba" and not installed):
        raise UsageError(f"kernel: '{kernel}' asked, there are auto, numpy{', numba' if installed else ''}")
    compiled = installed and kernel != "numpy"
    function = _compiled_piece if compiled else _numpy_piece
    pieces = [(slab, piece, energies + 1j * broadening_eV, bilayer) for piece in split(k, CHUNK)]
    if compiled:
        _compile()
    return np.concatenate(list((work or Work()).map(function, pieces)))


def spin_dos_map(
    slab: Slab,
    kx_A: np.ndarray,
    ky_A: np.ndarray,
    energies_eV: np.ndarray,
    broadening_eV: float,
    bilayer: int = 1,
    kernel: Kernel = "auto",
    work: Work | None = None,
) -> np.ndarray:
    """Return :func:`spin_dos` on a grid: (E, 4, len(ky), len(kx)) [1/eV]."""
    grid = np.stack(np.meshgrid(kx_A, ky_A), axis=-1)
    dos = spin_dos(slab, grid.reshape(-1, 2), energies_eV, broadening_eV, bilayer, kernel, work)
    return np.moveaxis(dos, 0, -1).reshape(*dos.shape[1:], *grid.shape[:2])


def _compile() -> None:
    """Import the compiled kernel here, not first in several threads at once."""
    from sotlab.analysis.models import green_numba  # noqa: F401


def _compiled_piece(slab: Slab, k_A: np.ndarray, z: np.ndarray, bilayer: int) -> np.ndarray:
    from sotlab.analysis.models.green_numba import spin_traces

    bulk, top, bottom, intra, inter = (np.ascontiguousarray(block, complex) for block in slab.blocks(k_A))
    return spin_traces(bulk, top, bottom, intra, inter, slab.bilayers, slab.bilayers - bilayer, z)


def _numpy_piece(slab: Slab, k_A: np.ndarray, z: np.ndarray, bilayer: int) -> np.ndarray:
    blocks = slab.blocks(k_A)
    return np.stack([_traces(blocks, slab.bilayers, slab.bilayers - bilayer, energy) for energy in z], axis=1)


def _traces(blocks: Blocks, bilayers: int, wanted: int, z: complex) -> np.ndarray:
    """Return N, s_x, s_y, s_z (K, 4) of the bilayer with ``wanted`` others below it."""
    one = z * np.eye(8)
    intra, inter = both_spins(blocks.intra), both_spins(blocks.inter)
    last = 2 * bilayers - 1

    def plane(index: int) -> np.ndarray:
        return one - (blocks.bottom if index == 0 else blocks.top if index == last else blocks.bulk)

    lower = 2 * wanted
    below = np.zeros_like(intra)  # what the planes below add to the one above them
    for index in range(lower):
        hop = intra if index % 2 == 0 else inter
        below = _dagger(hop) @ np.linalg.inv(plane(index) - below) @ hop
    above = np.zeros_like(intra)
    for index in range(last, lower + 1, -1):
        hop = inter if index % 2 == 0 else intra
        above = hop @ np.linalg.inv(plane(index) - above) @ _dagger(hop)
    own = np.linalg.inv(plane(lower) - below)
    green_upper = np.linalg.inv(plane(lower + 1) - above - _dagger(intra) @ own @ intra)
    green_lower = own + own @ intra @ green_upper @ _dagger(intra) @ own
    spin = np.einsum("ksoto->kst", (green_lower + green_upper).reshape(-1, 2, 4, 2, 4))
    up, down, up_down, down_up = spin[:, 0, 0], spin[:, 1, 1], spin[:, 0, 1], spin[:, 1, 0]
    traces = np.stack([up + down, up_down + down_up, 1j * (up_down - down_up), up - down], axis=-1)
    return -np.imag(traces) / np.pi


def _dagger(matrices: np.ndarray) -> np.ndarray:
    return matrices.conj().swapaxes(-1, -2)
