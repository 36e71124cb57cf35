"""Spectra and their uncertainty, windows, echoes, dynamic range and signal-to-noise, live spectra."""

import time

import numpy as np
import pytest

from sotlab.analysis.thz.average import average_scans
from sotlab.analysis.thz.spectrum import (
    LiveSpectrum,
    band_amplitude,
    dynamic_range,
    echo_delay_s,
    guard_echo,
    signal_to_noise,
    spectrum,
    window,
)
from sotlab.analysis.thz.traces import Trace
from sotlab.analysis.thz.water import WATER_LINES_HZ, find_water
from sotlab.errors import FitError

from .pulses import STEP_S, axis, noise, pulse

T = axis()


def exact(f, at_s=5e-12, width_s=0.15e-12):
    """The transform of the pulse, by hand: (2 pi f w)^2 w sqrt(2 pi) exp(-(2 pi f w)^2/2)."""
    x = 2 * np.pi * f * width_s
    return x**2 * width_s * np.sqrt(2 * np.pi) * np.exp(-(x**2) / 2) * np.exp(-2j * np.pi * f * at_s)


def test_a_spectrum_is_the_fourier_integral_with_the_delays_as_times():
    found = spectrum(Trace(T - 3e-12, pulse(T), 0.0), edge=0.0, baseline=False)
    np.testing.assert_allclose(found.field, exact(found.frequency_Hz, 2e-12), atol=1e-18)


@pytest.mark.parametrize("rho", [0.0, 0.7])
@pytest.mark.parametrize("edge", [0.0, 0.3])
def test_its_sigma_is_that_of_the_noise_drawn_at_each_frequency(rho, edge):
    colour = rho ** np.arange(40) if rho else np.ones(1)
    drawn = []
    for seed in range(400):
        trace = Trace(T, noise(np.random.default_rng(seed), 200, 0.1, rho), 0.1, colour)
        found = spectrum(trace, edge=edge, baseline=False)
        drawn.append(np.abs(found.field) ** 2)
    # A mean of 400 exponential draws is known to 5 %; 95 frequencies are looked at.
    np.testing.assert_allclose(np.mean(drawn, axis=0)[4:-4] / found.sigma[4:-4] ** 2, 1, atol=0.25)


def test_power_is_unbiased_and_the_phase_has_its_sigma():
    found = [
        spectrum(Trace(T, pulse(T) + np.random.default_rng(s).normal(0, 0.1, 200), 0.1), edge=0.0) for s in range(400)
    ]
    k = 15  # 1.5 THz
    true = exact(found[0].frequency_Hz[k])
    powers = np.array([f.power[k] for f in found])
    assert abs(powers.mean() - abs(true) ** 2) < 3 * powers.std() / 20
    pulls = np.array([np.angle(f.field[k] / true) / f.phase_sigma[k] for f in found])
    assert 0.60 < np.mean(np.abs(pulls) < 1) < 0.76
    assert np.isnan(found[0].phase[-50:]).mean() > 0.9  # noise has no phase; e^-4 of it looks as if


def test_zeros_padded_resolve_nothing_more_and_say_so():
    plain, padded = (spectrum(Trace(T, pulse(T), 0.01), zero_pad=z) for z in (1, 4))
    assert plain.resolution_Hz == plain.spacing_Hz == pytest.approx(1e11)
    assert padded.resolution_Hz == plain.resolution_Hz
    assert padded.spacing_Hz == pytest.approx(0.25e11)
    np.testing.assert_allclose(padded.field[::4], plain.field, atol=1e-18)
    assert plain.flags == ()
    assert "told apart" in padded.flags[0]
    both = [band_amplitude(one, (0.3e12, 2.5e12)) for one in (plain, padded)]
    assert both[0].value == pytest.approx(both[1].value, rel=0.02)
    assert both[0].sigma == pytest.approx(both[1].sigma, rel=0.2)  # not half of it


def test_padding_that_cuts_is_refused():
    with pytest.raises(FitError, match="zero padding"):
        spectrum(Trace(T, pulse(T), 0.01), zero_pad=0.5)


@pytest.mark.parametrize(("kind", "edge", "mean"), [("boxcar", 0, 1.0), ("tukey", 0.2, 0.8), ("hann", 0, 0.5)])
def test_windows_have_their_area_and_are_symmetric(kind, edge, mean):
    w = window(1000, edge=edge, kind=kind)
    assert w.mean() == pytest.approx(mean, abs=0.002)
    np.testing.assert_allclose(w, w[::-1])


def test_an_unknown_window_is_refused():
    with pytest.raises(FitError, match="tukey, hann or boxcar"):
        window(100, kind="blackman")


@pytest.mark.parametrize(
    ("thickness_m", "index", "ps"), [(500e-6, 3.18, 10.6), (300e-6, 3.42, 6.8), (500e-6, 3.42, 11.4)]
)
def test_echoes_come_when_they_must(thickness_m, index, ps):
    assert echo_delay_s(thickness_m, index) == pytest.approx(ps * 1e-12, abs=0.05e-12)


