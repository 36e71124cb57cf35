"""A tiny bench for the tests of the wire: one source of each interface, wired to a stub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import pyvisa

MODELS = '''
from sotlab.simulated.device import LabDevice, ScpiDevice, command, query, setting
from sotlab.simulated.scpi import Block, Boolean, Choice, Number, ScpiError, Text


class Bench:
    """What the devices are wired to: keeps what it was told."""

    def __init__(self, lab, streams, noise):
        self.lab, self.streams, self.noise, self.log = lab, streams, noise, []

    def before_change(self, time_s):
        self.log.append(("before", time_s))

    def truth(self, frequency_Hz):
        return {"g": {"value": self.lab["g"] * frequency_Hz, "unit": ""}}


class Source(ScpiDevice):
    manufacturer, model, version = "Example Instruments", "S1", "1.0"

    frequency = setting("[SOURce]:FREQuency[:CW|:FIXed]", unit="HZ", default=1e9, minimum=1e5, maximum=40e9,
                        reply="{:+.13E}", on_out_of_range="clip", source="manual p. 12")
    power = setting("[SOURce]:POWer[:LEVel][:IMMediate][:AMPLitude]", unit="DBM", default=-10.0, minimum=-20.0,
                    maximum=lambda device: 20.0 if device.frequency < 20e9 else 10.0, source="manual p. 13")
    phase = setting("PHASe[:ADJust]", unit="RAD", default=0.0, source="unverified")
    output = setting("OUTPut[:STATe]", Boolean(), default=False, source="manual p. 30")
    shape = setting("FUNCtion[:SHAPe]", Choice("SINusoid", "SQUare"), default="SIN", source="unverified")
    ranges = setting("SENSe:VOLTage:CHANnel#:RANGe", unit="V", default=10.0, suffixes=(1, 2), source="unverified")
    points = setting("SWEep:POINts", unit=None, default=101, minimum=2, maximum=1601, integer=True, source="unverified")
    label = setting("DISPlay:TEXT", Text(), default="", resets=False, source="unverified")
    options_found = setting("DIAGnostic:OPTions", Text(), default="1E1", read_only=True, source="unverified")

    @frequency.on_change
    @output.on_change
    def _drive(self):
        if self.output and self.frequency > 39e9:
            raise ScpiError(-221)
        self.bench.log.append(("drive", self.frequency, self.output))

    @query("MEASure[:SCALar]:VOLTage[:DC]", Number("V", optional=True), source="manual p. 40")
    def measure(self, expected_V=0.0):
        self.reply_after(0.1)
        return f"{expected_V + self.lab.rng(self.name + '.noise').normal():+.6E}"

    @query("READ", source="manual p. 41")
    def read_slowly(self):
        self.reply_after(2.4)
        return "+1.0E-6"

    @query("TRACe:DATA", source="manual p. 50")
    def trace(self):
        return b"#15\\x00\\x0a;\\xff'"

    @command("TRACe:LOAD", Text(), Block(), source="manual p. 51")
    def load(self, name, content):
        self.label = f"{name}={content!r}"

    @command("SWEep:STARt", source="manual p. 60")
    def start(self):
        self.start_operation(3.0)

    def trigger(self):
        self.start_operation(1.0)


class Meter(LabDevice):
    """An instrument without SCPI: plain mnemonics, replies that are not joined."""

    model, reply_terminator, reply_separator = "M475", b"\\r\\n", None
    unit = setting("UNIT", unit=None, default=1, minimum=1, maximum=4, integer=True, source="manual p. 7")

    @query("RDGFIELD", source="manual p. 8")
    def field(self):
        return "+0.1E+00"
'''

BENCH = """
spec: "1.1"
devices:
  source: {class: "models.py:Source", role: microwave}
  meter: {class: "models.py:Meter", role: gaussmeter, options: {serial: SIM0475}}
  plain:
    eom:
      GPIB INSTR: {q: "\\\\r\\\\n", r: "\\\\n"}
    error: ERROR
    dialogues:
      - {q: "*IDN?", r: "plain,1"}
    properties:
      voltage:
        default: 1.0
        getter: {q: "VOLT?", r: "{:.2f}"}
        setter: {q: "VOLT {:.2f}", r: OK}
        specs: {min: 1, max: 6, type: float}
