"""The microwave's path, the network that it shares with the analyser, and what a modulation leaves for a lock-in."""

import dataclasses
from math import pi, sqrt

import numpy as np
import pytest
from scipy.integrate import quad

from sotlab.simulated.physics.network import Network, NetworkSpec
from sotlab.simulated.physics.rf import Envelope, Microwave, RFPath

BARE = NetworkSpec(
    resistance_ohm=300.0, contact_ohm=0.0, inductance_H=0.0, pad_F=0.0, repeatability_H=0.0,
    arm_fixed_loss_dB=1.0, arm_skin_loss_dB=0.5, arm_delay_s=0.4e-9,
)  # fmt: skip
F_HZ = 7e9


def make_path(flatness_dB=0.0, seed=0, drift_dB_per_h=0.0, fixed_loss_dB=6.0, skin_loss_dB=3.0, **changes):
    network = Network(dataclasses.replace(BARE, **changes))
    stream = np.random.default_rng(seed)
    return RFPath(fixed_loss_dB, skin_loss_dB, flatness_dB, drift_dB_per_h, stream, network)


def power_at_device_W(path, frequency_Hz, power_dBm):
    return 1e-3 * 10 ** ((power_dBm - path.loss_dB(frequency_Hz)) / 10)


def test_current_in_a_matched_strip_carries_the_power_that_arrives():
    path = make_path(
        fixed_loss_dB=0.0, skin_loss_dB=0.0, arm_fixed_loss_dB=0.0, arm_skin_loss_dB=0.0, resistance_ohm=50.0
    )
    current_A = path.current_A_peak(5e9, 10.0)
    assert 0.5 * current_A**2 * 50.0 == pytest.approx(10e-3)


def test_current_in_a_mismatched_strip_dissipates_what_is_not_reflected():
    path = make_path()
    current_A, power_W = path.current_A_peak(F_HZ, 15.0), power_at_device_W(path, F_HZ, 15.0)
    assert 0.5 * current_A**2 * 300.0 == pytest.approx(power_W * (1 - (250 / 350) ** 2))


def test_current_follows_from_what_a_calibrated_analyser_sees():
    # physics sheet 1.7, one port: I = sqrt(2 P/Z0)|1 - Gamma| at the device is the current into pad and strip together
    path = make_path(contact_ohm=6.0, inductance_H=40e-12, pad_F=25e-15)
    gamma = path.network.device_parameters(np.array([F_HZ])).s11[0]
    into_A = sqrt(2 * power_at_device_W(path, F_HZ, 15.0) / 50.0) * abs(1 - gamma)
    omega = 2j * pi * F_HZ
    strip_ohm = 306.0 + omega * 40e-12
    share = abs(1 / (1 + omega * 25e-15 * strip_ohm))  # the rest goes through the pad
    assert path.current_A_peak(F_HZ, 15.0) == pytest.approx(into_A * share, rel=1e-9)
    assert share < 0.95


def test_strip_between_two_ports_carries_what_the_analyser_does_not_find_again():
    # two ports: P_abs = P (1 - |S11|^2 - |S21|^2) = I^2 R/2
    path = make_path(strip_ends_line=False)
    found = path.network.device_parameters(np.array([F_HZ]))
    absorbed_W = power_at_device_W(path, F_HZ, 15.0) * (1 - abs(found.s11[0]) ** 2 - abs(found.s21[0]) ** 2)
    assert 0.5 * path.current_A_peak(F_HZ, 15.0) ** 2 * 300.0 == pytest.approx(absorbed_W)


def test_current_is_the_integral_of_a_circuit_solved_by_nodes():
    # Kirchhoff's laws for source, loose connector, arm without loss, pad and strip, apart from any wave
    path = make_path(
        fixed_loss_dB=0.0, skin_loss_dB=0.0, arm_fixed_loss_dB=0.0, arm_skin_loss_dB=0.0, arm_delay_s=0.0,
        pad_F=30e-15, inductance_H=50e-12,
    )  # fmt: skip
    path.network.loose_H = 200e-12
    omega = 2j * pi * F_HZ
    source_V, in_series = 2 * sqrt(2 * 50.0 * 1e-3), 50.0 + omega * 200e-12
    strip_ohm = 300.0 + omega * 50e-12
    pad_V = source_V / in_series / (1 / in_series + omega * 30e-15 + 1 / strip_ohm)
    assert path.current_A_peak(F_HZ, 0.0) == pytest.approx(abs(pad_V / strip_ohm), rel=1e-9)


