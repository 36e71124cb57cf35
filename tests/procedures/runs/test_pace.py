"""Time to go: from the pace of the points, not from a promise."""

import re

import pytest

from sotlab.procedures.runs.pace import Pace, clock_text


class Wall:
    """Wall time as the test has it."""

    now_s = 100.0

    def __call__(self):
        return self.now_s


def run_points(pace, wall, points, each_s, planned):
    for _ in range(points):
        wall.now_s += each_s
        pace.count(1)
        pace.note_percent(100.0 * pace.done / planned)


def test_there_is_no_time_to_go_before_there_is_a_pace():
    wall = Wall()
    pace = Pace(wall)
    assert pace.to_go_s is None
    run_points(pace, wall, 1, 0.5, 100)
    assert pace.to_go_s is None
    assert pace.describe() == "1 of 100 points"


def test_a_steady_pace_gives_the_time_to_go():
    wall = Wall()
    pace = Pace(wall)
    run_points(pace, wall, 11, 0.5, 100)
    assert pace.to_go_s == pytest.approx(89 * 0.5)


def test_a_slow_run_up_is_not_taken_for_the_pace():
    wall = Wall()
    pace = Pace(wall)
    wall.now_s += 60.0
    run_points(pace, wall, 11, 0.5, 100)
    assert pace.to_go_s == pytest.approx(89 * 0.5)


def test_time_goes_on_between_points_and_does_not_go_below_zero():
    wall = Wall()
    pace = Pace(wall)
    run_points(pace, wall, 9, 1.0, 10)
    wall.now_s += 0.25
    assert pace.to_go_s == pytest.approx(0.75)
    wall.now_s += 10.0
    assert pace.to_go_s == 0.0


def test_a_plan_that_grows_is_followed():
    wall = Wall()
    pace = Pace(wall)
    run_points(pace, wall, 10, 1.0, 10)
    assert pace.to_go_s == 0.0
    run_points(pace, wall, 1, 1.0, 21)
    assert pace.planned == 21
    assert pace.to_go_s == pytest.approx(10.0)


def test_it_is_told_in_hours_minutes_and_as_the_time_of_day():
    wall = Wall()
    pace = Pace(wall)
    run_points(pace, wall, 2, 60.0, 63)
    assert re.fullmatch(r"2 of 63 points, 1:01:00 to go, ends (\w+ \d+ \w+ )?\d\d:\d\d:\d\d", pace.describe())


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "0:00:00"), (59.2, "0:01:00"), (36061.0, "10:01:01")])
def test_seconds_are_written_as_a_clock(seconds, text):
    assert clock_text(seconds) == text
