"""What the analyser sees, against closed forms."""

import dataclasses

import numpy as np
import pytest

from sotlab.errors import StationError
from sotlab.simulated.physics.network import Network, NetworkSpec, TwoPort, cascade

F = np.linspace(10e6, 26.5e9, 201)
BARE = NetworkSpec(
    contact_ohm=0.0, inductance_H=0.0, pad_F=0.0, skin_loss_dB=0.0, delay_s=0.0, repeatability_H=0.0,
    directivity_dB=np.inf, match_dB=np.inf, tracking_dB=0.0, drift_dB_per_h=0.0, drift_s_per_h=0.0,
)  # fmt: skip


def test_bare_strip_to_ground_reflects_as_its_resistance():
    s11 = Network(dataclasses.replace(BARE, resistance_ohm=150.0)).raw_parameters(F, 0.0).s11
    assert np.abs(s11) == pytest.approx(0.5, abs=1e-12)  # (150 - 50)/(150 + 50); the error box only delays


def test_strip_between_the_ports_transmits_as_a_divider():
    spec = dataclasses.replace(BARE, resistance_ohm=100.0, strip_ends_line=False)
    found = Network(spec).device_parameters(F)
    assert found.s21 == pytest.approx(0.5)
    assert found.s11 == pytest.approx(0.5)


def test_device_with_parasitics_is_the_impedance_of_its_circuit():
    spec = NetworkSpec(resistance_ohm=80.0, contact_ohm=3.0, inductance_H=40e-12, pad_F=25e-15)
    omega = 2j * np.pi * F
    impedance = 1 / (1 / (83.0 + omega * 40e-12) + omega * 25e-15)
    assert Network(spec).device_parameters(F).s11 == pytest.approx((impedance - 50) / (impedance + 50), abs=1e-12)


def test_cable_loses_as_the_root_of_frequency_and_delays():
    network = Network(dataclasses.replace(BARE, skin_loss_dB=0.6, delay_s=4e-9))
    network.connect("thru")
    s21 = network.raw_parameters(F, 0.0).s21
    assert -20 * np.log10(np.abs(s21)) == pytest.approx(2 * 0.6 * np.sqrt(F / 1e9))
    f = np.linspace(1e9, 1.1e9, 1001)
    slope = np.polyfit(f, np.unwrap(np.angle(network.raw_parameters(f, 0.0).s21)), 1)[0]
    assert -slope / (2 * np.pi) == pytest.approx(2 * (4e-9 + 60e-12), rel=1e-9)


def test_chain_is_reciprocal_and_passive():
    raw = Network(NetworkSpec(strip_ends_line=False)).raw_parameters(F, 0.0)
    assert raw.s21 == pytest.approx(raw.s12)
    assert np.all(np.abs(raw.s11) ** 2 + np.abs(raw.s21) ** 2 < 1.15)  # tracking is up to 0.5 dB of gain


def test_cascade_is_associative():
    stream = np.random.default_rng(0)
    a, b, c = (TwoPort(*(0.4 * (stream.normal(size=(4, 5)) + 1j * stream.normal(size=(4, 5))))) for _ in range(3))
    for left, right in zip(cascade(cascade(a, b), c), cascade(a, cascade(b, c)), strict=True):
        assert left == pytest.approx(right)


def one_port_correction(network, time_s=0.0):
    """Solve ``m = D + T G/(1 - M G)`` for the three errors from open, short and load."""
    measured = {}
    for standard in ("open", "short", "load"):
        network.connect(standard)
        measured[standard] = network.raw_parameters(F, time_s).s11
    directivity = measured["load"]
    up, down = measured["open"] - directivity, measured["short"] - directivity
    match = (up + down) / (up - down)
    tracking = up * (1 - match)
    network.connect("strip")
    seen = network.raw_parameters(F, time_s).s11 - directivity
    return seen / (tracking + match * seen)


def test_open_short_and_load_take_the_errors_out():
    network = Network(NetworkSpec())
    true = network.device_parameters(F).s11
    assert np.max(np.abs(network.raw_parameters(F, 0.0).s11 - true)) > 0.2
    assert one_port_correction(network) == pytest.approx(true, abs=1e-12)


def test_connectors_that_do_not_repeat_leave_an_error_that_grows_with_their_spread():
    left = []
    for spread_H in (2e-12, 20e-12):
        network = Network(NetworkSpec(repeatability_H=spread_H), np.random.default_rng(0))
        corrected = one_port_correction(network)
        left.append(np.max(np.abs(corrected - network.device_parameters(F).s11)))
    assert 0 < left[0] < 0.05
    assert 5 * left[0] < left[1] < 20 * left[0]


def test_drift_grows_with_time_and_is_absent_without_noise():
    network = Network(NetworkSpec(), np.random.default_rng(0))
    start, hour, ten = (network.raw_parameters(F, time_s).s11 for time_s in (0.0, 3600.0, 36000.0))
    assert 0 < np.max(np.abs(hour - start)) < np.max(np.abs(ten - start)) < 0.1
    quiet = Network(NetworkSpec())
    assert np.array_equal(quiet.raw_parameters(F, 0.0).s11, quiet.raw_parameters(F, 36000.0).s11)


@pytest.mark.parametrize(("power_dBm", "bandwidth_Hz", "averages"), [(-10, 1e3, 1), (-10, 1e5, 1), (-60, 1e3, 16)])
def test_trace_noise_follows_bandwidth_power_and_averages(power_dBm, bandwidth_Hz, averages):
    spec = NetworkSpec()
    network = Network(spec, np.random.default_rng(0))
    f = np.full(20_000, 5e9)
    swept = network.measure(f, 0.0, power_dBm=power_dBm, bandwidth_Hz=bandwidth_Hz, averages=averages)[0, 0]
    relative = (10 ** (spec.trace_noise_dB / 20) - 1) ** 2 * bandwidth_Hz / 1e3
    floor = 10 ** ((spec.floor_dBm_per_Hz - power_dBm) / 10) * bandwidth_Hz
    magnitude = abs(network.raw_parameters(f[:1], 0.0).s11[0])
    sigma = np.sqrt((floor + magnitude**2 * relative) / (2 * averages))
    assert np.std(swept.real) == pytest.approx(sigma, rel=0.03)  # 20,000 samples: 0.5 % at 1 sigma
    assert np.std(swept.imag) == pytest.approx(sigma, rel=0.03)


def test_source_that_is_off_leaves_noise_alone():
    network = Network(NetworkSpec(), np.random.default_rng(0))
    assert np.max(np.abs(network.measure(F, 0.0, power_dBm=0.0, bandwidth_Hz=1e3, on=False))) < 1e-4
    assert not np.any(Network(NetworkSpec()).measure(F, 0.0, power_dBm=0.0, bandwidth_Hz=1e3, on=False))


def test_what_cannot_be_is_refused():
    with pytest.raises(StationError, match="'banana' asked, allowed are strip, open"):
        Network(NetworkSpec()).connect("banana")
    with pytest.raises(StationError, match="-5 ohm"):
        NetworkSpec(resistance_ohm=-5.0)
