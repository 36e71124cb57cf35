"""Faults: each kind by each trigger over VISA, what a driver sees of them, and their section of a bench file."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pyvisa
import yaml
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.agilent import Agilent8257D
from pymeasure.instruments.kepco import KepcoBOP3612
from pyvisa import constants
from pyvisa.constants import StatusCode
from pyvisa.resources import MessageBasedResource

from sotlab.errors import StationError
from sotlab.simulated import faults
from sotlab.simulated.lab import Lab, LabSpec

GPIB = "GPIB0::19::INSTR"
ENDINGS = {"read_termination": "\n", "write_termination": "\n"}
PHASE = "0.000000E+00"

#: Every kind with what must be said of it; hang and unplug end by themselves, so that counting can be seen.
KINDS: list[dict[str, Any]] = [
    {"kind": "no_reply"},
    {"kind": "late", "delay_s": 3.0},
    {"kind": "slow", "bytes_per_s": 20.0},
    {"kind": "garbled", "mask": 1},
    {"kind": "truncated", "keep": 4},
    {"kind": "duplicate"},
    {"kind": "wrong_reply", "text": "7"},
    {"kind": "wrong_idn", "match": r"PHAS\?"},
    {"kind": "hang", "for_s": 1.0},
    {"kind": "unplug", "for_s": 1.0},
    {"kind": "queue_error", "code": -310},
    {"kind": "trip"},
    {"kind": "flicker"},
]
BY_NAME = {entry["kind"]: entry for entry in KINDS}
EVENTS = ("hang", "unplug", "queue_error", "trip", "flicker")

BENCH_WITH_A_FAULT = """

class FlickeringBench(Bench):
    def __init__(self, lab, streams, noise):
        super().__init__(lab, streams, noise)
        self.flickered = []
        self.faults = {"flicker": self.flicker}

    def flicker(self, time_s, depth=0.5):
        self.flickered.append((time_s, depth))
"""


def error_of(action: Callable[[], object]) -> StatusCode:
    """Return the status code that an action fails with."""
    with pytest.raises(pyvisa.VisaIOError) as problem:
        action()
    return StatusCode(problem.value.error_code)


class Bench:
    """The test's bench in virtual time, with its source on GPIB."""

    def __init__(self, manager: pyvisa.ResourceManager):
        self.manager, self.lab = manager, manager.visalib.lab
        self.device = self.lab.inventory[GPIB]
        self.device.output = True
        self.open()

    def open(self) -> MessageBasedResource:
        self.source = self.manager.open_resource(GPIB, **ENDINGS)
        return self.source

    def add(self, **entry: Any) -> Any:
        return self.lab.faults.add({"device": "source", **entry})

    def struck(self, message: str = "PHAS?") -> bool:
        """Return whether anything is wrong about a query, its reply or the device afterwards; then mend it."""
        clock, device = self.lab.clock, self.device
        start_s, flickers = clock.now(), len(self.lab.bench.flickered)
        try:
            wrong = self.source.query(message) != {"PHAS?": PHASE, "SHAP?": "SIN", "FUNC?": "SIN"}[message]
        except (pyvisa.VisaIOError, UnicodeDecodeError):
            wrong = True
        wrong |= clock.now() - start_s > 0.5  # slow
        wrong |= any(port.replies for port in device.ports)  # said twice
        wrong |= bool(device.errors) or not device.output or len(self.lab.bench.flickered) > flickers
        device.errors.clear()
        device.output = True
        if wrong:
            clock.sleep(10.0)  # what is late comes, what hangs or is unplugged comes back
            self.source.close()
            self.open()
        return wrong


@pytest.fixture
def bench_file(bench_file: Path) -> Path:
    models = bench_file.parent / "models.py"
    models.write_text(models.read_text(encoding="utf-8") + BENCH_WITH_A_FAULT, encoding="utf-8")
    bench_file.write_text(bench_file.read_text().replace("models.py:Bench", "models.py:FlickeringBench"))
    return bench_file


@pytest.fixture
def bench(manage: Callable[..., pyvisa.ResourceManager]) -> Bench:
    return Bench(manage())


