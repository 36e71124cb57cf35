"""The models of the Bi(1-x)Sb(x) slab by name: ``bisb-map``, ``bisb-bands``, ``iree``, ``iree-series``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from sotlab.analysis.models.bisb_parameters import Rashba
from sotlab.analysis.models.bisb_slab import Slab, bands, k_path, make_slab
from sotlab.analysis.models.chunks import Work
from sotlab.analysis.models.edelstein import HBAR_EV_S, SlabStates, neutral_level, slab_states, wedge
from sotlab.analysis.models.green import spin_dos_map
from sotlab.analysis.models.model import Array, ModelResult, ModelSettings, computed, quantity

__all__ = [
    "BiSbBands",
    "BiSbMap",
    "BilayerMapSettings",
    "InverseEdelstein",
    "InverseEdelsteinSeries",
    "MapSettings",
    "map_result",
]

#: Above this number of bilayers the wedge is coarser by default: a diagonalisation takes 20 times as long.
THICK = 20
SAME_RASHBA = "the surface terms are those fitted for x = 0.15; the paper prints none for other x"


class SurfaceSettings(ModelSettings):
    """The surface terms and the alloy rule."""

    rule: Literal["teo", "linear"] = Field("teo", description="Alloy rule of the hoppings: as printed, or linear in x")
    gamma_sp: float = quantity(-0.2, "eV", "Surface term s-pz on site")
    gamma_sp1: float = quantity(0.3, "eV", "Surface term s-pz between neighbours")
    gamma_pp: float = quantity(-0.6, "eV", "Surface term px,py-pz between neighbours")
    gamma_direction: Literal["ij", "ji"] = Field("ij", description="Sense of theta in gamma_pp; ij gives the paper's")
    divisions: int = Field(0, ge=0, le=200, description="Of the wedge Gamma-M-K, for sums over k; 0: 24, thick: 16")

    def make(self, x: float, bilayers: int) -> Slab:
        """Return the slab."""
        rashba = Rashba(self.gamma_sp, self.gamma_sp1, self.gamma_pp, self.gamma_direction)
        return make_slab(x, bilayers, rashba, self.rule)

    def divisions_of(self, slab: Slab) -> int:
        """Return into how many parts the wedge's sides are divided."""
        return self.divisions or (24 if slab.bilayers <= THICK else 16)

    def states_of(self, slab: Slab, window_eV: float, work: Work) -> SlabStates:
        """Return the states that enter the sums over the zone."""
        return slab_states(slab, wedge(slab, self.divisions_of(slab)), (-window_eV, window_eV), work)

    def neutral_level_of(self, slab: Slab, work: Work) -> float:
        """Return the charge-neutral Fermi level [eV]."""
        return neutral_level(slab, self.divisions_of(slab), work)


class SlabSettings(SurfaceSettings):
    """One slab."""

    x: float = Field(0.15, ge=0, le=1, description="Antimony content")
    bilayers: int = Field(13, ge=1, le=500, description="Bilayers of 0.39 nm: 6, 13, 38 are 2.5, 5, 15 nm")

    def slab(self) -> Slab:
        """Return the slab."""
        return self.make(self.x, self.bilayers)

    def about(self) -> list[str]:
        """Return what must be said of the parameters."""
        return [] if self.x == 0.15 else [SAME_RASHBA]


class MapSettings(SlabSettings):
    """A map over the surface's Brillouin zone."""

    energy: float = quantity(0.0, "eV", "Energy above the Fermi level")
    broadening: float = quantity(0.01, "eV", "Half width at half maximum", gt=0)
    k_max: float = quantity(0.9e10, "1/m", "The map goes from -k_max to k_max along both axes", gt=0)
    points: int = Field(151, ge=2, le=4001, description="Along each axis")

    def k_per_m(self) -> np.ndarray:
        """Return the wave vectors of either axis [1/m]."""
        return np.linspace(-self.k_max, self.k_max, self.points)


