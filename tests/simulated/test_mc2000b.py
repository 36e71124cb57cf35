"""The simulated MC2000B over the wire."""

import pytest
import pyvisa

BENCH_CLASS = """
from sotlab.simulated.physics.optics import Chopper


class Bench:
    def __init__(self, lab, streams, noise):
        self.chopper = Chopper(spin_s=1.0, readings=streams("chopper.jitter") if noise else None)
"""
BENCH = """
spec: "1.1"
devices:
  chopper: {class: "mc2000b:MC2000B", role: chopper}
resources:
  ASRL5::INSTR: {device: chopper}
lab: {bench: "bench.py:Bench"}
"""


@pytest.fixture
def manager(tmp_path):
    (tmp_path / "bench.py").write_text(BENCH_CLASS, encoding="utf-8")
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH, encoding="utf-8")
    manager = pyvisa.ResourceManager(f"{path}?clock=virtual&noise=off@sotlab")
    yield manager
    manager.close()


@pytest.fixture
def ask(manager):
    line = manager.open_resource("ASRL5::INSTR", baud_rate=115200, write_termination="\r", read_termination=">")

    def exchange(text):
        line.write(text)
        reply = line.read_raw() + line.read_bytes(1)
        assert reply.endswith(b"> ")
        return reply[:-2].decode()

    return exchange


@pytest.fixture
def clock(manager):
    return manager.visalib.clock


def test_query_is_echoed_and_answered_before_the_prompt(ask):
    assert ask("freq?") == "freq?\r1000\r"
    assert ask("FREQ?") == "FREQ?\r1000\r"
    assert "SIM" in ask("id?")


def test_command_is_echoed_without_an_answer(ask):
    assert ask("freq=5900") == "freq=5900\r"
    assert ask("freq?") == "freq?\r5900\r"


def test_wheel_reaches_its_frequency_with_time_and_only_when_enabled(manager, ask, clock):
    wheel = manager.visalib.lab.bench.chopper
    ask("freq=6000")
    clock.sleep(20.0)
    assert ask("refoutfreq?") == "refoutfreq?\r0\r"
    ask("enable=1")
    clock.sleep(1.0)
    assert 3500 < int(ask("refoutfreq?").split("\r")[1]) < 4100
    assert not wheel.is_locked(clock.now())
    clock.sleep(15.0)
    assert wheel.is_locked(clock.now())
    assert ask("refoutfreq?") == "refoutfreq?\r6000\r"
    ask("enable=0")
    clock.sleep(60.0)
    assert ask("refoutfreq?") == "refoutfreq?\r0\r"


@pytest.mark.parametrize("name", ["blade", "ref", "output", "nharmonic", "dharmonic"])
def test_some_settings_change_in_standby_only(ask, name):
    assert ask(f"{name}=1") == f"{name}=1\r"
    assert ask(f"{name}?") == f"{name}?\r1\r"
    ask("enable=1")
    assert ask(f"{name}=0").endswith("\rCommand error CMD_ARG_INVALID\r")
    assert ask(f"{name}?") == f"{name}?\r1\r"


def test_blade_limits_the_frequency(ask):
    assert ask("blade=4") == "blade=4\r"
    assert ask("freq=6001").endswith("Command error CMD_ARG_INVALID\r")
    assert ask("freq=119").endswith("Command error CMD_ARG_INVALID\r")
    assert ask("freq=6000") == "freq=6000\r"
    ask("blade=1")
    assert ask("freq?") == "freq?\r1000\r"


def test_phase_is_kept_while_the_wheel_runs(ask):
    ask("enable=1")
    assert ask("phase=90") == "phase=90\r"
    assert ask("phase?") == "phase?\r90\r"


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ("nosuch?", "CMD_NOT_DEFINED"),
        ("nosuch=1", "CMD_NOT_DEFINED"),
        ("freq", "CMD_NOT_DEFINED"),
        ("refoutfreq=3", "CMD_NOT_DEFINED"),
        ("=5", "CMD_NOT_DEFINED"),
        ("freq=fast", "CMD_ARG_INVALID"),
        ("freq=", "CMD_ARG_INVALID"),
        ("freq=1,2", "CMD_ARG_INVALID"),
        ("freq=10001", "CMD_ARG_INVALID"),
        ("phase=361", "CMD_ARG_INVALID"),
        ("enable=2", "CMD_ARG_INVALID"),
        ("blade=7", "CMD_ARG_INVALID"),
    ],
)
def test_bad_input_is_answered_with_the_error_and_changes_nothing(ask, sent, error):
    settings = ("freq?", "phase?", "enable?", "blade?")
    before = [ask(query) for query in settings]
    assert ask(sent) == f"{sent}\rCommand error {error}\r"
    assert [ask(query) for query in settings] == before
