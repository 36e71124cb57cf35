"""The kernel of :mod:`sotlab.analysis.models.green`, compiled; imported only where numba is installed.

It releases the interpreter's lock, so pieces run side by side in threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit  # pyright: ignore[reportMissingImports]

__all__ = ["spin_traces"]


@njit(nogil=True, cache=True, fastmath=True)
def _invert(a):
    """Invert (8, 8) in place by Gauss and Jordan.

    No pivoting: the anti-Hermitian part of ``E + i delta - H - Sigma`` is definite, so that no pivot is below delta.
    """
    for p in range(8):
        pivot = 1.0 / a[p, p]
        a[p, p] = 1.0
        for j in range(8):
            a[p, j] *= pivot
        for i in range(8):
            if i != p:
                factor = a[i, p]
                a[i, p] = 0.0
                for j in range(8):
                    a[i, j] -= factor * a[p, j]


@njit(nogil=True, cache=True, fastmath=True)
def _dress(left, g, right, work, out):
    """Put ``L g R`` into ``out`` (8, 8), where L and R (4, 4) act on either spin alike."""
    for s in range(0, 8, 4):
        for t in range(0, 8, 4):
            for i in range(4):
                for j in range(4):
                    total = 0.0j
                    for m in range(4):
                        total += left[i, m] * g[s + m, t + j]
                    work[i, j] = total
            for i in range(4):
                for j in range(4):
                    total = 0.0j
                    for m in range(4):
                        total += work[i, m] * right[m, j]
                    out[s + i, t + j] = total


@njit(nogil=True, cache=True, fastmath=True)
def _resolvent(z, block, sigma, out):
    """Put ``(z - block - sigma)**-1`` into ``out``."""
    for i in range(8):
        for j in range(8):
            out[i, j] = -block[i, j] - sigma[i, j]
        out[i, i] += z
    _invert(out)


@njit(nogil=True, cache=True, fastmath=True)
def spin_traces(bulk, top, bottom, intra, inter, bilayers, wanted, z):
    """Return N, s_x, s_y, s_z (K, E, 4) of the bilayer with ``wanted`` others below it."""
    result = np.empty((len(bulk), len(z), 4))
    last, lower = 2 * bilayers - 1, 2 * wanted
    intra_h, inter_h = np.empty((4, 4), np.complex128), np.empty((4, 4), np.complex128)
    g, own, work = np.empty((8, 8), np.complex128), np.empty((8, 8), np.complex128), np.empty((4, 4), np.complex128)
    below, above = np.empty((8, 8), np.complex128), np.empty((8, 8), np.complex128)
    trace = np.empty(4, np.complex128)
    for k in range(len(bulk)):
        for i in range(4):
            for j in range(4):
                intra_h[i, j] = np.conj(intra[k, j, i])
                inter_h[i, j] = np.conj(inter[k, j, i])
        for e in range(len(z)):
            below[:] = 0.0
            for index in range(lower):
                _resolvent(z[e], bottom[k] if index == 0 else bulk[k], below, g)
                if index % 2 == 0:
                    _dress(intra_h, g, intra[k], work, below)
                else:
                    _dress(inter_h, g, inter[k], work, below)
            above[:] = 0.0
            for index in range(last, lower + 1, -1):
                _resolvent(z[e], top[k] if index == last else bulk[k], above, g)
                if index % 2 == 0:
                    _dress(inter[k], g, inter_h, work, above)
                else:
                    _dress(intra[k], g, intra_h, work, above)
            _resolvent(z[e], bottom[k] if lower == 0 else bulk[k], below, own)
            _dress(intra_h, own, intra[k], work, below)
            above += below
            _resolvent(z[e], top[k] if lower + 1 == last else bulk[k], above, g)
            trace[:] = 0.0
            _add_spin(g, trace)
            _dress(intra[k], g, intra_h, work, above)
            g[:] = own @ above @ own
            g += own
            _add_spin(g, trace)
            result[k, e, 0] = (trace[0] + trace[1]).imag
            result[k, e, 1] = (trace[2] + trace[3]).imag
            result[k, e, 2] = (trace[2] - trace[3]).real
            result[k, e, 3] = (trace[0] - trace[1]).imag
    return result * (-1.0 / np.pi)


@njit(nogil=True, cache=True, fastmath=True)
def _add_spin(g, trace):
    """Add the traces over the orbitals: up up, down down, up down, down up."""
    for i in range(4):
        trace[0] += g[i, i]
        trace[1] += g[4 + i, 4 + i]
        trace[2] += g[i, 4 + i]
        trace[3] += g[4 + i, i]
