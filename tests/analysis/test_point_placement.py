"""Where further points go: they leave less variance than as many elsewhere, as much as is said, within the window."""

import numpy as np
import pytest

from sotlab.analysis.lineshape import fit_lineshape, lineshape
from sotlab.analysis.point_placement import place_points

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
    fit = fit_lineshape(field_T, swept(field_T, np.random.default_rng(0), sign))
    placed, left = place_points(fit, field_T, min(sign * LOW_T, sign * HIGH_T), max(sign * LOW_T, sign * HIGH_T), 40)
    assert np.all((sign * placed >= LOW_T) & (sign * placed <= HIGH_T))
    before = variances(COARSE_T)
    after = variances(np.concatenate([COARSE_T, sign * placed]))
    even = variances(np.concatenate([COARSE_T, np.linspace(LOW_T, HIGH_T, 40)]))
    assert np.prod(after) ** 0.25 < 0.5 * np.prod(even) ** 0.25
    assert np.prod(left[-1]) ** 0.25 == pytest.approx(np.prod(after / before) ** 0.25, rel=0.15)
    assert np.all(np.diff(np.log(left).sum(axis=1)) < 0)


def test_no_points_are_none():
    fit = fit_lineshape(COARSE_T, swept(COARSE_T, np.random.default_rng(0)))
    placed, left = place_points(fit, COARSE_T, LOW_T, HIGH_T, 0)
    assert placed.shape == (0,)
    assert left.shape == (0, 4)