def map_result(
    model: str,
    settings: MapSettings,
    slab: Slab,
    fermi_eV: float,
    maps: Mapping[str, tuple[np.ndarray, str]],
    flags: Sequence[str] = (),
) -> ModelResult:
    """Return the result of a model that makes maps: for each name the values (n, n) and their unit."""
    k = settings.k_per_m()
    arrays = {"kx": Array(k, "1/m"), "ky": Array(k, "1/m")}
    arrays |= {name: Array(values, unit, ("ky", "kx")) for name, (values, unit) in maps.items()}
    return ModelResult(model, _about(slab, fermi_eV), arrays, [*settings.about(), *flags], settings.model_dump())


class BilayerMapSettings(MapSettings):
    """The map of a bilayer."""

    bilayer: int = Field(1, ge=1, description="Which bilayer; 1 is the topmost")


class BiSbMap:
    """Density of states and of spin of a bilayer over the surface's Brillouin zone (seed 002, Fig. 1d)."""

    name: ClassVar[str] = "bisb-map"
    title: ClassVar[str] = "Spin-resolved density of states of a Bi1-xSbx (111) slab"
    settings: ClassVar[type[BilayerMapSettings]] = BilayerMapSettings

    def run(self, settings: BilayerMapSettings, work: Work) -> ModelResult:
        """Compute the map."""
        slab, k_A = settings.slab(), settings.k_per_m() * 1e-10
        fermi_eV = settings.neutral_level_of(slab, work)
        energies = np.array([fermi_eV + settings.energy])
        dos = spin_dos_map(slab, k_A, k_A, energies, settings.broadening, settings.bilayer, work=work)[0]
        names = ("dos", "spin_x", "spin_y", "spin_z")
        maps = {name: (each, "1/eV") for name, each in zip(names, dos, strict=True)}
        return map_result(self.name, settings, slab, fermi_eV, maps)


class BandsSettings(SlabSettings):
    """The bands."""

    path: str = Field("M'-G-M", description="Points G, M, K, M', K' joined by '-'")
    points: int = Field(101, ge=2, le=10001, description="Along each leg")
    window: float = quantity(1.0, "eV", "Bands that come this close to the Fermi level", gt=0)


class BiSbBands:
    """Bands along a path; each is twofold degenerate and given once."""

    name: ClassVar[str] = "bisb-bands"
    title: ClassVar[str] = "Bands of a Bi1-xSbx (111) slab"
    settings: ClassVar[type[BandsSettings]] = BandsSettings

    def run(self, settings: BandsSettings, work: Work) -> ModelResult:
        """Compute the bands."""
        slab = settings.slab()
        k, distance = k_path(slab.material, settings.path, settings.points)
        fermi_eV = settings.neutral_level_of(slab, work)
        pairs = bands(slab, k, work)[:, ::2] - fermi_eV
        near = (np.abs(pairs) < settings.window).any(axis=0)
        arrays = {
            "distance": Array(distance * 1e10, "1/m"),
            "kx": Array(k[:, 0] * 1e10, "1/m", ("distance",)),
            "ky": Array(k[:, 1] * 1e10, "1/m", ("distance",)),
            "band": Array(np.flatnonzero(near), ""),
            "energy": Array(pairs[:, near], "eV", ("distance", "band")),
        }
        return ModelResult(self.name, _about(slab, fermi_eV), arrays, settings.about(), settings.model_dump())


class EnergySettings(SurfaceSettings):
    """The energies and the relaxation."""

    relaxation_time: float = quantity(10e-15, "s", "tau", gt=0)
    broadening: float = quantity(0.0, "eV", "Half width at half maximum; 0: hbar / (2 tau)", ge=0)
    start: float = quantity(-0.5, "eV", "First energy, above the Fermi level")
    stop: float = quantity(0.5, "eV", "Last energy, above the Fermi level")
    points: int = Field(101, ge=1, le=100001, description="Energies")
    window: float = quantity(1.2, "eV", "States this close to the energy zero of the parameters enter the sums", gt=0)

    def curves(self, states: SlabStates) -> np.ndarray:
        """Return Lambda [m] for the whole-slab and the top-half denominator (2, E + 1), first at the Fermi level.

        With the electron's charge -e: positive as the paper plots it.
        """
        width_eV = self.broadening or HBAR_EV_S / (2 * self.relaxation_time)
        at = states.fermi_eV + np.array([0.0, *self.energies()])
        return -np.array([states.length_m(at, width_eV, self.relaxation_time, which) for which in ("all", "top")])

    def energies(self) -> np.ndarray:
        """Return the energies above the Fermi level [eV]."""
        return np.linspace(self.start, self.stop, self.points)


