"""Exponent and saturation in the fluence."""

import numpy as np
import pytest

from sotlab.analysis.thz.fluence import fit_fluence, fluence_J_m2
from sotlab.errors import FitError

F = np.linspace(0.02, 0.1875, 12)


def series(seed, exponent=1.0, saturation=np.inf, sigma=0.003, sign=-1.0, meter=0.0):
    rng = np.random.default_rng(seed)
    signal = sign * F**exponent / (1 + F / saturation) + rng.normal(0, sigma * F.max(), len(F))
    return fit_fluence(
        F * (1 + meter * rng.normal(size=len(F))),
        signal,
        np.full(len(F), sigma * F.max()),
        fluence_relative_sigma=meter,
    )


def test_the_fluence_of_the_seed_is_derived_and_not_what_it_prints():
    assert fluence_J_m2(0.6, 80e6, (200e-6) ** 2) == pytest.approx(0.1875)
    assert fluence_J_m2(0.24, 80e6, (200e-6) ** 2) == pytest.approx(0.075)  # 3 nJ
    with pytest.raises(FitError, match="fluence"):
        fluence_J_m2(0.6, 0, 1)


@pytest.mark.parametrize(("exponent", "meter"), [(1.0, 0.0), (2.0, 0.0), (1.0, 0.01)])
def test_the_exponent_holds_its_sigma_also_for_negative_signals(exponent, meter):
    fits = [series(seed, exponent, sigma=0.003 if exponent == 1 else 0.001, meter=meter) for seed in range(400)]
    pulls = np.array([(f.exponent.value - exponent) / f.exponent.sigma for f in fits])
    # 400 draws: 68 % +- 2.3 %.
    assert 0.61 < np.mean(np.abs(pulls) < 1) < 0.75
    assert abs(pulls.mean()) < 0.15
    if exponent == 1 and not meter:
        assert np.mean([abs(f.exponent.value - 1) < 0.01 for f in fits]) > 0.9
        assert np.mean([f.saturation.value is None for f in fits]) > 0.99
        assert fits[0].slope.value == pytest.approx(-1, rel=0.05)


def test_saturation_is_found_where_it_is_and_limited_where_it_is_not():
    fits = [series(seed, saturation=0.5) for seed in range(200)]
    values = [f.saturation for f in fits]
    assert all(v.value is not None for v in values)
    pulls = np.array([(v.value - 0.5) / v.sigma for v in values])
    assert 0.58 < np.mean(np.abs(pulls) < 1) < 0.78
    assert all(f.exponent.value < 0.9 for f in fits)
    assert "saturates" in fits[0].flags[0]
    linear = series(0)
    assert linear.lower_limit > 2
    assert "above" in linear.flags[0]


def test_a_single_fluence_determines_no_exponent():
    fit = fit_fluence(np.full(5, 0.1), np.ones(5), np.full(5, 0.01))
    assert fit.exponent.value is None
    assert "are the least" in fit.flags[0]


def test_noise_determines_no_exponent():
    fit = fit_fluence(F, np.random.default_rng(0).normal(0, 1, len(F)), np.ones(len(F)))
    assert fit.exponent.value is None
    assert "no signal" in fit.flags[0]


def test_scatter_beyond_the_sigmas_widens_them():
    rng = np.random.default_rng(0)
    fit = fit_fluence(F, F + rng.normal(0, 0.01, len(F)), np.full(len(F), 0.001))
    assert any("widened" in flag for flag in fit.flags)
    assert abs(fit.exponent.value - 1) < 4 * fit.exponent.sigma
