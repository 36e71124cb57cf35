"""A strip that a direct current and a microwave heat together."""

from math import sqrt

import pytest

from sotlab.simulated.physics.biased import BiasedStrip
from sotlab.simulated.physics.transport import Strip

STRIP = Strip(300.0, 1.5, 1e-3, 3e3, width_m=7e-6, thickness_m=16e-9, most_A_per_m2=1.8e11)


def resistance_ohm(strip):
    return strip.voltage_V(0.0, 1.0) / strip.current_A(0.0, 1.0)


def test_resistance_solves_the_balance_of_heat_for_both_currents():
    strip = BiasedStrip(STRIP)
    strip.angle_deg = 30.0
    strip.heat(0.0, 4e-3, 1.0)
    strip.drive_current(0.0, 3e-3)
    found = resistance_ohm(strip)
    # R = R0 (1 + a R_th (I^2 + J^2) R) + dR cos^2 has to hold at the common temperature
    heat_W = (3e-3**2 + 4e-3**2 / 2) * found
    share = 300.0 / (300.0 + 1.5 * 0.75)  # the model lets all of the cold resistance swell alike
    expected = 300.0 * (1 + 1e-3 * 3e3 * heat_W) + 1.5 * 0.75 * (1 + 1e-3 * 3e3 * heat_W * share)
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("mean_square", [0.5, 1.0, 1.5])
def test_microwave_of_the_same_mean_square_heats_like_a_direct_current(mean_square):
    by_current, by_microwave = BiasedStrip(STRIP), BiasedStrip(STRIP)
    by_current.drive_current(0.0, 3e-3)
    by_microwave.heat(0.0, 3e-3 * sqrt(2 / mean_square), mean_square)
    by_microwave.drive_current(0.0, 1e-6)
    assert resistance_ohm(by_microwave) == pytest.approx(resistance_ohm(by_current), rel=1e-6)
    assert by_microwave.heating_ohm(3e-3 * sqrt(2)) == pytest.approx(resistance_ohm(by_current) - 300.0, rel=1e-6)


def test_both_currents_together_kill_what_each_alone_does_not():
    most_A = STRIP.most_A
    for direct_A, peak_A, dies in ((0.6, 0.0, False), (0.0, 0.6, False), (0.6, 0.6, True), (0.0, 1.1, True)):
        strip = BiasedStrip(STRIP)
        strip.drive_current(0.0, direct_A * most_A)
        strip.heat(1.0, peak_A * most_A, 1.0)
        assert (strip.died_s is not None) is dies


def test_open_contact_leaves_the_source_at_its_limit():
    strip = BiasedStrip(STRIP)
    strip.opened = True
    strip.drive_current(0.0, 1e-3, 5.0)
    assert strip.in_compliance(1.0)
    assert strip.voltage_V(0.0, 1.0) == pytest.approx(5.0)
    assert strip.bias_A() == 0.0