class IreeSettings(EnergySettings, SlabSettings):
    """The inverse Edelstein length of one slab."""


class InverseEdelstein:
    """Inverse Edelstein length against energy (seed 002, Fig. 3c-d)."""

    name: ClassVar[str] = "iree"
    title: ClassVar[str] = "Inverse Edelstein length of a Bi1-xSbx (111) slab"
    settings: ClassVar[type[IreeSettings]] = IreeSettings

    def run(self, settings: IreeSettings, work: Work) -> ModelResult:
        """Compute the length."""
        slab = settings.slab()
        states = settings.states_of(slab, settings.window, work)
        whole, top = settings.curves(states)
        results = {
            "lambda_E_F": computed(whole[0], "m"),
            "lambda_E_F_top": computed(top[0], "m"),
            **_about(slab, states.fermi_eV),
        }
        arrays = {
            "energy": Array(settings.energies(), "eV"),
            "lambda": Array(whole[1:], "m", ("energy",)),
            "lambda_top": Array(top[1:], "m", ("energy",)),
        }
        flags = [*settings.about(), *_flags(states)]
        return ModelResult(self.name, results, arrays, flags, settings.model_dump())


class SeriesSettings(EnergySettings):
    """Several compositions and thicknesses."""

    x: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (0.07, 0.15, 0.30), min_length=1, description="Antimony contents"
    )
    bilayers: tuple[Annotated[int, Field(ge=1, le=500)], ...] = Field(
        (13,), min_length=1, description="Numbers of bilayers"
    )


class InverseEdelsteinSeries:
    """Inverse Edelstein length against energy, for each composition and thickness."""

    name: ClassVar[str] = "iree-series"
    title: ClassVar[str] = "Inverse Edelstein length over composition and thickness"
    settings: ClassVar[type[SeriesSettings]] = SeriesSettings

    def run(self, settings: SeriesSettings, work: Work) -> ModelResult:
        """Compute the lengths, one slab after another: each of them fills the executor."""
        curves, fermi, flags = [], [], []
        for x in settings.x:
            for bilayers in settings.bilayers:
                slab = settings.make(x, bilayers)
                states = settings.states_of(slab, settings.window, work)
                curves.append(settings.curves(states))
                fermi.append(states.fermi_eV)
                flags = _flags(states)
        shape = (len(settings.x), len(settings.bilayers))
        table = np.array(curves).reshape(*shape, 2, -1)
        arrays = {
            "x": Array(np.array(settings.x), ""),
            "bilayers": Array(np.array(settings.bilayers), ""),
            "energy": Array(settings.energies(), "eV"),
            "fermi_level": Array(np.array(fermi).reshape(shape), "eV", ("x", "bilayers")),
            "lambda_E_F": Array(table[..., 0, 0], "m", ("x", "bilayers")),
            "lambda_E_F_top": Array(table[..., 1, 0], "m", ("x", "bilayers")),
            "lambda": Array(table[..., 0, 1:], "m", ("x", "bilayers", "energy")),
            "lambda_top": Array(table[..., 1, 1:], "m", ("x", "bilayers", "energy")),
        }
        if settings.x != (0.15,):
            flags = [SAME_RASHBA, *flags]
        return ModelResult(self.name, {}, arrays, flags, settings.model_dump())


def _about(slab: Slab, fermi_eV: float) -> dict:
    return {"fermi_level": computed(fermi_eV, "eV"), "thickness": computed(slab.thickness_m, "m")}


def _flags(states: SlabStates) -> list[str]:
    flags = [
        "lambda has the density of states of the whole slab as denominator, lambda_top that of the top half; the paper"
        " does not say which it takes",
        "with the electron's charge: positive as the paper plots it",
    ]
    if np.sqrt(len(states.energy_eV)) < 24:
        flags.append("a coarse grid of k: at 33 meV it moves lambda by some per cent, at 10 meV by some 10 to 20 %")
    return flags