# --- each kind by each trigger --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda entry: entry["kind"])
def test_a_fault_strikes_the_messages_that_its_pattern_fits_and_no_others(bench: Bench, kind: dict[str, Any]) -> None:
    fault = bench.add(**{**kind, "match": r"phas\?", "count": 99})
    assert not bench.struck("FUNC?")
    assert bench.struck("PHAS?")
    assert not bench.struck("FUNC?")
    assert bench.struck("PHAS?")
    assert fault.hits == 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda entry: entry["kind"])
def test_a_fault_lets_so_many_pass_and_strikes_so_often(bench: Bench, kind: dict[str, Any]) -> None:
    bench.add(**{"match": "PHAS", **kind, "after": 2, "count": 1})
    assert [bench.struck() for _ in range(5)] == [False, False, True, False, False]


@pytest.mark.parametrize("kind", KINDS, ids=lambda entry: entry["kind"])
def test_a_fault_waits_for_its_bench_time(bench: Bench, kind: dict[str, Any]) -> None:
    bench.add(**{"match": "PHAS", **kind, "at": 100.0, "count": 1})
    assert not bench.struck()
    bench.lab.clock.sleep(99.0)
    assert not bench.struck()
    bench.lab.clock.sleep(1.0)
    assert [bench.struck(), bench.struck()] == [True, False]


@pytest.mark.parametrize("kind", KINDS, ids=lambda entry: entry["kind"])
def test_a_fault_of_probability_zero_never_strikes_and_of_one_always(bench: Bench, kind: dict[str, Any]) -> None:
    bench.add(**{"match": "PHAS", **kind, "probability": 0.0, "count": 99})
    assert not any(bench.struck() for _ in range(3))
    bench.lab.faults.clear()
    bench.add(**{"match": "PHAS", **kind, "probability": 1.0, "count": 99})
    assert all(bench.struck() for _ in range(3))


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_happens_at_its_time_by_itself(bench: Bench, name: str) -> None:
    bench.add(**BY_NAME[name], at=50.0)
    assert not bench.struck()
    bench.lab.clock.wait_until(bench.lab.start_s + 50.5)
    happened = bench.struck() or len(bench.lab.bench.flickered) > 0
    assert happened
    assert not bench.struck()


@pytest.mark.parametrize("name", ["no_reply", "garbled", "queue_error"])
def test_chance_is_the_labs_own_and_repeats_with_its_seed(manage, name: str) -> None:
    def history(seed: int) -> list[bool]:
        bench = Bench(manage(f"clock=virtual&seed={seed}"))
        bench.add(**{**BY_NAME[name], "probability": 0.3, "count": 9999})
        struck = [bench.struck() for _ in range(300)]
        bench.manager.close()
        return struck

    first = history(0)
    assert first == history(0)
    assert first != history(1)
    assert abs(sum(first) - 90) < 4 * math.sqrt(300 * 0.3 * 0.7)  # four standard deviations


def test_a_further_fault_leaves_the_chances_of_the_first_as_they_were(manage) -> None:
    def history(further: bool) -> list[bool]:
        bench = Bench(manage())
        bench.add(kind="no_reply", match="PHAS", probability=0.5)
        if further:
            bench.add(kind="garbled", match="FUNC", probability=0.5)
        struck = []
        for _ in range(40):
            bench.struck("FUNC?")
            struck.append(bench.struck("PHAS?"))
        bench.manager.close()
        return struck

    assert history(False) == history(True)


def test_reading_one_voltage_more_or_less_is_not_changed_by_a_fault_elsewhere(manage) -> None:
    def readings(faulty: bool) -> list[str]:
        bench = Bench(manage())
        if faulty:
            bench.add(kind="garbled", match="PHAS", probability=0.5)
            bench.struck("PHAS?")
        values = [bench.source.query("MEAS:VOLT?") for _ in range(3)]
        bench.manager.close()
        return values

    assert readings(False) == readings(True)


# --- what each does -------------------------------------------------------------------------------------------


def test_a_lost_reply_times_out_in_bench_time_and_the_device_knows_nothing_of_it(bench: Bench) -> None:
    bench.add(kind="no_reply", count=1)
    start_s = bench.lab.clock.now()
    assert error_of(lambda: bench.source.query("PHAS?")) == StatusCode.error_timeout
    assert bench.lab.clock.now() - start_s == pytest.approx(2.0, abs=0.01)
    assert bench.source.query("PHAS?") == PHASE
    assert list(bench.device.errors) == []


