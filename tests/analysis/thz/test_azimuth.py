"""Harmonics of the azimuth."""

import numpy as np
import pytest

from sotlab.analysis.thz.azimuth import fit_azimuth
from sotlab.errors import FitError

from .pulses import noise

PHI = np.deg2rad(np.arange(0, 360, 10))


def test_an_isotropic_odd_part_has_harmonics_below_one_percent():
    y = 1 + np.random.default_rng(0).normal(0, 0.01, len(PHI))
    fit = fit_azimuth(PHI, y, np.full(len(PHI), 0.01))
    assert fit.mean.value == pytest.approx(1, abs=0.005)
    for harmonic in fit.harmonics:
        assert harmonic.amplitude.value is None
        assert harmonic.upper_limit < 0.01
    assert fit.flags == ()


def test_a_threefold_even_part_of_three_percent_is_found_within_a_tenth():
    found = []
    for seed in range(300):
        y = 0.03 * np.cos(3 * (PHI - 0.2)) + np.random.default_rng(seed).normal(0, 0.004, len(PHI))
        third = fit_azimuth(PHI, y, np.full(len(PHI), 0.004), compared_with=1.0).harmonics[2]
        found.append((third.relative, third.phase_rad))
    for k, truth in enumerate((0.03, 0.2)):
        pulls = np.array([(f[k].value - truth) / f[k].sigma for f in found])
        # 300 draws: 68 % +- 2.7 %.
        assert 0.60 < np.mean(np.abs(pulls) < 1) < 0.76
        assert abs(pulls.mean()) < 0.18
    assert np.mean([abs(f[0].value - 0.03) < 0.003 for f in found]) > 0.95


def test_turning_the_field_gives_a_pure_first_harmonic():
    y = 2 * np.cos(PHI + 0.1) + np.random.default_rng(1).normal(0, 0.01, len(PHI))
    fit = fit_azimuth(PHI, y, np.full(len(PHI), 0.01), compared_with=2.0)
    assert fit.harmonics[0].amplitude.value == pytest.approx(2, abs=0.01)
    assert fit.harmonics[0].phase_rad.value == pytest.approx(-0.1, abs=0.01)
    assert [h.amplitude.value for h in fit.harmonics[1:]] == [None, None]


@pytest.mark.parametrize("rho", [0.0, 0.7])
@pytest.mark.parametrize("given", [True, False])
def test_coefficients_hold_their_sigma_under_slow_noise(rho, given):
    phi = np.deg2rad(np.arange(0, 720, 7.5))
    pulls = []
    for seed in range(400):
        y = 1 + 0.2 * np.cos(phi) + noise(np.random.default_rng(seed), len(phi), 0.05, rho)
        fit = fit_azimuth(phi, y, np.full(len(phi), 0.05) if given else None)
        pulls.append(
            [(fit.mean.value - 1) / fit.mean.sigma]
            + [(h.cosine.value - 0.2 * (h.order == 1)) / h.cosine.sigma for h in fit.harmonics]
        )
    share = np.mean(np.abs(pulls) < 1, axis=0)
    # 400 draws: 68 % +- 2.3 %; a correlation of 96 points is itself known to a tenth.
    assert ((share > 0.59) & (share < 0.77)).all(), share


def test_half_a_turn_is_refused_where_it_does_not_tell_the_coefficients_apart():
    phi = np.deg2rad([0, 120, 240, 360, 480])
    fit = fit_azimuth(phi, np.ones(5), np.full(5, 0.01))
    assert fit.mean.value is None
    assert fit.harmonics[2].amplitude.value is None
    assert "over the whole turn" in fit.flags[-1]


def test_a_scatter_beyond_the_sigmas_widens_them_and_says_so():
    y = 1 + np.random.default_rng(0).normal(0, 0.05, len(PHI))
    fit = fit_azimuth(PHI, y, np.full(len(PHI), 0.01))
    assert fit.mean.sigma > 3 * 0.01 / 6
    assert "widened" in fit.flags[0]


def test_points_that_do_not_belong_together_are_refused():
    with pytest.raises(FitError, match="azimuth"):
        fit_azimuth(PHI, np.ones(3))
