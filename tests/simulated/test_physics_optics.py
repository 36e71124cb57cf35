"""Laser, power sensor and chopper against what can be worked out by hand."""

import math

import numpy as np
import pytest

from sotlab.simulated.physics.optics import Chopper, PowerSensor, PumpLaser


def test_power_follows_the_transmission():
    laser = PumpLaser(power_W=0.6)
    assert laser.power_W(10.0) == 0.6
    laser.transmission = 0.25
    assert laser.power_W(20.0) == pytest.approx(0.15)


@pytest.mark.parametrize("step_s", [10.0, 1000.0])
def test_drift_has_the_rms_and_the_correlation_it_says(step_s):
    laser = PumpLaser(1.0, drift=0.01, drift_s=1000.0, drifts=np.random.default_rng(0))
    x = np.array([laser.power_W(i * step_s) - 1.0 for i in range(40000)])
    independent = 40000 * math.tanh(step_s / 1000.0)  # samples of an AR(1) process, for its variance
    assert np.std(x) == pytest.approx(0.01, rel=4 / math.sqrt(2 * independent))
    expected = math.exp(-step_s / 1000.0)
    assert np.corrcoef(x[1:], x[:-1])[0, 1] == pytest.approx(expected, abs=4 * math.sqrt((1 - expected**2) / 40000))


def test_asking_twice_at_one_time_gives_the_same_power():
    laser = PumpLaser(drifts=np.random.default_rng(0))
    assert laser.power_W(100.0) == laser.power_W(100.0)


def test_wrong_wavelength_reads_a_wrong_power():
    sensor = PowerSensor(PumpLaser(0.1, 800e-9), dark_W=0.0)
    assert sensor.reading_W(0.0, 800e-9) == pytest.approx(0.1)
    assert sensor.reading_W(0.0, 400e-9) == pytest.approx(0.1 * 0.56 / 0.20)


def test_average_of_samples_lowers_the_noise_by_its_root():
    sensor = PowerSensor(PumpLaser(0.1), noise_W=1e-4, readings=np.random.default_rng(0))
    single = np.std([sensor.reading_W(0.0, 810e-9) for _ in range(4000)])
    averaged = np.std([sensor.reading_W(0.0, 810e-9, samples=100) for _ in range(4000)])
    assert single == pytest.approx(1e-4, rel=0.05)
    assert averaged == pytest.approx(1e-5, rel=0.05)


def test_wheel_spins_up_locks_and_coasts_down():
    wheel = Chopper(spin_s=1.0, coast_s=4.0, window=1e-3)
    wheel.run(10.0, 5000.0)
    assert wheel.frequency_Hz(11.0) == pytest.approx(5000.0 * (1 - math.exp(-1.0)))
    assert not wheel.is_locked(10.0 + 6.8)
    assert wheel.is_locked(10.0 + 7.0)
    wheel.run(30.0, 0.0)
    assert wheel.frequency_Hz(34.0) == pytest.approx(5000.0 / math.e)
    assert not wheel.is_locked(1e4)
