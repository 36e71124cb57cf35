"""The lab on sockets: message boundaries, many clients, restarts, faults, and the instrument LAB."""

from __future__ import annotations

import json
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.agilent import Agilent8257D
from pymeasure.instruments.keithley import Keithley2182
from pymeasure.instruments.kepco import KepcoBOP3612
from pyvisa.constants import StatusCode

from sotlab.errors import StationError, UsageError
from sotlab.simulated.server import LONGEST_MESSAGE, MessageSplitter, serve, table

SERVE = """
import json, sys
from sotlab.simulated.server import serve
serve(sys.argv[1], port_base=int(sys.argv[2]), ready=lambda rows: print(json.dumps(rows), flush=True))
"""

#: Generous, for a machine that is busy [s of wall time].
PATIENCE_S = 30.0


class Server:
    """A server in a process of its own, and clients that are closed with it."""

    def __init__(self, spec: str, port_base: int = 0):
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, spec, str(port_base)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1].decode()
        self.rows: list[dict[str, Any]] = json.loads(line)
        self.clients: list[Client] = []

    def row(self, device: str) -> dict[str, Any]:
        return next(row for row in self.rows if row["device"] == device)

    def client(self, device: str) -> Client:
        self.clients.append(Client(self.row(device)["port"]))
        return self.clients[-1]

    def stop(self, number: int = signal.SIGTERM) -> int:
        for client in self.clients:
            client.socket.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.error_output = self.process.communicate(timeout=PATIENCE_S)[1].decode()
        return self.process.returncode


class Client:
    """A bare socket."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._left = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def take(self, count: int) -> bytes:
        while len(self._left) < count:
            got = self.socket.recv(65536)
            if not got:
                raise ConnectionResetError("closed by the server")
            self._left += got
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def line(self) -> str:
        data = b""
        while not data.endswith(b"\n"):
            data += self.take(1)
        return data.decode("latin-1").rstrip("\r\n")

    def query(self, message: str) -> str:
        self.send(message.encode("latin-1") + b"\n")
        return self.line()

    def is_quiet(self, seconds: float = 0.05) -> bool:
        """Return whether nothing comes for so long."""
        self.socket.settimeout(seconds)
        try:
            self._left += self.socket.recv(65536)
        except TimeoutError:
            pass
        self.socket.settimeout(PATIENCE_S)
        return not self._left


@pytest.fixture
def start(bench_file: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers on the test's bench, or another; each must end without a word on its error output."""
    servers: list[Server] = []

    def start_one(spec: str = "", options: str = "clock=virtual", port_base: int = 0) -> Server:
        servers.append(Server(f"{spec or bench_file}?{options}", port_base))
        return servers[-1]

    yield start_one
    for server in servers:
        server.stop()
        assert server.error_output == ""


@pytest.fixture
def clients() -> Iterator[pyvisa.ResourceManager]:
    """A resource manager of pyvisa-py: a client that knows nothing of us."""
    manager = pyvisa.ResourceManager("@py")
    yield manager
    manager.close()


# --- message boundaries ---------------------------------------------------------------------------------------

STREAM = b"FREQ 2 GHZ;FREQ?\n*IDN?\r\n\n:TRAC:LOAD 'a;\"',#15\n;\r\xff'\nDISP:TEXT \"#9 x\"\r\nTRAC:LOAD b,#0x\nFUNC?\n"
MESSAGES = [
    b"FREQ 2 GHZ;FREQ?",
    b"*IDN?",
    b":TRAC:LOAD 'a;\"',#15\n;\r\xff'",
    b'DISP:TEXT "#9 x"',
    b"TRAC:LOAD b,#0x",
    b"FUNC?",
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 1000])
def test_messages_are_found_however_the_stream_is_cut(size: int) -> None:
    splitter = MessageSplitter()
    found = [one for i in range(0, len(STREAM), size) for one in splitter.feed(STREAM[i : i + size])]
    assert found == MESSAGES


def test_messages_are_found_for_every_cut_in_two() -> None:
    for cut in range(len(STREAM) + 1):
        splitter = MessageSplitter()
        assert splitter.feed(STREAM[:cut]) + splitter.feed(STREAM[cut:]) == MESSAGES, cut


