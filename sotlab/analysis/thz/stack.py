"""What a stack absorbs of the pump and how it loads the terahertz current: the efficiency relative to a reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import constants

from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["Absorption", "Efficiency", "Emitter", "Layer", "Material", "absorption", "efficiency", "impedance_ohm"]

#: Impedance of vacuum, mu0 c.
Z0_OHM = constants.mu_0 * constants.c
#: A derivative is taken over this part of a standard deviation.
_PART = 0.1


@dataclass(frozen=True)
class Material:
    """What a layer is made of; materials of one name share their errors between samples.

    Parameters
    ----------
    name : str
        Its name.
    n, k : float
        Refractive index and extinction at the pump's wavelength, index n - i k.
    n_sigma, k_sigma : float
        One standard deviation of each.
    conductivity_S_m, conductivity_sigma_S_m : float
        Conductivity at terahertz frequencies, zero frequency limit [S/m].
    scattering_s : float
        Drude's scattering time: sigma/(1 + 2 pi i f tau).
    """

    name: str
    n: float
    k: float = 0.0
    n_sigma: float = 0.0
    k_sigma: float = 0.0
    conductivity_S_m: float = 0.0
    conductivity_sigma_S_m: float = 0.0
    scattering_s: float = 0.0


@dataclass(frozen=True)
class Layer:
    """A layer of a material.

    Parameters
    ----------
    material : Material
    thickness_m : float
    """

    material: Material
    thickness_m: float


@dataclass(frozen=True)
class Emitter:
    """A sample: what was measured of it, and what is known of it.

    Parameters
    ----------
    name : str
        Its name.
    layers : tuple of Layer
        From the side that the pump comes from to the substrate.
    substrate_n : float
        The substrate's index at the pump's wavelength.
    substrate_thz_n, substrate_thz_n_sigma : float
        Its index at terahertz frequencies, and one standard deviation.
    sheet_conductance_S, sheet_conductance_sigma_S : float or None, float
        Measured conductance of the whole stack [S per square]; from the materials if None.
    ratio : Value
        Field over that of the reference, with sign; 1 +- 0 for the reference itself.
    fluence_J_m2, fluence_sigma_J_m2 : float
        Fluence of the pump, and the error that it does not share with the other samples.
    """

    name: str
    layers: tuple[Layer, ...]
    substrate_n: float
    substrate_thz_n: float
    ratio: Value = Value(1.0, 0.0, "")  # noqa: RUF009 - a frozen value
    substrate_thz_n_sigma: float = 0.0
    sheet_conductance_S: float | None = None
    sheet_conductance_sigma_S: float = 0.0
    fluence_J_m2: float = 1.0
    fluence_sigma_J_m2: float = 0.0


@dataclass(frozen=True)
class Absorption:
    """Where the pump goes, as shares of what comes in.

    Parameters
    ----------
    reflected, transmitted : float
        R, and T into the substrate.
    layers : (L,) float
        Absorbed in each layer; with R and T they add up to 1.
    """

    reflected: float
    transmitted: float
    layers: np.ndarray


@dataclass(frozen=True)
class Efficiency:
    """The result of :func:`efficiency`.

    Parameters
    ----------
    names : tuple of str
        The samples.
    eta : tuple of Value
        (S/S_ref)(A_ref F_ref/(A F))(Z_ref/Z) of each, with sign and all errors.
    signal_sigma : (N,) float
        The part of each sigma that comes from the signal alone.
    covariance : (N, N) float
        Of the relative errors of all that was put in but the signals: common to samples that share it.
    absorbed : (N,) float
        A of each sample; ``absorbed_reference`` of the reference.
    impedance_ohm : (N,) float
        |Z| of each sample in the middle of the band; ``impedance_reference_ohm`` of the reference.
    flags : tuple of str
        What the reader must know.
    """

    names: tuple[str, ...]
    eta: tuple[Value, ...]
    signal_sigma: np.ndarray
    covariance: np.ndarray
    absorbed: np.ndarray
    impedance_ohm: np.ndarray
    absorbed_reference: float
    impedance_reference_ohm: float
    flags: tuple[str, ...]


def absorption(
    layers: Sequence[Layer], wavelength_m: float, *, substrate_n: float, ambient_n: float = 1.0
) -> Absorption:
    """Return what a stack reflects, absorbs in each layer, and lets into the substrate, at normal incidence.

    Transfer matrices (E, H) = M (E, H)', M = [[cos d, i sin d/n], [i n sin d, cos d]] with d = 2 pi n t/lambda
    and n = n - i k; a layer absorbs the difference of Re(E H*) between its faces. The substrate has no far side.

    Parameters
    ----------
    layers : sequence of Layer
        From the side that the light comes from.
    wavelength_m : float
        Vacuum wavelength.
    substrate_n, ambient_n : float
        Indices behind and before the stack.

    References
    ----------
    Born and Wolf, Principles of Optics, section 1.6.2; Macleod, Thin-Film Optical Filters, chapter 2.
    """
    if not wavelength_m > 0:
        raise FitError(f"absorption: a wavelength of {wavelength_m} m is not possible")
    E, H = 1.0 + 0j, complex(substrate_n)
    flux = [substrate_n]
    for layer in reversed(layers):
        n = complex(layer.material.n, -layer.material.k)
        if layer.thickness_m < 0 or n.real <= 0 or n.imag > 0:
            raise FitError(
                f"absorption: layer {layer.material.name} with {layer.thickness_m} m, n {layer.material.n}, k"
                f" {layer.material.k} is not possible; thickness and k are 0 or more, n is positive"
            )
        d = 2 * np.pi * n * layer.thickness_m / wavelength_m
        c, s = np.cos(d), 1j * np.sin(d)
        E, H = c * E + s / n * H, s * n * E + c * H
        flux.append(float((E * np.conj(H)).real))
    incoming = ambient_n * abs((E + H / ambient_n) / 2) ** 2
    reflected = abs((ambient_n * E - H) / (ambient_n * E + H)) ** 2
    inside = np.diff(np.array(flux))[::-1] / incoming
    return Absorption(float(reflected), float(substrate_n / incoming), inside)


def impedance_ohm(
    conductance_S: np.ndarray | complex, *, substrate_thz_n: np.ndarray | complex, ambient_thz_n: float = 1.0
) -> np.ndarray:
    """Return Z = Z0/(n_air + n_sub + Z0 integral sigma dz) [ohm], of a film much thinner than the wavelength.

    Parameters
    ----------
    conductance_S : complex or (F,) complex
        Sheet conductance of the stack, integral of sigma over its thickness [S].
    substrate_thz_n : complex or (F,) complex
        Index of the sample's own substrate at terahertz frequencies.
    ambient_thz_n : float
        Index of the other side.

    References
    ----------
    Seifert et al., Nat. Photonics 10, 483 (2016), equation 1.
    """
    return Z0_OHM / (ambient_thz_n + substrate_thz_n + Z0_OHM * np.asarray(conductance_S))


def conductance_S(emitter: Emitter, frequency_Hz: float) -> complex:
    """Return the sheet conductance of a stack: the measured one, with the materials' frequency dependence if given."""
    if emitter.sheet_conductance_S is not None:
        return complex(emitter.sheet_conductance_S)
    return (
        sum(
            layer.material.conductivity_S_m
            * layer.thickness_m
            / (1 + 2j * np.pi * frequency_Hz * layer.material.scattering_s)
            for layer in emitter.layers
        )
        + 0j
    )


