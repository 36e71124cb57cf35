"""Simulated films and their scans, for the tests of harmonic Hall."""

import numpy as np

from sotlab.analysis.values import Value

from .macrospin import autoregressive, harmonics

FLAT_FIELDS, STEEP_FIELDS = np.linspace(0.1, 2, 8), np.linspace(1.2, 3.9, 5)
STEEP_ANGLES = np.arange(5, 365, 10.0)
FILM = {"r_a": 1.2, "r_p": 0.19, "b_k": -0.85}
PMA = {"r_a": -1.9, "r_p": 0.19, "b_k": 0.78}
TORQUE = {"b_dl": 2e-4, "b_fl": -0.5e-4}
HEAT = {"r_ane": 3e-6, "r_one": 2e-6}


def exact(value, unit=""):
    return Value(value, 0.0, unit)


def scans(fields, angles_deg):
    return np.repeat(fields, len(angles_deg)), np.tile(np.radians(angles_deg), len(fields))


def in_plane(fields=FLAT_FIELDS, offset_rad=0.02, **changes):
    """Return fields, angles, R_1w, R_2w of the film magnetised in its plane."""
    field, azimuth = scans(fields, np.arange(0, 360, 10.0))
    r_1w, r_2w = harmonics(field, np.pi / 2, azimuth + offset_rad, **(FILM | TORQUE | HEAT | changes))
    return field, azimuth, r_1w + 0.01, r_2w + 1e-6


def out_of_plane(fields=STEEP_FIELDS, angles_deg=STEEP_ANGLES, offset_rad=0.01, **changes):
    """Return fields, angles, R_1w, R_2w of the film with an easy axis."""
    field, polar = scans(fields, angles_deg)
    truth = PMA | TORQUE | HEAT | {"r_ohe": 0.02} | changes
    return field, polar, *harmonics(field, polar + offset_rad, 0.0, **truth)


def noisy(data, rng, first=3e-5, second=3e-7, rho=0.0):
    field, angle, r_1w, r_2w = data
    count = len(field)
    return (
        field,
        angle,
        r_1w + first * autoregressive(rng, count, rho),
        r_2w + second * autoregressive(rng, count, rho),
    )
