"""Where further points go: they leave less variance than as many elsewhere, as much as is said, within the window."""

import numpy as np
import pytest

from sotlab.analysis.lineshape import lineshape
from sotlab.analysis.point_placement import lines_seen, place_points

LINE = (1.0, -0.6, 0.07, 0.003)
LOW_T, HIGH_T = 0.03, 0.11
COARSE_T = np.linspace(LOW_T, HIGH_T, 61)


def swept(field_T, rng, sign=1.0):
    return lineshape(sign * field_T, *LINE) + 0.02 * rng.normal(size=len(field_T))


def variances(field_T):
    """Return the variances of V_S, V_A, B0, W of unit noise at these fields, by numerical derivatives."""
    steps = np.array([1e-4, 1e-4, 1e-7, 1e-7])
    rows = [
        (lineshape(field_T, *(LINE + d)) - lineshape(field_T, *(LINE - d))) / (2 * h)
        for d, h in zip(np.diag(steps), steps, strict=True)
    ]
    design = np.stack([*rows, np.ones_like(field_T), 100 * (field_T - LINE[2])])
    return np.diag(np.linalg.inv(design @ design.T))[:4]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_chosen_points_leave_less_than_even_ones_and_as_much_as_is_said(sign):
    field_T = sign * COARSE_T
    seen = lines_seen(field_T, swept(field_T, np.random.default_rng(0), sign))
    placed, left = place_points(seen, field_T, min(sign * LOW_T, sign * HIGH_T), max(sign * LOW_T, sign * HIGH_T), 40)
    assert np.all((sign * placed >= LOW_T) & (sign * placed <= HIGH_T))
    before = variances(COARSE_T)
    after = variances(np.concatenate([COARSE_T, sign * placed]))
    even = variances(np.concatenate([COARSE_T, np.linspace(LOW_T, HIGH_T, 40)]))
    assert np.prod(after) ** 0.25 < 0.5 * np.prod(even) ** 0.25
    assert np.prod(left[-1]) ** 0.25 == pytest.approx(np.prod(after / before) ** 0.25, rel=0.15)
    assert np.all(np.diff(np.log(left).sum(axis=1)) < 0)


def test_no_points_are_none():
    seen = lines_seen(COARSE_T, swept(COARSE_T, np.random.default_rng(0)))
    placed, left = place_points(seen, COARSE_T, LOW_T, HIGH_T, 0)
    assert placed.shape == (0,)
    assert left.shape == (0, 4)


def test_points_for_the_width_know_it_better_than_points_for_the_whole_line():
    seen = lines_seen(COARSE_T, swept(COARSE_T, np.random.default_rng(0)))
    for_all, for_width = (
        variances(np.concatenate([COARSE_T, place_points(seen, COARSE_T, LOW_T, HIGH_T, 40, weights)[0]]))
        for weights in ((1, 1, 1, 1), (0.3, 0.3, 0.3, 1))
    )
    assert for_width[3] < 0.9 * for_all[3]
    assert np.log(for_all).sum() < np.log(for_width).sum()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_few_points_allow_lies_about_the_truth_as_far_as_they_leave_open(sign):
    # 17 points, 5 mT apart, of a line 3 mT wide: the fit that a report would show asks for three within the line.
    field_T = sign * np.linspace(LOW_T, HIGH_T, 17)
    pulls, known = [], []
    for seed in range(60):
        seen = lines_seen(field_T, swept(field_T, np.random.default_rng(seed), sign))
        assert seen.certain
        at_T, width_T = seen.lines[:, 2], seen.lines[:, 3]
        pulls.append([(sign * at_T.mean() - LINE[2]) / at_T.std(), (width_T.mean() - LINE[3]) / width_T.std()])
        known.append(width_T.std() / LINE[3])
    # 24 lines drawn give their standard deviation to 15 %; the line is not linear in its width.
    assert np.all((np.std(pulls, axis=0) > 0.7) & (np.std(pulls, axis=0) < 1.4))
    assert 0.01 < np.median(known) < 0.3


def test_noise_alone_is_hardly_ever_a_line():
    rng = np.random.default_rng(0)
    false = sum(lines_seen(COARSE_T[::3], rng.normal(size=21)).certain for _ in range(100))
    assert false <= 3