resources:
  GPIB0::19::INSTR: {device: source}
  USB0::0x1111::0x2222::SIM1::0::INSTR: {device: source}
  TCPIP0::source.example::INSTR: {device: source}
  TCPIP0::source.example::hislip0::INSTR: {device: source}
  TCPIP0::source.example::5025::SOCKET: {device: source}
  ASRL1::INSTR: {device: source}
  GPIB0::12::INSTR: {device: meter}
  GPIB0::5::INSTR: {device: plain}
lab: {bench: "models.py:Bench", g: 2.1}
"""


@pytest.fixture(autouse=True)
def _no_clock_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOTLAB_CLOCK", raising=False)


@pytest.fixture
def bench_file(tmp_path: Path) -> Path:
    """A bench file with its models beside it."""
    (tmp_path / "models.py").write_text(MODELS, encoding="utf-8")
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH, encoding="utf-8")
    return path


@pytest.fixture
def manage(bench_file: Path) -> Iterator[Callable[..., pyvisa.ResourceManager]]:
    """Opens resource managers on that bench, and closes them after the test."""
    opened: list[pyvisa.ResourceManager] = []

    def open_one(options: str = "clock=virtual") -> pyvisa.ResourceManager:
        manager = pyvisa.ResourceManager(f"{bench_file}?{options}@sotlab")
        opened.append(manager)
        return manager

    yield open_one
    for manager in opened:
        manager.close()


@pytest.fixture
def source(manage: Callable[..., pyvisa.ResourceManager]) -> Iterator[pyvisa.resources.MessageBasedResource]:
    """The source on GPIB, in virtual time; a test that makes it err must read the errors."""
    manager = manage()
    instrument = manager.open_resource("GPIB0::19::INSTR", read_termination="\n", write_termination="\n")
    device = manager.visalib.lab.devices["GPIB0::19::INSTR"]
    yield instrument
    assert list(device.errors) == []


@pytest.fixture
def manager() -> Iterator[pyvisa.ResourceManager]:
    """Opens the bench ``stfmr`` without noise; a test that makes a device err must read the errors."""
    manager = pyvisa.ResourceManager("stfmr?clock=virtual&noise=off@sotlab")
    yield manager
    left = {name: list(device.errors) for name, device in manager.visalib.lab.devices.items() if device.errors}
    manager.close()
    assert not left  # an unnoticed error is a command that the model did not understand


@pytest.fixture
def box_manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[pyvisa.ResourceManager]:
    """Opens the bench that a test file describes by BENCH and BENCH_CLASS; errors must be read as above."""
    (tmp_path / "bench.py").write_text(request.module.BENCH_CLASS, encoding="utf-8")
    path = tmp_path / "bench.yaml"
    path.write_text(request.module.BENCH, encoding="utf-8")
    options = getattr(request.module, "BENCH_OPTIONS", "clock=virtual&noise=off")
    manager = pyvisa.ResourceManager(f"{path}?{options}@sotlab")
    yield manager
    left = [list(device.errors) for device in manager.visalib.lab.devices.values() if device.errors]
    manager.close()
    assert not left


@pytest.fixture
def box(box_manager: pyvisa.ResourceManager) -> pyvisa.resources.Resource:
    """The device under test on that bench."""
    return box_manager.open_resource(
        "TCPIP0::box.example::INSTR", read_termination="\n", write_termination="\n", timeout=100_000
    )


@pytest.fixture
def lab(box_manager: pyvisa.ResourceManager) -> object:
    """The lab of that bench."""
    return box_manager.visalib.lab
