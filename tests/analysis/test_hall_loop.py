"""The anomalous Hall loop: half swing, slope, coercivity, anisotropy, and what is not in a loop."""

from pathlib import Path

import numpy as np
import pytest

from sotlab.analysis.hall_loop import fit_hall_loop
from sotlab.errors import FitError

from .macrospin import autoregressive

DATA = Path(__file__).parents[3] / "shared" / "data" / "ahe"
FIELD_T = np.concatenate([np.linspace(-0.5, 0.5, 101), np.linspace(0.5, -0.5, 101)])
RISING = np.arange(202) < 101


def loop(r_a=-1.9, coercivity=0.06, width=0.008, slope=0.02):
    """Return a loop whose domains nucleate around the coercivity."""
    centre = np.where(RISING, coercivity, -coercivity)
    return r_a * np.tanh((FIELD_T - centre) / width) + slope * FIELD_T + 0.3


@pytest.mark.parametrize("r_a", [-1.9, 2.5])
def test_a_clean_loop_gives_back_everything(r_a):
    results = fit_hall_loop(FIELD_T, loop(r_a)).results
    assert results["r_a"].value == pytest.approx(r_a, rel=1e-6)
    assert results["r_ohe"].value == pytest.approx(0.02, rel=1e-4)
    assert results["r_offset"].value == pytest.approx(0.3, rel=1e-6)
    assert results["coercivity"].value == pytest.approx(0.06, abs=5e-4)
    assert results["loop_shift"].value == pytest.approx(0, abs=5e-4)
    assert results["remanence"].value == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_the_sigmas_of_a_loop_hold(rho):
    rng, pulls = np.random.default_rng(0), []
    for _ in range(250):
        results = fit_hall_loop(
            FIELD_T, loop(width=0.05, coercivity=0.03) + 0.02 * autoregressive(rng, 202, rho)
        ).results
        if results["r_ohe"].value is None:
            continue
        pulls.append(
            [
                (results[n].value - t) / results[n].sigma
                for n, t in (("r_a", -1.9), ("r_ohe", 0.02), ("coercivity", 0.03))
            ]
        )
    assert len(pulls) >= 240  # bent beyond 3 sigma by chance
    assert np.all(np.abs(np.std(pulls, axis=0)[:2] - 1) < 0.15), np.std(pulls, axis=0)
    # The line through the points around zero neglects the curvature of the branch.
    assert 0.75 < np.std(pulls, axis=0)[2] < 1.25
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.3


def test_a_switch_between_two_points_has_the_step_as_its_uncertainty():
    coercivity = fit_hall_loop(FIELD_T, loop(width=1e-6, coercivity=0.063)).results["coercivity"]
    assert abs(coercivity.value - 0.063) < 0.005
    assert coercivity.sigma == pytest.approx(0.01 / np.sqrt(12) / np.sqrt(2), rel=1e-6)


def test_the_anisotropy_is_not_in_a_loop_along_the_easy_axis():
    result = fit_hall_loop(FIELD_T, loop())
    assert result.results["b_k"].value is None
    assert any("sweep across the normal" in flag for flag in result.flags)


def test_a_film_magnetised_in_its_plane_shows_the_field_of_saturation():
    rng = np.random.default_rng(0)
    field = 4 * FIELD_T
    r_xy = 1.2 * np.clip(field / 0.85, -1, 1) + 0.02 * field
    results = fit_hall_loop(field, r_xy + 1e-4 * rng.normal(size=202)).results
    assert results["mu0_meff"].value == pytest.approx(0.85, abs=4 * results["mu0_meff"].sigma)
    assert results["mu0_meff"].sigma < 1e-3
    assert results["b_k"].value == -results["mu0_meff"].value


def test_a_closed_loop_of_domains_is_not_taken_for_an_anisotropy():
    result = fit_hall_loop(FIELD_T, loop(coercivity=0.0, width=0.1))
    assert result.results["b_k"].value is None
    assert any("not straight" in flag for flag in result.flags)


def test_a_loop_that_is_not_saturated_has_no_ordinary_slope():
    result = fit_hall_loop(FIELD_T, 1.9 * np.tanh(FIELD_T / 0.35))
    assert result.results["r_ohe"].value is None
    assert any("still bends" in flag for flag in result.flags)


def test_one_sided_and_empty_loops_are_refused():
    with pytest.raises(FitError, match="both signs"):
        fit_hall_loop(np.abs(FIELD_T), loop())
    with pytest.raises(FitError, match="no anomalous Hall effect"):
        fit_hall_loop(FIELD_T, np.random.default_rng(0).normal(size=202))


@pytest.mark.parametrize("current", ["0p1", "1p7"])
def test_measured_loops_have_a_half_swing_of_5_ohm(current):
    path = DATA / f"loop_{current}mA.csv"
    if not path.is_file():
        pytest.skip("needs the measured files in ../shared/data/ahe, which are not part of the project")
    lines = path.read_text().replace('\n"', '"').splitlines()[1:]
    field_Oe, r_xy = np.array([[float(c.strip('" ')) for c in line.split(",")[:2]] for line in lines if line.strip()]).T
    result = fit_hall_loop(field_Oe * 1e-4, r_xy)
    r_a = result.results["r_a"]
    assert r_a.value == pytest.approx(5.2, abs=0.2)
    assert r_a.sigma < 0.2
    assert any("still bends at 0.1 T" in flag for flag in result.flags)
