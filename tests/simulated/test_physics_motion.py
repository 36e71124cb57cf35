"""The motion of an axis against what can be worked out by hand."""

import math

import numpy as np
import pytest

from sotlab.simulated.physics.motion import Axis


def stiff_axis(**options):
    """An axis whose servo lags by next to nothing."""
    return Axis(-100.0, 100.0, **({"tau_s": 1e-6, "window": 1e-4} | options))


def test_long_move_is_a_trapezoid():
    axis = stiff_axis()
    # 2 u/s at 4 u/s^2: 0.5 s and 0.5 u at each end, 9 u at full speed
    assert axis.move(10.0, 10.0, 2.0, 4.0) == pytest.approx(10.0 + 0.5 + 4.5 + 0.5, abs=1e-4)
    assert [axis.position(t) for t in (10.25, 10.5, 12.5, 15.25)] == pytest.approx([0.125, 0.5, 4.5, 9.875], abs=1e-4)
    assert axis.velocity(12.0) == pytest.approx(2.0)
    assert (axis.position(20.0), axis.velocity(20.0)) == (10.0, 0.0)


def test_short_move_is_a_triangle():
    axis = stiff_axis()
    assert axis.move(0.0, -0.25, 2.0, 4.0) == pytest.approx(0.5, abs=1e-4)
    assert axis.velocity(0.25) == pytest.approx(-1.0)
    assert axis.position(0.25) == pytest.approx(-0.125, abs=1e-4)


def test_deceleration_may_differ_from_acceleration():
    axis = stiff_axis()
    assert axis.move(0.0, 10.0, 2.0, 4.0, 1.0) == pytest.approx(0.5 + 3.75 + 2.0, abs=1e-4)


@pytest.mark.parametrize("target", [10.0, 3.0, 2.0, -5.0, 0.0])
def test_new_target_on_the_way_is_reached_without_a_jump(target):
    axis = stiff_axis()
    axis.move(0.0, 20.0, 2.0, 4.0)
    before = axis.target(2.0), axis.velocity(2.0)
    end_s = axis.move(2.0, target, 1.0, 4.0)
    assert (axis.target(2.0), axis.velocity(2.0)) == pytest.approx(before)
    times_s = np.linspace(2.0, end_s, 2001)
    positions = np.array([axis.target(t) for t in times_s])
    speeds = np.array([axis.velocity(t) for t in times_s])
    step_s = times_s[1] - times_s[0]
    assert np.max(np.abs(np.diff(positions))) <= 2.0 * step_s * 1.01
    assert np.max(np.abs(np.diff(speeds))) <= 4.0 * step_s * 1.01
    assert axis.position(end_s + 1.0) == pytest.approx(target)


def test_stop_needs_its_way():
    axis = stiff_axis()
    axis.move(0.0, 20.0, 2.0, 4.0)
    assert axis.stop(2.0, 1.0) == pytest.approx(4.0, abs=1e-4)
    assert axis.position(10.0) == pytest.approx(3.5 + 2.0)


def test_servo_lags_behind_by_its_time_constant_and_settles():
    axis = Axis(-100.0, 100.0, tau_s=0.1, window=1e-3)
    settled_s = axis.move(0.0, 10.0, 2.0, 4.0)
    assert axis.target(4.0) - axis.position(4.0) == pytest.approx(0.2, abs=1e-9)
    assert settled_s > 5.5
    assert abs(axis.position(settled_s) - 10.0) == pytest.approx(1e-3, rel=1e-6)


def test_servo_solves_its_equation_through_a_whole_move():
    axis = Axis(-100.0, 100.0, tau_s=0.1)
    axis.move(0.0, 3.0, 2.0, 4.0)
    step_s, x = 1e-4, 0.0
    for i in range(30000):  # Euler's steps err by about step/tau of the lag
        x += (axis.target(i * step_s) - x) / 0.1 * step_s
    assert axis.position(3.0) == pytest.approx(x, abs=2e-4)


def test_carriage_lags_by_the_backlash_when_the_axis_turns():
    axis = stiff_axis(backlash=0.02)
    axis.move(0.0, 1.0, 2.0, 4.0)
    assert axis.carriage(10.0) == pytest.approx(0.99)
    axis.move(10.0, 0.985, 2.0, 4.0)
    assert axis.carriage(20.0) == pytest.approx(0.99)
    axis.move(20.0, 0.5, 2.0, 4.0)
    assert axis.carriage(30.0) == pytest.approx(0.51)
    axis.move(30.0, 0.4, 2.0, 4.0)
    axis.move(40.0, 0.5, 2.0, 4.0)
    assert axis.carriage(50.0) == pytest.approx(0.49)  # the same place, from the other side


def test_travel_ends_at_its_limits():
    axis = stiff_axis()
    axis.move(0.0, 500.0, 100.0, 100.0)
    assert axis.position(100.0) == 100.0


def test_move_planned_ahead_leaves_the_present_as_it_is():
    axis = stiff_axis()
    end_s = axis.move(0.0, 10.0, 2.0, 4.0)
    axis.move(end_s, 0.0, 2.0, 4.0)
    assert axis.position(2.5) == pytest.approx(4.5, abs=1e-4)
    assert axis.position(end_s + 2.5) == pytest.approx(5.5, abs=1e-3)


def test_reading_has_the_steps_and_the_jitter_of_the_encoder():
    axis = stiff_axis(resolution=0.01)
    axis.move(0.0, 1.2345, 2.0, 4.0)
    assert axis.reading(10.0) == pytest.approx(1.23)
    noisy = stiff_axis(resolution=1e-9, noise=1e-3, readings=np.random.default_rng(0))
    readings = [noisy.reading(1.0) for _ in range(4000)]
    assert np.std(readings) == pytest.approx(1e-3, rel=0.05)
    assert math.isclose(noisy.position(1.0), 0.0)


def test_stalled_axis_stands_still_and_then_catches_up():
    axis, free = stiff_axis(), stiff_axis()
    for one in (axis, free):
        end_s = one.move(0.0, 10.0, 2.0, 4.0)
    axis.stall(2.0, 1.0)
    assert [axis.position(t) for t in (2.0, 2.5, 2.999)] == pytest.approx([free.position(2.0)] * 3)
    assert axis.position(3.1) == pytest.approx(free.position(3.1))
    assert axis.settled_s() == pytest.approx(end_s)


def test_axis_that_stalls_beyond_its_move_settles_only_when_it_comes_free():
    axis = stiff_axis()
    axis.move(0.0, 10.0, 2.0, 4.0)
    axis.stall(2.0, 20.0)
    assert axis.settled_s() > 22.0
    assert axis.position(21.9) == pytest.approx(axis.position(2.0))
    assert axis.position(22.1) == pytest.approx(10.0)


def test_stalled_axis_takes_new_commands_but_obeys_later():
    axis = stiff_axis()
    axis.move(0.0, 10.0, 2.0, 4.0)
    axis.stall(2.0, 20.0)
    here = axis.position(2.0)
    assert axis.move(5.0, 0.0, 2.0, 4.0) > 22.0
    assert (axis.position(5.5), axis.position(21.0)) == pytest.approx((here, here))
    assert axis.position(23.0) == pytest.approx(0.0, abs=1e-9)
    assert axis.move(30.0, 3.0, 2.0, 4.0) == pytest.approx(30.0 + 2.0, abs=1e-3)
    assert axis.position(40.0) == 3.0
