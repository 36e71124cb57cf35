"""The PM100D: what is sent, on a bench, zero, overload and a missing sensor."""

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, StationError, WrongInstrumentError
from sotlab.instruments.pm100d import PM100D

BENCH_CLASS = """
from sotlab.simulated.physics.optics import PowerSensor, PumpLaser


class Bench:
    def __init__(self, lab, streams, noise):
        self.pump = PumpLaser(0.4, 800e-9)
        self.pump_sensor = PowerSensor(self.pump, dark_W=1e-6)

    def before_change(self, t_s):
        pass
"""
BENCH = """
spec: "1.1"
devices:
  device: {class: "pm100d:PM100D"}
resources:
  USB0::0x1313::0x8078::SIMP0001::0::INSTR: {device: device}
lab: {bench: "bench.py:Bench"}
"""
STATION = """
[station]
name = "bench"
visa_library = "bench.yaml?clock=virtual&noise=off@sotlab"

[roles.power_meter]
driver = "PM100D"
resource = "USB0::0x1313::0x8078::SIMP0001::0::INSTR"
timeout_s = 1
retries = 0
options = { wavelength_m = 800e-9, averaging_s = 0.5 }
"""


def add_fault(station, **fault):
    station.visa_library.lab.faults.add({"device": "device", **fault})


def test_nothing_is_sent_on_opening():
    with expected_protocol(PM100D, []):
        pass


@pytest.mark.parametrize(
    ("attribute", "value", "sent"),
    [
        ("average_count", 300, b"SENS:AVER:COUN 300"),
        ("auto_range_enabled", True, b"SENS:POW:RANG:AUTO 1"),
        ("power_unit", "W", b"SENS:POW:UNIT W"),
    ],
)
def test_what_is_sent(attribute, value, sent):
    with expected_protocol(PM100D, [(sent, None), (b"SENS:CORR:COLL:ZERO:INIT", None)]) as meter:
        setattr(meter, attribute, value)
        meter.zero()


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [
        ("wavelength", b"SENS:CORR:WAV?", b"8.00000000E+02", 800.0),
        ("average_count", b"SENS:AVER:COUN?", b"300", 300),
        ("auto_range_enabled", b"SENS:POW:RANG:AUTO?", b"1", True),
        ("power_unit", b"SENS:POW:UNIT?", b"W", "W"),
        ("zeroing", b"SENS:CORR:COLL:ZERO:STAT?", b"0", False),
    ],
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(PM100D, [(asked, reply)]) as meter:
        assert getattr(meter, attribute) == value


LIMITS = [(b"SENS:CORR:WAV? MIN", b"400"), (b"SENS:CORR:WAV? MAX", b"1100")]


def test_a_wavelength_that_the_sensor_can_have_is_sent():
    with expected_protocol(PM100D, [*LIMITS, (b"SENS:CORR:WAV 800.5", None)]) as meter:
        meter.wavelength = 800.5


@pytest.mark.parametrize("wavelength_nm", [399.0, 1101.0])
def test_another_wavelength_is_refused_not_clipped(wavelength_nm):
    with expected_protocol(PM100D, LIMITS) as meter, pytest.raises(ValueError, match="1100"):
        meter.wavelength = wavelength_nm


def test_the_sensor_is_asked_for_once_it_is_wanted():
    with expected_protocol(PM100D, [(b"SYST:SENSOR:IDN?", b"S120VC,1234,01-Jan-2024,1,0,33")]) as meter:
        assert meter.identify_sensor() == "S120VC"
        assert meter.is_power_sensor
        assert meter.wavelength_settable


def test_the_power_is_that_of_the_beam_and_takes_the_time_it_says(station):
    meter = station["power_meter"]
    begin_s = station.clock.now()
    assert meter.read_power() == pytest.approx(0.4, rel=1e-4)
    assert station.clock.now() - begin_s == pytest.approx(meter.reading_time_s, abs=0.02)
    assert meter.reading_time_s == pytest.approx(0.51)
    assert station.simulated


def test_a_reading_longer_than_the_timeout_is_waited_for(open_station):
    station = open_station(STATION.replace("averaging_s = 0.5", "averaging_s = 20.0"))
    assert station["power_meter"].read_power() == pytest.approx(0.4, rel=1e-4)


def test_zeroing_in_the_dark_takes_away_the_dark_reading(station):
    pump = station.visa_library.lab.bench.pump
    pump.transmission = 0.0
    meter = station["power_meter"]
    assert meter.read_power() == pytest.approx(1e-6, rel=1e-3)
    begin_s = station.clock.now()
    meter.zero()
    assert 1.0 <= station.clock.now() - begin_s < 1.2
    assert abs(meter.read_power()) < 1e-10


def test_zeroing_ends_early_when_told_to(station):
    station["power_meter"].zero(should_stop=lambda: True)
    assert station.clock.now() < 0.1


def test_zeroing_that_does_not_end_is_an_error(station):
    add_fault(station, kind="wrong_reply", match="ZERO:STAT", text="1")
    with pytest.raises(InstrumentError, match=r"power_meter: zeroing has not ended within 30 s"):
        station["power_meter"].zero()


def test_a_power_beyond_the_range_is_an_error_not_a_reading(station):
    station.visa_library.lab.bench.pump.transmission = 100.0
    with pytest.raises(InstrumentError, match=r"power_meter: the power is beyond the sensor's range"):
        station["power_meter"].read_power()


@pytest.mark.parametrize("wavelength_m", ["199e-9", "1101e-9"])
def test_a_wavelength_that_the_sensor_does_not_know_is_refused(open_station, wavelength_m):
    with pytest.raises(InstrumentError, match=r"power_meter: wavelength of .* takes 200 to 1100 nm"):
        open_station(STATION.replace("800e-9", wavelength_m))


def test_the_wavelength_must_be_given(open_station):
    with pytest.raises(StationError, match="wavelength_m"):
        open_station(STATION.replace("wavelength_m = 800e-9, ", ""))


def test_garbage_is_an_error_that_names_the_reply(station):
    add_fault(station, kind="wrong_reply", match="MEAS", text="garbage")
    with pytest.raises(InstrumentError, match=r"power_meter at .*: the reply .*garbage"):
        station["power_meter"].read_power()


def test_no_answer_names_role_and_address(station):
    add_fault(station, kind="no_reply", match="MEAS")
    with pytest.raises(InstrumentTimeoutError, match=r"power_meter at USB0::0x1313::0x8078::SIMP0001::0::INSTR"):
        station["power_meter"].read_power()


def test_a_meter_without_a_sensor_is_an_error(tmp_path, open_station):
    fault = '\nfaults: [{device: device, kind: wrong_reply, match: "SENS[A-Z]*:IDN", text: "no sensor,0,0,0,0,0"}]\n'
    (tmp_path / "bench.yaml").write_text(BENCH + fault, encoding="utf-8")
    with pytest.raises(InstrumentError, match=r"power_meter: no sensor"):
        open_station()


def test_another_instrument_at_the_address_is_an_error_without_a_word_about_sensors(tmp_path, open_station):
    (tmp_path / "bench.yaml").write_text(BENCH.replace("pm100d:PM100D", "shutter:Shutter"), encoding="utf-8")
    with pytest.raises(WrongInstrumentError, match=r"power_meter at USB0.*: .*shutter"):
        open_station()