def test_a_setting_whose_reply_is_lost_is_still_made(bench: Bench) -> None:
    bench.add(kind="no_reply")
    error_of(lambda: bench.source.query("FREQ 2 GHZ;FREQ?"))
    assert bench.device.frequency == 2e9


def test_a_late_reply_waits_after_the_time_out(bench: Bench) -> None:
    bench.add(kind="late", delay_s=3.0, count=1)
    assert error_of(lambda: bench.source.query("PHAS?")) == StatusCode.error_timeout
    assert bench.source.read() == PHASE


def test_a_late_reply_that_is_not_fetched_is_dropped_by_the_next_query(bench: Bench) -> None:
    bench.add(kind="late", delay_s=3.0, count=1)
    error_of(lambda: bench.source.query("PHAS?"))
    assert bench.source.query("FUNC?") == "SIN"
    assert bench.source.query("SYST:ERR?") == '-410,"Query INTERRUPTED"'


def test_a_slow_reply_is_whole_and_takes_its_time(bench: Bench) -> None:
    bench.add(kind="slow", bytes_per_s=10.0)
    start_s = bench.lab.clock.now()
    assert bench.source.query("PHAS?") == PHASE
    assert bench.lab.clock.now() - start_s == pytest.approx((len(PHASE) + 1) / 10.0, abs=0.05)


def test_a_garbled_reply_differs_in_one_bit_of_one_byte_before_the_terminator(bench: Bench) -> None:
    bench.add(kind="garbled")
    for _ in range(20):
        bench.source.write("PHAS?")
        got = bench.source.read_raw()
        right = f"{PHASE}\n".encode()
        different = [a ^ b for a, b in zip(got, right, strict=True) if a != b]
        assert len(different) == 1
        assert different[0].bit_count() == 1
        assert got[-1:] == b"\n"


def test_a_truncated_reply_ends_without_end(bench: Bench) -> None:
    bench.add(kind="truncated", keep=4, count=1)
    bench.source.write("PHAS?")
    assert bench.source.read_bytes(4) == PHASE[:4].encode()
    assert error_of(bench.source.read) == StatusCode.error_timeout
    assert bench.source.query("PHAS?") == PHASE
    assert list(bench.device.errors) == []


def test_a_reply_cut_to_nothing_is_no_reply(bench: Bench) -> None:
    bench.add(kind="truncated", keep=0, count=1)
    assert error_of(lambda: bench.source.query("PHAS?")) == StatusCode.error_timeout


def test_a_reply_said_twice_can_be_read_twice(bench: Bench) -> None:
    bench.add(kind="duplicate", count=1)
    assert bench.source.query("PHAS?") == PHASE
    assert bench.source.read() == PHASE


def test_a_binary_reply_is_cut_and_doubled_as_bytes(bench: Bench) -> None:
    bench.add(kind="duplicate", match="TRAC", count=1)
    bench.source.write("TRAC:DATA?")
    whole = b"#15\x00\x0a;\xff'\n"
    assert [bench.source.read_bytes(len(whole)) for _ in range(2)] == [whole, whole]


def test_a_wrong_identity_is_answered_to_idn_only(bench: Bench) -> None:
    bench.add(kind="wrong_idn", text="Example Instruments,S2,SIM0002,1.0")
    assert bench.source.query("*IDN?") == "Example Instruments,S2,SIM0002,1.0"
    assert bench.source.query("PHAS?") == PHASE


def test_a_device_that_hangs_takes_nothing_in_until_the_fault_is_cleared(bench: Bench) -> None:
    bench.add(kind="hang")
    for _ in range(2):
        assert error_of(lambda: bench.source.query("PHAS?")) == StatusCode.error_timeout
    bench.source.write("FREQ 2 GHZ")
    bench.lab.faults.clear()
    assert bench.source.query("FREQ?") == "+1.0000000000000E+09"
    assert list(bench.device.errors) == []


