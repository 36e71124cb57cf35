"""Every command of every simulated instrument is tried: by PyMeasure's drivers, here, or by a test that is named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import pyvisa

from sotlab.simulated.commands import Setting
from sotlab.simulated.device import LabDevice, ScpiDevice
from sotlab.simulated.instruments.ami_430 import AMI430
from sotlab.simulated.lab import Lab, LabSpec
from sotlab.simulated.scpi import expand

from .command_exchanges import EXCHANGES, TERMINATORS
from .covered_elsewhere import COVERED_ELSEWHERE
from .driver_runs import reach_all
from .driver_suite import ERROR_BITS, TERMINALS, Opened, recording

LIBRARY = f"{TERMINALS}?clock=virtual&noise=off@sotlab"


def one_of_each_model() -> dict[type[LabDevice], str]:
    found: dict[type[LabDevice], str] = {}
    for resource, device in Lab(LabSpec.parse(LIBRARY.removesuffix("@sotlab"))).inventory.items():
        found.setdefault(type(device), resource)
    return found


MODELS = one_of_each_model()
#: AMI's commands are set with CONFigure and asked without, by another command: see the exchanges.
SETTINGS = [
    (resource, setting)
    for model, resource in MODELS.items()
    for setting in model.settings.values()
    if model is not AMI430
]
#: What an instrument answers and yet does not take, with the reason; the drivers set these.
NOT_TAKEN = {
    ("GPIB0::6::INSTR", "[SOURce]:FUNCtion:MODE"): "answers 0 and 1, and takes VOLT and CURR",
    ("GPIB0::4::INSTR", "CAPTURERATE"): "answers a rate in Hz, and takes the power of two below the fastest",
    ("GPIB0::24::INSTR", "[SENSe#]:VOLTage[:DC]:RANGe[:UPPer]"): "sources a voltage after *RST: it has no range then",
    ("GPIB0::24::INSTR", "[SENSe#]:VOLTage[:DC]:RANGe:AUTO"): "sources a voltage after *RST: it has no range then",
}
REACHED: dict[str, set[str]] = {resource: set() for resource in MODELS.values()}


class Conversation:
    """A session with one instrument in a lab of its own."""

    def __init__(self, resource: str, seed: int):
        reading, writing = TERMINATORS.get(resource, ("\n", "\n"))
        self.manager = pyvisa.ResourceManager(LIBRARY.replace("?", f"?seed={10_000 + seed}&"))
        self.device = self.manager.visalib.lab.inventory[resource]
        self.session = self.manager.open_resource(
            resource, read_termination=reading, write_termination=writing, timeout=100_000
        )
        if resource.startswith("TCPIP0::ami430"):
            self.session.read(), self.session.read()  # its greeting
        self.device.event_status = 0

    def check(self) -> None:
        assert list(self.device.errors) == []
        assert self.device.event_status & ERROR_BITS == 0


@pytest.fixture(scope="module")
def conversations() -> Iterator[dict[str, Conversation]]:
    found: dict[str, Conversation] = {}
    yield found
    for one in found.values():
        one.manager.close()


def talk(conversations: dict[str, Conversation], resource: str) -> Conversation:
    if resource not in conversations:
        conversations[resource] = Conversation(resource, len(conversations))
    one = conversations[resource]
    one.device.reset()
    one.device.errors.clear()
    one.device.event_status = 0
    return one


def grouped(entries: list[tuple], names: list[str]) -> list:
    return [
        pytest.param(*entry, marks=pytest.mark.xdist_group(entry[0]), id=name)
        for entry, name in zip(entries, names, strict=True)
    ]


def set_again(one: Conversation, setting: Setting, *, is_taken: bool) -> None:
    """Ask, set what was answered, and ask again; or see it refused."""
    header = next(expand(setting.pattern)).replace("#", str((setting.suffixes or (1,))[0]))
    answer = one.session.query(f"{header}?")
    one.check()
    if not setting.read_only:
        one.session.write(f"{header} {answer}")
        assert one.session.query(f"{header}?") == answer
        if is_taken:
            one.check()
        else:
            assert one.device.errors or one.device.event_status & ERROR_BITS


@pytest.mark.parametrize(
    ("resource", "setting"),
    grouped(SETTINGS, [f"{resource}-{setting.pattern}" for resource, setting in SETTINGS]),
)
def test_what_a_setting_answers_can_be_set_again(conversations, resource, setting) -> None:
    use_setting(conversations, resource, setting)


def use_setting(conversations, resource, setting) -> None:
    one = talk(conversations, resource)
    with recording(one.device) as reached:
        set_again(one, setting, is_taken=(resource, setting.pattern) not in NOT_TAKEN)
    REACHED[resource] |= reached


@pytest.mark.parametrize(
    ("resource", "messages", "question", "reply"),
    grouped(EXCHANGES, [f"{resource}-{question}" for resource, _, question, _ in EXCHANGES]),
)
def test_an_exchange(conversations, resource, messages, question, reply) -> None:
    exchange(conversations, resource, messages, question, reply)


def exchange(conversations, resource, messages, question, reply) -> None:
    one = talk(conversations, resource)
    with recording(one.device) as reached:
        for message in messages:
            one.session.write(message)
        assert one.session.query(question) == reply
    REACHED[resource] |= reached


def test_the_time_stamp_of_the_2400_begins_anew(conversations) -> None:
    one = talk(conversations, "GPIB0::24::INSTR")
    clock = one.manager.visalib.clock
    clock.sleep(100.0)
    one.session.write("SYST:TIME:RES")
    clock.sleep(5.0)
    assert float(one.session.query("SYST:TIME?")) == pytest.approx(5.0, abs=0.1)


@cache
def source_of(test: str) -> str:
    """Return the text of a test, as ``file.py::name``."""
    file, _, name = test.partition("::")
    lines = (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines()
    for node in ast.parse("\n".join(lines)).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            return "\n".join(lines[first - 1 : node.end_lineno])
    raise AssertionError(f"there is no test {test}")


def is_said_in(header: str, text: str) -> bool:
    """Say whether a text has a header of a command table, in any of its spellings."""
    pattern, is_query = header.rstrip("?"), header.endswith("?")
    spellings = [re.escape(one).replace(r"\#", r"\d*") for one in expand(pattern)]
    if re.fullmatch(r"[A-Z]{2}#", pattern):  # the ESP301's: 1PA
        spellings.append(rf"\d+{pattern[:2]}")
    after = r"\s?\?" if is_query else r"(?![\w?:]*[?:A-Z_])"
    return (
        re.search(rf"(?<![A-Za-z:*])(?<![A-Za-z]\d):?(?:{'|'.join(spellings)}){after}", text, re.IGNORECASE) is not None
    )


def inherited(model: type[LabDevice]) -> set[str]:
    """Return the commands that a model has from the base as they are; tests/simulated/test_device.py tries them."""
    bases = ("LabDevice", "ScpiDevice")
    mine = {
        one.pattern + "?" * one.is_query for one in model.commands if one.run.__qualname__.split(".")[0] not in bases
    }
    return {header for header, _ in ScpiDevice.command_table()} - mine


@pytest.fixture(scope="module")
def open_pairs() -> Iterator[dict[str, Opened]]:
    found: dict[str, Opened] = {}
    yield found
    for one in found.values():
        one.close()


@pytest.mark.parametrize(
    ("resource", "model"),
    [
        pytest.param(resource, model, marks=pytest.mark.xdist_group(resource), id=model.__name__)
        for model, resource in MODELS.items()
    ],
)
def test_every_command_of_a_model_is_tried_somewhere(conversations, open_pairs, resource, model) -> None:
    for _, setting in (one for one in SETTINGS if one[0] == resource):
        header = setting.pattern + "?"
        if header not in REACHED[resource]:
            use_setting(conversations, resource, setting)
    for entry in (one for one in EXCHANGES if one[0] == resource):
        exchange(conversations, *entry)
    elsewhere = COVERED_ELSEWHERE.get(model.__name__, {})
    named = {header for headers in elsewhere.values() for header in headers}
    known = {header for header, _ in model.command_table()}
    untried = known - REACHED[resource] - reach_all(open_pairs, resource) - named - inherited(model)
    assert untried == set(), "a supported command without a test: add an exchange, or name the test that tries it"
    assert named - known == set(), "the model no longer has these"
    unsaid = {
        (test, header)
        for test, headers in elsewhere.items()
        for header in headers
        if not is_said_in(header, source_of(test))
    }
    assert unsaid == set(), "the named test does not say these"
