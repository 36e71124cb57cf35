"""One connection for each address: indivisible questions, retries, reopening, blocks, traffic on file."""

import base64
import json
import threading

import numpy as np
import pytest
import pyvisa
from pymeasure.instruments import Channel, Instrument
from pymeasure.instruments.srs import SR830

from sotlab.errors import InstrumentError, InstrumentLostError, InstrumentTimeoutError, StationError
from sotlab.instruments.connection import Connection, exclusive
from sotlab.instruments.retry import RetryPolicy
from sotlab.instruments.trace import Trace

BENCH = """
spec: "1.1"
devices:
  meter: {class: "models.py:Meter"}
  other: {class: "models.py:Meter"}
resources:
  GPIB0::7::INSTR: {device: meter}
  TCPIP0::meter.example::5025::SOCKET: {device: other}
"""

MODELS = """
import struct
from sotlab.simulated.device import ScpiDevice, command, query, setting
from sotlab.simulated.scpi import Number


class Meter(ScpiDevice):
    model = "METER"
    level = setting("LEVel", default=0.0, reply="{:.6E}", source="test")

    @query("ECHO", Number(), source="test")
    def echo(self, number):
        return f"{number:.0f}"

    @query("TRACe", source="test")
    def trace(self):
        data = struct.pack("<200d", *range(200))
        return b"#4" + str(len(data)).encode() + data
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.delenv("SOTLAB_CLOCK", raising=False)
    (tmp_path / "models.py").write_text(MODELS, encoding="utf-8")
    (tmp_path / "bench.yaml").write_text(BENCH, encoding="utf-8")
    manager = pyvisa.ResourceManager(f"{tmp_path / 'bench.yaml'}?clock=virtual@sotlab")
    yield manager.visalib
    manager.close()


TERMINATION = {"read_termination": "\n", "write_termination": "\n", "timeout": 2000}


def connect(library, resource="GPIB0::7::INSTR", **settings):
    return Connection("meter", resource, library, clock=library.clock, **{**TERMINATION, **settings})


class Meter(Instrument):
    """A meter with a channel, as PyMeasure writes them."""

    class Part(Channel):
        level = Instrument.control("LEV?", "LEV %g", """Control the level.""")

    part = Instrument.ChannelCreator(Part, "1")
    level = Instrument.control("LEV?", "LEV %g", """Control the level.""")

    def __init__(self, adapter, name="meter", **kwargs):
        super().__init__(adapter, name, includeSCPI=False, **kwargs)

    def echo(self, number):
        return float(self.ask(f"ECHO? {number}"))


def test_threads_on_one_instrument_never_get_each_others_answers(library):
    meter = exclusive(Meter)(connect(library))
    wrong = []

    def work(offset):
        for k in range(1000):
            if meter.echo(offset + k) != offset + k:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(100_000 * n,)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_channels_questions_hold_the_instrument_too(library):
    meter = exclusive(Meter)(connect(library))
    held = []
    original = meter.adapter.connection.read
    meter.adapter.connection.read = lambda **kwargs: (held.append(locked_for_others(meter)), original(**kwargs))[1]
    assert meter.part.level == 0.0
    assert held == [True]
    assert not locked_for_others(meter)


def locked_for_others(meter):
    found = []

    def look():
        free = meter.adapter.lock.acquire(blocking=False)
        if free:
            meter.adapter.lock.release()
        found.append(not free)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


def test_a_class_of_instruments_stays_what_it_is(library):
    assert issubclass(exclusive(SR830), SR830)
    assert exclusive(SR830) is exclusive(SR830)
    assert exclusive(SR830).__name__ == "SR830"


def test_a_lost_answer_is_asked_for_again_and_told(library):
    library.lab.faults.add({"device": "meter", "kind": "no_reply", "match": "ECHO", "count": 1})
    connection = connect(library, retry=RetryPolicy(time_out=1))
    told = []
    connection.on_event = lambda kind, **details: told.append((kind, details["role"]))
    assert exclusive(Meter)(connection).echo(5) == 5
    assert told == [("retry", "meter")]


def test_an_answer_that_never_comes_is_a_time_out_that_names_role_address_and_question(library):
    library.lab.faults.add({"device": "meter", "kind": "no_reply", "match": "ECHO"})
    meter = exclusive(Meter)(connect(library, retry=RetryPolicy(time_out=2)))
    with pytest.raises(InstrumentTimeoutError, match=r"meter at GPIB0::7::INSTR: no answer within 2 s \('read'\)"):
        meter.echo(5)
    assert library.lab.faults.describe()[0]["hits"] == 3


def test_a_late_answer_is_not_taken_for_the_next(library):
    library.lab.faults.add({"device": "meter", "kind": "late", "delay_s": 3, "match": "ECHO\\? 5", "count": 1})
    meter = exclusive(Meter)(connect(library, retry=RetryPolicy(time_out=0)))
    with pytest.raises(InstrumentTimeoutError):
        meter.echo(5)
    library.clock.sleep(5.0)
    assert meter.echo(6) == 6


def test_a_pulled_plug_is_a_lost_line_and_can_be_opened_anew(library):
    connection = connect(library)
    meter = exclusive(Meter)(connection)
    library.lab.faults.add({"device": "meter", "kind": "unplug", "for_s": 10})
    with pytest.raises(InstrumentLostError, match="the line was lost"):
        meter.echo(1)
    with pytest.raises(InstrumentError, match="nothing answers at this address"):
        connection.reopen()
    library.clock.sleep(11.0)
    connection.reopen()
    assert meter.echo(2) == 2


@pytest.mark.parametrize("resource", ["GPIB0::7::INSTR", "TCPIP0::meter.example::5025::SOCKET"])
def test_a_block_is_read_to_its_length_and_waits_for_nothing(library, resource):
    meter = exclusive(Meter)(connect(library, resource))
    started = library.clock.now()
    meter.write("TRAC?")
    data = np.frombuffer(meter.adapter.read_block(), "<f8")
    assert data.tolist() == list(range(200))
    assert library.clock.now() - started < 0.1
    assert meter.echo(3) == 3


def test_a_binary_reply_of_unknown_length_ends_with_its_end(library):
    meter = exclusive(Meter)(connect(library))
    started = library.clock.now()
    values = meter.binary_values("TRAC?", header_bytes=6, termination_bytes=-1, dtype=np.float64)
    assert values.tolist() == list(range(200))
    assert library.clock.now() - started < 0.1


def test_what_is_no_block_is_refused_with_what_came(library):
    meter = exclusive(Meter)(connect(library))
    meter.write("LEV?")
    with pytest.raises(InstrumentError, match=r"the reply begins with b'0\.', not with a block"):
        meter.adapter.read_block()


def test_a_hanging_exchange_of_another_thread_does_not_block_for_ever(library):
    meter = exclusive(Meter)(connect(library, timeout=100))
    with meter.adapter.lock:
        failed = []

        def ask():
            try:
                meter.echo(1)
            except InstrumentError as error:
                failed.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(10)
    assert "busy for more than 2.2 s with another thread's question" in failed[0]


def test_all_traffic_goes_into_the_trace(library, tmp_path):
    trace = Trace(tmp_path / "trace.jsonl")
    meter = exclusive(Meter)(connect(library, trace=trace))
    meter.level = 2.5
    assert meter.level == 2.5
    meter.write("TRAC?")
    meter.adapter.read_block()
    trace.close()
    lines = [json.loads(line) for line in (tmp_path / "trace.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["direction"], line.get("text")) for line in lines[:4]] == [
        ("open", "\n"),
        ("write", "LEV 2.5"),
        ("write", "LEV?"),
        ("read", "2.500000E+00"),
    ]
    block = b"".join(base64.b64decode(line["base64"]) for line in lines[5:])
    assert block[:6] == b"#41600"
    assert {line["role"] for line in lines} == {"meter"}


def test_a_trace_that_cannot_be_written_is_an_error_in_one_line(tmp_path):
    with pytest.raises(StationError, match=r"trace file .* cannot be written"):
        Trace(tmp_path / "no such folder" / "trace.jsonl")
