"""The strip with contacts: closed forms against their equations solved otherwise, limits, noise and death."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.constants import k

from sotlab.errors import StationError
from sotlab.simulated.physics.transport import OPEN_OHM, SourcedStrip, Strip, Waveform

STRIP = Strip(
    resistance_ohm=200.0,
    amr_ohm=1.5,
    coefficient_per_K=2e-3,
    heating_K_per_W=5e4,
    width_m=10e-6,
    thickness_m=8e-9,
    most_A_per_m2=5e10,
    contact_ohm=12.0,
    sense_contact_ohm=30.0,
)


def test_resistance_follows_the_square_of_the_cosine():
    angles_deg = np.arange(0, 361, 15)
    found = np.array([STRIP.cold_ohm(a, 295.0) for a in angles_deg])
    np.testing.assert_allclose(found, 200.75 + 0.75 * np.cos(2 * np.radians(angles_deg)), rtol=1e-12)


@pytest.mark.parametrize("coefficient_per_K", [2e-3, -4e-3])
def test_heated_resistance_solves_the_balance_of_heat(coefficient_per_K):
    strip = replace(STRIP, coefficient_per_K=coefficient_per_K)
    temperature_K = 295.0
    for _ in range(500):
        ohm = strip.cold_ohm(30.0, temperature_K)
        temperature_K = 295.0 + 5e4 * 3e-3**2 * ohm
    assert temperature_K > 350
    assert strip.ohm(3e-3, 30.0, 295.0) == pytest.approx(ohm, rel=1e-9)
    assert strip.temperature_K(3e-3, 30.0, 295.0) == pytest.approx(temperature_K, rel=1e-9)


@pytest.mark.parametrize("coefficient_per_K", [2e-3, 0.0, -4e-3])
@pytest.mark.parametrize("voltage_V", [1e-3, -0.3, 0.6])
def test_current_at_a_voltage_drops_that_voltage(coefficient_per_K, voltage_V):
    strip = replace(STRIP, coefficient_per_K=coefficient_per_K)
    current_A = strip.current_A(voltage_V, 24.0, 90.0, 295.0)
    assert current_A * (24.0 + strip.ohm(abs(current_A), 90.0, 295.0)) == pytest.approx(voltage_V, rel=1e-9)


@pytest.mark.parametrize(("change", "named"), [
    ({"resistance_ohm": 0.0}, "resistance_ohm"), ({"contact_ohm": -1.0}, "contact_ohm"),
    ({"amr_ohm": math.nan}, "amr_ohm"), ({"coefficient_per_K": math.inf}, "coefficient_per_K"),
    ({"dead_ratio": 1.0}, "dead_ratio"), ({"heating_K_per_W": 1e6}, "run away"),
])  # fmt: skip
def test_impossible_strip_is_refused_by_name(change, named):
    with pytest.raises(StationError, match=named):
        replace(STRIP, **change)


def test_four_wires_see_the_strip_and_two_also_the_contacts():
    load = SourcedStrip(STRIP)
    load.drive_current(0.0, 1e-4)
    ohm = STRIP.ohm(1e-4, 90.0, 295.0)
    assert load.voltage_V(1, 2) == pytest.approx(1e-4 * ohm)
    assert load.voltage_V(1, 2, four_wires=False) == pytest.approx(1e-4 * (ohm + 24.0))


def test_limits_hold_and_are_told():
    load = SourcedStrip(STRIP)
    load.drive_current(0.0, 3e-3, limit_V=0.1)
    assert load.voltage_V(1, 2, four_wires=False) == pytest.approx(0.1)
    assert load.in_compliance(1.0)
    load.drive_current(0.0, 1e-4, limit_V=0.1)
    assert not load.in_compliance(1.0)
    load.drive_voltage(0.0, -1.0, limit_A=1e-3)
    assert load.current_A(1, 2) == pytest.approx(-1e-3)
    assert load.in_compliance(1.0)
    load.drive_voltage(0.0, 0.1, limit_A=1e-3)
    assert not load.in_compliance(1.0)
    assert load.voltage_V(1, 2, four_wires=False) == pytest.approx(0.1)


@pytest.mark.parametrize(("ratio", "dead_ohm"), [(math.inf, OPEN_OHM), (3.0, 600.0)])
def test_strip_dies_above_its_current_density_and_stays_dead(ratio, dead_ohm):
    load = SourcedStrip(replace(STRIP, dead_ratio=ratio))
    assert STRIP.most_A == pytest.approx(4e-3)
    load.drive_current(1.0, 3.99e-3)
    assert load.died_s is None
    load.drive_current(2.0, -4.01e-3, limit_V=10.0)
    assert load.died_s == 2.0
    load.drive_current(3.0, 1e-6, limit_V=10.0)
    assert load.resistance_ohm() == pytest.approx(dead_ohm)
    assert load.in_compliance(3.0) == math.isinf(ratio)


def test_voltage_limit_protects_what_the_current_would_kill():
    load = SourcedStrip(STRIP)
    load.drive_current(0.0, 1.0, limit_V=0.5)
    assert load.died_s is None
    load.drive_current(0.0, 1.0, limit_V=5.0)
    assert load.died_s == 0.0


@pytest.mark.parametrize("four_wires", [True, False])
def test_noise_is_that_of_johnson(four_wires):
    load = SourcedStrip(STRIP, np.random.default_rng(0), bath_K=100.0)
    readings_V = np.array([load.voltage_V(t, t + 0.02, four_wires=four_wires) for t in range(40000)])
    ohm = STRIP.cold_ohm(90.0, 100.0) + 2 * (30.0 if four_wires else 12.0)
    assert readings_V.std() == pytest.approx(math.sqrt(4 * k * 100.0 * ohm / 0.04), rel=5 / math.sqrt(80000))


WAVES = [
    Waveform("sine", 2.0, 7.0, offset=0.3, phase_deg=40.0),
    Waveform("square", 2.0, 7.0, offset=-0.3, duty=0.2),
    Waveform("ramp", 2.0, 7.0, phase_deg=200.0, duty=0.8),
    Waveform("ramp", 2.0, 7.0, duty=1.0),
    Waveform("dc", 2.0, 0.0, offset=0.4),
    Waveform("sine", 2.0, 7.0, start_s=0.1, stop_s=0.3),
]


@pytest.mark.parametrize("wave", WAVES, ids=lambda wave: f"{wave.shape}-{wave.duty}-{wave.start_s}")
def test_mean_and_rms_of_a_wave_are_those_of_its_samples(wave):
    start_s, stop_s = 0.013, 0.471
    times_s = start_s + (np.arange(100000) + 0.5) / 100000 * (stop_s - start_s)
    samples = np.array([wave.value(t) for t in times_s])
    assert wave.mean(start_s, stop_s) == pytest.approx(samples.mean(), abs=1e-4)
    assert np.abs(samples).max() <= wave.peak * (1 + 1e-12)
    if math.isinf(wave.start_s):
        period = np.array([wave.value(t) for t in (np.arange(70000) + 0.5) / 70000])
        assert wave.rms == pytest.approx(math.sqrt((period**2).mean()), rel=1e-4)


def test_alternating_current_heats_by_its_rms():
    load = SourcedStrip(STRIP)
    load.drive_current_wave(0.0, Waveform("sine", 3e-3, 1000.0))
    quarter_V = load.voltage_V(0.25e-3 - 1e-9, 0.25e-3 + 1e-9)
    assert quarter_V == pytest.approx(3e-3 * STRIP.ohm(3e-3 / math.sqrt(2), 90.0, 295.0), rel=1e-6)
    assert load.voltage_V(0.0, 1.0) == pytest.approx(0.0, abs=1e-12)


def test_generator_divides_its_voltage_with_its_output_resistance():
    load = SourcedStrip(replace(STRIP, heating_K_per_W=0.0))
    load.drive_voltage_wave(0.0, Waveform("dc", 0.0, 0.0, 0.274), output_ohm=50.0)
    assert load.current_A(0, 1) == pytest.approx(0.274 / (200.0 + 24.0 + 50.0))