@pytest.mark.parametrize(
    ("stream", "messages"),
    [
        (b'DISP "open\nFUNC?\n', [b'DISP "open', b"FUNC?"]),  # a line feed ends a string that lacks its quote
        (b'DISP "a\rb"\n', [b'DISP "a\rb"']),
        (b"FOO#15\nFUNC?\n", [b"FOO#15", b"FUNC?"]),  # no parameter, so no block
        (b"A #1x\nB\n", [b"A #1x", b"B"]),  # no length, so no block
        (b"A #H1F\nB\n", [b"A #H1F", b"B"]),
        (b"A #\nB\n", [b"A #", b"B"]),
        (b"A #210\n\n\n\n\n\n\n\n\n\n\nB\n", [b"A #210" + b"\n" * 10, b"B"]),
        (b"A 'it''s'\nB\n", [b"A 'it''s'", b"B"]),
        (b"\x00\xff\n", [b"\x00\xff"]),
        (b"A #15ab", []),
    ],
)
def test_what_is_no_block_or_string_holds_nothing_up(stream: bytes, messages: list[bytes]) -> None:
    together, bytewise = MessageSplitter(), MessageSplitter()
    assert together.feed(stream) == messages
    assert [one for byte in stream for one in bytewise.feed(bytes([byte]))] == messages


