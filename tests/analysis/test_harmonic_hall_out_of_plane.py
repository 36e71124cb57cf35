"""Out-of-plane harmonic Hall: a macrospin's values, the slope form, uncertainties and refusals."""

import numpy as np
import pytest

from sotlab.analysis.harmonic_hall_in_plane import fit_in_plane
from sotlab.analysis.harmonic_hall_out_of_plane import fit_out_of_plane
from sotlab.analysis.values import Value

from .hall_films import HEAT, TORQUE, exact, noisy, out_of_plane, scans
from .macrospin import harmonics

OUT_OF_PLANE = out_of_plane()


@pytest.mark.parametrize("thermal", [{"r_ane": 0.0, "r_one": 0.0}, HEAT])
def test_clean_out_of_plane_scans_give_back_every_term(thermal):
    # The sheet: 5e-4 with the damping-like torque alone, 1e-3 with the Nernst effects, 3e-3 of B_FL.
    results = fit_out_of_plane(*out_of_plane(**thermal), r_p=exact(0.19)).results
    assert results["b_dl"].value == pytest.approx(2e-4, rel=1e-3 if thermal["r_ane"] else 5e-4)
    assert results["b_fl"].value == pytest.approx(-0.5e-4, rel=3e-3)
    assert results["r_a"].value == pytest.approx(-1.9, rel=1e-5)
    assert results["b_k"].value == pytest.approx(0.78, rel=1e-5)
    assert results["r_ohe"].value == pytest.approx(0.02, rel=1e-4)
    assert results["angle_offset"].value == pytest.approx(0.01, abs=1e-5)
    assert results["r_ane"].value == pytest.approx(thermal["r_ane"], abs=1e-8)
    assert results["r_one"].value == pytest.approx(thermal["r_one"], abs=1e-8)


def test_a_damping_like_torque_alone_is_exact():
    results = fit_out_of_plane(*out_of_plane(b_fl=0.0, r_ane=0.0, r_one=0.0, r_p=0.0), r_p=exact(0.0)).results
    assert results["b_dl"].value == pytest.approx(2e-4, rel=5e-4)
    assert results["b_fl"].value is None


def test_in_plane_and_out_of_plane_scans_of_one_sample_agree_in_sign_and_size():
    truth = {"r_a": -1.9, "r_p": 0.3, "b_k": 0.78, "b_dl": 1e-4, "b_fl": 4e-5, "r_ane": 3e-6, "r_one": -2e-6}
    field, azimuth = scans(np.linspace(1.2, 4, 8), np.arange(0, 360, 10.0))
    flat = fit_in_plane(
        field, azimuth, *harmonics(field, np.pi / 2, azimuth, **truth), r_a=exact(-1.9), mu0_meff=exact(-0.78)
    ).results
    steep = fit_out_of_plane(*out_of_plane(**truth), r_p=exact(0.3)).results
    for name in ("b_dl", "b_fl", "r_ane", "r_one"):
        assert flat[name].value == pytest.approx(truth[name], rel=5e-3), name
        assert steep[name].value == pytest.approx(truth[name], rel=5e-3), name


def test_the_hall_effect_of_the_other_sublattice_does_not_turn_the_torque():
    terbium = fit_out_of_plane(*OUT_OF_PLANE, r_p=exact(0.19))
    cobalt = fit_out_of_plane(*out_of_plane(r_a=1.9), r_p=exact(0.19))
    for result in (terbium, cobalt):
        assert result.results["b_dl"].value == pytest.approx(2e-4, rel=1e-3)
    assert terbium.results["r_a"].value < 0 < cobalt.results["r_a"].value
    assert any("Tb-rich" in flag for flag in terbium.flags)
    # The seed's branch: |R_AHE|, and theta = arccos(R/|R_AHE|) - pi, by the slope's formula.
    _, _, r_1w, r_2w = out_of_plane(
        fields=np.array([3.0]),
        angles_deg=np.arange(0.5, 10, 1.0),
        b_fl=0.0,
        r_ane=0.0,
        r_one=0.0,
        r_p=0.0,
        r_ohe=0.0,
        offset_rad=0,
    )
    theta = np.arccos(r_1w / 1.9) - np.pi
    slope = np.polyfit(np.sin(theta), r_2w, 1)[0]
    assert -slope * (3.0 + 0.78) / (0.5 * 1.9) == pytest.approx(2e-4, rel=0.02)


