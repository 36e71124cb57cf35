"""The beam shutter: what is sent, on a bench, and a stuck blade."""

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, WrongInstrumentError
from sotlab.instruments.shutter import BeamShutter

BENCH_CLASS = """
class Bench:
    def __init__(self, lab, streams, noise):
        self.is_open = None

    def set_shutter(self, name, is_open):
        self.is_open = is_open
"""
BENCH = """
spec: "1.1"
devices:
  device: {class: "shutter:Shutter"}
resources:
  ASRL4::INSTR: {device: device}
lab: {bench: "bench.py:Bench"}
"""
STATION = """
[station]
name = "bench"
visa_library = "bench.yaml?clock=virtual&noise=off@sotlab"

[roles.shutter]
driver = "BeamShutter"
resource = "ASRL4::INSTR"
timeout_s = 1
retries = 0
"""


def add_fault(station, **fault):
    station.visa_library.lab.faults.add({"device": "device", **fault})


@pytest.mark.parametrize(("value", "sent"), [(True, b"SHUT 1"), (False, b"SHUT 0")])
def test_what_is_sent(value, sent):
    with expected_protocol(BeamShutter, [(sent, None)]) as shutter:
        shutter.open_enabled = value


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [("open_enabled", b"SHUT?", b"1", True), ("moving", b"SHUT:MOV?", b"0", False)],
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(BeamShutter, [(asked, reply)]) as shutter:
        assert getattr(shutter, attribute) is value


def test_it_returns_when_the_blade_has_moved(station):
    bench = station.visa_library.lab.bench
    for is_open in (True, False, True):
        begin_s = station.clock.now()
        station["shutter"].set_open(is_open)
        assert bench.is_open is is_open
        assert 0.03 <= station.clock.now() - begin_s < 0.15  # a serial line of 9600 baud asks for the rest
    assert station.simulated


def test_opening_the_station_moves_nothing(station):
    assert station.visa_library.lab.bench.is_open is False  # as after power-on
    station.visa_library.lab.bench.is_open = None
    station["shutter"].configure()
    assert station.visa_library.lab.bench.is_open is None


def test_making_safe_blocks_the_beam_and_may_be_done_twice(station):
    station["shutter"].set_open(True)
    assert station.make_safe() == {"shutter": None}
    assert station.visa_library.lab.bench.is_open is False
    assert station.make_safe() == {"shutter": None}


def test_a_stuck_blade_is_an_error(station):
    add_fault(station, kind="wrong_reply", match="MOV", text="1")
    with pytest.raises(InstrumentError, match=r"shutter: the blade still moves after 1 s"):
        station["shutter"].set_open(True)


def test_a_blade_that_is_not_where_it_should_be_is_an_error(station):
    add_fault(station, kind="wrong_reply", match=r"SHUT\?", text="0")
    with pytest.raises(InstrumentError, match=r"shutter: told to open, and it has not"):
        station["shutter"].set_open(True)


@pytest.mark.parametrize("question", ["MOV", r"SHUT\?", "SYST:ERR"])
def test_garbage_is_an_error_that_names_the_role(station, question):
    add_fault(station, kind="wrong_reply", match=question, text="garbage")
    with pytest.raises(InstrumentError, match=r"shutter at .*: the reply"):
        station["shutter"].set_open(True)


def test_an_error_that_it_reports_is_raised(station):
    add_fault(station, kind="queue_error", match=r"SHUT 1", code=-310, text="System error")
    with pytest.raises(InstrumentError, match=r"shutter: the instrument reports -310"):
        station["shutter"].set_open(True)


def test_no_answer_names_role_and_address(station):
    add_fault(station, kind="no_reply", match="MOV")
    with pytest.raises(InstrumentTimeoutError, match=r"shutter at ASRL4::INSTR"):
        station["shutter"].set_open(True)


def test_another_instrument_at_the_address_is_an_error(tmp_path, open_station):
    (tmp_path / "bench.yaml").write_text(BENCH.replace("shutter:Shutter", "attenuator:Attenuator"), encoding="utf-8")
    with pytest.raises(WrongInstrumentError, match=r"shutter at ASRL4::INSTR: .*attenuator"):
        open_station()
