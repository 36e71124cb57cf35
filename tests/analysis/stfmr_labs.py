"""Laboratories that measure one strip: each has the same sample, and what it was told of it is off by a sigma or so.

The lines are those of the virtual lab's physics, which shares no code with the analysis.
"""

import numpy as np

from sotlab.analysis.stfmr import STFMRSettings
from sotlab.analysis.values import Value
from sotlab.simulated.physics.sample import Sample

from .macrospin import autoregressive

SAMPLE = {
    "name": "strip", "width_m": 7e-6, "length_m": 49e-6, "fm_thickness_m": 6e-9, "nm_thickness_m": 6e-9,
    "nm_resistivity_ohm_m": 2.5e-7, "nm_side": 1, "resistance_ohm": 157.4, "amr_ohm": 0.787, "mu0_ms_T": 0.95,
    "mu0_meff_T": 0.85, "g": 2.1, "alpha": 0.013, "width_0_T": 5e-4, "xi_dl_E": 3.2e5, "xi_fl_E": 3e4,
    "coefficient_per_K": 2e-3, "heating_K_per_W": 3e3, "most_A_per_m2": 2.4e11, "contact_ohm": 1.0,
    "inductance_H": 30e-12, "pad_F": 20e-15,
}  # fmt: skip
CURRENT_A = 2e-3
#: Relative sigmas of what a laboratory is told.
TOLD = {
    "current": 0.03, "delta_resistance": 0.01, "mu0_ms": 0.02, "fm_thickness": 0.02, "strip_width": 0.01,
    "sheet_resistance": 0.01, "rho": 0.02, "nm_thickness": 0.01,
}  # fmt: skip
TRUE_SETTINGS = {
    "current": CURRENT_A, "delta_resistance": 0.787, "mu0_ms": 0.95, "fm_thickness": 6e-9, "strip_width": 7e-6,
    "sheet_resistance": 157.4 / 7, "rho": 2.5e-7, "nm_thickness": 6e-9,
}  # fmt: skip


def the_sample(**changes):
    return Sample.from_mapping(SAMPLE | changes, "test")


def settings(values, sigmas=None):
    """Return settings; numbers of a unit become values with their sigma, 0 if there is none."""
    sigmas = sigmas or {}
    typed = {
        name: Value(value, sigmas.get(name, 0.0), STFMRSettings.model_fields[name].json_schema_extra["unit"])
        if name in TRUE_SETTINGS or (name == "resistance_per_length" and value is not None) else value
        for name, value in values.items()
    }  # fmt: skip
    typed |= {name: None for name, value in values.items() if value is None}
    return STFMRSettings(**{"current_convention": "peak", "nm_side": 1, "g": 2.1, **typed})


def told(rng):
    """Return settings as a laboratory has them: truth and a draw of the stated sigma."""
    sigmas = {name: relative * TRUE_SETTINGS[name] for name, relative in TOLD.items()}
    return settings({name: rng.normal(TRUE_SETTINGS[name], sigma) for name, sigma in sigmas.items()}, sigmas)


def exactly(sigmas=None, **more):
    return settings({**TRUE_SETTINGS, **more}, sigmas)


def spectra(sample, frequencies_Hz, angles_deg, points=101, widths=10):
    """Return frequencies, angles, signed fields and voltages (n, points) of all sweeps, without noise."""
    rows = []
    for f in frequencies_Hz:
        for angle in angles_deg:
            for sign in (1, -1):
                line = sample.line(f, CURRENT_A, angle + (180 if sign < 0 else 0))
                x = np.linspace(-widths, widths, points) * line.width_T
                w = line.width_T
                v = (line.v_sym_V * w**2 + line.v_asym_V * w * x) / (x**2 + w**2)
                rows.append((f, angle, sign * (line.field_res_T + x), v))
    return [np.array(column) for column in zip(*rows, strict=True)]


def noise(rng, shape, rho):
    return autoregressive(rng, int(np.prod(shape)), rho).reshape(shape)