def test_loss_grows_with_the_square_root_of_frequency_and_its_arm_is_part_of_it():
    path = make_path()
    assert path.loss_dB(4e9) == pytest.approx(12.0)
    assert path.loss_dB(9e9) == pytest.approx(15.0)
    at_A_dB = 10 * np.log10(path.power_at_A_W(4e9, 0.0) / 1e-3)
    assert at_A_dB == pytest.approx(-12.0 + 1.0 + 0.5 * 2)


def test_flatness_is_smooth_has_the_stated_rms_and_belongs_to_the_lab():
    frequencies_Hz = np.linspace(1e9, 20e9, 2000)
    errors_dB = np.array([[make_path(0.5, seed).level_error_dB(f) for f in frequencies_Hz] for seed in range(10)])
    assert errors_dB.std() == pytest.approx(0.5, rel=0.15)  # the slowest ripple makes 3 periods in the range
    assert np.abs(np.diff(errors_dB)).max() < 0.1
    assert make_path(0.5, 1).level_error_dB(5e9) == make_path(0.5, 1).level_error_dB(5e9)
    assert make_path(0.5, 1).level_error_dB(5e9) != make_path(0.5, 2).level_error_dB(5e9)
    assert make_path(0.0).level_error_dB(5e9) == 0.0


def test_level_drifts_at_a_rate_drawn_once_with_the_stated_spread():
    rates = [10 * np.log10(make_path(0.0, seed, 0.2).drift_factor(3600.0)) for seed in range(400)]
    assert np.std(rates) == pytest.approx(0.2, rel=0.15)  # 400 draws: 3.5 % at 1 sigma
    path = make_path(0.0, 1, 0.2)
    assert path.drift_factor(7200.0) == pytest.approx(path.drift_factor(3600.0) ** 2)


def test_no_current_flows_while_the_source_is_off_or_leads_elsewhere():
    microwave = Microwave(make_path())
    microwave.set(frequency_Hz=F_HZ, power_dBm=15.0)
    assert microwave.current_A_peak == 0.0
    microwave.set(on=True)
    assert microwave.current_A_peak == pytest.approx(2.04e-3, rel=1e-2)
    for source_to, strip_to in (("sensor", "source"), ("strip", "vna"), ("strip", ""), ("", "source")):
        microwave.path.route(source_to, strip_to)
        assert microwave.current_A_peak == 0.0


def test_standard_under_the_probe_takes_the_strips_place_and_one_at_plane_a_does_not():
    path = make_path()
    path.network.connect("short")
    assert path.current_A_peak(F_HZ, 15.0) == 0.0
    path.network.connect("strip")
    assert path.current_A_peak(F_HZ, 15.0) > 1e-3


# --- the analyser on the same arm and strip -------------------------------------------------------------------


def calibrated(network, plane):
    """Return e00, e11 and e10e01 as open, short and load at a plane give them."""
    f = np.linspace(4e9, 10e9, 25)
    seen = {}
    for standard in ("open", "short", "load"):
        network.connect(standard, plane)
        seen[standard] = network.raw_parameters(f, 0.0).s11
    e00 = seen["load"]
    up, down = seen["open"] - e00, seen["short"] - e00
    e11 = (up + down) / (up - down)
    network.connect("strip")
    return f, e00, e11, up * (1 - e11)


