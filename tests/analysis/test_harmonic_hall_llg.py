"""Harmonic Hall against the precessing LLG equation with a slow current, which shares nothing with the analysis."""

import numpy as np
import pytest

from sotlab.analysis.harmonic_hall_in_plane import fit_in_plane
from sotlab.analysis.harmonic_hall_out_of_plane import fit_out_of_plane

from .hall_films import FILM, HEAT, PMA, TORQUE, exact, scans
from .llg import hall_harmonics

STEEP = scans(np.linspace(1.2, 3.9, 3), np.arange(5, 365, 24.0))
FLAT = scans(np.geomspace(0.6, 3, 4), np.arange(0, 360, 24.0))

NOTHING = {"b_dl": 0.0, "b_fl": 0.0, "r_ane": 0.0, "r_one": 0.0}
#: What makes the second harmonic, and to what the sheet wants it back.
CASES = (
    (NOTHING | {"b_dl": 2e-4}, {"b_dl": 5e-4}),
    (NOTHING | HEAT | {"b_dl": -2e-4}, {"b_dl": 1e-3, "r_ane": 3e-3, "r_one": 3e-3}),
    (TORQUE | HEAT, {"b_dl": 1e-3, "b_fl": 3e-3, "r_ane": 3e-3, "r_one": 3e-3}),
)


def test_out_of_plane_the_llg_equation_s_torques_come_back():
    # All cases are integrated at once, one behind the other.
    size = len(STEEP[0])
    torques = {name: np.repeat([torque[name] for torque, _ in CASES], size) for name in NOTHING}
    readings = hall_harmonics(*(np.tile(a, len(CASES)) for a in STEEP), 0.0, **PMA, **torques)
    for k, (torque, tolerances) in enumerate(CASES):
        own = (reading[k * size : (k + 1) * size] for reading in readings)
        results = fit_out_of_plane(*STEEP, *own, r_p=exact(PMA["r_p"])).results
        for name, tolerance in tolerances.items():
            assert results[name].value == pytest.approx(torque[name], rel=tolerance), (k, name)


def test_in_plane_the_llg_equation_s_torques_come_back():
    truth, (field_T, azimuth_rad) = FILM | TORQUE | HEAT, FLAT
    readings = hall_harmonics(field_T, np.pi / 2, azimuth_rad, **truth)
    known = {"r_a": exact(truth["r_a"]), "mu0_meff": exact(-truth["b_k"])}
    results = fit_in_plane(field_T, azimuth_rad, *readings, **known).results
    for name in ("b_dl", "b_fl", "r_ane", "r_one"):
        assert results[name].value == pytest.approx(truth[name], rel=1e-3), name
