"""Delay axes, lag and backlash."""

import numpy as np
import pytest
from scipy import signal

from sotlab.analysis.thz.delay import PassPair, delay_s, filter_response, fit_lag, position_m, undo_filter
from sotlab.errors import FitError

from .pulses import STEP_S, pulse

T = STEP_S * np.arange(400)
RATE = 10e-12  # 10 ps of delay a second
TAU_S, BACKLASH_S = 3e-3, 2 * 2e-6 / 299792458


def passes(rng, rate=RATE, sigma=1e-3, tau_s=TAU_S, poles=2, backlash_s=BACKLASH_S):
    """Forward and backward passes through a low pass integrated in time: nothing here knows its response."""
    fine = 20
    t = np.arange(-400 * fine, 800 * fine) * STEP_S / fine
    b, a = signal.bilinear([1], np.poly1d([tau_s * rate, 1]) ** poles, fs=fine / STEP_S)
    field = pulse(t, 10e-12)
    there = signal.lfilter(b, a, field)
    back = signal.lfilter(b, a, field[::-1])[::-1]
    out = []
    for trace, shift in ((there, backlash_s / 2), (back, -backlash_s / 2)):
        out.append(np.interp(T - shift, t, trace) + rng.normal(0, sigma, len(T)))
    return PassPair(out[0], out[1], STEP_S, rate, sigma)


@pytest.mark.parametrize(("passes_", "sign", "ps"), [(1, 1, 1.000692), (1, -1, -1.000692), (2, 1, 2.001385)])
def test_delay_of_150_um_uses_the_exact_speed_of_light(passes_, sign, ps):
    assert delay_s(1.15e-3, passes=passes_, sign=sign, zero_position_m=1e-3) == pytest.approx(ps * 1e-12, rel=1e-6)


def test_a_picosecond_is_149_896_um_and_positions_come_back():
    assert position_m(1e-12) == pytest.approx(149.896229e-6, rel=1e-9)
    x = np.linspace(-1e-3, 2e-3, 7)
    options = {"passes": 2, "sign": -1, "zero_position_m": 3e-4, "index": 1.00027}
    np.testing.assert_allclose(position_m(delay_s(x, **options), **options), x, atol=1e-15)


@pytest.mark.parametrize("wrong", [{"passes": 0}, {"sign": 2}, {"index": 0.5}])
def test_an_impossible_axis_is_refused(wrong):
    with pytest.raises(FitError, match="delay axis"):
        delay_s(np.zeros(3), **wrong)


@pytest.mark.parametrize(("tau_s", "expected"), [(3e-3, (0.97, 0.88, 0.76)), (10e-3, (0.72, 0.39, 0.22))])
def test_two_poles_pass_what_is_known_at_10_ps_a_second(tau_s, expected):
    found = abs(filter_response(np.array([1e12, 2e12, 3e12]), RATE, tau_s, 2))
    np.testing.assert_allclose(found, expected, atol=0.006)


def test_lag_and_backlash_are_told_apart_by_the_curvature_of_the_phase_within_5_fs():
    fit = fit_lag([passes(np.random.default_rng(0))], poles=2)
    assert abs(fit.lag_s.value - TAU_S) < 3 * fit.lag_s.sigma
    assert abs(fit.backlash_s.value - BACKLASH_S) < 3 * fit.backlash_s.sigma
    assert abs(fit.residual_s.value) < 5e-15
    # The whole split is nearly twice the lag of 2 tau rate, 0.12 ps, and the backlash.
    assert fit.split_s[0].value == pytest.approx(4 * TAU_S * RATE + BACKLASH_S, rel=0.1)


def test_two_speeds_determine_both_much_better():
    rng = np.random.default_rng(1)
    one = fit_lag([passes(rng)], poles=2)
    two = fit_lag([passes(rng), passes(rng, rate=2e-12)], poles=2)
    assert two.backlash_s.sigma < 0.6 * one.backlash_s.sigma
    assert abs(two.backlash_s.value - BACKLASH_S) < 4 * two.backlash_s.sigma