def test_a_device_that_hangs_does_not_stop_the_others(bench: Bench) -> None:
    bench.lab.faults.add({"device": "source", "kind": "hang"})
    meter = bench.manager.open_resource("GPIB0::12::INSTR", read_termination="\r\n", write_termination="\n")
    assert meter.query("RDGFIELD?") == "+0.1E+00"


def test_an_unplugged_device_is_lost_gone_from_the_list_and_not_to_be_opened(bench: Bench) -> None:
    bench.lab.faults.add({"device": GPIB, "kind": "unplug"})
    assert error_of(lambda: bench.source.write("PHAS?")) == StatusCode.error_connection_lost
    assert error_of(bench.source.read) == StatusCode.error_connection_lost
    assert error_of(bench.source.read_stb) == StatusCode.error_connection_lost
    assert error_of(bench.source.clear) == StatusCode.error_connection_lost
    assert error_of(bench.open) == StatusCode.error_resource_not_found
    assert GPIB not in bench.manager.list_resources()
    assert "USB0::0x1111::0x2222::SIM1::0::INSTR" in bench.manager.list_resources()  # the same model, another plug


def test_a_device_that_is_plugged_in_again_is_as_it_was_and_must_be_opened_anew(bench: Bench) -> None:
    bench.source.write("FREQ 3 GHZ")
    bench.add(kind="unplug", at=5.0)
    bench.add(kind="replug", at=8.0)
    bench.lab.clock.wait_until(bench.lab.start_s + 6.0)
    assert error_of(bench.open) == StatusCode.error_resource_not_found
    bench.lab.clock.wait_until(bench.lab.start_s + 8.0)
    old, new = bench.source, bench.open()
    assert new.query("FREQ?") == "+3.0000000000000E+09"
    assert error_of(lambda: old.query("FREQ?")) == StatusCode.error_connection_lost
    old.close()


def test_a_plug_pulled_while_a_slow_reply_is_awaited_ends_the_wait_as_lost(bench: Bench) -> None:
    bench.source.timeout = 5000
    bench.add(kind="unplug", at=bench.lab.clock.now() - bench.lab.start_s + 1.0)
    assert error_of(lambda: bench.source.query("READ?")) == StatusCode.error_connection_lost


def test_an_error_comes_into_the_queue_and_the_status(bench: Bench) -> None:
    bench.source.write("*CLS")
    bench.add(kind="queue_error", code=-310, text="System error;fan", match="FREQ")
    bench.source.write("FREQ 2 GHZ")
    assert bench.source.read_stb() & 4
    assert bench.source.query("*ESR?") == "8"
    assert bench.source.query("SYST:ERR?") == '-310,"System error;fan"'
    assert bench.source.query("SYST:ERR?") == '+0,"No error"'


def test_a_fault_of_the_bench_gets_its_time_and_its_arguments(bench: Bench) -> None:
    bench.lab.faults.add({"kind": "flicker", "at": 30.0, "arguments": {"depth": 0.1}})
    bench.lab.clock.sleep(100.0)
    bench.source.query("PHAS?")
    bench.lab.faults.add({"device": "source", "kind": "flicker", "match": "FUNC"})
    bench.source.query("FUNC?")
    (first_s, first), (_, second) = bench.lab.bench.flickered
    assert (first_s, first, second) == (bench.lab.start_s + 30.0, 0.1, 0.5)


def test_cleared_faults_do_nothing_more_and_what_hung_answers(bench: Bench) -> None:
    for entry in KINDS:
        bench.add(**{"at": 5.0, **entry})
    bench.lab.faults.clear()
    bench.lab.clock.sleep(10.0)
    assert not bench.struck()
    assert bench.lab.faults.describe() == []


def test_faults_are_listed_as_asked_for_with_their_hits(bench: Bench) -> None:
    bench.add(kind="no_reply", match="PHAS", count=1)
    bench.struck()
    entry = {"device": "source", "kind": "no_reply", "match": "PHAS", "count": 1, "hits": 1}
    assert bench.lab.faults.describe() == [entry]


# --- actuators that go off by themselves ----------------------------------------------------------------------


