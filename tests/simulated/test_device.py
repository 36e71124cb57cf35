"""What a declared model does with messages: settings, queries, status, errors, delayed replies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sotlab.simulated.device import LabDevice, Port, ScpiDevice, query, setting
from sotlab.simulated.lab import Lab, LabSpec
from sotlab.simulated.scpi import Choice

GPIB = "GPIB0::19::INSTR"


@pytest.fixture
def lab(bench_file: Path) -> Lab:
    return Lab(LabSpec(bench_file, clock="virtual"))


@pytest.fixture
def device(lab: Lab) -> LabDevice:
    return lab.devices[GPIB]


@pytest.fixture
def port(device: LabDevice) -> Port:
    return device.connect()


def ask(port: Port, message: str) -> list[str]:
    """Send one message and take all its replies, ready or not."""
    port.receive(message.encode("latin-1"), end=True)
    replies = [reply.data.decode("latin-1") for reply in port.replies]
    port.replies.clear()
    return replies


def codes(port: Port) -> list[int]:
    """Take all errors from the device's queue."""
    found = []
    while (code := int(port.device.next_error().split(",")[0])) != 0:
        found.append(code)
    return found


def test_a_setting_is_programmed_and_asked_for(port: Port, device: LabDevice) -> None:
    assert ask(port, ":SOUR:FREQ:CW 7.5 GHZ;CW?") == ["+7.5000000000000E+09\n"]
    assert device.frequency == 7.5e9
    assert codes(port) == []


@pytest.mark.parametrize("ending", ["", "\n", "\r", "\r\n", ";", ";\n", " ; \r\n"])
def test_messages_end_at_any_terminator_and_tolerate_a_trailing_semicolon(port: Port, ending: str) -> None:
    assert ask(port, "FREQ?" + ending) == ["+1.0000000000000E+09\n"]
    assert codes(port) == []


def test_several_messages_in_one_write_are_answered_each(port: Port) -> None:
    port.stream = True  # so that the second query does not interrupt the first reply
    assert ask(port, "FREQ?\nOUTP?\n") == ["+1.0000000000000E+09\n", "0\n"]


def test_lines_of_one_write_are_messages_even_if_only_end_ends_the_last(port: Port) -> None:
    assert ask(port, "OUTP ON\nFUNC SQU\r\nOUTP?;:FUNC?") == ["1;SQU\n"]


def test_replies_of_one_message_are_joined(port: Port) -> None:
    assert ask(port, "OUTP ON;*OPC?;:OUTP?;:FUNC?") == ["1;1;SIN\n"]


def test_a_model_may_send_each_reply_by_itself(lab: Lab) -> None:
    meter = lab.devices["GPIB0::12::INSTR"].connect()
    assert ask(meter, "RDGFIELD?;UNIT 2;UNIT?") == ["+0.1E+00\r\n", "2\r\n"]


def test_limits_are_told(port: Port) -> None:
    assert ask(port, "FREQ? MIN;:FREQ? MAX;:FREQ? DEF") == [
        "+1.0000000000000E+05;+4.0000000000000E+10;+1.0000000000000E+09\n"
    ]
    assert ask(port, "FREQ MAX;FREQ?") == ["+4.0000000000000E+10\n"]
    assert ask(port, "FREQ? 3") == []
    assert codes(port) == [-104]


def test_limits_may_depend_on_another_setting(port: Port) -> None:
    ask(port, "POW 15")
    assert codes(port) == []
    ask(port, "FREQ 30 GHZ;POW 15")
    assert codes(port) == [-222]


def test_out_of_range_is_clipped_or_refused_with_an_error(port: Port, device: LabDevice) -> None:
    ask(port, "FREQ 99 GHZ")
    assert device.frequency == 40e9
    assert device.next_error() == '-222,"Data out of range;value clipped to upper limit"'
    ask(port, "POW 99")
    assert device.power == -10.0
    assert device.next_error() == '-222,"Data out of range"'


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("BOGUS 1", -113),
        ("FREQ", -109),
        ("FREQ 1e9,2e9", -108),
        ("FREQ?,", -108),
        ("*RST 1", -108),
        ("FREQ abc", -104),
        ("FREQ 2 V", -131),
        ("SENS:VOLT:CHAN3:RANG 1", -114),
        ("MEAS2:VOLT?", -113),
        ("FUNC TRI", -224),
        ("DIAG:OPT 3", -113),
        ("*TRX", -113),
        ("!", -102),
    ],
)
def test_a_bad_message_queues_its_error_and_gives_no_reply(port: Port, message: str, code: int) -> None:
    assert ask(port, message) == []
    assert codes(port) == [code]


def test_a_query_that_errs_gives_no_reply_but_an_earlier_one_of_the_message_does(port: Port) -> None:
    assert ask(port, "OUTP?;BOGUS?;FUNC?") == ["0\n"]
    assert codes(port) == [-113]


def test_an_execution_error_does_not_stop_the_rest_of_the_message(port: Port) -> None:
    assert ask(port, "POW 99;:OUTP ON;OUTP?") == ["1\n"]
    assert codes(port) == [-222]


