"""Electro-optic response and deconvolution."""

import numpy as np
import pytest

from sotlab.analysis.thz.eo import GAP, LARGEST_PHASE_RAD, ZNTE, deconvolve, eo_response, eo_signal
from sotlab.analysis.thz.traces import Trace
from sotlab.errors import FitError

from .pulses import STEP_S, axis, pulse

#: The table of the formula sheet, section 1 item 9.
F = np.array([0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]) * 1e12
INDEX = [3.182, 3.194, 3.215, 3.248, 3.297, 3.372, 3.491, 3.697]
MATCHING = [0.996, 0.989, 0.981, 0.950, 0.783, 0.257, 0.157, 0.045]
RESPONSE = [0.986, 0.948, 0.892, 0.800, 0.596, 0.172, 0.089, 0.021]


def test_znte_is_as_known():
    assert ZNTE.index(np.array(810e-9)) == pytest.approx(2.848, abs=5e-4)
    assert ZNTE.group_index(810e-9) == pytest.approx(3.2206, abs=1e-4)
    np.testing.assert_allclose(ZNTE.thz_index(F).real, INDEX, atol=6e-4)
    assert (ZNTE.thz_index(F).imag < 0).all()  # n - i k absorbs


def test_the_response_of_500_um_is_as_tabulated():
    np.testing.assert_allclose(np.abs(eo_response(F)), RESPONSE, atol=6e-4)
    bare = eo_response(F, probe_fwhm_s=0.0) * (1 + ZNTE.thz_index(F)) / ZNTE.coefficient(F)
    bare /= np.abs(1 + ZNTE.thz_index(np.array(0.0))) / ZNTE.coefficient(np.array(0.0)).real
    # The table's phase matching takes n as it is; 0.257 and 0.157 lie on the steep side of a minimum.
    np.testing.assert_allclose(np.abs(bare), MATCHING, atol=0.004)


def test_it_falls_to_minus_3_db_at_2_28_thz_and_a_thinner_crystal_later():
    f = np.linspace(0.5e12, 5e12, 4501)
    edge = [f[np.argmax(np.abs(eo_response(f, thickness_m=d)) < 2**-0.5)] for d in (500e-6, 100e-6)]
    assert edge[0] == pytest.approx(2.28e12, abs=0.01e12)
    assert edge[1] > 2.6e12  # the probe's 100 fs end it


def test_the_phases_match_where_the_group_index_is_met():
    f = np.linspace(0.5e12, 3e12, 2501)
    assert f[np.argmin(np.abs(ZNTE.thz_index(f).real - ZNTE.group_index(810e-9)))] == pytest.approx(
        1.60e12, abs=0.02e12
    )


def test_gap_reaches_further():
    assert GAP.index(np.array(810e-9)) == pytest.approx(3.18, abs=0.01)
    thin = {"thickness_m": 100e-6, "probe_fwhm_s": 50e-15}
    ends = []
    for crystal in (ZNTE, GAP):
        f = np.linspace(0.5e12, 9e12, 1701)
        ends.append(f[np.argmax(np.abs(eo_response(f, crystal=crystal, **thin)) < 0.5)])
    assert ends[1] > ends[0]


def test_the_response_is_causal_a_slower_terahertz_wave_comes_later():
    """Below the phase matching the terahertz wave is faster than the probe, above it is slower."""
    n = 4000
    f = np.fft.rfftfreq(n, STEP_S)
    g = np.r_[1, eo_response(f[1:])]
    for centre, later in ((0.6e12, False), (2.3e12, True)):
        t = axis(n)
        packet = np.exp(-(((t - 100e-12) / 4e-12) ** 2)) * np.cos(2 * np.pi * centre * t)
        out = np.fft.irfft(np.fft.rfft(packet) * g, n)
        arrival = np.sum(t * out**2) / np.sum(out**2) - 100e-12
        walk_off = 500e-6 / 299792458 / 2 * (_group(centre) - ZNTE.group_index(810e-9))
        assert bool(arrival > 0) is later
        assert arrival == pytest.approx(walk_off, rel=0.5)


def _group(f):
    d = 1e9
    n = [ZNTE.thz_index(np.array(x)).real for x in (f - d, f, f + d)]
    return float(n[1] + f * (n[2] - n[0]) / (2 * d))


def test_signal_of_a_kilovolt_a_centimetre_is_3_58_percent_and_bends_by_1_5_percent():
    assert eo_signal(np.array(1e5)) == pytest.approx(0.0358, abs=1e-4)
    field = LARGEST_PHASE_RAD / 0.035840 * 1e5
    assert 1 - eo_signal(np.array(field)) / LARGEST_PHASE_RAD == pytest.approx(0.015, abs=5e-4)


def measured(seed, sigma=0.01, width_s=0.13e-12):
    t = axis(400)
    f = np.fft.rfftfreq(400, STEP_S)
    field = (pulse(t - 3e-12, width_s=width_s) + 0.4 * pulse(t, 8.6e-12, 0.25e-12)) / 1.0
    signal = np.fft.irfft(np.fft.rfft(field) * np.r_[1, eo_response(f[1:])], 400)
    sigma = sigma * np.abs(signal).max()
    return field, Trace(t, signal + np.random.default_rng(seed).normal(0, sigma, 400), sigma)


def test_deconvolution_gives_the_field_back():
    """With the field within the reach of the crystal, 0.3 to 2.5 THz."""
    plain, ours = [], []
    for seed in range(40):
        field, trace = measured(seed, 0.005, 0.2e-12)
        plain.append(np.corrcoef(field, trace.signal_V)[0, 1])
        ours.append(np.corrcoef(field, deconvolve(trace, eo_response).signal_V)[0, 1])
    assert min(ours) > 0.98
    assert np.mean(ours) > np.mean(plain) + 0.01


def test_less_noise_gives_more_of_the_field():
    ends = []
    for sigma in (0.03, 0.0003):
        found = deconvolve(measured(0, sigma)[1], eo_response)
        ends.append(float(found.flags[-1].split("up to ")[1].split()[0]))
    assert ends[1] > ends[0] > 1.5


def test_the_noise_of_the_field_is_that_of_the_scatter():
    found = [deconvolve(measured(seed)[1], eo_response) for seed in range(60)]
    quiet = slice(330, 380)
    scatter = np.std([f.signal_V[quiet] for f in found], axis=0).mean()
    assert np.mean([f.sigma_V[quiet].mean() for f in found]) == pytest.approx(scatter, rel=0.3)


@pytest.mark.parametrize(
    "trace", [Trace(axis(), pulse(axis()), 0.0), Trace(axis(), np.random.default_rng(0).normal(size=200), 1.0)]
)
def test_without_noise_or_without_signal_nothing_is_deconvolved(trace):
    with pytest.raises(FitError, match="deconvolution"):
        deconvolve(trace, eo_response)
