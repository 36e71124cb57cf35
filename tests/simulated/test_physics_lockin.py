"""The lock-in's filter cascade: against closed forms, against a step-by-step integration, and in its statistics."""

import math
import time

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sotlab.simulated.physics.lockin import InputNoise, RCCascade, hum_phasor, noise_bandwidth_Hz

TAU_S = 0.1


def cascade(poles, seed=0, tau_s=TAU_S):
    return RCCascade(np.random.default_rng(seed), tau_s, poles)


def step_response(theta, poles):
    """1 - exp(-theta) sum_{k<n} theta^k / k!, the unit step through n equal RC low passes."""
    return 1 - math.exp(-theta) * sum(theta**k / math.factorial(k) for k in range(poles))


@pytest.mark.parametrize("poles", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "looks_tau", [[5.0], [0.001] * 50, [0.3, 1e-6, 2.0, 0.7, 11.0, 0.01], [1e-9, 4.0], [3.0, 100.0, 0.5]]
)
def test_step_response_is_the_closed_form_for_any_pattern_of_looks(poles, looks_tau):
    filters, t_s = cascade(poles), 0.0
    filters.settle(0.0, 0j)
    for wait_tau in looks_tau:
        t_s += wait_tau * TAU_S
        filters.advance(t_s, lambda t: 1 - 0.5j)
        assert filters.output == pytest.approx((1 - 0.5j) * step_response(t_s / TAU_S, poles), abs=1e-8)


@pytest.mark.parametrize("poles", [1, 2, 3, 4])
def test_steps_in_a_row_add_up(poles):
    filters = cascade(poles)
    filters.settle(0.0, 0j)
    filters.advance(0.05, lambda t: 1.0)
    filters.advance(0.25, lambda t: 3.0)  # a change: the caller looks before it, then the input is another one
    filters.advance(0.40, lambda t: -1.0)
    expected = sum(
        height * step_response((0.40 - at_s) / TAU_S, poles) for at_s, height in ((0.0, 1.0), (0.05, 2.0), (0.25, -4.0))
    )
    assert filters.output.real == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("poles", [1, 2, 3, 4])
def test_ramp_is_followed_by_the_number_of_poles_times_the_time_constant(poles):
    filters = cascade(poles)
    filters.advance(100.0, lambda t: 2.0 * t)
    assert filters.output.real == pytest.approx(2.0 * (100.0 - poles * TAU_S), rel=1e-7)


@pytest.mark.parametrize("gap_tau", [24.0, 24.000000000001, 23.999999999999, 0.125, 1e-12])
def test_moving_input_is_followed_over_any_gap(gap_tau):
    filters = cascade(2)
    filters.advance(100.0, lambda t: t)
    filters.advance(100.0 + gap_tau * TAU_S, lambda t: t)
    assert filters.output.real == pytest.approx(filters.time_s - 2 * TAU_S, rel=1e-7)


@pytest.mark.parametrize("poles", [1, 4])
@pytest.mark.parametrize("looks", [1, 7, 60])
def test_line_swept_through_during_the_time_constant_is_right_to_a_percent_of_its_width(poles, looks):
    width_T, field_res_T, rate_T_per_s = 5e-3, 0.1, 0.1  # half a time constant in a half width
    stop_s = 1.1

    def line(t):
        x = (rate_T_per_s * t - field_res_T) / width_T
        return (1.0 + 0.7 * x) / (1.0 + x * x)

    def slopes(t, s):
        return (np.concatenate(([line(t)], s[:-1])) - s) / TAU_S

    reference = solve_ivp(slopes, (0.0, stop_s), np.full(poles, line(0.0)), rtol=1e-9, atol=1e-11, max_step=0.01)
    filters = cascade(poles)
    filters.settle(0.0, line(0.0))
    for t_s in np.linspace(0.0, stop_s, looks + 1)[1:]:
        filters.advance(float(t_s), line)
    # The filtered line is as steep as its peak over its width: this much of the peak is 1 % of the width.
    assert filters.output.real == pytest.approx(reference.y[-1, -1], abs=1e-3)


@pytest.mark.parametrize("looks", [1, 200])
def test_step_that_nobody_announced_is_found(looks):
    filters = cascade(2)
    for t_s in np.linspace(0.0, 0.6, looks + 1)[1:]:
        filters.advance(float(t_s), lambda t: 1.0 if t >= 0.333 else 0.0)
    assert filters.output.real == pytest.approx(step_response((0.6 - 0.333) / TAU_S, 2), abs=2e-3)


@pytest.mark.parametrize("poles", [1, 2, 3, 4])
@pytest.mark.parametrize("step_tau", [0.2, 20.0])
def test_recording_is_the_same_as_looking_at_each_time(poles, step_tau):
    times_s = step_tau * TAU_S * np.arange(1, 41)
    for moving in (lambda t: 1.0 + 0.2j, lambda t: math.sin(0.7 * t) + 1j * t):
        looked, recorded = cascade(poles), cascade(poles)
        expected = []
        for t_s in times_s.tolist():
            looked.advance(t_s, moving)
            expected.append(looked.output)
        values, peak_V = recorded.record(times_s, moving)
        np.testing.assert_allclose(values, expected, rtol=2e-3, atol=2e-3)
        assert peak_V == pytest.approx(max(abs(moving(t_s)) for t_s in times_s), rel=0.01)
        looked.advance(times_s[-1] + 0.03, moving)
        recorded.advance(times_s[-1] + 0.03, moving)
        assert recorded.output == pytest.approx(looked.output, rel=2e-3, abs=2e-3)