def test_the_window_ends_before_the_echo_or_says_so():
    t = axis(500)
    trace = Trace(t, pulse(t) - 0.3 * pulse(t, 15.6e-12), 0.001)
    assert "echo" in spectrum(trace, echoes_s=(10.6e-12,)).flags[0]
    guarded = guard_echo(trace, 10.6e-12)
    assert spectrum(guarded, echoes_s=(10.6e-12,)).flags == ()
    assert guarded.delay_s[-1] < 15.2e-12


def test_dynamic_range_and_signal_to_noise_are_two_numbers():
    """DR: peak over additive floor. SNR: what a repeat is worth, here limited by 5 % of the amplitude."""
    ranges, ratios = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rows = (1 + 0.05 * rng.normal(size=(20, 1))) * pulse(T) + rng.normal(0, 0.001, (20, 200))
        trace = average_scans(T, rows).trace
        found = spectrum(trace)
        ranges.append(dynamic_range(found, (6e12, 9.5e12)))
        ratios.append(signal_to_noise(trace))
    assert np.mean([r.value for r in ratios]) == pytest.approx(20, rel=0.1)
    floor = 0.001 / np.sqrt(20) * STEP_S * np.sqrt(np.sum(window(200) ** 2))
    assert np.mean([r.value for r in ranges]) == pytest.approx(abs(exact(1.5e12)) / floor, rel=0.1)
    assert np.mean([r.sigma / r.value for r in ranges]) == pytest.approx(np.std([r.value for r in ranges]) / np.mean(
        [r.value for r in ranges]
    ), rel=0.4)  # fmt: skip


def test_a_single_scan_has_no_signal_to_noise():
    assert signal_to_noise(Trace(T, pulse(T), 0.01)).value is None


def test_too_narrow_a_floor_is_refused():
    with pytest.raises(FitError, match="wider part"):
        dynamic_range(spectrum(Trace(T, pulse(T), 0.01)), (6e12, 6.2e12))


def test_a_live_spectrum_at_irregular_delays_is_the_whole_one():
    rng = np.random.default_rng(0)
    t = np.sort(T + rng.uniform(-10e-15, 10e-15, 200))
    live = LiveSpectrum()
    for one in t[:50]:
        live.add(one, pulse(one))
    live.extend(t[50:], pulse(t[50:]))
    np.testing.assert_allclose(live.field, exact(live.frequency_Hz), atol=0.04 * abs(exact(1.5e12)))
    assert live.resolution_Hz == pytest.approx(1 / (t[-1] - t[0]))


def test_a_live_spectrum_does_not_care_for_the_direction():
    there, back = LiveSpectrum(), LiveSpectrum()
    there.extend(T, pulse(T))
    back.extend(T[::-1], pulse(T[::-1]))
    np.testing.assert_allclose(there.field, back.field, atol=1e-24)


def test_a_new_point_of_a_live_spectrum_costs_microseconds():
    live = LiveSpectrum(5e12, 501)
    start = time.process_time()
    for k in range(2000):
        live.add(k * STEP_S, 0.1)
    assert (time.process_time() - start) / 2000 < 100e-6  # some 10 on a free machine


def test_water_lines_are_differences_of_term_values():
    terms = {"000": 0.0, "101": 23.7944, "111": 37.1371, "110": 42.3717, "202": 70.0908, "212": 79.4964, "211": 95.1759,
             "221": 134.9016, "303": 136.7617, "312": 173.3658, "313": 142.2785, "322": 206.3014, "404": 222.0528,
             "413": 275.4970, "414": 224.8384}  # fmt: skip
    lines = [("110", "101"), ("211", "202"), ("202", "111"), ("312", "303"), ("111", "000"), ("413", "404"),
             ("221", "212"), ("212", "101"), ("303", "212"), ("322", "313"), ("413", "322"), ("313", "202"),
             ("404", "313"), ("414", "303"), ("221", "110")]  # fmt: skip
    for up, down in lines:
        assert np.abs(WATER_LINES_HZ - (terms[up] - terms[down]) * 2.99792458e10).min() < 0.1e9


def wet(points, depth, rng):
    """A pulse behind water vapour: Lorentzian lines of 6 GHz, absorbing and delaying."""
    t = axis(points)
    f = np.fft.rfftfreq(points, STEP_S)
    lines = depth * np.sum(3e9 / (3e9 + 1j * (f[:, None] - WATER_LINES_HZ)), axis=1)
    signal = np.fft.irfft(np.fft.rfft(pulse(t, 5e-12)) * np.exp(-lines), points)
    return Trace(t, signal + rng.normal(0, 1e-4, points), 1e-4)


def test_water_shows_in_a_long_scan_of_humid_air_and_not_in_dry_air():
    rng = np.random.default_rng(0)
    humid, dry = (find_water(spectrum(wet(2000, depth, rng), edge=0.02)) for depth in (2.0, 0.0))
    assert humid.depth.value > 0.3
    assert "1.097" in humid.flags[0]
    assert dry.depth.value is None
    assert dry.flags == ()


def test_a_short_scan_cannot_show_water_and_says_so():
    found = find_water(spectrum(wet(200, 2.0, np.random.default_rng(0))))
    assert found.depth.value is None
    assert "scan longer" in found.flags[0]
    assert found.near.any()
