"""The microwave current by Joule heating, and the closure of two calibrations."""

import numpy as np
import pytest

from sotlab.analysis.artefacts import closure
from sotlab.analysis.rf_current import CurrentCalibration, current_ratio, fit_joule_heating
from sotlab.analysis.stfmr import STFMR, Spectrum
from sotlab.analysis.values import Value
from sotlab.errors import FitError

from .macrospin import autoregressive
from .stfmr_labs import exactly, spectra, the_sample

F = np.array([4e9, 6e9, 8e9, 10e9])
COLD_OHM, HEATING = 300.0, 900.0  # R_0, and b of R = R_0/(1 - b <I^2>)
FACTOR_A = 3.6e-4 * (F / 6e9) ** -0.3
LABS = 1000


def heated(rng=None, level=1.0, noise_ohm=5e-3, rho=0.0):
    """Return fit_joule_heating of what a strip reads: a series of direct currents, then powers at each frequency."""
    dc_A = np.linspace(1e-3, 5e-3, 8)
    power = np.array([0.0, *10 ** np.linspace(0.9, 1.5, 3)])
    frequency = np.concatenate([np.zeros(8), np.repeat(F, 4)])
    power_mW, current_A = np.concatenate([np.zeros(8), np.tile(power, 4)]), np.concatenate([dc_A, np.full(16, 1e-3)])
    frequency = np.where(power_mW > 0, frequency, 0.0)
    factor = level * np.concatenate([np.zeros(8), np.repeat(FACTOR_A, 4)])
    read = COLD_OHM / (1 - HEATING * (current_A**2 + factor**2 * power_mW / 2))
    if rng is not None:
        read = read + noise_ohm * autoregressive(rng, len(read), rho)
    return fit_joule_heating(frequency, power_mW, current_A, read, current_sigma=0.0 if rng is None else 1e-3)


def by_network(rng, level):
    """Return the current as power meter and network analyser have it: level, loss and match, each with its sigma."""
    meter, loss, match = (rng.normal(0, sigma) for sigma in (0.05, 0.06, 0.03))  # [dB]
    own = 0.02 / 20 * np.log(10)
    factor = FACTOR_A * level * 10 ** ((meter + loss + match) / 20) * (1 + rng.normal(0, own, len(F)))
    return CurrentCalibration(F, factor, np.full(len(F), own), float(np.hypot(0.05, np.hypot(0.06, 0.03)) / 8.686))


def test_without_noise_the_current_is_exact():
    found = heated()
    assert found.currents.factor_A == pytest.approx(FACTOR_A, rel=1e-9)
    assert found.resistance.value == pytest.approx(COLD_OHM, rel=1e-9)
    assert found.heating.value == pytest.approx(HEATING, rel=1e-9)


@pytest.mark.parametrize("rho", [0.0, 0.4])
def test_own_and_shared_sigmas_hold(rho):
    each, mean = [], []
    for seed in range(500):
        rng = np.random.default_rng(seed)
        scale = 1 + rng.normal(0, 1e-3)  # of the direct currents: the current comes out wrong by the same factor
        found = heated(rng, rho=rho).currents
        error = np.log(found.factor_A * scale / FACTOR_A)
        each.append(error / np.hypot(found.own_sigma, found.scale_sigma))
        mean.append(error.mean() / np.hypot(found.scale_sigma, np.linalg.norm(found.own_sigma) / len(F)))
    # 500 means: a perfect program's coverage scatters by 0.021, its deviation by 0.032; the four of a lab share much.
    for pulls in (np.concatenate(each), np.array(mean)):
        assert np.mean(np.abs(pulls) < 1) == pytest.approx(0.683, abs=0.075)
        assert np.std(pulls) == pytest.approx(1.0, abs=0.12)


def test_nothing_that_heats_is_refused():
    with pytest.raises(FitError, match="raise current_stop"):
        heated(np.random.default_rng(0), noise_ohm=20.0)
    with pytest.raises(FitError, match="does not heat at 4 GHz"):
        fit_joule_heating(
            np.repeat([0, 0, 0, 4e9], 3), np.repeat([0, 0, 0, 10.0], 3), np.repeat([1e-3, 3e-3, 5e-3, 1e-3], 3),
            np.repeat([300.3, 302.0, 307.0, 299.0], 3) + np.tile([1e-3, -2e-3, 1e-3], 4),
        )  # fmt: skip


def test_a_level_error_of_0_7_dB_is_noticed_in_95_of_100_labs_and_5_alarm_falsely_at_most():
    wrong, alarms, seen = 10 ** (0.7 / 20), [], []
    for seed in range(LABS):
        rng = np.random.default_rng(seed)
        joule, level = heated(rng).currents, by_network(rng, 1.0)
        off = CurrentCalibration(level.frequency_Hz, level.factor_A * wrong, level.own_sigma, level.scale_sigma)
        alarms.append(bool(closure(current_ratio(level, joule)).flags))
        seen.append(bool(closure(current_ratio(off, joule)).flags))
    # By construction 2.8 +- 0.5 % of 1000 labs alarm: 5 % are four standard deviations away.
    assert np.mean(alarms) <= 0.05
    assert np.mean(seen) >= 0.95


def test_the_closure_says_what_it_means_for_an_efficiency():
    check = closure(Value(1.06, 0.014, ""), ("network analyser", "Joule heating"))
    assert "network analyser and Joule heating differ by +0.51 dB" in check.flags[0]
    assert "12 %" in check.flags[0]
    assert closure(Value(1.02, 0.014, "")).flags == ()
    for impossible in (Value(0.0, 0.1, ""), Value(1.0, 0.0, "")):
        with pytest.raises(FitError, match="closure"):
            closure(impossible)


def test_frequencies_of_both_count_and_without_any_or_a_sigma_there_is_no_ratio():
    first = CurrentCalibration(F, FACTOR_A, np.full(4, 0.01), 0.02)
    second = CurrentCalibration(F[[3, 1]] * (1 + 1e-8), 1.1 * FACTOR_A[[3, 1]], np.full(2, 0.03), 0.0)
    ratio = current_ratio(second, first)
    assert ratio.value == pytest.approx(1.1)
    assert ratio.sigma / ratio.value == pytest.approx(np.hypot(0.02, np.hypot(0.01, 0.03) / np.sqrt(2)))
    with pytest.raises(FitError, match="no frequency in common"):
        current_ratio(first, CurrentCalibration(F + 1e8, FACTOR_A, np.full(4, 0.01), 0.0))
    exact = CurrentCalibration(F, FACTOR_A, np.zeros(4), 0.0)
    with pytest.raises(FitError, match="neither"):
        current_ratio(exact, exact)


def test_the_analysis_reports_the_closure_and_flags_calibrations_that_differ():
    measured = [
        Spectrum(b, v, f, angle_deg=a) for f, a, b, v in zip(*spectra(the_sample(), [5e9, 7e9], [45.0]), strict=True)
    ]
    for ratio, differ in ((1.01, False), (1.084, True)):
        result = STFMR().reduce(measured, exactly(current_check=Value(ratio, 0.015, "")))
        assert result.results["current_check"] == Value(ratio, 0.015, "")
        assert any(flag.startswith("current: the other calibration") for flag in result.flags) == differ
    assert "current_check" not in STFMR().reduce(measured, exactly()).results
    with pytest.raises(ValueError, match="current_check"):
        exactly(current_check=Value(1.0, 0.0, ""))