def test_the_slope_near_the_pole_has_the_documented_bias():
    flat = {"b_fl": 0.0, "r_ane": 0.0, "r_one": 0.0}
    near = np.concatenate([np.arange(-20, 21, 2.0), np.arange(160, 201, 2.0)]) + 0.5
    measured = []
    for r_p in (1e-6, 0.38):
        result = fit_out_of_plane(*out_of_plane(angles_deg=near, r_p=r_p, **flat), r_p=exact(r_p), left_out=["b_fl"])
        assert result.results["b_dl"].value == pytest.approx(2e-4, rel=5e-4)
        measured.append(result.results["b_dl_slope"].value / 2e-4 - 1)
    assert 0.016 < measured[0] < 0.059
    assert measured[1] == pytest.approx((1 + measured[0]) / (1 - 4 * 0.2**2) - 1, rel=1e-3)
    assert 0.18 < measured[1] < 0.27


def test_near_the_pole_only_the_sum_with_the_field_like_torque_is_given():
    near = np.concatenate([np.arange(-15, 16, 3.0), np.arange(165, 196, 3.0)]) + 0.5
    result = fit_out_of_plane(*out_of_plane(angles_deg=near), r_p=exact(0.19))
    assert result.results["b_dl"].value is None
    assert result.results["b_fl"].value is None
    said = next(flag for flag in result.flags if flag.startswith("b_dl + 2 xi b_fl"))
    assert float(said.split()[6]) == pytest.approx(2e-4 + 2 * 0.1 * 0.5e-4, rel=2e-3)
    known = fit_out_of_plane(
        *out_of_plane(angles_deg=near), r_p=exact(0.19), known={"b_fl": Value(-0.5e-4, 1e-5, "T")}
    ).results
    assert known["b_dl"].value == pytest.approx(2e-4, rel=1e-3)
    assert known["b_dl"].sigma == pytest.approx(2 * 0.1 * 1e-5, rel=0.05)


def test_without_the_planar_hall_resistance_the_torque_is_said_to_be_mixed():
    result = fit_out_of_plane(*OUT_OF_PLANE)
    assert result.results["b_fl"].value is None
    assert any(flag.startswith("b_dl: contains 2 xi b_fl") for flag in result.flags)


def test_what_misaligned_arms_pick_up_goes_with_the_odd_part():
    field, polar, r_1w, r_2w = OUT_OF_PLANE
    picked_up = 0.3 + 0.05 * np.sin(polar) ** 2 * field**2
    result = fit_out_of_plane(field, polar, r_1w + picked_up, r_2w + 1e-4 * picked_up, r_p=exact(0.19))
    assert result.results["b_dl"].value == pytest.approx(2e-4, rel=1e-3)
    assert result.results["b_k"].value == pytest.approx(0.78, rel=1e-4)
    half = np.cos(polar) > 0
    alone = fit_out_of_plane(field[half], polar[half], r_1w[half], r_2w[half], r_p=exact(0.19))
    assert any("partner at the opposite field" in flag for flag in alone.flags)
    minus = fit_out_of_plane(
        np.where(half, field, -field), np.where(half, polar, polar - np.pi), r_1w, r_2w, r_p=exact(0.19)
    )
    assert minus.results["b_dl"].value == pytest.approx(result.results["b_dl"].value, rel=1e-6)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_out_of_plane_sigmas_hold_with_an_uncertain_planar_hall_effect(rho):
    rng, pulls = np.random.default_rng(1), []
    truth = TORQUE | HEAT | {"r_a": -1.9, "b_k": 0.78, "angle_offset": 0.01}
    for _ in range(60):
        results = fit_out_of_plane(
            *noisy(OUT_OF_PLANE, rng, rho=rho), r_p=Value(rng.normal(0.19, 0.01), 0.01, "ohm")
        ).results
        pulls.append([(results[name].value - value) / results[name].sigma for name, value in truth.items()])
    pulls = np.array(pulls)
    assert np.all(np.abs(pulls.std(axis=0) - 1) < 0.32), pulls.std(axis=0)
    assert np.all(np.abs(pulls.mean(axis=0)) < 0.45), pulls.mean(axis=0)
