"""The attenuator of the pump: what is sent, on a bench, limits, and a stuck wheel."""

import math

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError, WrongInstrumentError
from sotlab.instruments.attenuator import MotorisedAttenuator

BENCH_CLASS = """
class Bench:
    def __init__(self, lab, streams, noise):
        self.moves = []

    def set_attenuation(self, name, start_dB, stop_dB, start_s, speed_dB_per_s):
        self.moves.append((start_dB, stop_dB))
"""
BENCH = """
spec: "1.1"
devices:
  device: {class: "attenuator:Attenuator"}
resources:
  ASRL5::INSTR: {device: device}
lab: {bench: "bench.py:Bench"}
"""
STATION = """
[station]
name = "bench"
visa_library = "bench.yaml?clock=virtual&noise=off@sotlab"

[roles.pump_attenuator]
driver = "MotorisedAttenuator"
resource = "ASRL5::INSTR"
timeout_s = 1
retries = 0
limits = { attenuation_dB = [3, 40] }
"""


def add_fault(station, **fault):
    station.visa_library.lab.faults.add({"device": "device", **fault})


@pytest.mark.parametrize(
    ("attribute", "value", "sent"), [("attenuation", 12.5, b"ATT 12.500000"), ("attenuation", 0, b"ATT 0.000000")]
)
def test_what_is_sent(attribute, value, sent):
    with expected_protocol(MotorisedAttenuator, [(sent, None), (b"ATT:STOP", None)]) as attenuator:
        setattr(attenuator, attribute, value)
        attenuator.stop()


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [
        ("attenuation", b"ATT?", b"1.25E1", 12.5),
        ("attenuation_measured", b"ATT:POS?", b"1.2E1", 12.0),
        ("moving", b"ATT:MOV?", b"1", True),
    ],
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(MotorisedAttenuator, [(asked, reply)]) as attenuator:
        assert getattr(attenuator, attribute) == value


def test_it_returns_when_the_wheel_has_arrived(station):
    station["pump_attenuator"].set_transmission(0.1)
    assert 3.0 <= station.clock.now() < 3.4  # from 40 to 10 dB at 10 dB/s; the line is slow
    assert station.visa_library.lab.bench.moves[-1] == (40.0, 10.0)
    assert station["pump_attenuator"].read_transmission() == pytest.approx(0.1, rel=1e-6)


def test_opening_the_station_moves_nothing(station):
    assert station.visa_library.lab.bench.moves in ([], [(40.0, 40.0)])


def test_making_safe_goes_to_the_lowest_transmission_and_may_be_done_twice(station):
    station["pump_attenuator"].set_transmission(0.5)
    assert station.make_safe() == {"pump_attenuator": None}
    assert station["pump_attenuator"].read_transmission() == pytest.approx(1e-4)
    assert station.make_safe() == {"pump_attenuator": None}


@pytest.mark.parametrize("transmission", [0.0, -0.1, 9e-5, 0.51, 1.0, 1.5, math.nan])
def test_a_transmission_beyond_the_limits_is_refused(station, transmission):
    with pytest.raises(LimitError, match=r"pump_attenuator: attenuation of .* allowed 3 dB to 40 dB"):
        station["pump_attenuator"].set_transmission(transmission)
    assert station.visa_library.lab.bench.moves in ([], [(40.0, 40.0)])


def test_a_wheel_that_does_not_arrive_is_an_error(station):
    add_fault(station, kind="wrong_reply", match="MOV", text="1")
    with pytest.raises(InstrumentError, match=r"pump_attenuator: the wheel has not arrived at 10 dB in time"):
        station["pump_attenuator"].set_transmission(0.1)
    assert station.clock.now() < 10.0


def test_a_wheel_that_stands_elsewhere_is_an_error(station):
    add_fault(station, kind="wrong_reply", match="POS", text="31.5")
    with pytest.raises(InstrumentError, match=r"10 dB asked, the wheel stands at 31\.5 dB"):
        station["pump_attenuator"].set_transmission(0.1)


@pytest.mark.parametrize("question", ["MOV", "POS", "SYST:ERR"])
def test_garbage_is_an_error_that_names_the_role(station, question):
    add_fault(station, kind="wrong_reply", match=question, text="garbage")
    with pytest.raises(InstrumentError, match=r"pump_attenuator at .*: the reply"):
        station["pump_attenuator"].set_transmission(0.1)


def test_no_answer_names_role_and_address(station):
    add_fault(station, kind="no_reply", match="MOV")
    with pytest.raises(InstrumentTimeoutError, match=r"pump_attenuator at ASRL5::INSTR"):
        station["pump_attenuator"].set_transmission(0.1)


def test_another_instrument_at_the_address_is_an_error(tmp_path, open_station):
    (tmp_path / "bench.yaml").write_text(BENCH.replace("attenuator:Attenuator", "shutter:Shutter"), encoding="utf-8")
    with pytest.raises(WrongInstrumentError, match=r"pump_attenuator at ASRL5::INSTR: .*shutter"):
        open_station()