@pytest.mark.parametrize("seed", range(5))
def test_any_stream_gives_the_same_messages_however_it_is_cut(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(400):
        stream = bytes(chance.choices(b"\n\r\"' ,#0123A;", k=60))
        cuts = sorted(chance.choices(range(61), k=chance.randrange(8)))
        splitter, whole = MessageSplitter(), MessageSplitter()
        pieces = [stream[i:j] for i, j in zip([0, *cuts], [*cuts, 60], strict=True)]
        assert [one for piece in pieces for one in splitter.feed(piece)] == whole.feed(stream), (stream, cuts)


def test_a_long_block_byte_by_byte_is_not_looked_through_again_and_again() -> None:
    splitter, block = MessageSplitter(), b"L #6200000" + b"\n" * 200_000
    start_s = time.perf_counter()
    for byte in block:
        assert splitter.feed(bytes([byte])) == []
    assert time.perf_counter() - start_s < 5.0  # looking again at all of it each time would take minutes
    assert splitter.feed(b"\n") == [block]


# --- over the wire --------------------------------------------------------------------------------------------


def test_messages_that_arrive_byte_by_byte_are_answered_like_those_that_arrive_at_once(start) -> None:
    server = start()
    bytewise, at_once = server.client("source"), server.client("source")
    message = b"TRAC:LOAD 'a',#15\n;\r\xff';:FUNC?\nDISP:TEXT?\nFREQ 3 GHZ\nFREQ?;*IDN?\n"
    answers = [
        "SIN",
        '"a=b""\\n;\\r\\xff\'"""',
        "+3.0000000000000E+09;Example Instruments,S1,SIM0001,1.0",
    ]
    for byte in message:
        bytewise.send(bytes([byte]))
    assert [bytewise.line() for _ in answers] == answers
    for _ in range(3):
        at_once.send(message * 5)
        assert [at_once.line() for _ in answers * 5] == answers * 5
    assert bytewise.query("SYST:ERR?") == '+0,"No error"'


def test_a_binary_reply_comes_whole_and_unchanged(start) -> None:
    client = start().client("source")
    client.send(b"TRAC:DATA?\n" * 3)
    assert client.take(3 * 9) == b"#15\x00\x0a;\xff'\n" * 3
    assert client.is_quiet()


def test_half_a_message_is_not_run_when_its_client_goes(start) -> None:
    server = start()
    leaver = server.client("source")
    leaver.send(b"FREQ 3 GHZ\nFREQ 30 G")
    leaver.socket.close()
    stayer = server.client("source")
    deadline = time.monotonic() + PATIENCE_S
    while stayer.query("FREQ?") != "+3.0000000000000E+09" and time.monotonic() < deadline:
        pass
    assert stayer.query("FREQ?;:SYST:ERR?") == '+3.0000000000000E+09;+0,"No error"'


def test_a_client_that_closes_its_half_still_gets_its_slow_reply(start) -> None:
    client = start(options="clock=20").client("source")
    client.send(b"READ?\n")
    client.socket.shutdown(socket.SHUT_WR)
    assert client.line() == "+1.0E-6"
    assert client.socket.recv(1) == b""


@pytest.mark.parametrize("beyond", [1, 100_000])
@pytest.mark.parametrize("piece", [10_000, 2**26])
def test_a_message_that_is_too_long_is_dropped_whole_and_reported_once(beyond: int, piece: int) -> None:
    stream = b"FUNC?\nA" + b"x" * (LONGEST_MESSAGE - 1 + beyond) + b"\nOUTP?\n"
    splitter = MessageSplitter()
    found = [one for i in range(0, len(stream), piece) for one in splitter.feed(stream[i : i + piece])]
    assert found == [b"FUNC?", None, b"OUTP?"]


def test_a_message_without_end_is_dropped_with_an_error(start) -> None:
    client = start().client("source")
    client.send(b"DISP:TEXT " + b"x" * LONGEST_MESSAGE + b"\nDISP:TEXT?\nSYST:ERR?\n")
    assert client.line() == '""'
    assert client.line() == '-363,"Input buffer overrun"'


def test_a_client_that_asks_without_reading_does_not_stop_the_others(start) -> None:
    server = start()
    greedy, other = server.client("source"), server.client("source")
    lab = server.client("LAB")
    greedy.socket.settimeout(2.0)
    with pytest.raises(TimeoutError):
        greedy.send(b"*IDN?\n" * 10_000_000)
    assert other.query("FUNC?") == "SIN"
    first_s = float(lab.query("LAB:CLOCK?"))
    time.sleep(0.2)
    assert float(lab.query("LAB:CLOCK?")) - first_s < 0.01  # none of the greedy one's messages was run meanwhile


def test_each_client_gets_its_own_replies(start) -> None:
    server = start()
    questions = {"FREQ?": "+1.0000000000000E+09", "FUNC?;:OUTP?": "SIN;0", "SWE:POIN?": "101", "PHAS?": "0.000000E+00"}
    wrong: list[tuple[str, str]] = []

    def ask(client: Client, question: str) -> None:
        for _ in range(500):
            if (reply := client.query(question)) != questions[question]:
                wrong.append((question, reply))

    threads = [threading.Thread(target=ask, args=(server.client("source"), question)) for question in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE_S)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert server.client("source").query("SYST:ERR?") == '+0,"No error"'


def test_a_slow_reply_takes_its_scaled_time_and_keeps_nobody_waiting(start) -> None:
    server = start(options="clock=10")
    slow, quick = server.client("source"), server.client("source")
    slow.query("*IDN?"), quick.query("*IDN?")
    start_s = time.monotonic()
    slow.send(b"READ?\n")
    assert quick.query("FUNC?") == "SIN"
    assert time.monotonic() - start_s < 0.2
    assert slow.line() == "+1.0E-6"
    assert 0.22 < time.monotonic() - start_s < 2.0  # 2.4 s of bench time


def test_in_virtual_time_a_slow_reply_comes_at_once_and_takes_bench_time(start) -> None:
    server = start()
    source, lab = server.client("source"), server.client("LAB")
    before_s = float(lab.query("LAB:CLOCK?"))
    assert source.query("READ?") == "+1.0E-6"
    assert float(lab.query("LAB:CLOCK?")) - before_s == pytest.approx(2.4, abs=0.02)


def test_how_messages_are_glued_does_not_change_the_bench_time_of_anything(start) -> None:
    def measured(glued: bool) -> list[str]:
        server = start(options="clock=virtual&seed=3")
        source = server.client("source")
        messages = [b"MEAS:VOLT?\n"] * 5
        for data in [b"".join(messages)] if glued else messages:
            source.send(data)
        replies = [source.line() for _ in messages]
        return [*replies, server.client("LAB").query("LAB:CLOCK?")]

    assert measured(True) == measured(False)


# --- starting and stopping ------------------------------------------------------------------------------------


@pytest.mark.xdist_group("ports")  # two workers must not choose the same ones
def test_rows_tell_model_role_and_resource_and_ports_follow_each_other(start) -> None:
    base = _free_ports(9)
    rows = start(port_base=base).rows
    assert [row["port"] for row in rows] == list(range(base, base + 9))
    assert rows[0] == {
        "device": "source",
        "model": "S1",
        "role": "microwave",
        "resource": f"TCPIP0::127.0.0.1::{base}::SOCKET",
        "port": base,
        "bench_resource": "GPIB0::19::INSTR",
    }
    assert (rows[-1]["model"], rows[-1]["role"]) == ("LAB", "control")


def test_the_table_has_a_line_for_each_row(start) -> None:
    rows = start().rows
    heading, *lines = table(rows).splitlines()
    assert heading.split()[:3] == ["resource", "model", "role"]
    assert [line.split()[0] for line in lines] == [row["resource"] for row in rows]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the loopback has one address only")
def test_it_listens_on_the_address_asked_for_only(start) -> None:
    port = start().rows[0]["port"]
    socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=PATIENCE_S)


