"""Recorded traffic that answers again."""

import json

import pytest
import pyvisa

from sotlab.errors import StationError
from sotlab.simulated.lab import Lab, LabSpec


def entry(direction, text, t=0.0, resource="GPIB0::7::INSTR", **more):
    content = {} if text is None else {"text": text}
    return {"t": t, "role": "voltmeter", "resource": resource, "direction": direction, **content, **more}


TRACE = [
    entry("open", "\r\n"),
    entry("write", "*IDN?", 1.0),
    entry("read", "A METER", 1.1),
    entry("write", "READ?", 2.0),
    entry("read", "1.0", 2.5),
    entry("write", "RANG 10", 3.0),
    entry("write", "READ?", 4.0),
    entry("read", "2.0", 4.5),
    entry("write", "TRAC?", 5.0),
    entry("read", None, 5.1, base64="IzE="),  # "#1", then "3", then three bytes, then LF: a block in pieces
    entry("read", None, 5.1, base64="Mw=="),
    entry("read", None, 5.1, base64="AAoC"),
    entry("read", None, 5.1, base64="Cg=="),
]


@pytest.fixture
def write(tmp_path):
    def write_one(lines=TRACE, ending=""):
        path = tmp_path / "traffic.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines) + ending, encoding="utf-8")
        return path

    return write_one


@pytest.fixture
def meter(write):
    manager = pyvisa.ResourceManager(f"{write()}?clock=virtual@sotlab")
    yield manager.open_resource("GPIB0::7::INSTR", read_termination="\r\n", write_termination="\n")
    manager.close()


def test_each_question_is_answered_as_it_was_in_turn_and_then_as_the_last_time(meter):
    assert [meter.query("READ?") for _ in range(3)] == ["1.0", "2.0", "2.0"]
    assert meter.query("*IDN?") == "A METER"


def test_an_answer_takes_as_long_as_it_took(meter):
    clock = meter.visalib.clock
    started = clock.now()
    meter.query("READ?")
    assert clock.now() - started == pytest.approx(0.5, abs=0.02)


def test_a_block_that_was_read_in_pieces_comes_as_it_is(meter):
    meter.write("TRAC?")
    assert meter.read_bytes(7) == b"#13\x00\n\x02\n"


def test_what_was_never_said_gets_no_answer(meter):
    meter.timeout = 500
    meter.write("CURR?")
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        meter.read()


def test_an_unfinished_last_line_is_left_out(write):
    path = write(ending='{"t": 6.0, "resource": "GPI')
    assert list(Lab(LabSpec.parse(str(path))).inventory) == ["GPIB0::7::INSTR"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "nothing is written in it"),
        ([{"t": 0}, *TRACE], "line 1 is no entry of a trace"),
        (["text", *TRACE], "line 1 is no entry of a trace"),
    ],
)
def test_what_is_no_trace_is_refused_in_one_line(write, lines, message):
    with pytest.raises(StationError, match=message):
        Lab(LabSpec.parse(str(write(lines))))
