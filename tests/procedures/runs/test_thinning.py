"""What a whole plan takes, from some of its steps."""

import numpy as np
import pytest

from sotlab.procedures.runs.thinning import StepTimes


def test_what_short_steps_take_longer_is_added_to_short_steps_and_not_to_long_ramps():
    took_s, planned_s = np.array([5.3, 5.3, 5.3, 23.0]), np.array([4.3, 4.3, 4.3, 23.0])
    steps = StepTimes.measured(took_s, planned_s)
    plan_s = np.repeat([4.3, 23.0], [3400, 20])
    assert steps.total_s(plan_s) == pytest.approx(3400 * 5.3 + 20 * 23.0)
    assert steps.total_s(np.array([60.0])) == pytest.approx(60.0)  # longer than any that was measured


def test_a_scan_that_plans_no_times_takes_the_mean_for_each_step():
    steps = StepTimes.measured(np.array([1.0, 2.0, 3.0]), np.zeros(3))
    assert steps.total_s(np.zeros(10)) == pytest.approx(20.0)


def test_where_no_step_was_measured_the_plan_is_believed():
    assert StepTimes.measured(np.array([]), np.array([])).total_s(np.array([1.0, 2.0])) == 3.0
