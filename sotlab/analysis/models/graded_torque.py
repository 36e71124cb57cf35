"""The torque of a ferromagnet with a gradient on itself: transverse spin drift and diffusion, by a banded solve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.linalg import solve_banded

from sotlab.errors import UsageError

__all__ = ["CASES", "Average", "Closure", "GradedLayer", "GradedTorque", "SpinSink", "graded_torque", "hibino_case"]

GYROMAGNETIC_RATIO = 1.76085963023e11  # of the free electron [rad/(s T)]
HBAR_OVER_2E = 1.054571817e-34 / (2 * 1.602176634e-19)  # [V s]

Closure = Literal["fixed", "consistent", "accumulation", "scaled"]
Average = Literal["local", "macrospin"]


@dataclass(frozen=True)
class SpinSink:
    """The layer below, that takes up spin: ``J(0) = -g mu(0)``, ``g = tanh(d/lambda) / (2 rho lambda)``.

    Parameters
    ----------
    thickness_m, resistivity_ohm_m, diffusion_length_m : float
        d, rho and lambda; the defaults stand for 3 nm of Ta-B.
    """

    thickness_m: float = 3e-9
    resistivity_ohm_m: float = 200e-8
    diffusion_length_m: float = 1.5e-9

    @property
    def conductance(self) -> float:
        """The conductance g [1/(ohm m**2)]; 0 is a closed end, infinity a perfect sink."""
        ratio = self.thickness_m / self.diffusion_length_m
        return float(np.tanh(ratio) / (2 * self.resistivity_ohm_m * self.diffusion_length_m))


@dataclass(frozen=True)
class GradedLayer:
    """A ferromagnet whose properties vary linearly from bottom (at the sink) to top (at the oxide).

    Parameters
    ----------
    magnetisation_A_per_m, resistivity_ohm_m, spin_hall_angle : (float, float)
        M_s, rho and theta at the bottom and at the top.
    thickness_m : float
        L.
    spin_flip_m, dephasing_m, precession_m : float
        lambda_sf, lambda_phi, lambda_J, at the middle of the layer if the closure scales them.
    """

    magnetisation_A_per_m: tuple[float, float] = (0.845e6, 0.845e6)
    resistivity_ohm_m: tuple[float, float] = (32.5e-8, 32.5e-8)
    spin_hall_angle: tuple[float, float] = (0.0196, 0.0196)
    thickness_m: float = 5e-9
    spin_flip_m: float = 5e-9
    dephasing_m: float = 3.7e-9
    precession_m: float = 1e-9

    def turned(self) -> GradedLayer:
        """Return the layer upside down: type B of type A."""
        names = ("magnetisation_A_per_m", "resistivity_ohm_m", "spin_hall_angle")
        return replace(self, **{name: getattr(self, name)[::-1] for name in names})


@dataclass(frozen=True)
class GradedTorque:
    """Accumulation and torque in a layer, for 1 V/m.

    Parameters
    ----------
    z_m : (N,) float
        Centres of the cells, from the sink.
    accumulation_m : (N,) complex
        ``(mu_y + i mu_z) / E`` [m].
    slab_z_m : (S,) float
        Centres of the slabs.
    slab_torque : (S,) complex
        Local torque of each slab: damping-like (y) + i field-like (z) [rad/s per V/m].
    total : complex
        Their sum over the layer [rad/s per V/m].
    torque_density : (N,) complex
        Torque in units of a spin current's divergence [A/m**3 per V/m].
    interface_current : complex
        Spin current through the sink's interface, J(0) [A/m**2 per V/m].
    """

    z_m: np.ndarray
    accumulation_m: np.ndarray
    slab_z_m: np.ndarray
    slab_torque: np.ndarray
    total: complex
    torque_density: np.ndarray
    interface_current: complex


#: Ends of the gradients of type A (Ni at the bottom): M_s and rho of Ni and Fe-rich, theta of the composition's ends.
_GRADIENT = {
    "magnetisation_A_per_m": (0.49e6, 1.20e6),
    "resistivity_ohm_m": (20e-8, 45e-8),
    "spin_hall_angle": (0.03, 0.0092),
}
#: The cases of seed 003, Fig. 4: which property has a gradient.
CASES = {
    "I": (),
    "II": ("magnetisation_A_per_m",),
    "III": ("spin_hall_angle",),
    "IV": ("resistivity_ohm_m",),
}


def hibino_case(name: str) -> GradedLayer:
    """Return the layer of a case of seed 003: "I", "II-A", "II-B", "III-A", "III-B", "IV-A", "IV-B".

    The paper's Table I is not in the copy at hand: M_s, rho and lengths are nominal values, not the paper's.
    """
    case, _, kind = name.partition("-")
    if case not in CASES or kind not in (("",) if case == "I" else ("A", "B")):
        raise UsageError(f"case: '{name}' asked, there are I, II-A, II-B, III-A, III-B, IV-A, IV-B")
    layer = replace(GradedLayer(), **{graded: _GRADIENT[graded] for graded in CASES[case]})
    return layer.turned() if kind == "B" else layer


def graded_torque(
    layer: GradedLayer,
    sink_conductance: float | None = None,
    closure: Closure = "fixed",
    average: Average = "local",
    points: int = 1000,
    slab_m: float = 0.5e-9,
) -> GradedTorque:
    """Solve the transverse spin accumulation of a graded layer, and return the torques.

    Magnetisation and field along x, flow along z, ``mu = mu_y + i mu_z`` in volts:
    ``J = -(sigma/2) mu' + theta sigma E``, ``J' = -(sigma/2) q**2 mu``,
    ``q**2 = 1/lambda_sf**2 + 1/lambda_phi**2 - i/lambda_J**2``; ``J(L) = 0`` at the oxide, ``J(0) = -g mu(0)`` at the
    sink. The torque density is ``(sigma/2)(1/lambda_phi**2 - i/lambda_J**2) mu``, its local rate
    ``gamma hbar / (2 e M_s)`` times that. Finite volumes, second order in the cell.

    Parameters
    ----------
    layer : GradedLayer
        The ferromagnet.
    sink_conductance : float, optional
        g [1/(ohm m**2)]; by default that of :class:`SpinSink`. 0 closes the end, infinity is a perfect sink.
    closure : str
        How lengths and torque follow a varying conductivity. The paper does not print it, and case IV depends on it
        (T_DL of IV-A / IV-B in rad/s per V/m; II-A / II-B: -4234 / +5738):

        - "fixed": lengths as they are, torque with the local sigma: +644 / +672, no reversal.
        - "consistent": squared lengths as sigma, in diffusion and torque alike: +779 / +579, no reversal.
        - "accumulation": fixed lengths, torque proportional to mu alone: +4873 / -3530, reversal opposite to II.
        - "scaled": squared lengths as sigma in the diffusion, but not in the torque: -3622 / +5141, the paper's
          statement: reversal as in II, and smaller than II.

        A torque that is the divergence of a current sums to what flows through the ends, so that case IV has its effect
        only where the closure breaks that ("accumulation", "scaled").
    average : "local" or "macrospin"
        "local" sums torque / M_s over slabs, as the paper does; "macrospin" is what a magnetisation that stays parallel
        would feel, sum of torques / sum of M_s: then case II falls back to the size of case I.
    points : int
        Cells; a multiple of the number of slabs.
    slab_m : float
        Thickness of a slab of the sum.

    Raises
    ------
    UsageError
        If a number is not finite or not above 0 where it must be, or an option does not exist.

    Notes
    -----
    A perfect sink destroys the reversal in case II (6909 / 11912), and a longer lambda_J weakens it: the finite sink
    is essential.
    """
    conductance = SpinSink().conductance if sink_conductance is None else sink_conductance
    slabs = _check(layer, conductance, closure, average, points, slab_m)
    cell = layer.thickness_m / points
    faces, centres = np.arange(points + 1) / points, (np.arange(points) + 0.5) / points
    sigma, sigma_faces = 1 / _linear(layer.resistivity_ohm_m, centres), 1 / _linear(layer.resistivity_ohm_m, faces)
    middle = 2 / sum(layer.resistivity_ohm_m)
    turning = 1 / layer.dephasing_m**2 - 1j / layer.precession_m**2
    decay = np.full(points, turning + 1 / layer.spin_flip_m**2)
    if closure in ("consistent", "scaled"):
        decay = decay * (middle / sigma)
    torque_sigma = sigma if closure in ("fixed", "scaled") else np.full(points, middle)
    source = _linear(layer.spin_hall_angle, faces) * sigma_faces
    mu, current = _solve(sigma * decay / 2 * cell, sigma_faces / (2 * cell), source, conductance)
    torque = torque_sigma / 2 * turning * mu
    magnetisation = _linear(layer.magnetisation_A_per_m, centres)
    by_slab = GYROMAGNETIC_RATIO * HBAR_OVER_2E * (torque / magnetisation).reshape(slabs, -1).mean(axis=1)
    total = by_slab.sum()
    if average == "macrospin":
        total = slabs * GYROMAGNETIC_RATIO * HBAR_OVER_2E * torque.mean() / magnetisation.mean()
    slab_z = (np.arange(slabs) + 0.5) * layer.thickness_m / slabs
    return GradedTorque(centres * layer.thickness_m, mu, slab_z, by_slab, complex(total), torque, current)


def _solve(loss: np.ndarray, link: np.ndarray, source: np.ndarray, conductance: float) -> tuple[np.ndarray, complex]:
    """Return mu in the cells and J(0): ``J[i+1] - J[i] = -loss mu`` with ``J = -link (mu_above - mu_below) + source``.

    The current of the lowest half cell, ``J(0) = -2 link (mu_0 - mu(0)) + source``, and ``J(0) = -g mu(0)`` leave
    ``J(0) = -share mu_0 + through``.
    """
    half = 2 * link[0]
    if np.isinf(conductance):
        share, through = half, source[0]
    else:
        share, through = conductance * half / (half + conductance), source[0] * conductance / (half + conductance)
    inner = link[1:-1]
    matrix = np.zeros((3, len(loss)), complex)
    matrix[1] = loss
    matrix[1, :-1] += inner
    matrix[1, 1:] += inner
    matrix[1, 0] += share
    matrix[0, 1:] = matrix[2, :-1] = -inner
    right = np.zeros(len(loss), complex)
    right[:-1] = -source[1:-1]
    right[1:] += source[1:-1]
    right[0] += through
    mu = solve_banded((1, 1), matrix, right, overwrite_ab=True, overwrite_b=True, check_finite=False)
    return mu, complex(through - share * mu[0])


def _linear(ends: tuple[float, float], at: np.ndarray) -> np.ndarray:
    return ends[0] + (ends[1] - ends[0]) * at


def _check(layer: GradedLayer, conductance: float, closure: str, average: str, points: int, slab_m: float) -> int:
    """Return the number of slabs."""
    for name in ("magnetisation_A_per_m", "resistivity_ohm_m"):
        if not all(np.isfinite(end) and end > 0 for end in getattr(layer, name)):
            raise UsageError(f"{name}: {getattr(layer, name)} asked, both ends must be above 0")
    for name in ("thickness_m", "spin_flip_m", "dephasing_m", "precession_m"):
        if not getattr(layer, name) > 0:  # an infinite length switches its process off
            raise UsageError(f"{name}: {getattr(layer, name):g} m asked, it must be above 0")
    if not (np.isfinite(layer.spin_hall_angle).all() and np.isfinite(layer.thickness_m)):
        raise UsageError("spin Hall angle and thickness must be finite")
    if not conductance >= 0:
        raise UsageError(f"sink conductance: {conductance:g} 1/(ohm m**2) asked, it must be 0 or above")
    if closure not in ("fixed", "consistent", "accumulation", "scaled"):
        raise UsageError(f"closure: '{closure}' asked, there are fixed, consistent, accumulation, scaled")
    if average not in ("local", "macrospin"):
        raise UsageError(f"average: '{average}' asked, there are local and macrospin")
    slabs = max(1, round(layer.thickness_m / slab_m)) if slab_m > 0 else 0
    if slabs < 1 or points < slabs or points % slabs:
        raise UsageError(f"points: {points} asked, a multiple of the {slabs} slabs of {slab_m * 1e9:g} nm is needed")
    return slabs
