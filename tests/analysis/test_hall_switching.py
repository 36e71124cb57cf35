"""The planar Hall effect and current-induced switching from made readings: values, sigmas and refusals."""

import numpy as np
import pytest

from sotlab.analysis.datasets import Dataset
from sotlab.analysis.hall_switching import CurrentSwitching, CurrentSwitchingSettings, PlanarHall, PlanarHallSettings
from sotlab.analysis.values import Value

ANGLE_DEG = np.arange(0.0, 360.0, 15.0)


def turn(rng=None, r_p=-0.2, offset_deg=3.0, tilt=0.0):
    angle = np.radians(ANGLE_DEG)
    reading = 0.1 + r_p * np.sin(2 * (angle + np.radians(offset_deg))) + tilt * np.cos(angle)
    return Dataset({"angle": ANGLE_DEG, "resistance": reading + (0 if rng is None else rng.normal(0, 1e-3, 24))}, {})


def test_a_turn_gives_the_planar_hall_effect_with_its_sign_and_the_offset():
    results = PlanarHall().reduce([turn()]).results
    assert results["r_p"].value == pytest.approx(-0.2)
    assert results["angle_offset"].value == pytest.approx(3.0)
    assert results["r_offset"].value == pytest.approx(0.1)


def test_its_sigma_holds():
    pulls = []
    for seed in range(100):
        r_p = PlanarHall().reduce([turn(np.random.default_rng(seed))]).results["r_p"]
        pulls.append((r_p.value + 0.2) / r_p.sigma)
    assert abs(np.std(pulls) - 1) < 0.25  # 100 pulls: 0.07 for white noise, and some for sigmas of 24 readings
    assert abs(np.mean(pulls)) < 0.4


def test_a_field_that_leaves_the_plane_is_named_and_no_effect_is_refused():
    tilted = PlanarHall().reduce([turn(tilt=0.05)])
    assert any("leaves the plane" in flag for row in tilted.rows for flag in row["flags"])
    nothing = PlanarHall().reduce([turn(np.random.default_rng(0), r_p=1e-9)])
    assert nothing.results["r_p"].value is None
    quarter = PlanarHall().reduce([Dataset({"angle": np.linspace(0, 5, 24), "resistance": np.ones(24)}, {})])
    assert quarter.results["r_p"].value is None


def test_a_fit_is_shown_while_it_turns():
    columns = turn().columns
    assert PlanarHall().live({name: column[:5] for name, column in columns.items()}, PlanarHallSettings()) is None
    live = PlanarHall().live(columns, PlanarHallSettings())
    assert live.values["r_p"].value == pytest.approx(-0.2)
    assert live.y == pytest.approx(columns["resistance"])


def loop(switches_at=7e-3, sense=1.0, swing=1.0, noise=1e-3, points=21):
    down = np.linspace(10e-3, -10e-3, points)
    pulses, state, reading = np.concatenate([down, down[-2::-1]]), sense, []
    for pulse in pulses:
        if abs(pulse) > switches_at:
            state = sense * np.sign(pulse)
        reading.append(0.1 + 0.5 * swing * state)
    rng = np.random.default_rng(0)
    return Dataset({"pulse": pulses, "resistance": np.array(reading) + rng.normal(0, noise, len(pulses))}, {})


@pytest.mark.parametrize("sense", [1.0, -1.0])
def test_a_loop_of_pulses_gives_the_switching_currents_and_their_sense(sense):
    settings = CurrentSwitchingSettings(r_a=Value(0.5, 0.01, "ohm"))
    results = CurrentSwitching().reduce([loop(sense=sense)], settings).results
    assert results["sense"].value == sense
    for name, sign in (("current_positive", 1), ("current_negative", -1)):
        assert abs(results[name].value - sign * 7e-3) < 2 * results[name].sigma
    assert results["swing"].value == pytest.approx(1.0, abs=5e-3)
    assert results["share"].value == pytest.approx(1.0, abs=5e-3)
    assert results["share"].sigma == pytest.approx(0.02, rel=0.1)


def test_what_does_not_switch_is_refused():
    result = CurrentSwitching().reduce([loop(switches_at=1.0)])
    assert result.results["swing"].value is None
    assert any("two states" in flag for row in result.rows for flag in row["flags"])
