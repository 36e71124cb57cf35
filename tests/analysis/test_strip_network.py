"""The current in a strip from its reflection, against the virtual lab's own network."""

import numpy as np
import pytest

from sotlab.analysis.strip_network import (
    StripModel,
    current_per_root_power,
    current_two_port,
    fit_strip,
)
from sotlab.errors import FitError
from sotlab.simulated.physics.network import Network, NetworkSpec

FREQUENCY_HZ = np.linspace(2e9, 18e9, 9)


@pytest.mark.parametrize(
    ("ohm", "henry", "farad"),
    [(300.0, 50e-12, 15e-15), (50.0, 0.0, 0.0), (150.0, 30e-12, 40e-15), (1100.0, 0.0, 20e-15)],
)
def test_the_current_is_that_of_the_network_whatever_lies_between(ohm, henry, farad):
    spec = NetworkSpec(
        resistance_ohm=ohm - 2.0, contact_ohm=2.0, inductance_H=henry, pad_F=farad, arm_fixed_loss_dB=1.0,
        arm_skin_loss_dB=0.5, arm_delay_s=0.4e-9, repeatability_H=20e-12,
    )  # fmt: skip
    network = Network(spec, np.random.default_rng(0))  # with a connector that reflects
    reflection, arm = network.device_parameters(FREQUENCY_HZ).s11, network.arm(FREQUENCY_HZ)
    model = fit_strip(FREQUENCY_HZ, reflection)
    assert model.resistance_ohm == pytest.approx(ohm, rel=1e-4)
    assert model.misfit < 1e-5
    found = current_per_root_power(arm.s21, arm.s22, reflection, model.impedance_ohm(FREQUENCY_HZ))
    expected = np.sqrt(2.0) * np.array([network.current_A_per_rtW(frequency) for frequency in FREQUENCY_HZ])
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_without_arm_and_pads_it_is_the_short_formula():
    reflection = np.full(3, (300.0 - 50.0) / (300.0 + 50.0), complex)
    found = current_per_root_power(np.ones(3), np.zeros(3), reflection, np.full(3, 300.0))
    np.testing.assert_allclose(found, np.sqrt(2 / 50.0) * np.abs(1 - reflection))


def test_the_power_that_a_strip_between_two_ports_takes_up_gives_its_current():
    # 100 ohm between two lines of 50 ohm: I = 2 sqrt(2 P Z0)/(R + 2 Z0).
    spec = NetworkSpec(resistance_ohm=100.0, contact_ohm=0.0, inductance_H=0.0, pad_F=0.0, strip_ends_line=False)
    device = Network(spec).device_parameters(FREQUENCY_HZ)
    found = current_two_port(np.full(9, 2e-3), device.s11, device.s21, 100.0)
    np.testing.assert_allclose(found, 2 * np.sqrt(2 * 2e-3 * 50.0) / 200.0, rtol=1e-9)


@pytest.mark.parametrize(
    ("reflection", "message"),
    [
        ([0.7, 0.7], "3 frequencies or more, not 2"),
        ([1.0, 1.0, 1.0], "no resistor"),
        ([-1.0, -1.0, -1.0], "no resistor"),
        ([1.3, 1.3, 1.3], "no resistor"),
    ],
)
def test_what_is_no_strip_is_refused(reflection, message):
    with pytest.raises(FitError, match=message), np.errstate(divide="ignore", invalid="ignore"):
        fit_strip(np.linspace(4e9, 6e9, len(reflection)), np.array(reflection, complex))


def test_the_model_says_by_how_much_it_misses():
    reflection = StripModel(300.0, 0.0, 0.0, 0.0).reflection(FREQUENCY_HZ) * np.where(FREQUENCY_HZ > 1e10, 0.8, 1.0)
    assert fit_strip(FREQUENCY_HZ, reflection).misfit > 0.03
