"""The MC2000B as a chopper: echo and prompt on the wire, spinning up, standby, and what can go wrong."""

import math

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError
from sotlab.instruments.mc2000b import MC2000B
from sotlab.instruments.station import Station

BENCH_CLASS = """
from sotlab.simulated.physics.optics import Chopper


class Bench:
    def __init__(self, lab, streams, noise):
        self.chopper = Chopper(spin_s=1.0)
"""
BENCH = """
spec: "1.1"
devices:
  chopper: {class: "mc2000b:MC2000B", role: chopper}
resources:
  ASRL2::INSTR: {device: chopper}
lab: {bench: "bench.py:Bench"}
"""
STATION = """
[station]
name = "chopper"
visa_library = "bench.yaml?clock=virtual&noise=off@sotlab"

[roles.chopper]
driver = "MC2000B"
resource = "ASRL2::INSTR"
timeout_s = 1
retries = 0
options = { blade = "MC1F10" }
limits = { frequency_Hz = [50, 900] }
"""


@pytest.fixture
def open_station(tmp_path, monkeypatch):
    (tmp_path / "bench.py").write_text(BENCH_CLASS, encoding="utf-8")
    (tmp_path / "bench.yaml").write_text(BENCH, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    opened = []

    def open_one(text=STATION):
        path = tmp_path / "station.toml"
        path.write_text(text, encoding="utf-8")
        opened.append(Station.open(str(path)))
        return opened[-1]

    yield open_one
    for station in opened:
        station.close()


@pytest.fixture
def station(open_station):
    return open_station()


def wheel_Hz(station):
    return station.visa_library.lab.bench.chopper.frequency_Hz(station.clock.now())


def add_fault(station, **fault):
    station.visa_library.lab.faults.add({"device": "chopper", **fault})


# --- the wire


def said(command, answer=None):
    """Return what passes for a command: its echo, the answer, the prompt."""
    reply = command + b"\r" + (b"" if answer is None else answer + b"\r") + b"> "
    return command + b"\r", reply


@pytest.mark.parametrize(
    ("attribute", "value", "sent"),
    [
        ("frequency", 440, b"freq=440"),
        ("enabled", True, b"enable=1"),
        ("enabled", False, b"enable=0"),
        ("phase", 90, b"phase=90"),
        ("blade", "MC1F10", b"blade=1"),
        ("reference", "external", b"ref=1"),
        ("reference_output", "actual", b"output=1"),
        ("harmonic_multiplier", 2, b"nharmonic=2"),
        ("harmonic_divider", 3, b"dharmonic=3"),
    ],
)
def test_what_is_sent(wire, attribute, value, sent):
    with wire([said(sent)]) as chopper:
        setattr(chopper, attribute, value)


@pytest.mark.parametrize(
    ("attribute", "asked", "answer", "value"),
    [
        ("id", b"id?", b"THORLABS MC2000B 1.06", "THORLABS MC2000B 1.06"),
        ("frequency", b"freq?", b"440", 440),
        ("frequency_measured", b"refoutfreq?", b"439", 439.0),
        ("enabled", b"enable?", b"0", False),
        ("phase", b"phase?", b"90", 90),
        ("blade", b"blade?", b"5", "MC1F100"),
        ("reference", b"ref?", b"0", "internal"),
        ("reference_output", b"output?", b"0", "target"),
        ("harmonic_multiplier", b"nharmonic?", b"1", 1),
        ("harmonic_divider", b"dharmonic?", b"15", 15),
    ],
)
def test_how_an_answer_is_read(wire, attribute, asked, answer, value):
    with wire([said(asked, answer)]) as chopper:
        assert getattr(chopper, attribute) == value


@pytest.fixture
def wire():
    """PyMeasure's protocol adapter has no terminations: CR is put and cut here."""

    class OverBytes(MC2000B):
        def write(self, command, **kwargs):
            self._sent = command
            self.write_bytes(command.encode() + b"\r")

        def _line(self):
            line = b""
            while not line.endswith(b"\r"):
                line += self.read_bytes(1)
            return line[:-1].decode()

        def read(self, **kwargs):
            return MC2000B.read_reply(self, self._line)

    def begin(exchanges):
        return expected_protocol(OverBytes, exchanges)

    return begin


def test_a_refused_setting_is_an_error(wire):
    exchange = [said(b"freq=440", b"Command error CMD_ARG_INVALID")]
    with wire(exchange) as chopper, pytest.raises(ValueError, match="CMD_ARG_INVALID"):
        chopper.frequency = 440


def test_another_echo_is_an_error(wire):
    with wire([(b"freq?\r", b"phase?\r")]) as chopper, pytest.raises(ConnectionError, match="echo"):
        _ = chopper.frequency


def test_a_missing_prompt_is_an_error(wire):
    with wire([(b"freq?\r", b"freq?\r90\r??")]) as chopper, pytest.raises(ConnectionError, match="prompt"):
        _ = chopper.frequency


# --- on a bench


def test_opening_tells_the_blade_and_starts_nothing(station):
    assert station.simulated
    assert station.identities["chopper"].startswith("THORLABS,MC2000B,SIM")
    with station["chopper"]._exchange():
        assert station["chopper"].instrument.blade == "MC1F10"
        assert station["chopper"].instrument.reference_output == "actual"
        assert station["chopper"].instrument.enabled is False


def test_it_returns_when_the_wheel_is_locked(station):
    station["chopper"].run_at(440)
    assert station["chopper"].read_frequency() == pytest.approx(440, abs=1.0)
    assert wheel_Hz(station) == pytest.approx(440, abs=1.0)
    assert 5.0 < station.clock.now() < 12.0  # 440 exp(-t/1 s) < 1.5 Hz, rounded to whole Hz, and 1 s of patience


def test_it_returns_early_when_told_to_stop(station):
    station["chopper"].run_at(440, should_stop=lambda: station.clock.now() > 1.0)
    assert station.clock.now() < 1.5


def test_making_safe_lets_the_wheel_coast_to_rest(station):
    station["chopper"].run_at(440)
    assert station.make_safe() == {"chopper": None}
    assert station.make_safe() == {"chopper": None}
    station.clock.sleep(60.0)
    assert wheel_Hz(station) == pytest.approx(0.0, abs=1e-3)


def test_a_running_wheel_with_another_blade_is_not_touched(open_station):
    first = open_station()
    first["chopper"].run_at(440)
    # A second program's view of the same lab: the first must let the serial port go.
    for connection in first.connections.values():
        connection.close_session()
    with pytest.raises(InstrumentError, match=r"chopper: blade must become MC1F30, .* standby only"):
        open_station(STATION.replace("MC1F10", "MC1F30"))


# --- limits and faults


@pytest.mark.parametrize("frequency_Hz", [49.0, 901.0, math.nan])
def test_a_frequency_beyond_the_stations_limits_is_refused(station, frequency_Hz):
    with pytest.raises(LimitError, match=r"chopper: frequency of .* allowed 50 Hz to 900 Hz"):
        station["chopper"].run_at(frequency_Hz)
    assert wheel_Hz(station) == 0.0


@pytest.mark.parametrize("frequency_Hz", [59.0, 3001.0])
def test_a_frequency_that_the_blade_cannot_do_is_refused(open_station, frequency_Hz):
    station = open_station(STATION.replace("MC1F10", "MC1F30").replace("[50, 900]", "[4, 10000]"))
    with pytest.raises(LimitError, match=r"the blade MC1F30 does 60 to 3000 Hz"):
        station["chopper"].run_at(frequency_Hz)


def test_a_fraction_of_a_hertz_is_refused(station):
    with pytest.raises(LimitError, match="whole Hz"):
        station["chopper"].run_at(440.5)


def test_a_wheel_that_does_not_lock_is_an_error_that_says_how_fast_it_is(station):
    station.visa_library.lab.bench.chopper._spin_s = 600.0  # something brakes it
    with pytest.raises(InstrumentError, match=r"chopper: not locked at 440 Hz within 60 s.*chops at 4\d Hz"):
        station["chopper"].run_at(440)


def test_a_controller_that_does_not_answer_is_named(station):
    add_fault(station, kind="no_reply", match=r"refoutfreq")
    with pytest.raises(InstrumentTimeoutError, match=r"chopper at ASRL2::INSTR"):
        station["chopper"].read_frequency()


def test_garbage_is_an_error_that_names_role_and_address_and_is_gone_afterwards(station):
    add_fault(station, kind="wrong_reply", match=r"refoutfreq", text="garbage\r> ", count=2)
    with pytest.raises(InstrumentError, match=r"chopper at ASRL2::INSTR: .*garbage"):
        station["chopper"].read_frequency()
    assert station["chopper"].read_frequency() == 0.0
