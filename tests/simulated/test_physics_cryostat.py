"""The cryostat's temperatures against a step-by-step integration and what can be worked out by hand."""

import math

import numpy as np
import pytest

from sotlab.simulated.physics.cryostat import Cryostat, HeatedStage, Sensor

BASE_K, G, C = 4.0, 0.1, 10.0  # time constant 100 s


def stage(start_K=4.0):
    return HeatedStage(BASE_K, G, C, start_K)


def test_constant_power_settles_at_power_over_conductance():
    one = stage()
    one.heat(50.0, 5.0)
    assert one.temperature_K(150.0) == pytest.approx(4.0 + 50.0 * (1 - math.exp(-1.0)))
    assert one.temperature_K(1e5) == pytest.approx(54.0)
    assert one.power_W(70.0) == pytest.approx(5.0)


def test_stage_without_heat_cools_to_its_base():
    assert stage(300.0).temperature_K(100.0) == pytest.approx(4.0 + 296.0 / math.e)


@pytest.mark.parametrize(
    ("start_K", "setpoint_K", "most_W", "gain", "rate_K_per_s"),
    [
        (4.0, 20.0, 50.0, 50.0, 0.0),  # within the heater's power
        (4.0, 40.0, 5.0, 50.0, 0.0),  # full power first
        (4.0, 100.0, 5.0, 50.0, 0.0),  # never reached
        (300.0, 20.0, 50.0, 50.0, 0.0),  # heater off first
        (20.0, 40.0, 5.0, 20.0, 0.05),  # a ramp it can follow
        (4.0, 45.0, 5.0, 20.0, 0.3),  # a ramp that is too fast near its end
        (200.0, 20.0, 50.0, 50.0, 2.0),  # cooling slower than the ramp
    ],
)
def test_closed_loop_follows_its_equation(start_K, setpoint_K, most_W, gain, rate_K_per_s):
    one = stage(start_K)
    one.control(0.0, setpoint_K, most_W, gain, rate_K_per_s)
    tau_c_s, step_s, now_K = 100.0 / (1 + gain / 5.0), 0.01, start_K
    for i in range(60000):
        t_s = i * step_s
        wanted_W = C * (one.setpoint_K(t_s) - now_K) / tau_c_s + G * (now_K - BASE_K)
        if i % 2500 == 0:
            assert one.temperature_K(t_s) == pytest.approx(now_K, abs=2e-2)  # Euler's steps err by as much
            assert -1e-9 <= one.power_W(t_s) <= most_W * (1 + 1e-6)
        now_K += step_s * (min(max(wanted_W, 0.0), most_W) - G * (now_K - BASE_K)) / C


def test_setpoint_ramps_at_its_rate_from_where_it_is():
    one = stage()
    one.control(0.0, 10.0, 50.0)
    one.control(1000.0, 20.0, 50.0, rate_K_per_s=0.1)
    assert one.setpoint_K(1050.0) == pytest.approx(15.0)
    assert one.is_ramping(1099.0)
    assert not one.is_ramping(1101.0)
    assert one.temperature_K(1090.0) == pytest.approx(one.setpoint_K(1090.0) - 0.1 * 100 / 11, abs=1e-3)
    assert one.temperature_K(3000.0) == pytest.approx(20.0)


def test_new_command_continues_from_the_present_temperature():
    one = stage()
    one.control(0.0, 40.0, 5.0)
    before_K = one.temperature_K(30.0)
    one.heat(30.0, 0.0)
    assert one.temperature_K(30.0) == pytest.approx(before_K)
    assert one.temperature_K(130.0) == pytest.approx(4.0 + (before_K - 4.0) / math.e)


def test_sensor_lags_behind_its_stage():
    cryostat = Cryostat({1: stage()}, {"A": Sensor(1), "B": Sensor(1, lag_s=5.0)})
    cryostat.stages[1].heat(100.0, 5.0)
    assert cryostat.temperature_K(104.0, "A") > 5.0
    assert cryostat.temperature_K(104.0, "B") == pytest.approx(4.0)
    assert cryostat.temperature_K(155.0, "B") == cryostat.temperature_K(150.0, "A")


def test_noise_of_a_reading_has_the_rms_it_says():
    cryostat = Cryostat({1: stage()}, {"A": Sensor(1)}, noise_K=3e-3, readings=np.random.default_rng(0))
    assert np.std([cryostat.reading_K(1.0, "A") for _ in range(4000)]) == pytest.approx(3e-3, rel=0.05)
