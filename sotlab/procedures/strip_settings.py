"""What the sample file and the calibrations know of a strip, as settings of the ST-FMR analysis."""

from __future__ import annotations

from typing import Any

from sotlab.instruments.sample import Sample

__all__ = ["strip_settings"]


def strip_settings(sample: Sample) -> dict[str, Any]:
    """Return what the sample file knows; what it does not know is left out, so that the analysis can say so."""
    known: dict[str, tuple[float | None, float, str]] = {
        "mu0_ms": (sample.mu0_ms_T, sample.mu0_ms_sigma_T, "T"),
        "strip_width": (sample.strip_width_m, sample.strip_width_sigma_m, "m"),
        "sheet_resistance": (sample.sheet_resistance_ohm, sample.sheet_resistance_sigma_ohm, "ohm"),
        "delta_resistance": (sample.delta_resistance_ohm, sample.delta_resistance_sigma_ohm, "ohm"),
    }
    settings: dict[str, Any] = {}
    if sample.nm_side in (1, -1) and len(sample.stack) == 2:
        # In the order of growth: with the spin-orbit layer below the ferromagnet it is the first.
        layer, magnet = sample.stack[:: sample.nm_side]
        settings["nm_side"] = sample.nm_side
        fm_sigma_m = (magnet.thickness_sigma_m**2 + sample.dead_layer_sigma_m**2) ** 0.5
        known |= {
            "fm_thickness": (magnet.thickness_m - sample.dead_layer_m, fm_sigma_m, "m"),
            "nm_thickness": (layer.thickness_m, layer.thickness_sigma_m, "m"),
            "rho": (layer.resistivity_ohm_m, layer.resistivity_sigma_ohm_m, "ohm*m"),
        }
    return settings | {
        name: {"value": value, "sigma": sigma, "unit": unit}
        for name, (value, sigma, unit) in known.items()
        if value is not None
    }
