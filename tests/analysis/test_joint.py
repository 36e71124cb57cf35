"""The joint fit: what it can tell apart, and what it says of it."""

import numpy as np
import pytest

from sotlab.analysis.joint import fit_joint, propagated, range_needed, unique_parts
from sotlab.errors import FitError

from .macrospin import autoregressive

X = np.linspace(0, 1, 200)


def test_the_unique_part_is_the_sine_of_the_angle_to_the_other_columns():
    angle = 0.03
    design = np.zeros((2, 50))
    design[0, 0] = 1.0
    design[1, :2] = np.cos(angle), np.sin(angle)
    np.testing.assert_allclose(unique_parts(design), np.sin(angle), rtol=1e-12)
    assert unique_parts(np.stack([X, 2 * X, np.ones(200)]))[:2].max() < 1e-7
    assert unique_parts(np.stack([X, 0 * X]))[1] == 0


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_sigmas_hold_under_correlated_noise_with_gaps_and_breaks(rho):
    rng, pulls = np.random.default_rng(0), []
    sequence = np.repeat(np.arange(4), 50)
    for _ in range(400):
        noise = np.concatenate([autoregressive(rng, 50, rho) for _ in range(4)])
        y = 2 * X + 1 + 0.1 * noise
        y[rng.integers(0, 200, 10)] = np.nan
        fit = fit_joint({"slope": X, "one": np.ones(200)}, y, who="line", sequence=sequence)
        pulls.append([(fit["slope"] - 2) / fit.sigma("slope"), (fit["one"] - 1) / fit.sigma("one")])
    # 400 pulls: their deviation scatters by 0.035.
    assert np.all(np.abs(np.std(pulls, axis=0) - 1) < 0.15), np.std(pulls, axis=0)


def test_inputs_are_carried_with_their_covariance():
    covariance = np.array([[4.0, -1.9], [-1.9, 1.0]])
    weights = np.array([[1.0, 2.0], [3.0, -1.0]])
    np.testing.assert_allclose(
        propagated(lambda p: weights @ p, np.zeros(2), covariance), weights @ covariance @ weights.T
    )
    assert propagated(lambda p: p, np.ones(2), np.zeros((2, 2))) is None


def test_the_range_that_is_said_to_do_does():
    def columns(field_T):
        return np.stack([1 / (field_T + 1), np.ones_like(field_T), field_T])

    fields_T = np.linspace(0.1, 0.3, 8)
    top_T = range_needed(columns, fields_T, 0)
    assert top_T is not None
    assert unique_parts(columns(np.linspace(0.1, top_T, 8)))[0] > 0.02
    assert unique_parts(columns(np.linspace(0.1, 0.8 * top_T, 8)))[0] < 0.02
    assert range_needed(lambda b: np.stack([b, 2 * b]), fields_T, 0) is None


def test_too_few_readings_are_an_error_that_counts_them():
    with pytest.raises(FitError, match="4 readings for 2 parameters"):
        fit_joint({"a": np.ones(4), "b": np.arange(4)}, np.ones(4), who="line")


@pytest.mark.parametrize("noise", [0.02, 0.3, 2.0])
def test_readings_that_share_their_rounding_do_not_pretend_to_be_many(noise):
    """A lock-in's digits: five turns of eighteen angles have nine different readings if there is no noise."""
    rng, pulls, step = np.random.default_rng(0), [], 1e-4
    for _ in range(400):
        angle = np.tile(np.radians(20 * np.arange(18) + rng.uniform(0, 20)), 5)
        columns = {"s": np.sin(2 * angle), "c": np.cos(2 * angle), "one": np.ones(90)}
        size = rng.uniform(0.2, 0.3)
        reading = size * np.sin(2 * angle) + 0.01 + noise * step * rng.normal(size=90)
        fit = fit_joint(columns, step * np.round(reading / step), who="turns")
        pulls.append((fit["s"] - size) / fit.sigma("s"))
    # 400 pulls: their deviation scatters by 0.035, their mean by 0.05.
    assert abs(np.std(pulls) - 1) < 0.15
    assert abs(np.mean(pulls)) < 0.2
