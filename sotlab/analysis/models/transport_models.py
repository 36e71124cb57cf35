"""The models of interfaces and ferromagnets by name: mixing conductance, Sharvin, work function, torques."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from sotlab.analysis.models.chunks import Work
from sotlab.analysis.models.drift_diffusion import torque_efficiency
from sotlab.analysis.models.graded_torque import SpinSink, graded_torque, hibino_case
from sotlab.analysis.models.mixing_conductance import mixing_conductance, sharvin_conductance
from sotlab.analysis.models.model import Array, ModelResult, ModelSettings, computed, quantity
from sotlab.analysis.models.work_function import work_function

__all__ = ["DriftDiffusion", "GradedFerromagnet", "Mixing", "Sharvin", "WorkFunction"]


class MixingSettings(ModelSettings):
    """The barrier."""

    exchange: tuple[float, ...] = Field((0.1,), min_length=1, description="J / t0, one or several")
    hopping_difference: tuple[float, ...] = Field((0.1,), min_length=1, description="delta t / t0, one or several")
    energy: float = Field(-5.0, description="E / t0; -6 is the empty band, -5 low filling; not printed in the paper")
    coupling: float = Field(1.0, gt=0, description="t_c / t0 between lattice and magnetic layer")
    spacing: float = quantity(0.0, "m", "Lattice spacing a; 0: conductances per cell only", ge=0)
    points: int = Field(400, ge=1, le=20000, description="Of the grid along each axis of the zone")


class Mixing:
    """Spin-mixing conductance through a depleted interface (seed 000, Fig. 4b-c)."""

    name: ClassVar[str] = "mixing-conductance"
    title: ClassVar[str] = "Spin-mixing conductance"
    settings: ClassVar[type[MixingSettings]] = MixingSettings

    def run(self, settings: MixingSettings, work: Work) -> ModelResult:
        """Compute the conductance for each pair of J and delta t."""
        pairs = [
            (j, dt, settings.energy, settings.points, settings.coupling)
            for j in settings.exchange
            for dt in settings.hopping_difference
        ]
        found = list(work.map(mixing_conductance, pairs))
        g = np.array([each.g for each in found]).reshape(len(settings.exchange), -1)
        channels = found[0].channels
        results = {"channels": computed(channels, "")}
        flags = ["conductances are per lattice cell in e**2/h; the paper prints neither filling nor spacing"]
        if channels == 0:
            flags.append(f"no channel is open at E = {settings.energy:g} t0: the band reaches from -6 to 6 t0")
        if g.size == 1:
            re, im = g[0, 0].real, g[0, 0].imag
            results |= {"re_g": computed(re, ""), "im_g": computed(im, "")}
            if re > 0:
                results["ratio"] = computed(abs(im) / re, "")
            if settings.spacing:
                per_area = found[0].per_area(settings.spacing)
                results["re_g_area"] = computed(per_area.real, "1/(ohm*m**2)")
                results["im_g_area"] = computed(per_area.imag, "1/(ohm*m**2)")
        axes = ("exchange", "hopping_difference")
        arrays = {
            "exchange": Array(np.array(settings.exchange), ""),
            "hopping_difference": Array(np.array(settings.hopping_difference), ""),
            "re_g": Array(np.real(g), "", axes),
            "im_g": Array(np.imag(g), "", axes),
        }
        return ModelResult(self.name, results, arrays, flags, settings.model_dump())


class SharvinSettings(ModelSettings):
    """The carriers."""

    density: float = quantity(1e26, "1/m**3", "Carrier density n", gt=0)


class Sharvin:
    """Sharvin conductance as seed 000 prints it, and with the sphere that its numbers would need."""

    name: ClassVar[str] = "sharvin"
    title: ClassVar[str] = "Sharvin conductance"
    settings: ClassVar[type[SharvinSettings]] = SharvinSettings

    def run(self, settings: SharvinSettings, work: Work) -> ModelResult:
        """Compute the conductance."""
        results = {
            "g_sharvin": computed(sharvin_conductance(settings.density), "1/(ohm*m**2)"),
            "g_sharvin_12": computed(sharvin_conductance(settings.density, 12.0), "1/(ohm*m**2)"),
        }
        flags = [
            "g_sharvin is the printed formula with k_F = (3 pi**2 n)**(1/3): the paper's numbers are 2.4 to 2.6 times"
            " as large, which k_F = (12 pi**2 n)**(1/3), g_sharvin_12, would nearly give"
        ]
        return ModelResult(self.name, results, {}, flags, settings.model_dump())


class WorkFunctionSettings(ModelSettings):
    """The alloy."""

    x: float = Field(0.9, ge=0, le=1, description="Content of the second component")
    first: float = quantity(4.34, "eV", "Work function of the first component; Bi", gt=0)
    second: float = quantity(4.55, "eV", "Work function of the second component; Sb", gt=0)
    dos_first: float | None = Field(None, gt=0, description="Density of states of the first component, any unit")
    dos_second: float | None = Field(None, gt=0, description="Density of states of the second, in the same unit")


class WorkFunction:
    """Work function of an alloy of two components."""

    name: ClassVar[str] = "work-function"
    title: ClassVar[str] = "Work function of an alloy"
    settings: ClassVar[type[WorkFunctionSettings]] = WorkFunctionSettings

    def run(self, settings: WorkFunctionSettings, work: Work) -> ModelResult:
        """Compute the work function."""
        phi = work_function(settings.x, settings.first, settings.second, settings.dos_first, settings.dos_second)
        flags = [] if settings.dos_first else ["linear in x; the two-component model needs both densities of states"]
        return ModelResult(self.name, {"work_function": computed(phi, "eV")}, {}, flags, settings.model_dump())


class DriftDiffusionSettings(ModelSettings):
    """The film."""

    thickness: tuple[Annotated[float, Field(gt=0)], ...] = quantity(
        (5e-9, 10e-9, 15e-9, 20e-9, 26e-9), "m", "One or several", min_length=1
    )
    spin_hall_conductivity: float = quantity(3.68e5, "1/(ohm*m)", "(2e/hbar) sigma_s")
    diffusion_length: float = quantity(24.8e-9, "m", "lambda", gt=0)
    resistivity: float = quantity(350.3e-8, "ohm*m", "rho", gt=0)
    re_g: float = quantity(0.023e13, "1/(ohm*m**2)", "Real part of the mixing conductance", ge=0)
    im_g: float = quantity(0.133e13, "1/(ohm*m**2)", "Imaginary part")


class DriftDiffusion:
    """Torque efficiencies of a spin Hall film against thickness (seed 000, eqs. 1 and 2)."""

    name: ClassVar[str] = "drift-diffusion"
    title: ClassVar[str] = "Torque efficiencies against thickness"
    settings: ClassVar[type[DriftDiffusionSettings]] = DriftDiffusionSettings

    def run(self, settings: DriftDiffusionSettings, work: Work) -> ModelResult:
        """Compute the efficiencies."""
        thickness = np.array(settings.thickness)
        per_field = torque_efficiency(
            thickness,
            settings.spin_hall_conductivity,
            settings.diffusion_length,
            settings.resistivity,
            complex(settings.re_g, settings.im_g),
        )
        per_current = per_field.per_current(settings.resistivity)
        axes = ("thickness",)
        arrays = {
            "thickness": Array(thickness, "m"),
            "xi_dl_E": Array(per_field.xi_dl_E, "1/(ohm*m)", axes),
            "xi_fl_E": Array(per_field.xi_fl_E, "1/(ohm*m)", axes),
            "xi_dl_j": Array(per_current.xi_dl_E, "", axes),
            "xi_fl_j": Array(per_current.xi_fl_E, "", axes),
        }
        return ModelResult(self.name, {}, arrays, [], settings.model_dump())


class GradedSettings(ModelSettings):
    """The graded layer."""

    case: Literal["I", "II-A", "II-B", "III-A", "III-B", "IV-A", "IV-B"] = Field(
        "II-A", description="Gradient of nothing, M_s, theta or rho; A: Ni at the bottom"
    )
    closure: Literal["fixed", "consistent", "accumulation", "scaled"] = Field(
        "fixed", description="How lengths and torque follow rho; decides case IV, not printed in the paper"
    )
    average: Literal["local", "macrospin"] = Field("local", description="Sum of torque/M_s, or torque sum/M_s sum")
    points: int = Field(1000, ge=10, le=1000000, description="Cells, a multiple of 10")
    sink_thickness: float = quantity(3e-9, "m", "Of the Ta-B below; 0: closed end", ge=0)
    precession_length: float = quantity(1e-9, "m", "lambda_J", gt=0)
    dephasing_length: float = quantity(3.7e-9, "m", "lambda_phi", gt=0)
    spin_flip_length: float = quantity(5e-9, "m", "lambda_sf", gt=0)


class GradedFerromagnet:
    """Torque of a graded ferromagnet on itself (seed 003, Fig. 4b-h)."""

    name: ClassVar[str] = "graded-torque"
    title: ClassVar[str] = "Torque of a graded ferromagnet"
    settings: ClassVar[type[GradedSettings]] = GradedSettings

    def run(self, settings: GradedSettings, work: Work) -> ModelResult:
        """Solve the layer."""
        layer = hibino_case(settings.case)
        layer = replace(
            layer,
            precession_m=settings.precession_length,
            dephasing_m=settings.dephasing_length,
            spin_flip_m=settings.spin_flip_length,
        )
        sink = SpinSink(settings.sink_thickness).conductance
        solved = graded_torque(layer, sink, settings.closure, settings.average, settings.points)
        unit = "rad*m/(s*V)"
        results = {"t_dl": computed(solved.total.real, unit), "t_fl": computed(solved.total.imag, unit)}
        arrays = {
            "z": Array(solved.z_m, "m"),
            "mu_y": Array(np.real(solved.accumulation_m), "m", ("z",)),
            "mu_z": Array(np.imag(solved.accumulation_m), "m", ("z",)),
            "slab_z": Array(solved.slab_z_m, "m"),
            "slab_t_dl": Array(np.real(solved.slab_torque), unit, ("slab_z",)),
            "slab_t_fl": Array(np.imag(solved.slab_torque), unit, ("slab_z",)),
        }
        flags = ["M_s, rho and lengths are nominal: the paper's Table I is not in the copy at hand"]
        if settings.case.startswith("IV"):
            flags.append(f"case IV depends on the closure ({settings.closure}), which the paper does not print")
        return ModelResult(self.name, results, arrays, flags, settings.model_dump())
