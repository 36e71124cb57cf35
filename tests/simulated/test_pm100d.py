"""The simulated PM100D over the wire."""

import math

import pytest
import pyvisa

BENCH_CLASS = """
from sotlab.simulated.physics.optics import PowerSensor, PumpLaser


class Bench:
    def __init__(self, lab, streams, noise):
        self.pump = PumpLaser(0.4, 800e-9, drifts=streams("pump.drift") if noise else None)
        self.pump_sensor = PowerSensor(self.pump, dark_W=1e-6, readings=streams("power.noise") if noise else None)
"""
BENCH = """
spec: "1.1"
devices:
  power: {class: "pm100d:PM100D", role: power_meter}
resources:
  USB0::0x1313::0x8078::SIM0001::0::INSTR: {device: power}
lab: {bench: "bench.py:Bench"}
"""
ADDRESS = "USB0::0x1313::0x8078::SIM0001::0::INSTR"


@pytest.fixture
def manager(tmp_path):
    (tmp_path / "bench.py").write_text(BENCH_CLASS, encoding="utf-8")
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH, encoding="utf-8")
    manager = pyvisa.ResourceManager(f"{path}?clock=virtual&noise=off@sotlab")
    yield manager
    left = [list(device.errors) for device in manager.visalib.lab.devices.values() if device.errors]
    manager.close()
    assert not left


@pytest.fixture
def meter(manager):
    return manager.open_resource(ADDRESS, read_termination="\n", write_termination="\n")


@pytest.fixture
def pump(manager):
    return manager.visalib.lab.bench.pump


def test_identity_says_simulated(meter):
    assert meter.query("*IDN?").split(",")[2].startswith("SIM")
    assert meter.query("SYST:ERR?") == '+0,"No error"'


def test_power_is_right_at_the_wavelength_of_the_beam_only(meter):
    meter.write("SENS:CORR:WAV 800")
    assert float(meter.query("MEAS:POW?")) == pytest.approx(0.4, abs=2e-5)
    meter.write("CORR:WAV 400")
    assert float(meter.query("MEAS?")) == pytest.approx(0.4 * 0.56 / 0.20, abs=2e-4)


def test_power_in_dbm(meter, pump):
    meter.write("SENS:CORR:WAV 800;:SENS:POW:UNIT DBM")
    pump.transmission = 0.0025
    assert float(meter.query("READ?")) == pytest.approx(0.0, abs=0.01)


def test_average_takes_its_time(manager, meter):
    clock = manager.visalib.clock
    meter.write("SENS:AVER:COUN 3000")
    start_s = clock.now()
    meter.query("READ?")
    assert clock.now() - start_s == pytest.approx(1.0, abs=0.02)


def test_held_range_overflows_and_sets_the_steps(meter, pump):
    meter.write("SENS:CORR:WAV 800")
    meter.write("SENS:POW:RANG 0.1")
    assert float(meter.query("SENS:POW:RANG?")) == 0.5
    assert meter.query("SENS:POW:RANG:AUTO?") == "0"
    pump.transmission = 1e-4
    assert float(meter.query("READ?")) == pytest.approx(4e-5, abs=1e-5)  # 10 uW a step
    meter.write("SENS:POW:RANG 1E-3")
    pump.transmission = 1.0
    assert float(meter.query("READ?")) > 9e37
    meter.write("SENS:POW:RANG:AUTO 1")
    assert float(meter.query("READ?")) == pytest.approx(0.4, abs=2e-5)


def test_zeroing_with_the_beam_blocked_removes_the_dark_reading(manager, meter, pump):
    meter.write("SENS:CORR:WAV 800")
    pump.transmission = 0.0
    assert float(meter.query("READ?")) == pytest.approx(1e-6, rel=0.01)
    meter.write("SENS:CORR:COLL:ZERO")
    assert meter.query("SENS:CORR:COLL:ZERO:STAT?") == "1"
    assert meter.query("*OPC?") == "1"
    assert meter.query("SENS:CORR:COLL:ZERO:STAT?") == "0"
    assert float(meter.query("READ?")) == pytest.approx(0.0, abs=1e-11)
    assert float(meter.query("SENS:CORR:COLL:ZERO:MAGN?")) == pytest.approx(1e-6)


def test_loss_before_the_sensor_is_added(meter):
    meter.write("SENS:CORR:WAV 800;:SENS:CORR 3")
    assert float(meter.query("READ?")) == pytest.approx(0.4 * 10**0.3, rel=1e-3)


def test_fetch_gives_the_last_reading_again(meter, pump):
    meter.write("INIT")
    first = meter.query("FETC?")
    pump.transmission = 0.5
    assert meter.query("FETC?") == first
    assert float(meter.query("READ?")) == pytest.approx(float(first) / 2, rel=1e-3)


def test_reset_puts_the_defaults_back(meter):
    meter.write("SENS:CORR:WAV 800;:SENS:AVER:COUN 10;:SENS:POW:RANG 1")
    meter.write("*RST")
    assert float(meter.query("SENS:CORR:WAV?")) == 635.0
    assert meter.query("SENS:AVER:COUN?") == "1"
    assert meter.query("SENS:POW:RANG:AUTO?") == "1"
    assert meter.query("CONF?") == "POW"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("NOSUCH", -113),
        ("MEAS:ENER?", -113),
        ("SENS:CORR:WAV 199", -222),
        ("SENS:CORR:WAV red", -104),
        ("SENS:CORR:WAV", -109),
        ("SENS:AVER:COUN 0", -222),
        ("SENS:POW:RANG 6", -222),
        ("SENS:POW:RANG 1 V", -131),
        ("SENS:POW:UNIT V", -224),
    ],
)
def test_bad_input_gives_its_error_and_changes_nothing(meter, sent, code):
    settings = ("SENS:CORR:WAV?", "SENS:AVER:COUN?", "SENS:POW:RANG?", "SENS:POW:UNIT?", "SENS:POW:RANG:AUTO?")
    before = [meter.query(query) for query in settings]
    meter.write(sent)
    assert meter.query("SYST:ERR?").startswith(f"{code},")
    assert [meter.query(query) for query in settings] == before


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI")
def test_stock_pymeasure_driver_works(manager, meter):
    from pymeasure.instruments.thorlabs import ThorlabsPM100USB

    driver = ThorlabsPM100USB(ADDRESS, visa_library=str(manager.visalib.library_path) + "@sotlab")
    assert (driver.is_power_sensor, driver.is_energy_sensor, driver.wavelength_settable) == (True, False, True)
    assert driver.sensor_sn.startswith("SIM")
    assert (driver.wavelength_min, driver.wavelength_max) == (200.0, 1100.0)
    for wavelength_nm in (200, 810, 1100):
        driver.wavelength = wavelength_nm
        assert driver.wavelength == wavelength_nm
    driver.wavelength = 800
    assert driver.power == pytest.approx(0.4, abs=2e-5)
    assert math.isfinite(driver.power)
    with pytest.raises(AttributeError):
        _ = driver.energy