def test_a_supply_trips_at_its_time_although_nobody_looked() -> None:
    manager = pyvisa.ResourceManager("stfmr?clock=virtual&noise=off@sotlab")
    try:
        lab = manager.visalib.lab
        supply = KepcoBOP3612(VISAAdapter("GPIB0::6::INSTR", visa_library="stfmr?clock=virtual&noise=off@sotlab"))
        supply.adapter.write("FUNC:MODE CURR;:VOLT 50;:CURR 5;:OUTP ON")
        lab.clock.wait_until(lab.start_s + 10.0)
        assert supply.current == pytest.approx(5.0, abs=1e-3)
        lab.faults.add({"device": "field", "kind": "trip", "at": 20.0})
        lab.clock.wait_until(lab.start_s + 20.0 + 0.15)  # one L/R after it
        assert supply.current == pytest.approx(5.0 / math.e, abs=0.05)
        assert not supply.output_enabled
        assert supply.ask("SYST:ERR?").startswith("-300")
        supply.adapter.close()
    finally:
        manager.close()


def test_a_microwave_source_that_trips_drives_no_current() -> None:
    manager = pyvisa.ResourceManager("stfmr?clock=virtual&noise=off@sotlab")
    try:
        lab = manager.visalib.lab
        source = Agilent8257D(VISAAdapter(GPIB, visa_library="stfmr?clock=virtual&noise=off@sotlab"))
        source.power = 10.0
        source.enable()
        assert lab.bench.rf.current_A_peak > 0.0
        lab.faults.add({"device": "microwave", "kind": "trip", "match": "FREQ"})
        source.frequency = 7e9
        assert source.ask("OUTP?").strip() == "0"
        assert lab.bench.rf.current_A_peak == 0.0
        lab.inventory[GPIB].errors.clear()
        source.adapter.close()
    finally:
        manager.close()


def test_a_pymeasure_driver_sees_a_time_out_and_goes_on_after_it(bench_file: Path) -> None:
    bench_file.write_text(
        bench_file.read_text() + 'faults: [{device: source, kind: no_reply, match: "FREQ\\\\?", after: 1, count: 1}]\n'
    )
    source = Agilent8257D(VISAAdapter(GPIB, visa_library=f"{bench_file}?clock=virtual@sotlab"))
    try:
        assert source.frequency == 1e9
        with pytest.raises(pyvisa.VisaIOError) as problem:
            _ = source.frequency
        assert problem.value.error_code == StatusCode.error_timeout
        assert source.frequency == 1e9
    finally:
        source.adapter.close()
        source.adapter.manager.close()


# --- the section of a bench file ------------------------------------------------------------------------------


def test_faults_of_a_bench_file_begin_with_the_lab(bench_file: Path, manage) -> None:
    bench_file.write_text(bench_file.read_text() + "faults:\n  - {device: source, kind: hang, at: 5}\n")
    bench = Bench(manage())
    assert bench.source.query("PHAS?") == PHASE
    bench.lab.clock.wait_until(bench.lab.start_s + 5.0)
    assert error_of(lambda: bench.source.query("PHAS?")) == StatusCode.error_timeout


def test_plain_pyvisa_sim_reads_a_bench_file_with_faults(bench_file: Path) -> None:
    bench_file.write_text(bench_file.read_text() + "faults:\n  - {device: plain, kind: no_reply}\n")
    manager = pyvisa.ResourceManager(f"{bench_file}@sim")
    try:
        plain = manager.open_resource("GPIB0::5::INSTR", read_termination="\n", write_termination="\r\n")
        assert plain.query("*IDN?") == "plain,1"
    finally:
        manager.close()


def test_a_device_of_dialogues_has_faults_too(bench_file: Path, manage) -> None:
    bench_file.write_text(bench_file.read_text() + "faults:\n  - {device: plain, kind: no_reply, count: 1}\n")
    plain = manage().open_resource("GPIB0::5::INSTR", read_termination="\n", write_termination="\r\n")
    assert error_of(lambda: plain.query("*IDN?")) == StatusCode.error_timeout
    assert plain.query("*IDN?") == "plain,1"