def efficiency(
    samples: Sequence[Emitter],
    reference: Emitter,
    *,
    wavelength_m: float = 810e-9,
    frequency_Hz: float = 1e12,
    ambient_thz_n: float = 1.0,
    absorbing: Callable[[Layer], bool] | None = None,
) -> Efficiency:
    """Return eta = (S/S_ref)(A_ref F_ref/(A F))(|Z_ref|/|Z|) of samples, with all errors and how they hang together.

    Errors of a material's n, k, conductivity are taken once for all samples that hold it, reference included, so that
    they cancel where they should; the rest belongs to one sample each.

    Parameters
    ----------
    samples : sequence of Emitter
        Each with its own substrate.
    reference : Emitter
        The reference, as Co/Pt.
    wavelength_m : float
        Of the pump.
    frequency_Hz : float
        Middle of the band, where Z is taken.
    ambient_thz_n : float
        Index on the film's side at terahertz frequencies.
    absorbing : callable, optional
        Which layers' absorption drives the current; all of them if not given.
    """
    chosen = absorbing or (lambda layer: True)

    def scale(emitter: Emitter) -> tuple[float, float]:
        """Return the absorbed share and |Z|."""
        found = absorption(emitter.layers, wavelength_m, substrate_n=emitter.substrate_n)
        absorbed = float(sum(a for a, layer in zip(found.layers, emitter.layers, strict=True) if chosen(layer)))
        if not absorbed > 1e-9:
            raise FitError(f"efficiency: {emitter.name} absorbs nothing of the pump; give k of its metals")
        z = impedance_ohm(
            conductance_S(emitter, frequency_Hz),
            substrate_thz_n=emitter.substrate_thz_n,
            ambient_thz_n=ambient_thz_n,
        )
        return absorbed, float(abs(z))

    everything = [*samples, reference]
    base = [scale(one) for one in everything]

    def log_scale(emitters: Sequence[Emitter]) -> np.ndarray:
        """Return ln(A F Z) of all."""
        return np.array([np.log(a * z * e.fluence_J_m2) for e in emitters for a, z in [scale(e)]])

    start = log_scale(everything)
    moves = [(log_scale([change(e) for e in everything]) - start) / _PART for change in _changes(everything)]
    jacobian = np.array(moves).reshape(len(moves), len(everything))
    # eta of a sample has its own A F Z below, and that of the reference above.
    relative = jacobian[:, -1:] - jacobian[:, :-1]
    own_reference = reference.ratio.sigma or 0.0
    covariance = relative.T @ relative + own_reference**2
    factor = np.exp(start[-1] - start[:-1])
    values, signal_sigma, flags = [], [], []
    for k, sample in enumerate(samples):
        if sample.ratio.value is None or sample.ratio.sigma is None:
            values.append(Value(None, None, ""))
            signal_sigma.append(np.nan)
            flags.append(f"eta: {sample.name}: not determined: its signal is not")
            continue
        eta = sample.ratio.value * factor[k]
        noise = sample.ratio.sigma * factor[k]
        signal_sigma.append(noise)
        values.append(Value.of(eta, float(np.hypot(noise, eta * np.sqrt(covariance[k, k]))), ""))
    for one in everything:
        metals = any(layer.material.conductivity_S_m for layer in one.layers)
        if one.sheet_conductance_S is None and not metals:
            flags.append(f"eta: {one.name}: no conductance is known: its impedance is that of the bare substrate")
    return Efficiency(
        tuple(e.name for e in samples),
        tuple(values),
        np.array(signal_sigma),
        covariance,
        np.array([a for a, _ in base[:-1]]),
        np.array([z for _, z in base[:-1]]),
        base[-1][0],
        base[-1][1],
        tuple(flags),
    )


