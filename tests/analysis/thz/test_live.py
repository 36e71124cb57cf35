"""What is shown of delay scans while they go on."""

import numpy as np
import pytest

from sotlab.analysis.thz.emission import THzEmission
from sotlab.analysis.thz.live import spectra_of

from .pulses import axis, pulse

WIDTH_S, PULSE_V = 0.15e-12, 1e-4
DELAY_S = axis(201)


def scans(count, noise_V, seed=0, turned=True):
    """Return the columns of ``count`` scans of a pulse, at +B and -B in turn."""
    rng = np.random.default_rng(seed)
    field = np.repeat([0.1 * (-1) ** k if turned else 0.1 for k in range(count)], len(DELAY_S))
    clean = PULSE_V * np.tile(pulse(DELAY_S, width_s=WIDTH_S), count) * np.sign(field)
    return {
        "delay": np.tile(DELAY_S, count),
        "signal": clean + noise_V * rng.normal(size=len(clean)),
        "field": field,
        "scan": np.repeat(np.arange(count, dtype=float), len(DELAY_S)),
    }


def test_the_spectrum_beside_the_trace_is_that_of_the_pulse():
    fit = THzEmission().live(scans(2, 0.0), None)
    (curve,) = fit.beside
    x = 2 * np.pi * curve.x * WIDTH_S  # the closed form: V x^2 w sqrt(2 pi) exp(-x^2/2)
    expected = PULSE_V * x**2 * WIDTH_S * np.sqrt(2 * np.pi) * np.exp(-(x**2) / 2)
    np.testing.assert_allclose(curve.y, expected, atol=1e-3 * expected.max())
    assert fit.values["peak_frequency"].value == pytest.approx(np.sqrt(2) / (2 * np.pi * WIDTH_S), rel=0.03)
    assert (curve.x_header, curve.y_header) == ("Frequency (Hz)", "Amplitude (V/Hz)")


@pytest.mark.parametrize("count", [1, 4])
def test_the_noise_floor_is_what_noise_alone_makes_of_it(count):
    noise_V = 1e-6
    floors, levels = [], []
    for seed in range(20):
        (curve,) = THzEmission().live(scans(count, noise_V, seed), None).beside
        high = curve.x > 4.5e12  # where the pulse has no more signal: a tenth of the floor
        floors.append(np.median(curve.sigma[high]))
        levels.append(np.sqrt(np.mean(curve.y[high] ** 2) / 2))  # |F|^2 of noise is 2 sigma^2 on the average
    # Window of 0.1 at each end: sum w^2 = 0.875 N. Its mean over 20 seeds is known to 3 % from 75 quiet points each.
    step = DELAY_S[1] - DELAY_S[0]
    expected = noise_V / np.sqrt(count) * step * np.sqrt(0.875 * len(DELAY_S) / 2)
    assert np.mean(floors) == pytest.approx(expected, rel=0.15)
    assert np.mean(levels) == pytest.approx(expected, rel=0.15)


def test_of_a_series_the_scans_at_its_last_setting_count():
    columns = scans(2, 0.0, turned=False)
    columns["angle"] = columns["scan"] * 30.0
    columns["signal"] = columns["signal"] * np.where(columns["angle"] > 0.0, 0.25, 1.0)
    fit = THzEmission().live(columns, None)
    np.testing.assert_array_equal(fit.rows, np.arange(len(DELAY_S), 2 * len(DELAY_S)))
    assert fit.values["peak"].value == pytest.approx(0.25 * PULSE_V)


def test_few_points_and_positions_alone_have_no_spectrum():
    few = {role: values[:12] for role, values in scans(1, 0.0).items()}
    assert THzEmission().live(few, None).beside == ()
    position = scans(1, 0.0)
    position["position"] = position.pop("delay") * 1.5e8
    fit = THzEmission().live(position, None)
    assert fit.beside == ()
    assert fit.values["peak"].value == pytest.approx(PULSE_V)


def test_the_spectra_of_a_reduction_are_those_in_its_rows():
    row = {"name": "sample", "frequency": [0.0, 1e12], "amplitude": [1.0, 2.0], "sigma": [0.1, 0.2], "flags": []}
    (curve,) = spectra_of([row, {"name": "one scan", "of": "sample", "flags": []}])
    assert (curve.name, *curve.x, *curve.y, *curve.sigma) == ("sample", 1e12, 2.0, 0.2)
