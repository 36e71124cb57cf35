"""Noise and offsets of the simulated meters."""

import numpy as np
import pytest

from sotlab.simulated.physics.detect import HallProbe, VoltageInput, quantise, white_rms

COUNT = 4000
#: Five standard errors of a standard deviation from COUNT samples.
STD_TOLERANCE = 5 / np.sqrt(2 * COUNT)


def make_input(seed=0, noise=True, **changes):
    values = {
        "resistance_ohm": 300.0,
        "temperature_K": 295.0,
        "pickup_V_per_rtHz": 0.0,
        "thermal_emf_V": 0.0,
        "drift_V_per_s": 0.0,
    } | changes
    return VoltageInput(
        **values, offsets=np.random.default_rng([seed, 1]), readings=np.random.default_rng([seed, 2]), noise=noise
    )


@pytest.mark.parametrize("integration_s", [0.02, 0.1, 1.0])
def test_noise_of_a_reading_is_that_of_an_averaged_white_density(integration_s):
    leads = make_input(pickup_V_per_rtHz=20e-9)
    readings = [leads.added_V(0.0, integration_s, 3.5e-9) for _ in range(COUNT)]
    johnson = np.sqrt(4 * 1.380649e-23 * 295.0 * 300.0)
    expected = np.sqrt((20e-9**2 + 3.5e-9**2 + johnson**2) / (2 * integration_s))
    assert np.std(readings) == pytest.approx(expected, rel=STD_TOLERANCE)
    assert abs(np.mean(readings)) < 5 * expected / np.sqrt(COUNT)


def test_average_of_white_noise_has_the_bandwidth_of_its_window():
    rate_hz, density = 1000.0, 2.0  # samples of a density d at the rate f have the rms d sqrt(f/2)
    samples = np.random.default_rng(0).normal(0.0, density * np.sqrt(rate_hz / 2), (COUNT, 50))
    assert white_rms(density, 50 / rate_hz) == pytest.approx(samples.mean(axis=1).std(), rel=STD_TOLERANCE)


def test_thermal_emf_is_drawn_once_and_spreads_over_labs_as_told():
    emfs = []
    for seed in range(400):
        leads = make_input(seed, thermal_emf_V=200e-9, resistance_ohm=1e-12)
        first = leads.added_V(0.0, 1.0, 0.0)
        assert leads.added_V(5.0, 6.0, 0.0) == pytest.approx(first, abs=1e-13)
        emfs.append(first)
    assert np.std(emfs) == pytest.approx(200e-9, rel=5 / np.sqrt(800))


def test_drift_adds_up_over_time():
    leads = make_input(drift_V_per_s=1e-9, resistance_ohm=1e-12)
    early, late = leads.added_V(0.0, 1.0, 0.0), leads.added_V(1000.0, 1001.0, 0.0)
    assert abs(late - early) > 1e-7
    assert late - early == pytest.approx(early / 0.5 * 1000.0, rel=1e-3)


def test_nothing_is_added_without_noise():
    leads = make_input(noise=False, pickup_V_per_rtHz=1e-6, thermal_emf_V=1.0, drift_V_per_s=1.0)
    assert leads.added_V(0.0, 1.0, 1e-6) == 0.0


def make_probe(seed=0, zero_T=20e-6, noise_T=2e-6, noise=True):
    return HallProbe(zero_T, noise_T, 0.1, np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2]), noise)


def test_gaussmeter_noise_has_the_stated_rms_about_one_zero():
    probe = make_probe()
    errors = np.array([probe.error_T(0.1 * i + 0.05) for i in range(COUNT)])
    assert errors.std() == pytest.approx(2e-6, rel=STD_TOLERANCE)
    assert abs(errors.mean()) > 5 * 2e-6 / np.sqrt(COUNT)


def test_gaussmeter_zero_spreads_over_labs_as_told():
    zeros = [make_probe(seed, noise_T=0.0).error_T(0.0) for seed in range(400)]
    assert np.std(zeros) == pytest.approx(20e-6, rel=5 / np.sqrt(800))


def test_gaussmeter_answers_quick_questions_with_the_same_reading():
    probe = make_probe()
    assert probe.error_T(1.01) == probe.error_T(1.09)
    assert probe.error_T(1.11) != probe.error_T(1.09)
    assert probe.reading_time_s(1.09) == pytest.approx(1.0)


def test_gaussmeter_zeroing_removes_what_it_shows():
    probe = make_probe(noise_T=0.0)
    probe.zero(3e-3 + probe.error_T(0.0))
    assert 3e-3 + probe.error_T(0.0) == pytest.approx(0.0, abs=1e-18)


def test_quantise_rounds_to_the_step():
    assert quantise(1.26e-6, 0.1e-6) == pytest.approx(1.3e-6)
    assert quantise(-1.26e-6, 0.1e-6) == pytest.approx(-1.3e-6)