def _changes(emitters: Sequence[Emitter]) -> list[Callable[[Emitter], Emitter]]:
    """Return, for each error that went in, what moves an emitter by a part of one standard deviation of it."""
    materials = {layer.material.name: layer.material for e in emitters for layer in e.layers}
    changes: list[Callable[[Emitter], Emitter]] = []

    def of_material(name: str, field: str, step: float) -> Callable[[Emitter], Emitter]:
        def change(emitter: Emitter) -> Emitter:
            layers = tuple(
                replace(layer, material=replace(layer.material, **{field: getattr(layer.material, field) + step}))
                if layer.material.name == name
                else layer
                for layer in emitter.layers
            )
            return replace(emitter, layers=layers)

        return change

    def of_sample(name: str, field: str, step: float) -> Callable[[Emitter], Emitter]:
        def change(emitter: Emitter) -> Emitter:
            if emitter.name != name or getattr(emitter, field) is None:
                return emitter
            return replace(emitter, **{field: getattr(emitter, field) + step})

        return change

    for name, material in materials.items():
        for field in ("n", "k"):
            if sigma := getattr(material, f"{field}_sigma"):
                changes.append(of_material(name, field, _PART * sigma))
        if material.conductivity_sigma_S_m:
            changes.append(of_material(name, "conductivity_S_m", _PART * material.conductivity_sigma_S_m))
    for e in emitters:
        if e.sheet_conductance_S is not None and e.sheet_conductance_sigma_S:
            changes.append(of_sample(e.name, "sheet_conductance_S", _PART * e.sheet_conductance_sigma_S))
        if e.substrate_thz_n_sigma:
            changes.append(of_sample(e.name, "substrate_thz_n", _PART * e.substrate_thz_n_sigma))
        if e.fluence_sigma_J_m2:
            changes.append(of_sample(e.name, "fluence_J_m2", _PART * e.fluence_sigma_J_m2))
    return changes
