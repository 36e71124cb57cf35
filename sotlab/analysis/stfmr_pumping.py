"""Spin pumping, from the damping of an ST-FMR reduction and that of a film without the spin-orbit layer."""

from __future__ import annotations

from sotlab.analysis.damping import PUMPING_UNITS, spin_pumping
from sotlab.analysis.stfmr_torques import StripSettings
from sotlab.analysis.values import Value

__all__ = ["reduce_pumping"]


def reduce_pumping(settings: StripSettings, alpha: Value, g: Value, flags: list[str]) -> dict[str, Value]:
    """Return what the damping says beside that of a reference; nothing without a reference. Adds to ``flags``.

    Parameters
    ----------
    settings : StripSettings
        Has the reference's damping, mu0*M_s and the ferromagnet's thickness.
    alpha, g : Value
        Damping and g factor.
    flags : list of str
        The reduction's.
    """
    if settings.alpha_reference is None:
        return {}
    inputs = {"alpha": alpha, "mu0_ms": settings.mu0_ms, "fm_thickness": settings.fm_thickness, "g": g}
    lacking = [name for name, value in inputs.items() if value is None or value.value is None]
    if settings.mu0_ms is None or settings.fm_thickness is None or lacking:
        flags.append(f"{', '.join(PUMPING_UNITS)}: not determined: {', '.join(lacking)} must be known")
        return {name: Value(None, None, unit) for name, unit in PUMPING_UNITS.items()}
    found = spin_pumping(alpha, settings.alpha_reference, settings.mu0_ms, settings.fm_thickness, g)
    flags += found.flags
    return found.results