@pytest.mark.skipif(sys.platform == "win32", reason="there a process cannot be sent these signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_on_a_signal_with_clients_connected(start, number: int) -> None:
    server = start(options="clock=10")
    client = server.client("source")
    client.query("*IDN?")
    client.send(b"READ?\n")
    server.process.send_signal(number)
    assert server.process.wait(PATIENCE_S) == 0
    with pytest.raises(OSError, match=r".*"):
        client.take(100)


@pytest.mark.xdist_group("ports")  # two workers must not choose the same ones
def test_it_restarts_on_the_same_ports_with_the_bench_as_new(start) -> None:
    base = _free_ports(9)
    for _ in range(3):
        server = start(port_base=base)
        client = server.client("source")
        assert client.query("FREQ?;:OUTP?") == "+1.0000000000000E+09;0"
        client.send(b"FREQ 9 GHZ;:OUTP ON;:FAULTY\n")
        assert client.query("FREQ?;:OUTP?") == "+9.0000000000000E+09;1"
        assert server.stop() == 0 or sys.platform == "win32"


@pytest.mark.xdist_group("ports")  # two workers must not choose the same ones
def test_a_client_notices_that_the_server_was_killed_and_a_new_one_takes_the_ports(start) -> None:
    base = _free_ports(9)
    server = start(options="clock=1", port_base=base)
    client = server.client("source")
    client.query("*IDN?")
    client.send(b"READ?\n")  # 2.4 s
    server.process.kill()
    with pytest.raises(OSError, match=r".*"):
        client.line()
    server.process.wait(PATIENCE_S)
    client.socket.close()
    assert start(port_base=base).client("source").query("FUNC?") == "SIN"


def test_a_port_in_use_is_one_line_that_names_it(bench_file: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StationError, match=rf"cannot listen on 127\.0\.0\.1:{port} for 'source'") as problem:
            serve(str(bench_file), port_base=port)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("base", [-1, 65528, 70000])
def test_ports_that_do_not_exist_are_refused(bench_file: Path, base: int) -> None:
    with pytest.raises(UsageError, match=f"port base {base} asked for 9 ports, allowed are 0 .any. and 1 to 65527"):
        serve(str(bench_file), port_base=base)


def test_a_host_that_is_not_ours_is_refused(bench_file: Path) -> None:
    with pytest.raises(StationError, match=r"cannot listen on 192\.0\.2\.1"):
        serve(str(bench_file), host="192.0.2.1", port_base=0)


def test_an_unknown_bench_is_refused_before_anything_listens() -> None:
    with pytest.raises(StationError, match="no bench 'nowhere'"):
        serve("nowhere")


# --- stock drivers over pyvisa-py -----------------------------------------------------------------------------


def test_stock_pymeasure_drivers_work_over_sockets(start, clients) -> None:
    server = start("stfmr", "clock=virtual&noise=off")

    def adapter(device: str) -> VISAAdapter:
        return VISAAdapter(
            server.row(device)["resource"], visa_library="@py", read_termination="\n", write_termination="\n"
        )

    source, meter = Agilent8257D(adapter("microwave")), Keithley2182(adapter("voltmeter"))
    supply = KepcoBOP3612(adapter("field"))
    source.frequency, source.power = 7e9, 10.0
    assert (source.frequency, source.power) == (7e9, 10.0)
    assert source.id == "Agilent Technologies,E8257D,SIM0001,C.06.28"
    meter.reset()  # to one reading at a time
    meter.ch_1.setup_voltage()
    assert isinstance(meter.voltage, float)
    supply.write("FUNC:MODE CURR;:VOLT 50;:CURR 2;:OUTP ON")
    server.client("LAB").query("LAB:CLOCK:ADV 10;:LAB:CLOCK?")
    assert supply.current == pytest.approx(2.0, abs=1e-3)
    for instrument in (source, meter, supply):
        assert instrument.ask("SYST:ERR?").strip().upper().endswith('0,"NO ERROR"')
        instrument.adapter.close()


def test_a_driver_times_out_on_a_device_that_hangs_and_goes_on_after_it(start, clients) -> None:
    server = start()
    source = clients.open_resource(server.row("source")["resource"], read_termination="\n", write_termination="\n")
    source.timeout = 200
    lab = server.client("LAB")
    assert lab.query("""LAB:FAUL '{"device": "GPIB0::19::INSTR", "kind": "hang"}';:SYST:ERR?""") == '+0,"No error"'
    with pytest.raises(pyvisa.VisaIOError) as problem:
        source.query("FUNC?")
    assert problem.value.error_code == StatusCode.error_timeout
    assert lab.query("LAB:FAUL:CLE;:LAB:FAUL?") == "[]"
    assert source.query("FUNC?") == "SIN"
    source.close()


# --- faults and the instrument LAB ----------------------------------------------------------------------------


def test_a_truncated_reply_is_followed_by_silence(start) -> None:
    server = start()
    server.client("LAB").query("""LAB:FAUL '{"device": "source", "kind": "truncated", "keep": 2}';:LAB:FAUL?""")
    client = server.client("source")
    client.send(b"FUNC?\n")
    assert client.take(2) == b"SI"
    assert client.is_quiet()


def test_an_unplugged_device_breaks_its_connections_and_takes_no_new_ones_until_it_is_plugged_in(start) -> None:
    server = start()
    lab, clients = server.client("LAB"), [server.client("meter") for _ in range(2)]
    assert clients[0].query("RDGFIELD?") == "+0.1E+00"
    lab.query("""LAB:FAUL '{"device": "meter", "kind": "unplug"}';:LAB:FAUL?""")
    for client in clients:
        with pytest.raises(OSError, match=r".*"):
            client.line()
    with pytest.raises(OSError, match=r".*"):
        server.client("meter").query("RDGFIELD?")
    assert server.client("source").query("FUNC?") == "SIN"
    lab.query("""LAB:FAUL '{"device": "meter", "kind": "replug"}';:LAB:FAUL?""")
    assert server.client("meter").query("RDGFIELD?") == "+0.1E+00"


def test_a_fault_of_the_bench_file_strikes_over_sockets_when_its_time_has_come(start, bench_file: Path) -> None:
    bench_file.write_text(bench_file.read_text() + "faults: [{device: meter, kind: unplug, at: 100}]\n")
    server = start()
    lab, meter = server.client("LAB"), server.client("meter")
    assert meter.query("RDGFIELD?") == "+0.1E+00"
    lab.query("LAB:CLOCK:ADV 100;:LAB:CLOCK?")
    with pytest.raises(OSError, match=r".*"):
        meter.line()


def test_the_clock_is_advanced_in_virtual_time_only(start) -> None:
    lab = start().client("LAB")
    before_s = float(lab.query("LAB:CLOCK?"))
    assert float(lab.query("LAB:CLOCK:ADVance 10 S;:LAB:CLOCK?")) == pytest.approx(before_s + 10.0, abs=0.01)
    assert lab.query("LAB:CLOCK:ADV -1;:SYST:ERR?").startswith("-222")
    scaled = start(options="clock=5").client("LAB")
    assert scaled.query("LAB:CLOCK:ADV 10;:SYST:ERR?").startswith('-221,"Settings conflict;the clock runs by itself')
    first_s = float(scaled.query("LAB:CLOCK?"))
    time.sleep(0.05)
    assert float(scaled.query("LAB:CLOCK?")) - first_s > 0.2


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("'{'", '-224,"Illegal parameter value;no JSON: '),
        ("'[1]'", '-224,"Illegal parameter value;no JSON object"'),
        ("""'{"kind": "explode"}'""", "-224,\"Illegal parameter value;fault: kind is 'explode', allowed are no_reply"),
        ("""'{"kind": "hang", "device": "sauce"}'""", "fault: device is 'sauce', allowed are source, meter, plain"),
        ("", "-109"),
        ("'open", "-151"),
    ],
)
def test_a_wrong_fault_is_told_in_the_error_queue(start, parameter: str, message: str) -> None:
    lab = start().client("LAB")
    lab.send(f"LAB:FAUL {parameter}\n".encode())
    assert message in lab.query("SYST:ERR?")
    assert lab.query("LAB:FAUL?") == "[]"


