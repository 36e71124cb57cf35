"""The session contract: what PyVISA and PyMeasure rely on, in bench time.

What the contract asks for, and the tests of it (here, if no file is named; their names begin so):

plain @sim untouched, nothing from the global random:
    test_upstream.py: importing_ours_leaves_plain_sim
class name is not SimVisaLibrary:
    test_upstream.py: pyvisa_finds_the_backend_by_its_package_name
_init() idempotent:
    calling_init_again_changes_nothing
library path never "unset"; an adapter closes only itself:
    library_paths_are_the_shipped_benches, closing_one_pymeasure_adapter
every method goes through handle_return_value:
    every_operation_notes_its_status, test_upstream.py: every_operation_of_a_visa_library
open: RSRC_NFOUND, RSRC_BUSY, RSRC_LOCKED:
    opening_what_is_not_there, a_serial_port_opens_once, opening_with_a_lock
read status END, TERMCHAR, MAX_CNT; last_status:
    a_read_ends_at_end_termination_character_or_count
termchar, termchar_en, send_end, suppress_end:
    the same, a_message_without_end, with_suppressed_end, a_socket_knows_no_end
time-out None, 0, ms:
    without_time_out, a_time_out_of_zero, a_reply_that_is_not_asked_for
flush with all masks:
    flushing_the_read_side, flushing_the_write_side, every_flush_mask, a_flush_mask_that_means_nothing
clear, stb, trigger:
    clear_drops, the_status_byte_is_read, the_bus_trigger_reaches
SRQ enable, wait, disable, discard:
    a_service_request_ends, waiting_for_a_service_request, discarded_and_disabled, an_event_tells
lock, lock_state:
    an_exclusive_lock, a_shared_lock, locks_nest, the_lock_state_tells; test_threads.py
control_ren:
    remote_enable_is_noted
bytes_in_buffer:
    bytes_in_buffer_counts
baud, parity:
    a_slower_serial_line, a_serial_lines_frame_is_kept
TCPIP SOCKET, INSTR, hislip names:
    every_kind_of_resource_answers
list_resources queries:
    resources_are_listed_by_visa_expressions
close with a pending read:
    closing_with_an_unread_reply, closing_while_another_thread_reads
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import pyvisa
from pyvisa import constants
from pyvisa.constants import BufferOperation, EventMechanism, EventType, StatusCode
from pyvisa.resources import MessageBasedResource

GPIB = "GPIB0::19::INSTR"
ENDINGS = {"read_termination": "\n", "write_termination": "\n"}


def error_of(action: Callable[[], object]) -> StatusCode:
    """Return the status code that an action fails with."""
    with pytest.raises(pyvisa.VisaIOError) as problem:
        action()
    return StatusCode(problem.value.error_code)


# --- managers and resources -----------------------------------------------------------------------------------


def test_a_query_goes_through_with_pyvisas_own_defaults(manage) -> None:
    instrument = manage().open_resource(GPIB)  # writes CR LF, reads to END
    assert instrument.query("*IDN?") == "Example Instruments,S1,SIM0001,1.0\n"


def test_the_library_tells_that_it_is_simulated_and_carries_its_clock(manage) -> None:
    library = manage().visalib
    assert library.simulated is True
    assert library.clock is library.lab.clock
    assert library.library_path != "unset"


def test_library_paths_are_the_shipped_benches_and_never_unset(manage) -> None:
    paths = type(manage().visalib).get_library_paths()
    assert "unset" not in paths
    assert all(isinstance(path, str) for path in paths)


@pytest.mark.parametrize(
    ("query", "count"),
    [("?*::INSTR", 7), ("?*", 8), ("GPIB?*::INSTR", 3), ("(GPIB|USB)?*::INSTR", 4), ("?*::SOCKET", 1), ("PXI?*", 0)],
)
def test_resources_are_listed_by_visa_expressions(manage, query: str, count: int) -> None:
    assert len(manage().list_resources(query)) == count


@pytest.mark.parametrize(
    "name",
    [
        "GPIB::19",
        "USB0::0x1111::0x2222::SIM1::0::INSTR",
        "TCPIP::source.example::INSTR",
        "TCPIP0::source.example::hislip0::INSTR",
        "TCPIP0::source.example::5025::SOCKET",
        "ASRL1::INSTR",
    ],
)
def test_every_kind_of_resource_answers(manage, name: str) -> None:
    instrument = manage().open_resource(name, **ENDINGS)
    assert instrument.query("FREQ?") == "+1.0000000000000E+09"


def test_opening_what_is_not_there_fails(manage) -> None:
    manager = manage()
    assert error_of(lambda: manager.open_resource("GPIB0::3::INSTR")) == StatusCode.error_resource_not_found
    assert error_of(lambda: manager.visalib.open(manager.session, "nonsense")) == (
        StatusCode.error_invalid_resource_name
    )


def test_a_serial_port_opens_once(manage) -> None:
    manager = manage()
    first = manager.open_resource("ASRL1::INSTR")
    assert error_of(lambda: manager.open_resource("ASRL1::INSTR")) == StatusCode.error_resource_busy
    first.close()
    manager.open_resource("ASRL1::INSTR")


def test_managers_of_one_bench_see_one_lab_and_it_goes_with_the_last(manage, bench_file: Path, monkeypatch) -> None:
    monkeypatch.chdir(bench_file.parent)
    one = manage()
    other = pyvisa.ResourceManager("bench.yaml?clock=virtual@sotlab")  # the same file, another spelling
    assert other is not one
    one.open_resource(GPIB, **ENDINGS).write("FREQ 3 GHZ")
    assert other.open_resource(GPIB, **ENDINGS).query("FREQ?") == "+3.0000000000000E+09"
    one.close()
    assert other.open_resource(GPIB, **ENDINGS).query("FREQ?") == "+3.0000000000000E+09"
    other.close()
    assert manage().open_resource(GPIB, **ENDINGS).query("FREQ?") == "+1.0000000000000E+09"


def test_calling_init_again_changes_nothing(manage) -> None:
    manager = manage()
    instrument = manager.open_resource(GPIB, **ENDINGS)
    instrument.write("FREQ 3 GHZ")
    manager.visalib._init()
    assert instrument.query("FREQ?") == "+3.0000000000000E+09"
    assert manager.open_resource(GPIB, **ENDINGS).query("FREQ?") == "+3.0000000000000E+09"


def test_closing_one_pymeasure_adapter_leaves_the_others_open(bench_file: Path) -> None:
    adapters = pytest.importorskip("pymeasure.adapters")
    library = f"{bench_file}?clock=virtual@sotlab"
    one, other = (adapters.VISAAdapter(name, visa_library=library, **ENDINGS) for name in (GPIB, "GPIB0::12::INSTR"))
    one.close()
    other.write("UNIT?")
    assert other.read().strip() == "1"
    other.manager.close()


def test_two_options_are_two_labs(manage) -> None:
    one, other = (manage(f"clock=virtual&seed={seed}").open_resource(GPIB, **ENDINGS) for seed in (0, 1))
    one.write("FREQ 3 GHZ")
    assert other.query("FREQ?") == "+1.0000000000000E+09"
    assert one.query("MEAS:VOLT?") != other.query("MEAS:VOLT?")


def test_closing_with_an_unread_reply_loses_it_and_nothing_else(manage) -> None:
    manager = manage()
    first = manager.open_resource(GPIB, **ENDINGS)
    first.write("FREQ?")
    first.close()
    second = manager.open_resource(GPIB, **ENDINGS)
    assert second.query("OUTP?") == "0"
    assert second.query("SYST:ERR?") == '+0,"No error"'
    assert len(manager.visalib.lab.devices[GPIB].ports) == 1


def test_closing_while_another_thread_reads_ends_that_read_with_a_visa_error(manage) -> None:
    manager = manage("clock=20")
    session, _ = manager.open_bare_resource(GPIB)
    ended, reading = [], threading.Event()

    def read() -> None:
        reading.set()
        try:
            manager.visalib.read(session, 10)
        except pyvisa.VisaIOError as problem:
            ended.append(problem.error_code)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert reading.wait(10)
    time.sleep(0.02)
    manager.visalib.close(session)
    thread.join(timeout=20)
    assert ended in ([StatusCode.error_timeout], [StatusCode.error_invalid_object])
    assert manager.open_resource(GPIB, **ENDINGS).query("OUTP?") == "0"


def test_every_operation_notes_its_status(source: MessageBasedResource, manage, monkeypatch) -> None:
    library, session, noted = source.visalib, source.session, []
    event, queue = EventType.service_request, EventMechanism.queue
    note = type(library).handle_return_value

    def noting(self, session, status):
        noted.append(status)
        return note(self, session, status)

    monkeypatch.setattr(type(library), "handle_return_value", noting)
    operations = {
        "list_resources": (manage().session,),
        "write": (session, b"OUTP?\n"),
        "read": (session, 100),
        "clear": (session,),
        "flush": (session, BufferOperation.discard_read_buffer),
        "read_stb": (session,),
        "assert_trigger": (session, constants.TriggerProtocol.default),
        "gpib_control_ren": (session, constants.RENLineOperation.asrt),
        "status_description": (session, StatusCode.success),
        "get_attribute": (session, constants.ResourceAttribute.timeout_value),
        "set_attribute": (session, constants.ResourceAttribute.timeout_value, 2000),
        "lock": (session, constants.Lock.exclusive, 0),
        "unlock": (session,),
        "enable_event": (session, event, queue),
        "discard_events": (session, event, queue),
        "disable_event": (session, event, queue),
    }
    for name, arguments in operations.items():
        noted.clear()
        getattr(library, name)(*arguments)
        assert len(noted) == 1, name
        assert noted[0] >= 0, name


def test_a_closed_session_is_an_invalid_object(manage) -> None:
    manager = manage()
    session, _ = manager.open_bare_resource(GPIB)
    manager.visalib.close(session)
    for action in (
        lambda: manager.visalib.read(session, 1),
        lambda: manager.visalib.write(session, b""),
        lambda: manager.visalib.close(session),
        lambda: manager.visalib.get_attribute(session, constants.ResourceAttribute.timeout_value),
    ):
        assert error_of(action) == StatusCode.error_invalid_object


# --- reading and writing --------------------------------------------------------------------------------------


def test_a_read_ends_at_end_termination_character_or_count(source: MessageBasedResource) -> None:
    library, session = source.visalib, source.session
    source.write("*IDN?")
    with source.ignore_warning(StatusCode.success_max_count_read):
        assert library.read(session, 4) == (b"Exam", StatusCode.success_max_count_read)
    data, status = library.read(session, 1000)
    assert (data[-1:], status) == (b"\n", StatusCode.success)  # END came with the last byte
    source.set_visa_attribute(constants.ResourceAttribute.termchar, ord(","))
    source.write("*IDN?")
    assert library.read(session, 1000) == (b"Example Instruments,", StatusCode.success_termination_character_read)
    assert source.last_status == StatusCode.success_termination_character_read
    assert library.last_status == StatusCode.success_termination_character_read
    source.clear()


def test_without_termination_character_a_binary_reply_comes_whole(source: MessageBasedResource) -> None:
    source.read_termination = None
    source.write("TRAC:DATA?")
    assert source.read_raw() == b"#15\x00\n;\xff'\n"
    assert source.query_binary_values("TRAC:DATA?", datatype="B") == [0, 10, 59, 255, 39]


def test_with_suppressed_end_a_read_goes_on_to_its_count_or_its_time_out(source: MessageBasedResource) -> None:
    source.read_termination = None
    source.set_visa_attribute(constants.ResourceAttribute.suppress_end_enabled, True)
    source.write("OUTP?")
    with source.ignore_warning(StatusCode.success_max_count_read):
        assert source.visalib.read(source.session, 2) == (b"0\n", StatusCode.success_max_count_read)
    source.write("OUTP?")
    assert error_of(lambda: source.visalib.read(source.session, 3)) == StatusCode.error_timeout


def test_a_socket_knows_no_end_and_needs_a_termination_character(manage) -> None:
    socket = manage().open_resource("TCPIP0::source.example::5025::SOCKET", write_termination="\n")
    socket.write("OUTP?")
    assert error_of(socket.read) == StatusCode.error_timeout
    socket.read_termination = "\n"
    assert socket.query("OUTP?;:FUNC?") == "0;SIN"


def test_a_message_without_end_is_held_until_its_end(source: MessageBasedResource) -> None:
    source.set_visa_attribute(constants.ResourceAttribute.send_end_enabled, False)
    source.write_raw(b"FREQ 2 ")
    source.write_raw(b"GHZ;FREQ")
    source.set_visa_attribute(constants.ResourceAttribute.send_end_enabled, True)
    source.write_raw(b"?")
    assert source.read() == "+2.0000000000000E+09"


def test_a_block_survives_being_sent_in_pieces(source: MessageBasedResource, manage) -> None:
    source.set_visa_attribute(constants.ResourceAttribute.send_end_enabled, False)
    for piece in (b"TRAC:LOAD 'a',#1", b"4\n;", b"\r\xff\n"):
        source.write_raw(piece)
    assert source.visalib.lab.devices[GPIB].label == "a=b'\\n;\\r\\xff'"


def test_a_reply_that_is_not_asked_for_times_out_in_bench_time(source: MessageBasedResource) -> None:
    clock = source.visalib.clock
    before, wall = clock.now(), time.perf_counter()
    assert error_of(source.read) == StatusCode.error_timeout
    assert clock.now() - before == pytest.approx(2.0, abs=0.01)
    assert time.perf_counter() - wall < 0.5
    assert source.query("SYST:ERR?") == '-420,"Query UNTERMINATED"'


def test_a_slow_reply_times_out_and_can_be_read_afterwards(source: MessageBasedResource) -> None:
    source.write("READ?")
    assert error_of(source.read) == StatusCode.error_timeout
    assert source.read() == "+1.0E-6"
    source.timeout = 3000
    assert source.query("READ?") == "+1.0E-6"


@pytest.mark.parametrize("timeout", [None, float("inf")])
def test_without_time_out_a_read_waits_as_long_as_it_takes(source: MessageBasedResource, timeout) -> None:
    source.timeout = timeout
    before = source.visalib.clock.now()
    assert source.query("READ?") == "+1.0E-6"
    assert source.visalib.clock.now() - before == pytest.approx(2.4, abs=0.02)


def test_a_time_out_of_zero_does_not_wait(source: MessageBasedResource) -> None:
    source.timeout = 0
    source.write("READ?")
    before = source.visalib.clock.now()
    assert error_of(source.read) == StatusCode.error_timeout
    assert source.visalib.clock.now() - before < 0.01
    assert source.query("SYST:ERR?") == '-410,"Query INTERRUPTED"'


def test_each_transaction_costs_bench_time_by_its_length(source: MessageBasedResource) -> None:
    clock = source.visalib.clock
    before = clock.now()
    source.write("OUTP?")  # 6 bytes with LF
    assert clock.now() - before == pytest.approx(2e-3 + 6 * 2e-6)
    source.read()
    assert clock.now() - before == pytest.approx(4e-3 + 8 * 2e-6)


def test_a_slower_serial_line_costs_more(manage) -> None:
    serial = manage().open_resource("ASRL1::INSTR", **ENDINGS, baud_rate=1200)
    assert (serial.baud_rate, serial.parity) == (1200, constants.Parity.none)
    clock = serial.visalib.clock
    before = clock.now()
    serial.write("OUTP 1")
    assert clock.now() - before == pytest.approx(2e-3 + 7 * 10 / 1200)


def test_a_serial_lines_frame_is_kept(manage) -> None:
    serial = manage().open_resource("ASRL1::INSTR", **ENDINGS)
    serial.parity, serial.stop_bits, serial.data_bits = constants.Parity.even, constants.StopBits.two, 7
    assert (serial.parity, serial.stop_bits, serial.data_bits) == (constants.Parity.even, constants.StopBits.two, 7)
    assert serial.query("OUTP?") == "0"  # what a wrong frame does to the bytes is not simulated


def test_clear_drops_the_pending_reply_and_bytes_half_sent(source: MessageBasedResource) -> None:
    source.write("FREQ?")
    source.clear()
    assert source.query("OUTP?") == "0"


@pytest.mark.parametrize(
    "mask",
    [
        BufferOperation.discard_read_buffer,
        BufferOperation.discard_read_buffer_no_io,
        BufferOperation.discard_receive_buffer,
        BufferOperation.discard_receive_buffer2,
        BufferOperation.discard_read_buffer | BufferOperation.flush_write_buffer,
    ],
)
def test_flushing_the_read_side_drops_the_reply(source: MessageBasedResource, mask: BufferOperation) -> None:
    source.write("FREQ?")
    source.flush(mask)
    assert source.query("OUTP?") == "0"


@pytest.mark.parametrize(
    "mask",
    [
        BufferOperation.flush_write_buffer,
        BufferOperation.discard_write_buffer,
        BufferOperation.flush_transmit_buffer,
        BufferOperation.discard_transmit_buffer,
    ],
)
def test_flushing_the_write_side_leaves_the_reply(source: MessageBasedResource, mask: BufferOperation) -> None:
    source.write("OUTP?")
    source.flush(mask)
    assert source.read() == "0"


@pytest.mark.parametrize("mask", list(BufferOperation))
def test_every_flush_mask_is_taken_and_leaves_the_session_usable(source, mask: BufferOperation) -> None:
    source.flush(mask)
    assert source.last_status == StatusCode.success
    assert source.query("OUTP?") == "0"


def test_a_flush_mask_that_means_nothing_is_refused(source: MessageBasedResource) -> None:
    assert error_of(lambda: source.visalib.flush(source.session, 0)) == StatusCode.error_invalid_mask


def test_bytes_in_buffer_counts_what_has_arrived(manage) -> None:
    serial = manage().open_resource("ASRL1::INSTR", **ENDINGS)
    assert serial.bytes_in_buffer == 0
    serial.write("OUTP?")
    assert serial.bytes_in_buffer == 2
    serial.read_bytes(1)
    assert serial.bytes_in_buffer == 1
    serial.flush(BufferOperation.discard_read_buffer)
    serial.write("READ?")
    assert serial.bytes_in_buffer == 0  # not before its time


# --- status and service requests ------------------------------------------------------------------------------


def test_the_status_byte_is_read_by_serial_poll(source: MessageBasedResource) -> None:
    source.write("*CLS;*ESE 32;*SRE 32")
    assert source.read_stb() == 0
    source.write("OUTP?")
    assert source.stb == 16
    source.read()
    source.write("BOGUS")
    assert source.stb == 4 + 32 + 64
    assert source.stb == 4 + 32
    source.write("*CLS")


def test_a_service_request_ends_the_wait_when_the_operation_ends(source) -> None:
    source.write("*CLS;*ESE 1;*SRE 32;:SWE:STAR;*OPC")
    before = source.visalib.clock.now()
    source.wait_for_srq(10000)
    assert source.visalib.clock.now() - before == pytest.approx(3.0, abs=0.1)
    assert source.query("*ESR?") == "1"


def test_waiting_for_a_service_request_that_does_not_come_times_out(source: MessageBasedResource) -> None:
    source.enable_event(EventType.service_request, EventMechanism.queue)
    before = source.visalib.clock.now()
    assert error_of(lambda: source.wait_on_event(EventType.service_request, 5000)) == StatusCode.error_timeout
    assert source.visalib.clock.now() - before == pytest.approx(5.0, abs=0.1)
    assert source.wait_on_event(EventType.service_request, 10, capture_timeout=True).timed_out


def test_an_event_tells_its_type_and_is_closed(source: MessageBasedResource) -> None:
    source.enable_event(EventType.service_request, EventMechanism.queue)
    source.write("*CLS;*ESE 32;*SRE 32;BOGUS")
    response = source.wait_on_event(EventType.service_request, 1000)
    assert response.event.event_type == EventType.service_request
    assert source.visalib.get_attribute(response.event.context, constants.EventAttribute.event_type)[0] == (
        EventType.service_request
    )
    del response
    assert source.visalib._events == set()
    source.write("*CLS")


def test_discarded_and_disabled_service_requests_are_not_waited_for(source: MessageBasedResource) -> None:
    source.write("*CLS;*ESE 32;*SRE 32")
    source.enable_event(EventType.service_request, EventMechanism.queue)
    source.write("BOGUS")
    source.discard_events(EventType.service_request, EventMechanism.queue)
    assert error_of(lambda: source.wait_on_event(EventType.service_request, 100)) == StatusCode.error_timeout
    source.disable_event(EventType.service_request, EventMechanism.queue)
    assert error_of(lambda: source.wait_on_event(EventType.service_request, 100)) == StatusCode.error_not_enabled
    source.write("*CLS")


def test_handlers_and_other_events_are_refused(source: MessageBasedResource) -> None:
    assert error_of(lambda: source.enable_event(EventType.service_request, EventMechanism.handler)) == (
        StatusCode.error_nonsupported_mechanism
    )
    assert error_of(lambda: source.enable_event(EventType.trig, EventMechanism.queue)) == StatusCode.error_invalid_event
    assert (
        error_of(lambda: source.install_handler(EventType.service_request, lambda *arguments: None))
        == StatusCode.error_nonsupported_operation
    )


def test_the_bus_trigger_reaches_the_model(source, manage) -> None:
    source.assert_trigger()
    before = source.visalib.clock.now()
    assert source.query("*OPC?") == "1"
    assert source.visalib.clock.now() - before == pytest.approx(1.0, abs=0.01)
    meter = manage().open_resource("GPIB0::12::INSTR")
    meter.assert_trigger()
    assert meter.visalib.lab.devices["GPIB0::12::INSTR"].errors.popleft()[0] == -211


def test_remote_enable_is_noted(source) -> None:
    source.control_ren(constants.RENLineOperation.deassert)
    assert source.remote_enabled == constants.LineState.unasserted
    source.control_ren(constants.RENLineOperation.asrt)
    assert source.remote_enabled == constants.LineState.asserted


def test_what_is_not_simulated_is_refused_as_unsupported(source) -> None:
    library, session = source.visalib, source.session
    for action in (
        lambda: library.gpib_command(session, b"\x08"),
        lambda: library.map_trigger(session, 0, 0, 0),
        lambda: library.read_asynchronously(session, 1),
        lambda: library.gpib_send_ifc(session),
    ):
        assert error_of(action) == StatusCode.error_nonsupported_operation


# --- attributes and locks -------------------------------------------------------------------------------------


def test_attributes_tell_the_address_and_keep_what_is_set(manage) -> None:
    manager = manage()
    gpib = manager.open_resource(GPIB, timeout=750)
    assert (gpib.primary_address, gpib.interface_number, gpib.timeout) == (19, 0, 750)
    assert gpib.resource_name == GPIB
    assert gpib.resource_class == "INSTR"
    usb = manager.open_resource("USB0::0x1111::0x2222::SIM1::0::INSTR")
    assert (usb.manufacturer_id, usb.model_code, usb.serial_number) == (0x1111, 0x2222, "SIM1")


def test_attributes_that_do_not_fit_are_refused(source: MessageBasedResource) -> None:
    attribute = constants.ResourceAttribute
    assert error_of(lambda: source.get_visa_attribute(attribute.asrl_baud_rate)) == (
        StatusCode.error_nonsupported_attribute
    )
    assert error_of(lambda: source.set_visa_attribute(attribute.resource_name, "x")) == (
        StatusCode.error_attribute_read_only
    )
    assert error_of(lambda: source.set_visa_attribute(attribute.termchar, 999)) == (
        StatusCode.error_nonsupported_attribute_state
    )


def test_an_exclusive_lock_keeps_other_sessions_out(manage) -> None:
    manager = manage()
    owner, other = (manager.open_resource(GPIB, **ENDINGS) for _ in range(2))
    owner.lock_excl()
    assert owner.query("OUTP?") == "0"
    assert other.lock_state == constants.AccessModes.exclusive_lock
    for action in (lambda: other.write("OUTP 1"), other.read, other.clear, other.read_stb, other.assert_trigger):
        assert error_of(action) == StatusCode.error_resource_locked
    before = manager.visalib.clock.now()
    assert error_of(lambda: other.lock_excl(timeout=1000)) == StatusCode.error_timeout
    assert manager.visalib.clock.now() - before == pytest.approx(1.0, abs=0.02)
    owner.unlock()
    assert other.query("OUTP?") == "0"
    assert error_of(owner.unlock) == StatusCode.error_session_not_locked


def test_a_shared_lock_is_shared_by_its_key(manage) -> None:
    manager = manage()
    one, two, outsider = (manager.open_resource(GPIB, **ENDINGS) for _ in range(3))
    key = one.lock()
    assert two.lock(requested_key=key) == key
    assert (one.query("OUTP?"), two.query("OUTP?")) == ("0", "0")
    assert error_of(lambda: outsider.query("OUTP?")) == StatusCode.error_resource_locked
    assert error_of(lambda: outsider.lock(timeout=10, requested_key="wrong")) == StatusCode.error_timeout
    one.close()  # gives its lock back
    assert error_of(lambda: outsider.query("OUTP?")) == StatusCode.error_resource_locked
    two.close()
    assert outsider.query("OUTP?") == "0"


def test_the_lock_state_tells_who_has_what(manage) -> None:
    manager, modes = manage(), constants.AccessModes
    one, other = (manager.open_resource(GPIB) for _ in range(2))
    states = []
    for lock in (lambda: None, one.lock, one.lock_excl, one.unlock, one.unlock):
        lock()
        states.append((one.lock_state, other.lock_state))
    expected = (modes.no_lock, modes.shared_lock, modes.exclusive_lock, modes.shared_lock, modes.no_lock)
    assert states == [(state, state) for state in expected]


def test_locks_nest(manage) -> None:
    manager = manage()
    owner, other = (manager.open_resource(GPIB, **ENDINGS) for _ in range(2))
    owner.lock_excl()
    owner.lock_excl()
    owner.unlock()
    assert error_of(lambda: other.query("OUTP?")) == StatusCode.error_resource_locked
    owner.unlock()
    assert other.query("OUTP?") == "0"


def test_opening_with_a_lock_waits_and_then_fails_if_it_is_taken(manage) -> None:
    manager = manage()
    owner = manager.open_resource(GPIB, access_mode=constants.AccessModes.exclusive_lock, **ENDINGS)
    assert owner.query("OUTP?") == "0"
    assert (
        error_of(
            lambda: manager.open_resource(GPIB, access_mode=constants.AccessModes.exclusive_lock, open_timeout=100)
        )
        == StatusCode.error_resource_locked
    )
    assert len(manager.visalib.lab.devices[GPIB].ports) == 1
