"""Low-field harmonic Hall: what comes back from a macrospin, what must be known, and where it is undefined."""

import numpy as np
import pytest

from sotlab.analysis.harmonic_hall_low_field import LowFieldSweep, fit_low_field
from sotlab.analysis.values import Value

from .hall_films import HEAT, PMA, TORQUE, exact, noisy
from .macrospin import harmonics

NERNST = {"r_ane": exact(3e-6), "r_one": exact(2e-6)}


def sweeps(states=(True, False), **changes):
    field = np.linspace(-0.3, 0.3, 121)
    made = []
    for up in states:
        for across in (False, True):
            polar, azimuth = np.full(field.shape, np.pi / 2), np.full(field.shape, np.pi / 2 if across else 0.0)
            both = harmonics(field, polar, azimuth, up=up, **(PMA | TORQUE | HEAT | changes))
            made.append(LowFieldSweep(field, *both, across, up))
    return made


@pytest.mark.parametrize("states", [(True, False), (True,), (False,)])
def test_low_field_sweeps_give_back_the_torques(states):
    result = fit_low_field(sweeps(states), r_p=exact(0.19), r_a=exact(-1.9), known=NERNST)
    assert result.results["b_dl"].value == pytest.approx(2e-4, rel=1.5e-2)
    assert result.results["b_fl"].value == pytest.approx(-0.5e-4, rel=3e-2)
    assert result.results["b_k"].value == pytest.approx(0.78, rel=5e-3)


def test_both_states_of_a_low_field_measurement_determine_the_anomalous_hall_effect():
    result = fit_low_field(sweeps(), r_p=exact(0.19), known=NERNST)
    assert result.results["r_a"].value == pytest.approx(-1.9, rel=1e-3)
    assert fit_low_field(sweeps((True,)), r_p=exact(0.19), known=NERNST).results["b_dl"].value is None


def test_low_field_sweeps_without_the_nernst_effect_of_another_geometry_are_refused():
    result = fit_low_field(sweeps(), r_p=exact(0.19))
    assert result.results["b_dl"].value is None
    assert any("r_ane and r_one" in flag for flag in result.flags)
    assert result.results["b_k"].value == pytest.approx(0.78, rel=5e-3)
    loose = fit_low_field(sweeps(), r_p=exact(0.19), known=NERNST | {"r_ane": Value(3e-6, 1e-4, "ohm")}).results
    # The sheet: R_ANE adds 2 R_ANE B_K/[R_A (1 - 4 xi^2)].
    assert loose["b_dl"].sigma == pytest.approx(2e-4 * 0.78 / 1.9 / (1 - 4 * 0.01), rel=0.02)


def test_low_field_is_undefined_where_the_planar_hall_effect_is_half_of_the_anomalous_one():
    result = fit_low_field(sweeps(r_p=0.93), r_p=Value(0.93, 0.01, "ohm"), known=NERNST)
    assert result.results["b_dl"].value is None
    assert any("1 - 4 xi^2" in flag for flag in result.flags)


def test_low_field_sigmas_hold():
    rng, pulls, clean = np.random.default_rng(0), [], sweeps()
    ideal = fit_low_field(clean, r_p=exact(0.19), r_a=exact(-1.9), known=NERNST).results
    for _ in range(80):
        r_p, r_a = Value(rng.normal(0.19, 0.01), 0.01, "ohm"), Value(rng.normal(-1.9, 0.02), 0.02, "ohm")
        known = {n: Value(rng.normal(v.value, 3e-7), 3e-7, "") for n, v in NERNST.items()}
        made = [
            LowFieldSweep(s.field_T, *noisy((s.field_T, 0, s.r_1w_ohm, s.r_2w_ohm), rng)[2:], s.across, s.up)
            for s in clean
        ]
        results = fit_low_field(made, r_p=r_p, r_a=r_a, known=known).results
        pulls.append([(results[n].value - ideal[n].value) / results[n].sigma for n in ("b_dl", "b_fl")])
    assert np.all(np.abs(np.std(pulls, axis=0) - 1) < 0.25), np.std(pulls, axis=0)  # scatters by 0.08