def test_each_suffix_has_a_value_of_its_own(port: Port, device: LabDevice) -> None:
    assert ask(port, "SENS:VOLT:CHAN2:RANG 100 MV;:SENS:VOLT:CHAN2:RANG?;:SENS:VOLT:CHAN:RANG?") == [
        "1.000000E-01;1.000000E+01\n"
    ]
    assert device.ranges == {1: 10.0, 2: 0.1}


def test_whole_numbers_round_and_read_back_whole(port: Port) -> None:
    assert ask(port, "SWE:POIN 200.6;POIN?") == ["201\n"]


def test_text_and_blocks_arrive_unharmed(port: Port, device: LabDevice) -> None:
    ask(port, "TRAC:LOAD 'a;b',#15\x00\n;\xff'\n")
    assert device.label == 'a;b=b"\\x00\\n;\\xff\'"'
    assert codes(port) == []


def test_a_binary_reply_keeps_every_byte(port: Port) -> None:
    port.receive(b"TRAC:DATA?", end=True)
    assert port.replies[0].data == b"#15\x00\n;\xff'\n"


@pytest.mark.parametrize("seed", range(5))
def test_nothing_that_is_sent_raises_a_python_error(lab: Lab, seed: int) -> None:
    random = np.random.default_rng(seed)
    pieces = ["FREQ", "?", " ", ";", ":", ",", "#", "'", '"', "\n", "\r", "*OPC", "2", "e", "9", "GHZ", "MAX", "\xff"]
    pieces += ["SENS:VOLT:CHAN", "RANG", "TRAC:LOAD", "OUTP", "*ESE", "FUNC", "#0", "#3", "-", ".", "[", "\x00"]
    ports = [device.connect() for device in lab.devices.values()]
    for _ in range(300):
        message = "".join(random.choice(pieces, size=random.integers(1, 12)))
        for port in ports:
            port.receive(message.encode("latin-1"), end=bool(random.integers(2)))
            port.replies.clear()
    assert lab.devices[GPIB].errors  # it noticed


def test_the_bench_hears_before_and_after_a_change(port: Port, lab: Lab) -> None:
    lab.bench.log.clear()
    lab.clock.sleep(5.0)
    ask(port, "FREQ 2 GHZ")
    assert lab.bench.log == [("before", 5.0), ("drive", 2e9, False)]


def test_a_change_that_the_model_refuses_is_undone(port: Port, device: LabDevice) -> None:
    ask(port, "FREQ 39.5 GHZ;:OUTP ON")
    assert device.output is False
    assert codes(port) == [-221]


def test_reset_restores_defaults_but_not_what_survives_it(port: Port, device: LabDevice) -> None:
    ask(port, "FREQ 2 GHZ;:DISP:TEXT 'kept';:SENS:VOLT:CHAN2:RANG 1;*RST")
    assert (device.frequency, device.label, device.ranges) == (1e9, "kept", {1: 10.0, 2: 10.0})


def test_the_error_queue_is_first_in_first_out_and_overflows(port: Port, device: LabDevice) -> None:
    assert ask(port, "SYST:ERR?") == ['+0,"No error"\n']
    ask(port, "POW 99")
    ask(port, "BOGUS")
    assert ask(port, "SYST:ERR?;ERR?;ERR?") == ['-222,"Data out of range";-113,"Undefined header";+0,"No error"\n']
    for _ in range(device.error_queue_length + 5):
        ask(port, "BOGUS")
    found = codes(port)
    assert len(found) == device.error_queue_length
    assert (found[0], found[-1]) == (-113, -350)


def test_event_status_collects_error_classes_and_is_cleared_by_reading(port: Port) -> None:
    assert ask(port, "*ESR?") == ["128\n"]  # power on
    ask(port, "BOGUS")
    ask(port, "POW 99")
    assert ask(port, "*ESR?") == ["48\n"]
    assert ask(port, "*ESR?") == ["0\n"]
    assert ask(port, "*CLS;SYST:ERR?") == ['+0,"No error"\n']


def test_status_byte_summarises_events_errors_and_replies(port: Port, device: LabDevice) -> None:
    ask(port, "*CLS;*ESE 32;*SRE 32")
    assert device.status_byte(port) == 0
    port.receive(b"FREQ?", end=True)
    assert device.status_byte(port) == 16
    port.replies.clear()
    ask(port, "BOGUS")
    assert device.status_byte(port) == 4 + 32
    assert ask(port, "*STB?") == ["100\n"]  # 4 + 32 + MSS 64
    assert port.serial_poll() == 4 + 32 + 64
    assert port.serial_poll() == 4 + 32  # the poll cleared RQS
    assert ask(port, "*ESE?;*SRE?") == ["32;32\n"]
    assert ask(port, "*SRE 255;*SRE?") == ["191\n"]  # bit 6 cannot be enabled


def test_a_new_query_interrupts_an_unread_reply(port: Port) -> None:
    port.receive(b"FREQ?", end=True)
    assert ask(port, "OUTP?") == ["0\n"]
    assert codes(port) == [-410]