def test_the_page_names_every_kind_and_its_example_is_right() -> None:
    page = (Path(__file__).parents[2] / "docs" / "virtual_lab.md").read_text(encoding="utf-8")
    example = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    lab = Lab(LabSpec.parse("stfmr?clock=virtual"))
    for entry in example["faults"]:
        lab.faults.add(entry)
    for name, kind in faults.KINDS.items():
        assert f"| `{name}` |" in page
        assert all(f"`{key}`" in page for key in kind.details)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{device: source}", "faults: is '{'device': 'source'}', a list of mappings is wanted"),
        ("[hang]", "faults[0]: is 'hang', a mapping"),
        ("[{device: source}]", "faults[0]: kind is 'None', allowed are no_reply, late,"),
        ("[{device: source, kind: explode}]", "faults[0]: kind is 'explode', allowed are"),
        ("[{device: source, kind: [hang]}]", "faults[0]: kind is '['hang']', allowed are"),
        ("[{device: source, kind: hang}, {device: sauce, kind: hang}]", "faults[1]: device is 'sauce', allowed are"),
        ("[{kind: hang}]", "faults[0]: device is 'None', allowed are source, meter, plain or a resource name"),
        ("[{device: source, kind: hang, when: 3}]", "faults[0]: unknown key 'when'; a fault hang has device, kind,"),
        ("[{device: source, kind: hang, delay_s: 3}]", "faults[0]: unknown key 'delay_s'"),
        ("[{device: source, kind: hang, at: soon}]", "faults[0]: at is 'soon', a number from 0 is wanted"),
        ("[{device: source, kind: hang, at: -1}]", "faults[0]: at is '-1', a number from 0 is wanted"),
        ("[{device: source, kind: hang, at: .nan}]", "faults[0]: at is 'nan', a number from 0 is wanted"),
        ("[{device: source, kind: hang, at: true}]", "faults[0]: at is 'True', a number from 0 is wanted"),
        ("[{device: source, kind: late, delay_s: [1]}]", "faults[0]: delay_s is '[1]', a number from 0 is wanted"),
        ("[{device: source, kind: late, count: 0}]", "faults[0]: count is '0', a whole number from 1 is wanted"),
        ("[{device: source, kind: late, after: 1.5}]", "faults[0]: after is '1.5', a whole number from 0 is wanted"),
        ("[{device: source, kind: late, probability: 2}]", "probability is '2', a number from 0 to 1 is wanted"),
        ("[{device: source, kind: late, match: '('}]", "match is '(', a regular expression (missing ), unterminated"),
        ("[{device: source, kind: garbled, mask: 256}]", "mask is '256', a whole number from 1 to 255 is wanted"),
        ("[{device: source, kind: wrong_reply}]", "faults[0]: a fault wrong_reply needs 'text'"),
        ("[{device: source, kind: wrong_reply, text: Ä}]", "text is 'Ä', text in ASCII is wanted"),
        ("[{device: meter, kind: trip}]", "faults[0]: device 'meter' has no output that could trip"),
        ("[{kind: flicker, count: 2}]", "faults[0]: device is 'None', allowed are source, meter, plain"),
        ("[{kind: flicker, arguments: 3}]", "arguments is '3', a mapping of names to values is wanted"),
    ],
)
def test_a_wrong_fault_is_one_line_that_names_file_entry_and_what_is_allowed(
    bench_file: Path, section: str, message: str
) -> None:
    bench_file.write_text(f"{bench_file.read_text()}faults: {section}\n", encoding="utf-8")
    with pytest.raises(StationError) as problem:
        Lab(LabSpec(bench_file))
    assert str(problem.value).startswith(f"bench file {bench_file}: faults")
    assert message in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_lab_without_faults_has_none_in_the_way_of_a_message(bench: Bench) -> None:
    assert bench.device.faults is None
    assert bench.source.query("PHAS?") == PHASE


def test_a_service_request_is_still_made_by_a_device_with_faults(bench: Bench) -> None:
    bench.add(kind="queue_error", match="FREQ")
    bench.source.write("*SRE 4")
    bench.source.enable_event(constants.EventType.service_request, constants.EventMechanism.queue)
    bench.source.write("FREQ 2 GHZ")
    bench.source.wait_on_event(constants.EventType.service_request, 1000)
    assert bench.source.read_stb() & 64
