"""Traces with their noise, and the way from irregular positions to a grid."""

import numpy as np
import pytest

from sotlab.analysis.thz.traces import Trace, TraceGrid, autocorrelation, noise_from_quiet, slope_of
from sotlab.errors import FitError

from .pulses import axis, noise, pulse, slope


def test_the_variance_of_a_weighted_sum_is_that_of_the_noise_drawn():
    t = axis(150)
    h = np.random.default_rng(0).normal(size=150)
    trace = Trace(t, np.zeros(150), 0.1, 0.7 ** np.arange(40))
    drawn = np.array([h @ noise(np.random.default_rng(s), 150, 0.1, 0.7) for s in range(2000)])
    # A variance of 2000 draws is known to 3 %.
    assert trace.variance_of(h) == pytest.approx(drawn.var(), rel=0.1)


def test_errors_common_to_the_trace_add_up():
    t = axis()
    trace = Trace(t, pulse(t), 0.0, amplitude_sigma=0.01, delay_sigma_s=1e-15, modes=0.1 * np.ones((1, 200)))
    ones = np.ones(200)
    assert trace.variance_of(ones) == pytest.approx((0.01 * pulse(t).sum()) ** 2 + 20**2, rel=1e-6)
    assert trace.variance_of(ones, common=False) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delay_s": axis() ** 2}, "not regular"),
        ({"delay_s": axis()[::-1]}, "not regular"),
        ({"signal_V": np.full(200, np.nan)}, "finite"),
        ({"signal_V": np.zeros(100)}, "one of each"),
        ({"sigma_V": -1.0}, "not negative"),
    ],
)
def test_what_is_no_trace_is_refused(change, message):
    with pytest.raises(FitError, match=message):
        Trace(**({"delay_s": axis(), "signal_V": np.zeros(200), "sigma_V": 1.0} | change))


def test_the_autocorrelation_of_slow_noise_is_found_and_that_of_white_noise_is_none():
    rng = np.random.default_rng(0)
    slow = autocorrelation(np.stack([noise(rng, 500, 1.0, 0.8) for _ in range(20)]))
    np.testing.assert_allclose(slow[:5], 0.8 ** np.arange(5), atol=0.05)
    assert len(autocorrelation(rng.normal(size=(20, 500)))) < 4


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
def test_the_quiet_part_says_the_noise_even_if_it_is_slow(rho):
    t = axis(480)
    found = [
        noise_from_quiet(Trace(t, pulse(t, 12e-12) + noise(np.random.default_rng(s), 480, 0.02, rho), 0.0), 10e-12)
        for s in range(100)
    ]
    assert np.mean([f.sigma_V[0] for f in found]) == pytest.approx(0.02, rel=0.05)
    if rho:
        assert np.mean([f.correlation[1] if len(f.correlation) > 1 else 0 for f in found]) == pytest.approx(
            rho, abs=0.06
        )


def test_too_short_a_quiet_part_is_refused():
    with pytest.raises(FitError, match="start the scan earlier"):
        noise_from_quiet(Trace(axis(), pulse(axis()), 0.0), 0.3e-12)


def test_irregular_positions_come_onto_a_grid_without_bias():
    rng = np.random.default_rng(0)
    grid = TraceGrid(0, 10e-12, 0.05e-12)
    x = np.sort(rng.uniform(0, 10e-12, 3000))
    grid.add(x, pulse(x))
    signal, error, sample = grid.result()
    np.testing.assert_allclose(signal[1:-1], pulse(grid.delay_s)[1:-1], atol=2e-3)
    assert np.median(error) == pytest.approx(1 / np.sqrt(15), rel=0.3)  # 15 samples a step
    assert sample < 1e-3


def test_a_grid_fed_in_chunks_is_the_same_as_fed_at_once_and_knows_its_noise():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10e-12, 2000)
    y = pulse(x) + rng.normal(0, 0.01, 2000)
    whole, parts = TraceGrid(0, 10e-12, 0.05e-12), TraceGrid(0, 10e-12, 0.05e-12)
    whole.add(x, y)
    for k in range(0, 2000, 37):
        parts.add(x[k : k + 37], y[k : k + 37])
    np.testing.assert_allclose(whole.result()[0], parts.result()[0], atol=1e-9)
    assert whole.result()[2] == pytest.approx(0.01, rel=0.1)


def test_the_last_value_of_a_grid_is_as_good_as_the_others_where_the_samples_go_on():
    x = np.arange(-2e-12, 12e-12, 0.025e-12) + 0.01e-12  # two a step: as a pass on the fly has them
    drawn = []
    for seed in range(100):
        grid = TraceGrid(0, 10e-12, 0.05e-12)
        grid.add(x, np.random.default_rng(seed).normal(0, 1, len(x)))
        drawn.append(grid.result()[0])
    spread = np.std(drawn, axis=0)
    assert spread.max() < 1.5 * np.median(spread)  # of 100 draws: +- 7 % each


def test_the_slope_of_a_band_limited_signal_is_exact():
    t = axis()
    np.testing.assert_allclose(slope_of(pulse(t), t[1]), slope(t), atol=1e-6 * np.abs(slope(t)).max())
    line = 3e10 * t + pulse(t)
    np.testing.assert_allclose(slope_of(line, t[1]), slope(t) + 3e10, atol=1e-6 * np.abs(slope(t)).max())


def test_the_errors_on_the_grid_are_those_of_the_scatter():
    t, x = axis(201), np.sort(np.random.default_rng(5).uniform(0, 10e-12, 800))
    drawn = []
    for seed in range(200):
        grid = TraceGrid(0, 10e-12, 0.05e-12)
        grid.add(x, np.random.default_rng(seed).normal(0, 1, 800))
        signal, error, _ = grid.result()
        drawn.append(signal)
    assert len(signal) == len(t)
    # 200 draws know a standard deviation to 5 %.
    np.testing.assert_allclose(np.std(drawn, axis=0)[3:-3] / error[3:-3], 1, atol=0.25)


def test_gaps_stay_gaps_and_samples_that_are_not_numbers_are_left_out():
    grid = TraceGrid(0, 10e-12, 0.05e-12)
    x = np.linspace(0, 10e-12, 2001)
    x = x[(x < 3e-12) | (x > 4e-12)]
    y = np.cos(x / 1e-12)
    y[5] = np.nan
    grid.add(x, y)
    signal = grid.result()[0]
    hole = (grid.delay_s > 3.1e-12) & (grid.delay_s < 3.9e-12)
    assert np.isnan(signal[hole]).all()
    assert np.isfinite(signal[(grid.delay_s < 2.9e-12) | (grid.delay_s > 4.1e-12)]).all()
    assert np.isnan(TraceGrid(0, 1e-12, 0.1e-12).result()[0]).all()
