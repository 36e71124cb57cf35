"""The efficiency relative to the reference, from what sample files or settings say of both stacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sotlab.analysis.harmonic_hall import not_determined
from sotlab.analysis.joint import number, spread
from sotlab.analysis.thz.delay_scans import THzSettings
from sotlab.analysis.thz.stack import Efficiency, Emitter, Layer, Material, efficiency, impedance_ohm
from sotlab.analysis.values import Value
from sotlab.errors import FitError, UsageError

__all__ = ["emitter_of", "eta_of", "has_optics"]

EXACT = Value(1.0, 0.0, "")
_NUMBERS = ("absorptance", "sheet_conductance", "substrate_index")


def eta_of(
    ratio: Value, settings: THzSettings, sample: Mapping[str, Any] | None, reference: Mapping[str, Any] | None
) -> tuple[Value, list[str], Efficiency | None]:
    """Return eta = (S/S_ref) (A_ref F_ref/(A F)) (Z_ref/Z), why it is not determined, and what stands behind it.

    Absorptances and impedances are the settings' numbers where these are given, else they follow from the stacks of
    both sample files: A by transfer matrices, Z = Z_0/(1 + n + Z_0 G) with each sample's own substrate.

    Parameters
    ----------
    ratio : Value
        S/S_ref.
    settings : THzSettings
        What the analysis was told.
    sample, reference : mapping or None
        What the sample files of the runs say.
    """
    nothing = Value(None, None, "")
    needed = [*_NUMBERS, *(f"reference_{name}" for name in _NUMBERS)]
    lacking = [name for name in needed if getattr(settings, name) is None]
    if len(lacking) == len(needed):
        stacks = settings.stack or sample, settings.reference_stack or reference
        known = [stack for stack in stacks if stack is not None and has_optics(stack)]
        if len(known) < 2:
            which = " and ".join(
                name for name, stack in zip(("sample", "reference"), stacks, strict=True) if stack not in known
            )
            why = (
                f"n, k and substrate of the {which} are not known; give them in the sample files, or absorptance,"
                " sheet_conductance and substrate_index of sample and reference"
            )
            return nothing, [not_determined("eta", why)], None
        return _of_stacks(ratio, settings, *known)
    if lacking:
        why = f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} needed"
        return nothing, [not_determined("eta", why)], None
    if ratio.value is None or ratio.sigma is None:
        return nothing, [not_determined("eta", "the ratio is not")], None
    inputs = [getattr(settings, name) for name in needed] + [settings.fluence_ratio]

    def log_scale(p: np.ndarray) -> float:
        a, g, n, a_r, g_r, n_r, fluence = p
        z, z_r = (float(abs(impedance_ohm(gg, substrate_thz_n=nn))) for gg, nn in ((g, n), (g_r, n_r)))
        return float(np.log(a_r / a / fluence * z_r / z))

    nominal = np.array([number(value) for value in inputs])
    if not (nominal > 0).all():
        raise UsageError(f"eta: {', '.join(needed)} and fluence_ratio must be above 0")
    changes = [log_scale(nominal + d) - log_scale(nominal - d) for d in np.diag([spread(v) / 2 for v in inputs])]
    eta = number(ratio) * float(np.exp(log_scale(nominal)))
    relative = float(np.hypot(spread(ratio) / number(ratio), np.linalg.norm(changes)))
    return Value.of(eta, abs(eta) * relative, ""), [], None


def has_optics(stack: Mapping[str, Any]) -> bool:
    """Return whether a sample file says what light meets in the stack."""
    if not stack.get("substrate") or not stack.get("stack"):
        return False
    return all(layer.get("n") for layer in stack["stack"])


def _of_stacks(
    ratio: Value, settings: THzSettings, sample: Mapping[str, Any], reference: Mapping[str, Any]
) -> tuple[Value, list[str], Efficiency | None]:
    if sample["name"] == reference["name"]:
        return ratio, [], None
    emitters = emitter_of(sample, ratio, settings.fluence_ratio), emitter_of(reference)
    band_Hz = (settings.band_start + settings.band_stop) / 2
    try:
        found = efficiency([emitters[0]], emitters[1], wavelength_m=settings.wavelength, frequency_Hz=band_Hz)
    except FitError as error:
        return Value(None, None, ""), [not_determined("eta", str(error))], None
    return found.eta[0], list(found.flags), found


def emitter_of(sample: Mapping[str, Any], ratio: Value = EXACT, fluence: Value = EXACT) -> Emitter:
    """Return a sample as the transfer matrix takes it, from what its file says.

    The pump comes from the films' side: the last layer that was grown is the first that it meets.

    Parameters
    ----------
    sample : mapping
        A sample file: ``name``, ``stack`` of layers with ``material``, ``thickness_m``, ``n``, ``k``, their sigmas and
        ``resistivity_ohm_m``; ``substrate`` with ``n``, ``n_thz``; ``sheet_resistance_ohm`` of the whole stack.
    ratio : Value
        Field over that of the reference.
    fluence : Value
        Fluence over that of the reference.
    """
    substrate = sample["substrate"]
    resistance = sample.get("sheet_resistance_ohm")
    return Emitter(
        sample["name"],
        tuple(_layer(one) for one in reversed(sample["stack"])),
        substrate["n"],
        substrate["n_thz"],
        ratio,
        substrate.get("n_thz_sigma", 0.0),
        None if resistance is None else 1 / resistance,
        0.0 if resistance is None else sample.get("sheet_resistance_sigma_ohm", 0.0) / resistance**2,
        number(fluence),
        spread(fluence),
    )


def _layer(entry: Mapping[str, Any]) -> Layer:
    resistivity = entry.get("resistivity_ohm_m")
    conductivity = 0.0 if resistivity is None else 1 / resistivity
    sigma = 0.0 if resistivity is None else entry.get("resistivity_sigma_ohm_m", 0.0) / resistivity**2
    material = Material(
        entry["material"],
        entry["n"],
        entry.get("k") or 0.0,
        entry.get("n_sigma", 0.0),
        entry.get("k_sigma", 0.0),
        conductivity,
        sigma,
    )
    return Layer(material, entry["thickness_m"])
