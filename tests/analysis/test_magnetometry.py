"""M_s and the dead layer from moments, areas and thicknesses."""

import numpy as np
import pytest
from scipy.constants import mu_0

from sotlab.analysis.magnetometry import Magnetometry, MagnetometrySettings, fit_moments
from sotlab.analysis.values import Value
from sotlab.errors import DataError, FitError

M_S, DEAD, AREA = 7.6e5, 0.7e-9, 25e-6
T = np.array([3, 4, 5, 6, 8, 10]) * 1e-9


def moments(t=T):
    return M_S * (t - DEAD) * AREA


def test_clean_moments_give_magnetisation_and_dead_layer():
    fit = fit_moments(moments(), AREA * np.ones(6), T, sigma_moment=1e-9 * np.ones(6)).results
    assert fit["m_s"].value == pytest.approx(M_S, rel=1e-9)
    assert fit["mu0_ms"].value == pytest.approx(mu_0 * M_S, rel=1e-9)
    assert fit["dead_layer"].value == pytest.approx(DEAD, rel=1e-9)


def test_one_sigma_holds_with_errors_of_all_three_and_common_ones():
    rng = np.random.default_rng(0)
    pulls = []
    sigma = {"sigma_moment": 2e-10 * np.ones(6), "sigma_area": 0.01 * AREA * np.ones(6), "sigma_thickness": 0.02 * T}
    for _ in range(1500):
        # What is read: moments by a magnetometer off by 1 %, thicknesses by a rate off by 2 %.
        true_t = T * (1 + 0.02 * rng.normal(size=6))
        read = moments(true_t) * (1 + 0.01 * rng.normal()) + rng.normal(0, 2e-10, 6)
        area = AREA * (1 + 0.01 * rng.normal(size=6))
        shown = T * (1 + 0.02 * rng.normal())
        fit = fit_moments(read, area, shown, **sigma, scale_sigma=0.01, rate_sigma=0.02).results
        pulls.append(
            [(fit["m_s"].value - M_S) / fit["m_s"].sigma, (fit["dead_layer"].value - DEAD) / fit["dead_layer"].sigma]
        )
    # 1500 pulls: coverage 0.683 +- 0.012, deviation 1 +- 0.018, mean 0 +- 0.026.
    np.testing.assert_allclose(np.mean(np.abs(pulls) < 1, axis=0), 0.683, atol=0.045)
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.08)
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.15


def test_without_sigmas_the_scatter_says():
    rng, found = np.random.default_rng(0), []
    for _ in range(400):
        fit = fit_moments(moments() + rng.normal(0, 1e-9, 6), AREA * np.ones(6), T).results
        found.append((fit["m_s"].value - M_S) / fit["m_s"].sigma)
    # Of Student's t with four degrees of freedom; 400 draws scatter by 0.023.
    assert np.mean(np.abs(found) < 1) == pytest.approx(0.683, abs=0.08)


def test_one_thickness_needs_the_dead_layer():
    one = (moments()[2:3], [AREA], T[2:3])
    refused = fit_moments(*one, sigma_moment=[1e-10])
    assert refused.results["m_s"].value is None
    assert "give dead_layer" in refused.flags[0]
    told = fit_moments(*one, sigma_moment=[1e-10], dead_layer=Value(DEAD, 0.1e-9, "m"))
    assert told.results["m_s"].value == pytest.approx(M_S, rel=1e-9)
    # d ln M_s/d t_dead = 1/(t - t_dead).
    expected = np.hypot(1e-10 / moments()[2], 0.1e-9 / (T[2] - DEAD))
    assert told.results["m_s"].sigma / M_S == pytest.approx(expected, rel=1e-6)
    assert any("one thickness" in flag for flag in told.flags)
    exact = fit_moments(*one, sigma_moment=[1e-10], dead_layer=Value(DEAD, 0.0, "m"))
    assert exact.results["m_s"].sigma / M_S == pytest.approx(1e-10 / moments()[2], rel=1e-6)


def test_what_is_known_of_the_dead_layer_is_a_datum_among_the_others():
    blind = fit_moments(moments(), AREA * np.ones(6), T, sigma_moment=5e-10 * np.ones(6)).results["dead_layer"]
    told = fit_moments(moments(), AREA * np.ones(6), T, sigma_moment=5e-10 * np.ones(6),
                       dead_layer=Value(DEAD, blind.sigma, "m")).results["dead_layer"]  # fmt: skip
    assert told.sigma == pytest.approx(blind.sigma / np.sqrt(2), rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"area_m2": np.zeros(6)}, "areas"),
        ({"thickness_m": T[:3]}, "one moment"),
        ({"sigma_area": -np.ones(6)}, "sigmas"),
    ],
)
def test_what_cannot_be_is_one_line(changes, said):
    known = {"moment_A_m2": moments(), "area_m2": AREA * np.ones(6), "thickness_m": T}
    with pytest.raises(FitError, match=said):
        fit_moments(**(known | changes))


def test_moments_of_something_else_are_flagged():
    more = fit_moments(moments() + 5e-8, AREA * np.ones(6), T, sigma_moment=1e-10 * np.ones(6))
    assert any(flag.startswith("dead_layer: negative") for flag in more.flags)
    bent = fit_moments(
        moments() * (1 + 0.1 * np.array([0, 1, -1, 1, -1, 0])), AREA * np.ones(6), T, sigma_moment=1e-10 * np.ones(6)
    )
    assert any("scatter" in flag for flag in bent.flags)


def test_the_analysis_takes_tables_and_says_what_the_contract_names():
    analysis = Magnetometry()
    table = {"moment": moments(), "area": AREA * np.ones(6), "thickness": T, "sigma_moment": 1e-9 * np.ones(6)}
    films = analysis.dataset(table, {}, name="vsm.csv")
    result = analysis.reduce([films], MagnetometrySettings()).to_json()
    assert result["results"]["mu0_ms"]["value"] == pytest.approx(mu_0 * M_S, rel=1e-9)
    assert len(result["spectra"]) == 6
    with pytest.raises(DataError, match=r"bad\.csv: thickness"):
        analysis.dataset(table | {"thickness": -T}, {}, name="bad.csv")
    plain = analysis.dataset({role: values for role, values in table.items() if role != "sigma_moment"}, {})
    with pytest.raises(DataError, match="1 of 2 files"):
        analysis.reduce([films, plain])