def test_a_fault_may_also_come_in_double_quotes_or_in_a_block(start) -> None:
    lab = start().client("LAB")
    entry = '{"device": "source", "kind": "hang", "at": 1e6}'
    lab.send('LAB:FAUL "{}"\n'.format(entry.replace('"', '""')).encode())
    lab.send(f"LAB:FAULT #2{len(entry)}{entry}\n".encode())
    assert [one["kind"] for one in json.loads(lab.query("LAB:FAUL?"))] == ["hang", "hang"]
    assert lab.query("SYST:ERR?") == '+0,"No error"'


def test_the_state_tells_what_the_actuators_do_and_nothing_of_the_sample(start) -> None:
    server = start("stfmr")
    lab, supply, source = server.client("LAB"), server.client("field"), server.client("microwave")
    supply.query("FUNC:MODE CURR;:VOLT 50;:CURR 5;:OUTP ON;*OPC?")
    source.query("FREQ 7 GHZ;:POW 10;:OUTP ON;*OPC?")
    early = json.loads(lab.query("LAB:STATE?"))
    lab.query("LAB:CLOCK:ADV 10;:LAB:CLOCK?")
    late = json.loads(lab.query("LAB:STATE?"))
    assert late["bench"]["microwave"] == {"on": True, "frequency_Hz": 7e9, "power_dBm": 10.0}
    assert 0.0 < early["bench"]["magnet"]["current_set_A"] < 5.0
    assert late["bench"]["magnet"]["current_A"] == pytest.approx(5.0)
    assert late["devices"]["field"]["settings"]["output"] is True
    assert late["devices"]["field"]["plugged_in"] is True
    assert set(late) == {"time_s", "devices", "bench"}
    assert set(late["bench"]) == {"magnet", "microwave", "azimuth", "rf_switch", "dc"}
    source.query("OUTP OFF;*OPC?")
    assert json.loads(lab.query("LAB:STATE?"))["bench"]["microwave"]["on"] is False


