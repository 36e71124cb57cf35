"""Thin films on a thick substrate: what they absorb of the pump, and what they let out of the terahertz field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.constants import c, epsilon_0

__all__ = ["FREE_SPACE_OHM", "Film", "StackOptics", "impedance_ohm", "stack_optics"]

#: Impedance of free space Z0 [ohm].
FREE_SPACE_OHM = 1.0 / (epsilon_0 * c)


@dataclass(frozen=True)
class Film:
    """One film of a stack.

    Parameters
    ----------
    material : str
        Its name.
    role : str
        What it does: ferromagnet, converter, spacer or cap.
    thickness_m : float
        [m].
    n, k : float
        Refractive index ``n + i k`` at the pump's wavelength.
    conductivity_S_per_m : float
        At terahertz frequencies, taken as real and constant [S/m].
    """

    material: str
    role: str
    thickness_m: float
    n: float
    k: float
    conductivity_S_per_m: float

    @property
    def sheet_conductance_S(self) -> float:
        """Conductivity times thickness [S]."""
        return self.conductivity_S_per_m * self.thickness_m


@dataclass(frozen=True)
class StackOptics:
    """Shares of the incident power: ``reflectance + transmittance + sum(absorptances) = 1``.

    The transmittance is what enters the substrate; the absorptances are in the order of the films.
    """

    reflectance: float
    transmittance: float
    absorptances: tuple[float, ...]


def stack_optics(films: Sequence[Film], substrate_index: complex, wavelength_m: float) -> StackOptics:
    """Return what films do with light that falls on them at right angles, from the air.

    Tangential fields on both sides of a film of index N and phase ``p = 2 pi N d / wavelength`` obey::

        [E1]   [cos p         -i sin(p) / N] [E2]
        [H1] = [-i N sin p     cos p       ] [H2],     exp(-i omega t),  H in units of E / Z0;

    the power that a film absorbs is the difference of ``Re(E H*)`` across it.

    Parameters
    ----------
    films : sequence of Film
        From the substrate upwards: the light meets the last one first.
    substrate_index : complex
        ``n + i k`` of the substrate, taken as so thick or rough that nothing comes back from its rear face.
    wavelength_m : float
        In vacuum [m].

    References
    ----------
    M. Born and E. Wolf, Principles of Optics, chapter 1.6 (characteristic matrix).
    """
    electric, magnetic = 1.0 + 0.0j, complex(substrate_index)
    flux = [substrate_index.real]
    for film in films:
        index = complex(film.n, film.k)
        phase = 2.0 * np.pi * index * film.thickness_m / wavelength_m
        cosine, sine = np.cos(phase), np.sin(phase)
        electric, magnetic = (
            cosine * electric - 1j * sine / index * magnetic,
            cosine * magnetic - 1j * index * sine * electric,
        )
        flux.append((electric * np.conj(magnetic)).real)
    incident = abs((electric + magnetic) / 2.0) ** 2
    reflected = abs((electric - magnetic) / 2.0) ** 2
    absorbed = tuple(float((above - below) / incident) for below, above in pairwise(flux))
    return StackOptics(float(reflected / incident), float(flux[0] / incident), absorbed)


def impedance_ohm(sheet_conductance_S: float, substrate_index: float) -> float:
    """Return Z in ``E = Z * (sheet current)`` for films much thinner than the wavelength.

    ``Z = Z0 / (1 + n_substrate + Z0 G)``: the sheet radiates into air and substrate, in parallel with its own sheet
    conductance G. [ohm]
    """
    return FREE_SPACE_OHM / (1.0 + substrate_index + FREE_SPACE_OHM * sheet_conductance_S)
