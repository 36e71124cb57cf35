"""The hygrometer: what is asked, on a bench, and readings that no air can have."""

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, WrongInstrumentError
from sotlab.instruments.hygrometer import Hygrometer
from sotlab.instruments.roles import Humidity

BENCH_CLASS = """
class Bench:
    def __init__(self, lab, streams, noise):
        self.relative = 0.05

    def humidity(self, t_s):
        return self.relative

    def air_temperature_K(self, t_s):
        return 295.15
"""
BENCH = """
spec: "1.1"
devices:
  device: {class: "hygrometer:Hygrometer"}
resources:
  ASRL7::INSTR: {device: device}
lab: {bench: "bench.py:Bench"}
"""
STATION = """
[station]
name = "bench"
visa_library = "bench.yaml?clock=virtual&noise=off@sotlab"

[roles.humidity]
driver = "GenericHygrometer"
resource = "ASRL7::INSTR"
timeout_s = 1
retries = 0
"""


def add_fault(station, **fault):
    station.visa_library.lab.faults.add({"device": "device", **fault})


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [("humidity", b"MEAS:HUM?", b"4.95", 4.95), ("temperature", b"MEAS:TEMP?", b"22.00", 22.0)],
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(Hygrometer, [(asked, reply)]) as hygrometer:
        assert getattr(hygrometer, attribute) == value


def test_humidity_is_a_part_of_one_and_temperature_in_kelvin(station):
    assert isinstance(station["humidity"], Humidity)
    assert station["humidity"].read_humidity() == pytest.approx(0.05, abs=1e-4)
    assert station["humidity"].read_air_temperature() == pytest.approx(295.15, abs=0.01)
    assert station.simulated


@pytest.mark.parametrize("text", ["-0.1", "100.1"])
def test_what_no_air_can_have_is_an_error(station, text):
    add_fault(station, kind="wrong_reply", match="HUM", text=text)
    with pytest.raises(InstrumentError, match="humidity: the sensor shows"):
        station["humidity"].read_humidity()


@pytest.mark.parametrize("text", ["garbage", "nan"])
def test_garbage_is_an_error_that_names_the_reply(station, text):
    add_fault(station, kind="wrong_reply", match="HUM", text=text)
    with pytest.raises(InstrumentError, match=rf"humidity at .*: the reply .*{text}"):
        station["humidity"].read_humidity()


def test_no_answer_names_role_and_address(station):
    add_fault(station, kind="no_reply", match="HUM")
    with pytest.raises(InstrumentTimeoutError, match=r"humidity at ASRL7::INSTR"):
        station["humidity"].read_humidity()


def test_another_instrument_at_the_address_is_an_error(tmp_path, open_station):
    (tmp_path / "bench.yaml").write_text(BENCH.replace("hygrometer:Hygrometer", "shutter:Shutter"), encoding="utf-8")
    with pytest.raises(WrongInstrumentError, match=r"humidity at ASRL7::INSTR: .*shutter"):
        open_station()