def test_analyser_and_power_sensor_find_the_current_that_flows():
    path = make_path(contact_ohm=4.0, pad_F=20e-15)
    path.network.routed = True
    f, _, _, a10 = calibrated(path.network, "A")
    _, t00, t11, t10 = calibrated(path.network, "tip")
    # what two calibrations differ by is the arm, twice passed: the square of its s21, which is the loss of power once
    arm = t10 / a10
    assert -10 * np.log10(np.abs(arm)) == pytest.approx(1.0 + 0.5 * np.sqrt(f / 1e9), rel=1e-6)
    seen = path.network.raw_parameters(f, 0.0).s11 - t00
    gamma = seen / (t10 + t11 * seen)
    for i in (0, 12, 24):
        power_A_W = path.power_at_A_W(f[i], 15.0)  # by the power sensor at plane A
        into_A = sqrt(2 * power_A_W * abs(arm[i]) / 50.0) * abs(1 - gamma[i])
        through_A = into_A * abs(1 / (1 + 2j * pi * f[i] * 20e-15 * 304.0))
        assert path.current_A_peak(f[i], 15.0) == pytest.approx(through_A, rel=1e-6)


def test_cable_that_leads_nowhere_ends_open():
    network = make_path().network
    assert network.routed is False
    f = np.linspace(1e9, 10e9, 11)
    nowhere = network.raw_parameters(f, 0.0).s11
    network.connect("open", "A")
    assert nowhere == pytest.approx(network.raw_parameters(f, 0.0).s11)


def test_loose_connector_is_seen_by_source_and_analyser():
    path = make_path()
    path.network.routed = True
    f = np.array([F_HZ])
    tight_A, tight = path.current_A_peak(F_HZ, 15.0), path.network.raw_parameters(f, 0.0).s11[0]
    path.network.loose_H, path.network.loose_dB = 300e-12, 1.0
    assert path.current_A_peak(F_HZ, 15.0) < 0.95 * tight_A
    assert abs(path.network.raw_parameters(f, 0.0).s11[0] - tight) > 0.02


def test_connectors_made_anew_change_the_current_by_as_much_as_they_scatter():
    network = Network(dataclasses.replace(BARE, repeatability_H=100e-12), np.random.default_rng(0))
    currents = []
    for _ in range(200):
        network.reconnect()
        currents.append(network.current_A_per_rtW(F_HZ))
    assert 1e-4 < np.std(currents) / np.mean(currents) < 1e-2
    assert len(set(currents)) == 200


# --- modulation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["SINE", "TRI", "SQU", "RAMP", "PULSE"])
@pytest.mark.parametrize("depth", [0.3, 1.0])
@pytest.mark.parametrize("harmonic", [1, 2, 3])
def test_phasor_is_what_a_mixer_would_find_in_the_power(shape, depth, harmonic):
    envelope = Envelope(shape, depth, 0.2)
    # X is the mean of the power with sqrt(2) sin, Y that with sqrt(2) cos, here by the sum over many samples
    x = (np.arange(200_000) + 0.5) / 200_000
    power, turns = envelope.power(x), 2 * pi * harmonic * x
    expected = complex(np.mean(power * np.sqrt(2) * np.sin(turns)), np.mean(power * np.sqrt(2) * np.cos(turns)))
    assert envelope.phasor(harmonic) == pytest.approx(expected, abs=1e-5)


def test_known_values_of_the_fundamental():
    assert Envelope("PULSE", 1.0, 0.5).phasor(1).real == pytest.approx(sqrt(2) / pi)  # 0.450 of the voltage while on
    for depth in (0.1, 0.5, 1.0):
        assert abs(Envelope("SINE", depth).phasor(1)) == pytest.approx(2 * depth / sqrt(2))  # exact at any depth
        second = Envelope("SINE", depth).phasor(2)
        assert abs(second) == pytest.approx(depth**2 / 2 / sqrt(2))
    # full square amplitude modulation swings between 0 and four times the carrier's power
    assert Envelope("SQU", 1.0).phasor(1).real == pytest.approx(4 * sqrt(2) / pi)


@pytest.mark.parametrize("shape", ["SINE", "TRI", "SQU", "RAMP"])
def test_mean_of_the_power_is_that_of_the_source(shape):
    from sotlab.simulated.instruments.e8257d import _MEAN_SQUARE

    mean, _ = quad(lambda x: float(Envelope(shape, 0.6).power(np.array(x))), 0, 1, points=[0.25, 0.5, 0.75])
    assert mean == pytest.approx(1 + 0.36 * _MEAN_SQUARE[shape])
