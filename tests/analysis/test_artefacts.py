"""Checks: each finds what it is for, and is silent otherwise."""

import numpy as np
import pytest

from sotlab.analysis.artefacts import (
    fit_magnetoresistance,
    frequency_trend,
    phase_bias,
    power_linearity,
)
from sotlab.analysis.stfmr import STFMR, Spectrum
from sotlab.analysis.values import Value
from sotlab.errors import FitError

from .stfmr_labs import exactly, noise, spectra, the_sample

P = np.array([1e-3, 2e-3, 5e-3, 10e-3, 20e-3])


def test_a_saturating_signal_is_not_linear_in_the_power_and_a_linear_one_is():
    sigma = np.full(5, 1e-8)
    straight = power_linearity(P, 1e-3 * P, sigma)
    assert straight.flags == ()
    assert straight.results["per_power"].value == pytest.approx(1e-3)
    bent = power_linearity(P, 1e-3 * P * (1 - 10 * P), sigma)
    assert bent.results["nonlinearity"].value == pytest.approx(-0.2, rel=1e-6)
    assert "not proportional" in bent.flags[0]
    with pytest.raises(FitError, match="2 powers"):
        power_linearity(P[:2], P[:2], sigma[:2])


def test_a_trend_with_frequency_is_found_and_noise_is_none():
    f, rng = np.linspace(5e9, 11e9, 7), np.random.default_rng(0)
    false = [
        bool(frequency_trend(f, 1e-4 + rng.normal(0, 1e-6, 7), np.full(7, 1e-6), name="b_dl").flags)
        for _ in range(1500)
    ]
    assert np.mean(false) < 0.01  # 0.27 % by construction
    check = frequency_trend(f, 1e-4 * (1 + 0.2 * (f - 8e9) / 6e9), np.full(7, 1e-6), name="b_dl")
    assert check.results["trend"].value == pytest.approx(0.2)
    assert check.flags[0].startswith("b_dl: changes by +20 %")


def lab(**changes):
    f, angle, field, voltage = spectra(the_sample(**changes), [5e9, 7e9, 9e9, 11e9], [45.0])
    noisy = voltage + 0.002 * np.abs(voltage).max() * noise(np.random.default_rng(0), voltage.shape, 0.0)
    return [Spectrum(b, v, one, angle_deg=a) for one, a, b, v in zip(f, angle, field, noisy, strict=True)]


def test_a_phase_error_shows_in_the_analysis_as_a_trend_and_a_clean_lab_has_none():
    assert not any("changes by" in flag for flag in STFMR().reduce(lab(), exactly()).flags)
    shifted = STFMR().reduce(lab(phase_deg=20.0), exactly())
    assert any(flag.startswith("b_dl: changes by") for flag in shifted.flags)


def test_five_degrees_of_phase_are_nine_per_cent_of_v_asym():
    value = phase_bias(Value(1e-6, 1e-9, "V"), Value(2e-6, 1e-9, "V"), np.radians(5))
    assert value.sigma == pytest.approx(0.087 * 2e-6, rel=0.01)


@pytest.mark.parametrize("delta", [0.8, -0.8])
def test_the_resistance_against_the_angle_gives_amplitude_sign_and_offset(delta):
    rng, phi, found = np.random.default_rng(0), np.radians(np.arange(0, 360, 15.0)), []
    for _ in range(600):
        r = 157 + delta * np.cos(phi + 0.05) ** 2 + rng.normal(0, 0.02, len(phi))
        results = fit_magnetoresistance(phi, r).results
        truth = {"resistance_0": 157.0, "delta_resistance": delta, "angle_offset": 0.05}
        found.append([(results[name].value - value) / results[name].sigma for name, value in truth.items()])
    np.testing.assert_allclose(np.mean(np.abs(found) < 1, axis=0), 0.683, atol=0.07)  # +- 0.019
    np.testing.assert_allclose(np.std(found, axis=0), 1, atol=0.11)


def test_magnetisation_that_lags_behind_the_field_is_flagged_and_no_dependence_has_no_direction():
    phi, rng = np.radians(np.arange(0, 360, 15.0)), np.random.default_rng(0)
    lagging = 157 + 0.8 * np.cos(phi + 0.15 * np.sin(2 * phi)) ** 2
    assert any("4 phi" in flag for flag in fit_magnetoresistance(phi, lagging, np.full(24, 1e-3)).flags)
    flat = fit_magnetoresistance(phi, 157 + rng.normal(0, 0.01, 24), np.full(24, 0.01))
    assert flat.results["angle_offset"].value is None
    with pytest.raises(FitError, match="five are needed"):
        fit_magnetoresistance(phi[:4], np.ones(4))