def test_a_command_leaves_an_unread_reply_alone(port: Port) -> None:
    port.receive(b"FREQ?", end=True)
    assert ask(port, "OUTP ON") == ["+1.0000000000000E+09\n"]
    assert codes(port) == []


def test_on_a_stream_replies_queue_up(device: LabDevice) -> None:
    port = device.connect(stream=True)
    port.receive(b"FREQ?\nOUTP?\n", end=False)
    assert len(port.replies) == 2
    assert codes(port) == []


def test_sessions_have_buffers_of_their_own(device: LabDevice) -> None:
    one, other = device.connect(), device.connect()
    one.receive(b"FREQ", end=False)
    other.receive(b"OUTP?", end=True)
    one.receive(b"?\n", end=False)
    assert [reply.data for reply in one.replies] == [b"+1.0000000000000E+09\n"]
    assert [reply.data for reply in other.replies] == [b"0\n"]
    assert codes(one) == []


def test_device_clear_forgets_what_is_half_sent_and_unread(port: Port, device: LabDevice) -> None:
    port.receive(b"OUTP?", end=True)
    port.receive(b"FRE", end=False)
    device.clear(port)
    assert ask(port, "FUNC?") == ["SIN\n"]
    assert codes(port) == []


def test_a_slow_reply_is_ready_only_after_its_time(port: Port, lab: Lab, device: LabDevice) -> None:
    port.receive(b"READ?", end=True)
    lab.clock.sleep(2.3)
    assert (port.available(lab.clock.now()), device.status_byte(port) & 16) == (0, 0)
    assert device.next_event_time(port) == pytest.approx(2.4)
    lab.clock.sleep(0.11)
    assert (port.available(lab.clock.now()), device.status_byte(port) & 16) == (8, 16)


def test_operation_complete_comes_when_the_operation_ends(port: Port, lab: Lab) -> None:
    ask(port, "*CLS;SWE:STAR;*OPC")
    assert ask(port, "*ESR?") == ["0\n"]
    lab.clock.sleep(3.0)
    assert ask(port, "*ESR?") == ["1\n"]


@pytest.mark.parametrize("message", ["SWE:STAR;*OPC?", "SWE:STAR;*WAI;OUTP?"])
def test_opc_query_and_wait_hold_the_reply_until_the_operation_ends(port: Port, message: str) -> None:
    message = message.replace(";OUTP", ";:OUTP")
    port.receive(message.encode(), end=True)
    assert port.replies[0].ready_at == pytest.approx(3.0)


def test_a_trigger_that_a_model_does_not_know_is_ignored_with_an_error(lab: Lab, port: Port) -> None:
    meter = lab.devices["GPIB0::12::INSTR"]
    ask(meter.connect(), "*TRG")
    assert meter.errors.popleft()[0] == -211
    ask(port, "*TRG;*OPC?")
    assert codes(port) == []


def test_a_plain_device_answers_from_the_bench_file(lab: Lab) -> None:
    plain = lab.devices["GPIB0::5::INSTR"].connect(stream=True)
    assert ask(plain, "*IDN?\r\n") == ["plain,1\n"]
    assert ask(plain, "VOLT 2.5;VOLT?\r\n") == ["OK\n", "2.50\n"]
    assert ask(plain, "VOLT 99\r\n") == ["ERROR\n"]
    assert ask(plain, "BOGUS\r\n") == ["ERROR\n"]


def test_a_model_falls_back_to_dialogues_of_the_bench_file(bench_file: Path) -> None:
    text = bench_file.read_text().replace(
        "role: microwave}", 'role: microwave, dialogues: [{q: "DIAG:SECRET?", r: "42"}, {q: "DIAG:QUIET"}]}'
    )
    bench_file.write_text(text)
    port = Lab(LabSpec(bench_file, clock="virtual")).devices[GPIB].connect()
    assert ask(port, "DIAG:SECRET?;:OUTP?") == ["42;0\n"]
    assert ask(port, "DIAG:QUIET") == []
    assert codes(port) == []


def test_the_command_table_names_a_source_for_every_header(device: LabDevice) -> None:
    table = dict(device.command_table())
    assert table["[SOURce]:FREQuency[:CW|:FIXed]?"] == "manual p. 12"
    assert "DIAGnostic:OPTions?" in table
    assert "DIAGnostic:OPTions" not in table
    assert all(table.values())


def test_a_subclass_replaces_a_header_of_its_base() -> None:
    class Base(ScpiDevice):
        @query("VALue", source="unverified")
        def value(self) -> str:
            return "base"

    class Variant(Base):
        @query("VALue", source="unverified")
        def other_value(self) -> str:
            return "variant"

    found, _, _ = Variant.tree.find("VAL?", "")
    assert found.run(None) == "variant"


def test_a_wrong_declaration_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="allowed are SIN, SQU"):
        setting("FUNCtion", Choice("SINusoid", "SQUare"), default="SINusoid", source="unverified")
    with pytest.raises(ValueError, match="'error' and 'clip'"):
        setting("FREQuency", default=1.0, source="unverified", on_out_of_range="wrap")
