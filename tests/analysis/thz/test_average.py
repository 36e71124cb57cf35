"""Alignment and robust averaging of repeated scans."""

import numpy as np
import pytest

from sotlab.analysis.thz.average import RunningAverage, align, average_scans, phasors
from sotlab.errors import FitError

from .pulses import axis, noise, pulse

T = axis()


def scans(rng, count=40, sigma=0.01, jitter_s=10e-15, drift=0.01, rho=0.0):
    shift, size = rng.normal(0, jitter_s, count), 1 + rng.normal(0, drift, count)
    rows = [a * pulse(T - d) + noise(rng, len(T), sigma, rho) for a, d in zip(size, shift, strict=True)]
    return np.array(rows), shift, size


def test_phasors_are_exponentials():
    turns = np.array([0.01, -0.3])
    expected = np.exp(2j * np.pi * turns[:, None] * np.arange(77))
    np.testing.assert_allclose(phasors(turns, 77), expected, atol=1e-12)


def test_delays_come_back_within_a_tenth_of_a_femtosecond():
    t = axis(2000)
    rng = np.random.default_rng(0)
    shift = rng.normal(0, 9.7e-15, 200)
    rows = np.array([pulse(t - d, 20e-12) for d in shift]) + rng.normal(0, 1e-3, (200, 2000))
    found = average_scans(t, rows)
    assert np.std(found.delay_s - shift) < 0.1e-15
    assert found.rejected == ()


@pytest.mark.parametrize("shift_s", [-1.3e-12, -0.4e-12, 0.25e-12, 2e-12])
def test_shifts_of_several_periods_and_reversed_pulses_are_found(shift_s):
    rng = np.random.default_rng(1)
    rows = np.array([a * pulse(T - shift_s) for a in (1.0, -1.5)]) + rng.normal(0, 0.01, (2, len(T)))
    found = align(rows, T[1], pulse(T))
    np.testing.assert_allclose(found.delay_s, shift_s, atol=3e-15)
    np.testing.assert_allclose(found.amplitude, [1, -1.5], atol=0.02)


def test_the_average_of_jittering_scans_is_as_sharp_as_one_of_them():
    rows, _, _ = scans(np.random.default_rng(0), jitter_s=60e-15, drift=0.0)
    peak = average_scans(T, rows).trace.signal_V.max()
    assert peak == pytest.approx(1, abs=0.01)
    assert rows.mean(axis=0).max() < 0.9  # what a plain mean makes of it


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda row, rng: row + rng.normal(0, 0.2, len(row)), "noise"),
        (lambda row, rng: 0.5 * row, "amplitude"),
        (lambda row, rng: -row, "amplitude"),
        (lambda row, rng: np.roll(row, 20), "delay"),
        (lambda row, rng: np.where(np.arange(len(row)) == 7, 3.0, row), "noise"),
        (lambda row, rng: np.where(np.arange(len(row)) == 7, np.nan, row), "gaps"),
        (lambda row, rng: rng.normal(0, 0.01, len(row)), ""),
    ],
)
def test_a_scan_that_does_not_belong_is_left_out_and_named(spoil, reason):
    rng = np.random.default_rng(0)
    rows, _, _ = scans(rng)
    rows[11] = spoil(rows[11], rng)
    found = average_scans(T, rows, [f"run {k}" for k in range(len(rows))])
    assert [name for name, _ in found.rejected] == ["run 11"]
    assert reason in found.rejected[0][1]
    assert "run 11" in found.flags[0]
    np.testing.assert_allclose(found.trace.signal_V, pulse(T), atol=0.02)


def test_good_scans_are_hardly_ever_left_out():
    out = sum(len(average_scans(T, scans(np.random.default_rng(s), count=20)[0]).rejected) for s in range(100))
    assert out <= 1


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_the_sigma_of_the_average_holds(rho):
    t0, pulls = 60, []
    weight = np.exp(-(((T - 2e-12) / 0.5e-12) ** 2))  # a stretch away from the pulse: only additive noise there
    for seed in range(400):
        trace = average_scans(T, scans(np.random.default_rng(seed), count=16, rho=rho)[0]).trace
        pulls.append(
            [trace.signal_V[t0] / trace.sigma_V[t0], weight @ trace.signal_V / np.sqrt(trace.variance_of(weight))]
        )
    # 400 draws of Student's t of 15 degrees: 66.7 % +- 2.4 %.
    share = np.mean(np.abs(pulls) < 1, axis=0)
    assert ((share > 0.595) & (share < 0.755)).all()


def test_amplitude_and_delay_of_the_whole_are_known_by_their_scatter():
    rows, shift, size = scans(np.random.default_rng(0), count=100)
    trace = average_scans(T, rows).trace
    assert trace.amplitude_sigma == pytest.approx(np.std(size) / 10, rel=0.2)
    assert trace.delay_sigma_s == pytest.approx(np.std(shift) / 10, rel=0.2)


def test_noise_of_the_samples_is_not_counted_again_as_a_scatter_of_the_whole():
    """Scans that only have noise: the amplitude of their average has that, and no more."""
    shape = pulse(T) / (pulse(T) @ pulse(T))
    traces = [
        average_scans(T, pulse(T) + np.random.default_rng(seed).normal(0, 0.02, (16, len(T)))).trace
        for seed in range(200)
    ]
    found = np.std([shape @ trace.signal_V for trace in traces])
    sigma = np.sqrt(np.mean([trace.variance_of(shape) for trace in traces]))
    assert sigma == pytest.approx(found, rel=0.15)  # 200 draws: 5 %; counted twice it is 1.41 times as large


def test_scans_of_noise_are_averaged_as_they_are_if_asked():
    rows = np.random.default_rng(0).normal(0, 0.01, (20, 200))
    np.testing.assert_allclose(average_scans(T, rows, aligned=False).trace.signal_V, rows.mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("rows", [np.zeros((1, 200)), np.full((4, 200), np.nan), np.zeros(200)])
def test_nothing_to_average_is_refused(rows):
    with pytest.raises(FitError, match="average"):
        average_scans(T, rows)


def test_few_scans_are_flagged():
    assert "only 3 scans" in average_scans(T, scans(np.random.default_rng(0), count=3)[0]).flags[-1]


def test_scans_averaged_as_they_come_give_the_same():
    rng = np.random.default_rng(0)
    rows, _, _ = scans(rng, count=60)
    rows[30] += rng.normal(0, 0.2, 200)
    running = RunningAverage(T)
    kept = [running.add(row, f"run {k}") for k, row in enumerate(rows)]
    assert kept.count(False) == 1
    assert running.rejected[0][0] == "run 30"
    whole, live = average_scans(T, rows).trace, running.trace()
    shift = align(live.signal_V[None], T[1], whole.signal_V)
    assert abs(shift.delay_s[0]) < 20e-15  # counted from the first scan's delay, not from the mean
    assert shift.amplitude[0] == pytest.approx(1, abs=0.03)
    assert live.sigma_V.mean() == pytest.approx(whole.sigma_V.mean(), rel=0.1)
    assert live.scans == 59


def test_an_average_of_nothing_is_refused():
    with pytest.raises(FitError, match="no scan"):
        RunningAverage(T).trace()
