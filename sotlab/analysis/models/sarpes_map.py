"""What a spin-resolved photoemission experiment would see of the slab: its map, smeared by the instrument."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from sotlab.analysis.models.bisb_models import MapSettings, map_result
from sotlab.analysis.models.bisb_slab import Slab
from sotlab.analysis.models.chunks import Work
from sotlab.analysis.models.green import spin_dos_map
from sotlab.analysis.models.model import ModelResult, quantity
from sotlab.analysis.spin_polarisation import FWHM_PER_SIGMA, convolve_map

__all__ = ["SarpesMap", "smeared_map"]

#: Energies over which the resolution is summed, in units of its standard deviation.
NODES = np.linspace(-2.0, 2.0, 5)


def smeared_map(
    slab: Slab,
    k_per_m: np.ndarray,
    energy_eV: float,
    k_resolution_per_m: float = 0.048e10,
    energy_resolution_eV: float = 0.025,
    broadening_eV: float = 0.010,
    work: Work | None = None,
) -> np.ndarray:
    """Return the map of the top bilayer with the instrument's resolution: N, s_x, s_y, s_z (4, n, n) [1/eV].

    The polarisation is s / N. Photoemission matrix elements are not in it.

    Parameters
    ----------
    slab : Slab
        The slab.
    k_per_m : (n,) float
        Evenly spaced wave vectors of both axes [1/m].
    energy_eV : float
        On the scale of the tight-binding parameters [eV].
    k_resolution_per_m, energy_resolution_eV : float
        Full widths at half height; the defaults are those of seed 002.
    broadening_eV : float
        Half width of the states themselves [eV].
    """
    weights = np.exp(-(NODES**2) / 2)
    energies = energy_eV + NODES * energy_resolution_eV / FWHM_PER_SIGMA
    dos = spin_dos_map(slab, k_per_m * 1e-10, k_per_m * 1e-10, energies, broadening_eV, work=work)
    summed = np.tensordot(weights / weights.sum(), dos, axes=1)
    return convolve_map(summed, k_per_m[1] - k_per_m[0], k_resolution_per_m)


class SarpesMapSettings(MapSettings):
    """The slab and the instrument."""

    k_resolution: float = quantity(0.048e10, "1/m", "Momentum resolution, full width", ge=0)
    energy_resolution: float = quantity(0.025, "eV", "Energy resolution, full width", ge=0)
    points: int = Field(91, ge=2, le=2001, description="Along each axis")


class SarpesMap:
    """Polarisation and intensity of the top bilayer as the spectrometer of seed 002 resolves them (Fig. 1c, e)."""

    name: ClassVar[str] = "sarpes-map"
    title: ClassVar[str] = "Spin-resolved photoemission map of a Bi1-xSbx (111) slab"
    settings: ClassVar[type[SarpesMapSettings]] = SarpesMapSettings

    def run(self, settings: SarpesMapSettings, work: Work) -> ModelResult:
        """Compute the map."""
        slab = settings.slab()
        fermi_eV = settings.neutral_level_of(slab, work)
        resolution = settings.k_resolution, settings.energy_resolution
        energy_eV = fermi_eV + settings.energy
        dos = smeared_map(slab, settings.k_per_m(), energy_eV, *resolution, settings.broadening, work)
        maps = {"intensity": (dos[0], "1/eV")}
        maps |= {f"polarisation_{axis}": (spin / dos[0], "") for axis, spin in zip("xyz", dos[1:], strict=True)}
        flags = ["no photoemission matrix elements; one resolution of the edge is not filled"]
        return map_result(self.name, settings, slab, fermi_eV, maps, flags)