@pytest.mark.parametrize("poles", [1, 2, 3, 4])
def test_recorded_noise_has_the_bandwidth_of_the_filter(poles):
    values, _ = cascade(poles).record(20 * TAU_S * np.arange(1, 40001), lambda t: 0.0, 1e-6)
    for part in (values.real, values.imag):
        bandwidth_Hz = np.var(part) / 1e-12
        # 40,000 independent samples: the standard error of a variance is 0.7 %
        assert bandwidth_Hz == pytest.approx(noise_bandwidth_Hz(TAU_S, poles), rel=0.03)
    assert abs(np.mean(values.real * values.imag)) < 5 / math.sqrt(40000) * np.var(values.real)


@pytest.mark.parametrize(("poles", "per_tau"), [(1, 1 / 4), (2, 1 / 8), (3, 3 / 32), (4, 5 / 64)])
def test_noise_bandwidth_is_the_one_of_the_manuals(poles, per_tau):
    assert noise_bandwidth_Hz(1.0, poles) == pytest.approx(per_tau)


@pytest.mark.parametrize("poles", [1, 2, 3, 4])
def test_noise_does_not_depend_on_how_it_is_looked_at(poles):
    filters = cascade(poles)
    pattern_tau = (0.001, 0.3, 25.0, 1e-5, 4.0)
    ends, t_s = [], 0.0
    for _ in range(8000):  # 40,000 looks; those after 25 tau are independent of the round before
        for wait_tau in pattern_tau:
            t_s += wait_tau * TAU_S
            filters.advance(t_s, lambda t: 0.0, 1e-6)
        ends.append(filters.output)
    variance = (np.var(np.real(ends)) + np.var(np.imag(ends))) / 2
    assert variance / 1e-12 == pytest.approx(noise_bandwidth_Hz(TAU_S, poles), rel=0.03 + 0.01)


@pytest.mark.parametrize("poles", [1, 2, 3, 4])
@pytest.mark.parametrize("lag_tau", [0.1, 1.0, 3.0])
def test_readings_close_together_have_correlated_noise(poles, lag_tau):
    values, _ = cascade(poles).record(lag_tau * TAU_S * np.arange(1, 60001), lambda t: 0.0, 1e-6)
    values = values[1000:]
    found = np.real(np.mean(values[1:] * np.conj(values[:-1])) / np.mean(np.abs(values) ** 2))
    # Autocorrelation of n equal poles, from the impulse response theta^(n-1) exp(-theta).
    theta = np.linspace(0.0, 60.0, 60001)
    impulse = theta ** (poles - 1) * np.exp(-theta)
    later = (theta + lag_tau) ** (poles - 1) * np.exp(-theta - lag_tau)
    expected = np.trapezoid(impulse * later, theta) / np.trapezoid(impulse**2, theta)
    assert found == pytest.approx(expected, abs=0.015)


def test_single_looks_and_recordings_have_the_same_correlation():
    filters = cascade(4)
    filters.advance(100.0, lambda t: 0.0, 1e-6)
    values = []
    for k in range(20000):
        filters.advance(100.0 + (k + 1) * TAU_S, lambda t: 0.0, 1e-6)
        values.append(filters.output)
    values = np.array(values)
    found = np.real(np.mean(values[1:] * np.conj(values[:-1])) / np.mean(np.abs(values) ** 2))
    assert found == pytest.approx(0.907, abs=0.015)


def test_changed_filter_goes_on_from_what_it_holds():
    filters = cascade(2)
    filters.settle(0.0, 1 + 1j)
    filters.set_filter(1.0, 4)
    assert filters.output == 1 + 1j
    filters.advance(1.0, lambda t: 0.0)
    assert filters.output.real == pytest.approx(1 - step_response(1.0, 4), abs=1e-9)


def test_hum_comes_through_the_filter_as_a_beat():
    noise = InputNoise(hum_V_rms=1e-3, mains_Hz=50.0)
    beat = hum_phasor(noise, 52.0, TAU_S, 2)
    filters = cascade(2)
    filters.advance(20.0, lambda t: 1e-3 * np.exp(-2j * np.pi * 2.0 * t))
    assert beat(20.0) == pytest.approx(filters.output, abs=2e-6)
    assert abs(beat(0.0)) == pytest.approx(1e-3 / (1 + (2 * np.pi * 2.0 * TAU_S) ** 2))


def test_flicker_noise_raises_the_density_below_its_corner():
    noise = InputNoise(white_V_per_rtHz=5e-9, corner_Hz=30.0)
    assert noise.density_V_per_rtHz(10.0) == pytest.approx(1e-8)
    assert noise.density_V_per_rtHz(1e5) == pytest.approx(5e-9, rel=1e-3)


def test_cost_of_a_look_does_not_grow_with_the_time_passed():
    def mean_cost_s(gap_s):
        filters = cascade(4)
        start = time.thread_time()
        for k in range(300):
            filters.advance((k + 1) * gap_s, lambda t: 1.0, 1e-6)
        return (time.thread_time() - start) / 300

    costs_s = [min(mean_cost_s(gap_s) for _ in range(3)) for gap_s in (0.3, 36000.0)]
    assert costs_s[1] < 3 * costs_s[0] + 50e-6
