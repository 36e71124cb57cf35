"""Readings of lock-ins: overload, phase, parts odd and even in the field."""

import numpy as np
import pytest

from sotlab.analysis.lockin_readings import overloaded, phase_of_signal, split_parity
from sotlab.errors import FitError


def test_readings_at_the_end_of_the_range_are_overloads():
    rng = np.random.default_rng(0)
    x, y = np.clip(rng.normal(size=(2, 200)), -1.5, 1.5)
    np.testing.assert_array_equal(overloaded(x, y), (np.abs(x) == 1.5) | (np.abs(y) == 1.5))
    coarse = 0.01 * np.round(rng.normal(size=200))  # a small channel of few digits repeats its largest ones too
    np.testing.assert_array_equal(overloaded(x, coarse), np.abs(x) == 1.5)
    larger = np.concatenate([x, 2.5 * rng.normal(size=200)])  # a larger sensitivity afterwards
    np.testing.assert_array_equal(overloaded(larger), np.abs(larger) == 1.5)
    assert not overloaded(rng.normal(size=200)).any()
    assert not overloaded(np.zeros(50)).any()


def test_the_phase_of_a_signal_has_a_sigma_that_holds():
    rng, pulls = np.random.default_rng(0), []
    signal = np.cos(np.linspace(0, 20, 80))
    for _ in range(400):
        x = np.cos(0.4) * signal + 0.1 * rng.normal(size=80) + 3
        y = np.sin(0.4) * signal + 0.1 * rng.normal(size=80) - 2
        phase = phase_of_signal(x, y)
        pulls.append((phase.value - 0.4) / phase.sigma)
    assert np.std(pulls) == pytest.approx(1, abs=0.12)
    assert abs(np.mean(pulls)) < 0.2
    assert phase_of_signal(rng.normal(size=80), rng.normal(size=80)).value is None


def test_opposite_fields_are_paired_by_sign_or_by_half_a_turn():
    field = np.array([1.0, 1.0, -1.0, 1.0, 2.0])
    angle = np.radians([10.0, 190.0, 40.0, 40.0, 10.0])
    pairs = split_parity(field, angle, np.array([5.0, 1.0, 2.0, 8.0, 7.0]))
    assert pairs.index.tolist() == [0, 2]
    assert pairs.odd.tolist() == [2.0, -3.0]
    assert pairs.even.tolist() == [3.0, 5.0]
    assert pairs.unpaired == 1
    with pytest.raises(FitError, match="180 deg apart"):
        split_parity(field[:1], angle[:1], np.ones(1))


def test_the_flat_top_of_a_curve_that_is_read_in_steps_is_no_overload():
    curve = 1.9 * np.sqrt(1 - np.linspace(-0.1, 0.1, 41) ** 2)
    read = np.round(curve / 1e-3) * 1e-3
    assert np.count_nonzero(read == read.max()) > 6
    assert not overloaded(read, np.zeros(41)).any()
    assert overloaded(np.clip(read, -1.895, 1.895), np.zeros(41)).sum() > 20