def test_a_bench_that_tells_of_its_actuators_itself_is_asked(start, bench_file: Path) -> None:
    models = bench_file.parent / "models.py"
    models.write_text(
        models.read_text(encoding="utf-8")
        + """

class OpticalBench(Bench):
    def actuators(self, time_s):
        import numpy
        return {"shutter": numpy.bool_(True), "delay_s": numpy.float64(1e-12), "rate": float("inf"), "time_s": time_s}
""",
        encoding="utf-8",
    )
    bench_file.write_text(bench_file.read_text().replace("models.py:Bench", "models.py:OpticalBench"))
    state = json.loads(start().client("LAB").query("LAB:STATE?"))
    assert state["bench"] == {"shutter": True, "delay_s": 1e-12, "rate": None, "time_s": state["time_s"]}


def test_the_instrument_lab_may_stand_on_a_bench_as_well(bench_file: Path, manage) -> None:
    text = bench_file.read_text().replace("devices:", 'devices:\n  lab: {class: "sotlab.simulated.control:LabControl"}')
    bench_file.write_text(text.replace("resources:", "resources:\n  TCPIP0::lab::INSTR: {device: lab}"))
    manager = manage()
    lab = manager.open_resource("TCPIP0::lab::INSTR", read_termination="\n", write_termination="\n")
    assert lab.query("*IDN?") == "sotlab,LAB,SIM0001,1.0"
    before_s = manager.visalib.clock.now()
    lab.write("LAB:CLOCK:ADV 100")
    assert manager.visalib.clock.now() - before_s == pytest.approx(100.0, abs=0.01)
    assert json.loads(lab.query("LAB:STATE?"))["devices"]["source"]["settings"]["frequency"] == 1e9


def _free_ports(count: int) -> int:
    """Return a port after which so many are free."""
    for _ in range(100):
        base = 20_000 + secrets.randbelow(12_000)  # below those that systems hand out
        sockets = [socket.socket() for _ in range(count)]
        try:
            for number, one in enumerate(sockets):
                one.bind(("127.0.0.1", base + number))
            return base
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise AssertionError("no free ports")
