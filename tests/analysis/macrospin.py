"""A macrospin that answers an alternating current, integrated in time: what harmonic Hall is held against.

Nothing of the analysis is used: m relaxes to its equilibrium (overdamped Landau-Lifshitz, no precession) at each phase
of the current, and the Hall voltage is Fourier analysed.
"""

import numpy as np
from scipy.signal import lfilter

PHASES = 8


def equilibrium(m, applied_T, b_k_T, b_fl_T, b_dl_T):
    """Relax m (..., 3) in applied_T (..., 3) with the current's effective fields (...)."""
    y = np.array([0.0, 1.0, 0.0])
    step = 0.9 / (np.linalg.norm(applied_T, axis=-1, keepdims=True) + abs(b_k_T))
    for _ in range(20_000):
        field = applied_T + b_fl_T[..., None] * y + b_dl_T[..., None] * np.cross(m, y)
        field[..., 2] += b_k_T * m[..., 2]
        across = field - np.sum(field * m, axis=-1, keepdims=True) * m
        m = m + step * across
        m /= np.linalg.norm(m, axis=-1, keepdims=True)
        if np.abs(across).max() < 1e-14:
            break
    return m


def harmonics(
    field_T, polar_rad, azimuth_rad, *, r_a, r_p, b_k, b_dl=0.0, b_fl=0.0, r_ane=0.0, r_one=0.0, r_ohe=0.0, up=None
):
    """Return R_1w and R_2w; m starts along the field, or at one pole if ``up`` says which."""
    field, polar, azimuth = np.broadcast_arrays(*(np.asarray(a, float) for a in (field_T, polar_rad, azimuth_rad)))
    direction = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1)
    applied = field[..., None] * direction
    start = direction * np.where(field < 0, -1.0, 1.0)[..., None]
    if up is not None:
        start = np.broadcast_to([0.0, 0.0, 1.0 if up else -1.0], applied.shape)
    m0 = equilibrium(start.copy(), applied, b_k, np.zeros(field.shape), np.zeros(field.shape))
    sine = np.sin(2 * np.pi * np.arange(PHASES) / PHASES)[:, None]
    many = np.broadcast_to(applied, (PHASES, *applied.shape))
    fields = [np.broadcast_to(sine * b, (PHASES, len(field))) for b in (b_fl, b_dl)]
    m = equilibrium(np.broadcast_to(m0, many.shape).copy(), many, b_k, *fields)
    voltage = sine * (r_a * m[..., 2] + 2 * r_p * m[..., 0] * m[..., 1])
    spectrum = np.fft.fft(voltage, axis=0) / PHASES
    r_1w, r_2w = -2 * spectrum[1].imag, 2 * spectrum[2].real
    # The Nernst effects: a gradient along -z, dT = cos 2wt, with the field of x components of m and B.
    r_2w = r_2w - r_ane * m0[..., 0] - r_one * applied[..., 0]
    return r_1w + r_ohe * applied[..., 2], r_2w


def autoregressive(rng, count, rho):
    """Return noise of unit variance with this lag-1 autocorrelation."""
    return lfilter([np.sqrt(1 - rho**2)], [1, -rho], rng.normal(size=count + 200))[200:]
