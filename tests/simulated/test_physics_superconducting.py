"""The superconducting magnet's currents against what can be worked out by hand."""

import math

import numpy as np
import pytest

from sotlab.simulated.physics.superconducting import SuperconductingMagnet

ONE_RATE = [(0.5, 80.0)]


def warm_magnet(**parameters):
    magnet = SuperconductingMagnet(coil_T_per_A=0.1, heat_s=20.0, cool_s=30.0, **parameters)
    magnet.heat(0.0, True)
    return magnet


def test_ramp_is_linear_and_stops_at_its_target():
    magnet = warm_magnet()
    assert magnet.ramp(100.0, 20.0, ONE_RATE) == 140.0
    assert [magnet.current_A(t) for t in (100.0, 110.0, 140.0, 1e6)] == [0.0, 5.0, 20.0, 20.0]
    assert magnet.field_T(110.0) == pytest.approx(0.5)


def test_segments_have_their_own_rates_on_both_sides_of_zero():
    magnet = warm_magnet()
    magnet.ramp(100.0, -10.0, ONE_RATE)
    # from -10 to 10 A: 1 A/s inside of 5 A, 0.25 A/s outside
    assert magnet.ramp(200.0, 10.0, [(1.0, 5.0), (0.25, 80.0)]) == pytest.approx(200.0 + 20.0 + 10.0 + 20.0)
    assert magnet.current_A(220.0) == pytest.approx(-5.0)
    assert magnet.current_A(225.0) == pytest.approx(0.0)
    assert magnet.current_A(234.0) == pytest.approx(6.0)


def test_voltage_is_inductance_times_rate_and_limits_it():
    magnet = warm_magnet(inductance_H=10.0)
    magnet.ramp(100.0, 20.0, ONE_RATE)
    assert magnet.voltage_V(110.0) == pytest.approx(5.0)
    assert magnet.voltage_V(150.0) == 0.0
    assert magnet.ramp(200.0, 0.0, ONE_RATE, voltage_limit_V=2.0) == pytest.approx(300.0)
    assert magnet.voltage_V(210.0) == pytest.approx(-2.0)


def test_hold_stops_a_ramp_where_it_is():
    magnet = warm_magnet()
    magnet.ramp(100.0, 20.0, ONE_RATE)
    magnet.hold(110.0)
    assert magnet.current_A(1000.0) == 5.0


def test_cold_switch_keeps_the_coil_while_the_supply_moves():
    magnet = warm_magnet()
    magnet.ramp(100.0, 20.0, ONE_RATE)
    magnet.heat(200.0, False)
    assert not magnet.is_cold(229.0)
    assert magnet.is_cold(231.0)
    assert magnet.ramp(240.0, 0.0, ONE_RATE) == pytest.approx(242.0)  # at the supply's own rate
    assert (magnet.supply_A(300.0), magnet.current_A(300.0)) == (0.0, 20.0)
    assert magnet.voltage_V(241.0) == 0.0


def test_matched_currents_leave_persistent_mode_without_a_quench():
    magnet = warm_magnet()
    magnet.ramp(100.0, 20.0, ONE_RATE)
    magnet.heat(200.0, False)
    magnet.ramp(240.0, 0.0, ONE_RATE)
    magnet.ramp(300.0, 20.0, ONE_RATE)
    magnet.heat(310.0, True)
    magnet.ramp(340.0, 0.0, ONE_RATE)
    assert magnet.current_A(360.0) == pytest.approx(10.0)
    assert not magnet.is_quenched(1000.0)


def test_opening_the_switch_on_unequal_currents_quenches_once_it_is_warm():
    magnet = warm_magnet()
    magnet.ramp(100.0, 20.0, ONE_RATE)
    magnet.heat(200.0, False)
    magnet.ramp(240.0, 0.0, ONE_RATE)
    magnet.heat(300.0, True)
    assert not magnet.is_quenched(319.0)
    assert magnet.current_A(319.0) == 20.0
    assert magnet.is_quenched(321.0)
    assert magnet.current_A(322.0) == pytest.approx(20.0 * math.exp(-1.0))


def test_heater_switched_off_before_the_switch_is_warm_does_not_quench():
    magnet = warm_magnet()
    magnet.ramp(100.0, 20.0, ONE_RATE)
    magnet.heat(200.0, False)
    magnet.ramp(240.0, 0.0, ONE_RATE)
    magnet.heat(300.0, True)
    magnet.heat(310.0, False)
    assert not magnet.is_quenched(1000.0)
    assert magnet.current_A(1000.0) == 20.0


def test_quench_takes_the_field_away_and_clearing_keeps_what_is_left():
    magnet = warm_magnet()
    magnet.ramp(100.0, 20.0, ONE_RATE)
    magnet.quench(200.0)
    assert magnet.current_A(199.9) == 20.0
    assert magnet.current_A(202.0) == pytest.approx(20.0 / math.e)
    magnet.clear_quench(204.0)
    assert magnet.current_A(1000.0) == pytest.approx(20.0 / math.e**2)
    magnet.ramp(1000.0, 0.0, ONE_RATE)
    assert magnet.current_A(1100.0) == 0.0


def test_noise_of_the_reading_has_the_rms_it_says():
    magnet = warm_magnet(noise_A=1e-3, readings=np.random.default_rng(0))
    readings_A = [magnet.supply_reading_A(1.0) for _ in range(4000)]
    assert np.std(readings_A) == pytest.approx(1e-3, rel=0.05)  # 4 sigma of the estimate
    assert warm_magnet().supply_reading_A(1.0) == 0.0