def test_lag_and_backlash_hold_their_sigma():
    fits = [fit_lag([passes(np.random.default_rng(seed), sigma=0.003)], poles=2) for seed in range(200)]
    for name, truth in (("lag_s", TAU_S), ("backlash_s", BACKLASH_S)):
        pulls = np.array([(getattr(f, name).value - truth) / getattr(f, name).sigma for f in fits])
        # 200 draws: 68 % +- 3.3 %, mean +- 0.07: three of these.
        assert 0.58 < np.mean(np.abs(pulls) < 1) < 0.78
        assert abs(pulls.mean()) < 0.25


def test_at_low_speed_only_the_sum_is_determined_and_the_flag_says_what_would_help():
    fit = fit_lag([passes(np.random.default_rng(0), rate=0.2e-12)], poles=2)
    assert fit.lag_s.value is None
    assert fit.backlash_s.value is None
    assert fit.split_s[0].value == pytest.approx(4 * TAU_S * 0.2e-12 + BACKLASH_S, abs=4 * fit.split_s[0].sigma)
    assert "second speed" in fit.flags[0]


def test_a_known_time_constant_leaves_the_backlash():
    pair = passes(np.random.default_rng(0), rate=0.2e-12)
    fit = fit_lag([pair], poles=2, time_constant_s=TAU_S)
    assert fit.lag_s.value == TAU_S
    assert abs(fit.backlash_s.value - BACKLASH_S) < 4 * fit.backlash_s.sigma


def test_passes_overlap_within_5_fs_once_the_low_pass_is_undone():
    pair = passes(np.random.default_rng(3), sigma=1e-3)
    options = {"step_s": STEP_S, "time_constant_s": TAU_S, "poles": 2, "band_end_Hz": 4e12}
    there = undo_filter(pair.forward, rate=RATE, **options)
    back = undo_filter(pair.backward, rate=-RATE, **options)
    left = fit_lag([PassPair(there, back, STEP_S, RATE, 1e-3)], poles=2, time_constant_s=0.0)
    assert left.split_s[0].value == pytest.approx(BACKLASH_S, abs=5e-15)
    middle = (there + back) / 2
    assert np.corrcoef(middle, pulse(T, 10e-12))[0, 1] > 0.999
    assert np.max(middle) == pytest.approx(1, abs=0.02)


def test_a_low_pass_that_leaves_nothing_is_not_undone():
    with pytest.raises(FitError, match=r"scan more slowly"):
        undo_filter(pulse(T), STEP_S, RATE, 0.1, 4, band_end_Hz=3e12)


@pytest.mark.parametrize("why", ["pairs", "signal", "rate", "noise", "grid"])
def test_what_cannot_be_fitted_is_refused(why):
    pair = passes(np.random.default_rng(0))
    bad = {
        "pairs": [],
        "signal": [PassPair(np.zeros(400), np.zeros(400), STEP_S, RATE, 1.0)],
        "rate": [PassPair(pair.forward, pair.backward, STEP_S, -RATE, 1e-3)],
        "noise": [PassPair(pair.forward, pair.backward, STEP_S, RATE, 0.0)],
        "grid": [PassPair(pair.forward, pair.backward[:-1], STEP_S, RATE, 1e-3)],
    }[why]
    with pytest.raises(FitError, match="lag"):
        fit_lag(bad, poles=2)


def test_noise_that_is_larger_on_the_pulse_is_in_the_sigmas():
    """Jitter turns all phases together: the backlash is known worse than the same power of white noise would say."""
    clean = passes(np.random.default_rng(0), sigma=1e-9)
    steep = np.abs(np.gradient(clean.forward)), np.abs(np.gradient(clean.backward))
    sigma = 0.02 * np.hypot(*steep) + 1e-5
    found, white = [], PassPair(clean.forward, clean.backward, STEP_S, RATE, float(np.sqrt(np.mean(sigma**2))))
    for seed in range(100):
        rng = np.random.default_rng(seed)
        forward, backward = (one + sigma * rng.normal(size=len(T)) for one in (clean.forward, clean.backward))
        pair = PassPair(forward, backward, STEP_S, RATE, sigma)
        found.append(fit_lag([pair], poles=2, time_constant_s=TAU_S).backlash_s)
    scatter = np.std([value.value for value in found])
    assert np.mean([value.sigma for value in found]) == pytest.approx(scatter, rel=0.25)  # 100 draws: 7 %
    assert fit_lag([white], poles=2, time_constant_s=TAU_S).backlash_s.sigma < 0.8 * scatter
