"""Sheet resistance by van der Pauw, over the thickness and over the temperature."""

import numpy as np
import pytest

from sotlab.analysis.transport import fit_parallel_conduction, fit_sheet_resistance, van_der_pauw
from sotlab.analysis.values import Value
from sotlab.errors import FitError

from .macrospin import autoregressive

THICKNESS_M = np.array([6, 8, 10, 13, 16, 20, 26, 35, 50, 70]) * 1e-9
KELVIN = np.linspace(20, 300, 57)


def test_van_der_pauw_solves_its_equation_and_its_limit_of_a_square():
    square = van_der_pauw(Value(10.0, 0.1, "ohm"), Value(10.0, 0.1, "ohm")).results["sheet_resistance"]
    assert square.value == pytest.approx(10 * np.pi / np.log(2), rel=1e-12)
    assert square.sigma == pytest.approx(0.1 * np.pi / np.log(2) / np.sqrt(2), rel=1e-9)
    sheet = van_der_pauw(Value(2.0, 0.0, "ohm"), Value(31.0, 0.0, "ohm"))
    value = sheet.results["sheet_resistance"].value
    assert np.exp(-2 * np.pi / value) + np.exp(-31 * np.pi / value) == pytest.approx(1, abs=1e-13)
    assert any("factor of 15.5" in flag for flag in sheet.flags)
    # Van der Pauw's table: f = 0.70 at a ratio of 10 of the two resistances.
    f = van_der_pauw(Value(1.0, 0, ""), Value(10.0, 0, "")).results["sheet_resistance"].value / (
        np.pi / np.log(2) * 5.5
    )
    assert f == pytest.approx(0.70, abs=0.005)


def test_van_der_pauw_sigma_is_that_of_the_readings():
    rng = np.random.default_rng(0)
    drawn = [
        van_der_pauw(Value(rng.normal(10, 0.1), 0.1, ""), Value(rng.normal(25, 0.3), 0.3, "")).results[
            "sheet_resistance"
        ]
        for _ in range(1000)
    ]
    assert np.std([v.value for v in drawn]) == pytest.approx(drawn[0].sigma, rel=0.1)


@pytest.mark.parametrize("wrong", [Value(-1.0, 0.1, "ohm"), Value(0.0, 0.1, "ohm"), Value(None, None, "ohm")])
def test_van_der_pauw_refuses_what_no_film_has(wrong):
    with pytest.raises(FitError, match="above 0"):
        van_der_pauw(wrong, Value(1.0, 0.1, "ohm"))


def test_clean_sheet_resistances_give_back_the_resistivity():
    sheet = 350.3e-8 / THICKNESS_M * (1 + 3 * 2e-9 / 8 / THICKNESS_M)
    results = fit_sheet_resistance(THICKNESS_M, sheet).results
    assert results["resistivity_0"].value == pytest.approx(350.3e-8, rel=1e-9)
    assert results["mean_free_path"].value == pytest.approx(2e-9, rel=1e-9)


@pytest.mark.parametrize("stated", [True, False])
def test_the_resistivity_of_bisb_comes_out_to_1_percent_with_sigmas_that_hold(stated):
    rng, pulls, values = np.random.default_rng(0), [], []
    for _ in range(400):
        sheet = 350.3e-8 / THICKNESS_M * (1 + 3 * 2e-9 / 8 / THICKNESS_M) * (1 + 0.01 * rng.normal(size=10))
        results = fit_sheet_resistance(THICKNESS_M, sheet, 0.01 * sheet if stated else None).results
        values.append(results["resistivity_0"].value)
        pulls.append(
            [
                (results[n].value - t) / results[n].sigma
                for n, t in (("resistivity_0", 350.3e-8), ("mean_free_path", 2e-9))
            ]
        )
    assert np.std(values) < 0.01 * 350.3e-8
    inside = np.mean(np.abs(pulls) < 1, axis=0)
    assert np.all((inside > 0.63) & (inside < 0.74)), inside
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.2


def test_films_of_one_thickness_do_not_determine_a_resistivity():
    with pytest.raises(FitError, match="three are needed"):
        fit_sheet_resistance(np.array([10e-9, 10e-9, 20e-9]), np.ones(3))
    t = np.array([10, 10.1, 10.2]) * 1e-9
    result = fit_sheet_resistance(t, 350e-8 / t)
    assert result.results["resistivity_0"].value is None
    assert any("factor of two" in flag for flag in result.flags)


def two_channels(share=0.93, activation_K=150.0, slope=1e-4):
    metal = share / (1 + slope * (KELVIN - 300))
    return 500 / (metal + (1 - share) * np.exp(-activation_K / KELVIN + activation_K / 300))


def test_clean_channels_in_parallel_come_back():
    results = fit_parallel_conduction(KELVIN, two_channels()).results
    for name, truth in (
        ("metallic_share", 0.93),
        ("hopping_temperature", 150),
        ("metal_slope", 1e-4),
        ("resistance_300", 500),
    ):
        assert results[name].value == pytest.approx(truth, rel=1e-4), name


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_the_sigmas_of_channels_in_parallel_hold(rho):
    rng, pulls = np.random.default_rng(0), []
    for _ in range(60):
        results = fit_parallel_conduction(KELVIN, two_channels() * (1 + 1e-4 * autoregressive(rng, 57, rho))).results
        pulls.append(
            [
                (results[n].value - t) / results[n].sigma
                for n, t in (("metallic_share", 0.93), ("hopping_temperature", 150), ("metal_slope", 1e-4))
            ]
        )
    assert np.all(np.abs(np.std(pulls, axis=0) - 1) < 0.32), np.std(pulls, axis=0)


def test_over_a_short_range_the_channels_are_not_told_apart():
    rng = np.random.default_rng(0)
    short = KELVIN > 280
    kelvin = np.linspace(280, 300, 30)
    r = np.interp(kelvin, KELVIN[short], two_channels()[short]) * (1 + 1e-5 * rng.normal(size=30))
    result = fit_parallel_conduction(kelvin, r)
    assert result.results["metallic_share"].value is None
    assert any("imitate each other" in flag for flag in result.flags)


def test_a_wrong_law_of_hopping_is_an_error_that_names_the_right_ones():
    with pytest.raises(FitError, match="activated, mott"):
        fit_parallel_conduction(KELVIN, two_channels(), hopping="arrhenius")
