"""The microwave power meter: what is sent, on a bench, zero, overload."""

import math

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError, WrongInstrumentError
from sotlab.instruments.rf_power_meter import GenericRFPowerMeter

BENCH_CLASS = """
class Bench:
    sensor_frequency_Hz = 10e9

    def __init__(self, lab, streams, noise):
        self.power_W = 1e-3

    def sensor_power_W(self, t_s):
        return self.power_W
"""
BENCH = """
spec: "1.1"
devices:
  device: {class: "rf_power_meter:RFPowerMeter"}
resources:
  GPIB0::13::INSTR: {device: device}
lab: {bench: "bench.py:Bench"}
"""
STATION = """
[station]
name = "bench"
visa_library = "bench.yaml?clock=virtual&noise=off@sotlab"

[roles.rf_power_meter]
driver = "GenericRFPowerMeter"
resource = "GPIB0::13::INSTR"
timeout_s = 1
retries = 0
options = { averages = 8 }
limits = { frequency_Hz = ["1 GHz", "18 GHz"] }
"""


def add_fault(station, **fault):
    station.visa_library.lab.faults.add({"device": "device", **fault})


@pytest.mark.parametrize(
    ("attribute", "value", "sent"),
    [
        ("frequency", 9.123456789e9, b"SENS:FREQ 9.123456789E+09 HZ"),
        ("average_count", 8, b"SENS:AVER:COUN 8"),
        ("power_unit", "W", b"UNIT:POW W"),
        ("auto_calibration_factor_enabled", True, b"SENS:CORR:CFAC:AUTO 1"),
    ],
)
def test_what_is_sent(attribute, value, sent):
    with expected_protocol(GenericRFPowerMeter, [(sent, None), (b"CAL:ZERO", None)]) as meter:
        setattr(meter, attribute, value)
        meter.zero()


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [
        ("frequency", b"SENS:FREQ?", b"1.0E10", 1e10),
        ("average_count", b"SENS:AVER:COUN?", b"8", 8),
        ("power_unit", b"UNIT:POW?", b"DBM", "DBM"),
        ("auto_calibration_factor_enabled", b"SENS:CORR:CFAC:AUTO?", b"0", False),
        ("power", b"READ?", b"-1.2E1", -12.0),
    ],
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(GenericRFPowerMeter, [(asked, reply)]) as meter:
        assert getattr(meter, attribute) == value


def test_the_power_is_right_once_the_frequency_is_told(station):
    meter = station["rf_power_meter"]
    assert meter.read_power() == pytest.approx(10 * math.log10(0.97 / 0.99985), abs=1e-6)  # factor of 50 MHz
    meter.set_frequency(10e9)
    begin_s = station.clock.now()
    assert meter.read_power() == pytest.approx(0.0, abs=1e-6)
    assert station.clock.now() - begin_s == pytest.approx(meter.reading_time_s, abs=0.02)
    assert station.simulated


def test_a_reading_longer_than_the_timeout_is_waited_for(open_station):
    station = open_station(STATION.replace("averages = 8", "averages = 1024"))
    station["rf_power_meter"].read_power()
    assert station.clock.now() > 51.0


def test_zeroing_takes_its_time(station):
    station.visa_library.lab.bench.power_W = 0.0
    station["rf_power_meter"].zero()
    assert 5.0 <= station.clock.now() < 5.5


def test_zeroing_ends_early_when_told_to(station):
    station["rf_power_meter"].zero(should_stop=lambda: True)
    assert station.clock.now() < 0.5


def test_zeroing_that_does_not_end_is_an_error(station):
    add_fault(station, kind="wrong_reply", match="ESR", text="0")
    with pytest.raises(InstrumentError, match=r"rf_power_meter: zeroing has not ended within 60 s"):
        station["rf_power_meter"].zero()


@pytest.mark.parametrize("frequency_Hz", [0.99e9, 18.1e9, math.nan])
def test_a_frequency_beyond_the_limits_is_refused(station, frequency_Hz):
    with pytest.raises(LimitError, match=r"rf_power_meter: frequency of .* allowed 1 GHz to 18 GHz"):
        station["rf_power_meter"].set_frequency(frequency_Hz)


def test_an_overloaded_sensor_is_an_error_that_says_so(station):
    station.visa_library.lab.bench.power_W = 1.0
    with pytest.raises(InstrumentError, match=r"rf_power_meter: the instrument reports .*sensor overloaded"):
        station["rf_power_meter"].read_power()


def test_garbage_is_an_error_that_names_the_reply(station):
    add_fault(station, kind="wrong_reply", match="READ", text="garbage")
    with pytest.raises(InstrumentError, match=r"rf_power_meter at .*: the reply .*garbage"):
        station["rf_power_meter"].read_power()


def test_no_answer_names_role_and_address(station):
    add_fault(station, kind="no_reply", match="READ")
    with pytest.raises(InstrumentTimeoutError, match=r"rf_power_meter at GPIB0::13::INSTR"):
        station["rf_power_meter"].read_power()


def test_another_instrument_at_the_address_is_an_error(tmp_path, open_station):
    (tmp_path / "bench.yaml").write_text(BENCH.replace("rf_power_meter:RFPowerMeter", "shutter:Shutter"))
    with pytest.raises(WrongInstrumentError, match=r"rf_power_meter at GPIB0::13::INSTR: .*shutter"):
        open_station()
