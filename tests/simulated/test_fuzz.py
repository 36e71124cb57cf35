"""Whatever is sent to a simulated instrument, in whatever order, it stays an instrument.

Every model is found by itself and gets messages that its own grammar suggests, right and wrong, with reads, clears and
serial polls between them. Four bytes give one step, always the same, and zeros give none: so hypothesis can shorten
what it found.
"""

from __future__ import annotations

import copy
import importlib
import math
import os
import pkgutil
import random
import re
import struct
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pyvisa
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyvisa.constants import ResourceAttribute

import sotlab.simulated.instruments
from sotlab.simulated.commands import Command, Setting
from sotlab.simulated.device import LabDevice
from sotlab.simulated.lab import shipped_benches
from sotlab.simulated.scpi import Block, Boolean, Choice, Number, Parameter, expand

#: So many messages are sent to each model. They are the same each time, so that the suite finds what has come back with
#: a few; ``SOTLAB_FUZZ=10000`` looks for what is new, as CONTRIBUTING.md asks before a model is called done.
MESSAGES = int(os.environ.get("SOTLAB_FUZZ", "2000"))
#: A model is powered on anew after so many steps, of which 13 in 16 send a message.
STEPS = 250
EXAMPLES = -(-MESSAGES * 16 // (13 * STEPS)) + 2

#: No call may take longer: time-out of a read [bench s], and work of the processor [s]; others may use it meanwhile.
TIMEOUT_S, MOST_WORK_S = 2.0, 2.0
#: The 6221's buffer holds 65,536 delta readings; those that nobody looked at meanwhile are worked out at once.
WORK_OF_A_FULL_BUFFER_S = {"Keithley6221": 40.0}

NUMBERS = (
    *("0", "-0", "1", "-1", "2", "3", "4", "5", "10", "100", "1000", "0.5", "1.5", "1e-3", "1e-9", "-1e-9", "1E6"),
    *("2e9", "1e12", "-1e12", "1e300", "-1e300", "1e308", "1e309", "1e400", "-1e400", "1e-400", "5e-324", "1e9999999"),
    *("1e99999999999999999999", "-0.0", "+7", ".5", "5.", "1 e 3", "00012", "9" * 400, "0." + "3" * 400, "1.e+3"),
    *("#HFFFF", "#Q777", "#B101", "#H" + "F" * 300, "65535", "65536", "-32768", "32767", "2147483648", "4294967296"),
    *("18446744073709551616", "9007199254740993", "9.91E37", "-9.9E37", "1e15", "1e16", "1e18", "360", "180"),
)
WRONG = (
    *("nan", "NAN", "-nan", "inf", "-INF", "INFinity", "NINF", "MIN", "max", "DEF", "UP", "DOWN", "ON", "off", "abc"),
    *("", ",", ",,", "1,", ",1", "1,2", "1,2,3", "1,2,3,4,5,6,7,8,9", "'a'", '"a"', "'it''s'", '"', "'", "1e", "e1"),
    *("1 2", "--1", "1..2", "0x10", "1_000", "1\xb2", "\xb9", "\xe9", "\xff", "(@1)", "(@1,2:5)", "(@101)", "(@)"),
    *("(@1:99999999999)", "#", "#1", "#15", "#15hello", "#15hell", "#15helloo", "#0", "#0abc", "#9999999999x", "#1x"),
    *("#3\xb2\xb3\xb9ab", "#210" + "\x00" * 10, "?", "1?", "NULL", "{", "%s", "{0}", "\\n", "1e5 1e5", "TRUE", "I,A"),
)
UNITS = (
    "HZ",
    "GHZ",
    "MHZ",
    "V",
    "MV",
    "UV",
    "A",
    "MA",
    "NA",
    "S",
    "MS",
    "DBM",
    "DEG",
    "RAD",
    "OHM",
    "K",
    "T",
    "PCT",
    "Q",
)
PIECES = (
    b";",
    b"\n",
    b"\r",
    b"\r\n",
    b"?",
    b"*",
    b":",
    b",",
    b" ",
    b"\t",
    b'"',
    b"'",
    b"#",
    b"#15",
    b"=",
    b"\x00",
    b"\xff",
)


class Grammar:
    """The messages of one model.

    Parameters
    ----------
    model : type of LabDevice
        The model; its command table says what there is.
    """

    def __init__(self, model: type[LabDevice]):
        self.commands: list[Command] = sorted(model.commands, key=lambda one: (one.pattern, one.is_query))
        self.spellings = {one.pattern: sorted(set(expand(one.pattern))) for one in self.commands}
        self.axes = any(re.fullmatch("[A-Z]{2}#?", one.pattern) for one in self.commands)  # "1PA10", as Newport's
        self.equals = "FREQ" in self.spellings and "BLADE" in self.spellings  # "freq=10", as Thorlabs'

    def message(self, number: int) -> bytes:
        """Return the message of a number; 0 is an empty one."""
        if number == 0:
            return b""
        draw = random.Random(number)
        kind = draw.random()
        if kind < 0.78:
            return self._unit(draw).encode("latin-1")
        if kind < 0.88:  # a compound
            return ";".join(self._unit(draw) for _ in range(draw.randint(2, 5))).encode("latin-1")
        if kind < 0.91:  # a unit that something is wrong with
            unit = bytearray(self._unit(draw).encode("latin-1"))
            for _ in range(draw.randint(1, 3)):
                place = draw.randrange(len(unit) + 1)
                unit[place : place + draw.randint(0, 2)] = draw.choice(PIECES)
            return bytes(unit)
        if kind < 0.94:
            return b"".join(draw.choice(PIECES) for _ in range(draw.randint(1, 12)))
        if kind < 0.96:
            return draw.randbytes(draw.randint(1, 60))
        if kind < 0.97:
            return self._unit(draw).encode("utf-16-le" if draw.random() < 0.5 else "utf-16-be")
        if kind < 0.98:  # as a program does that sends a block of numbers
            content = draw.randbytes(draw.randint(0, 40))
            length = str(max(0, len(content) + draw.choice((0, 0, 0, -1, 1, 1000)))).encode()
            return self._header(draw, draw.choice(self.commands)).encode() + b" #%d" % len(length) + length + content
        if kind < 0.99:
            return (draw.choice("A*:#1\"' ") * draw.choice((10, 1000))).encode()
        return self._unit(draw).encode("latin-1") + draw.choice(PIECES) * draw.randint(1, 3)

    def _unit(self, draw: random.Random) -> str:
        command = draw.choice(self.commands)
        header, sent = self._header(draw, command), self._parameters(draw, command)
        if self.axes and draw.random() < 0.9:
            letters, mark = header.rstrip("0123456789?"), "?" * header.endswith("?")
            return f"{draw.choice(('1', '2', '3', '4', '0', ''))}{letters}{sent}{mark}"
        if self.equals and sent:
            return f"{header}={sent}"
        return f"{header}{draw.choice(('', ' ', '  ')) if not sent else ' '}{sent}"

    def _header(self, draw: random.Random, command: Command) -> str:
        header = draw.choice(self.spellings[command.pattern])
        suffixes = command.suffixes or (1,)
        while "#" in header:
            chosen = str(draw.choice(suffixes)) if draw.random() < 0.9 else draw.choice(("", "0", "7", "99", "9" * 30))
            header = header.replace("#", chosen, 1)
        case = draw.random()
        header = (
            header
            if case < 0.5
            else header.lower()
            if case < 0.8
            else header.swapcase()
            if case < 0.9
            else header.title()
        )
        lead = ":" if not header.startswith("*") and draw.random() < 0.2 else ""
        ask = command.is_query if draw.random() < 0.95 else not command.is_query
        return lead + header + "?" * ask

    def _parameters(self, draw: random.Random, command: Command) -> str:
        parameters = command.parameters
        setting: Any = getattr(command.run, "__self__", None)
        if isinstance(setting, Setting) and not command.is_query:
            parameters = (setting.parameter,)
        fate = draw.random()
        if fate < 0.05:
            return draw.choice(WRONG)
        if fate < 0.10:
            parameters = parameters[:-1]
        elif fate < 0.13:
            parameters = (*parameters, Number())
        elif parameters and parameters[-1].optional and draw.random() < 0.5:
            parameters = parameters[:-1]
        return draw.choice((",", ",", ", ", " , ")).join(self._value(draw, one) for one in parameters)

    def _value(self, draw: random.Random, parameter: Parameter) -> str:
        if draw.random() < 0.08:
            return draw.choice(WRONG)
        if isinstance(parameter, Choice):
            return draw.choice(sorted(parameter._short))
        if isinstance(parameter, Boolean):
            return draw.choice(("0", "1", "ON", "OFF", "on", "2", "-1", "0.4", "1e400", "nan"))
        if isinstance(parameter, Block):
            return draw.choice(("#15hello", "#0hello", "#10", "#18\x00\x00\x80?\x00\x00\x00@", "#15hell"))
        if not isinstance(parameter, Number):
            return draw.choice(
                (*NUMBERS, "'text'", '"a;b\'c"', "TEXT", "A", "b", "X", "Y", "SIN", "(@1)", "(@101,102)")
            )
        low, high = parameter.minimum, parameter.maximum
        kind = draw.random()
        if kind < 0.5 and isinstance(low, int | float) and isinstance(high, int | float):
            value = draw.uniform(low, high) if draw.random() < 0.7 else draw.choice((low, high))
            text = str(round(value)) if parameter.integer or draw.random() < 0.3 else repr(value)
        elif kind < 0.65:
            text = draw.choice(("MIN", "MAX", "DEF", "MAXimum", "minimum"))
        else:
            text = draw.choice(NUMBERS)
        if parameter.unit and draw.random() < 0.2:
            text += draw.choice((" ", "")) + draw.choice((parameter.unit, "M" + parameter.unit, *UNITS))
        elif draw.random() < 0.03:
            text += draw.choice(UNITS)
        return text


# --- where each model is ----------------------------------------------------------------------------------------


def models() -> dict[str, type[LabDevice]]:
    """Return every shipped model by its name in a bench file: the classes that say which instrument they are."""
    found = {}
    for info in pkgutil.iter_modules(sotlab.simulated.instruments.__path__):
        module = importlib.import_module(f"{sotlab.simulated.instruments.__name__}.{info.name}")
        for name, member in vars(module).items():
            if (
                isinstance(member, type)
                and issubclass(member, LabDevice)
                and member.__module__ == module.__name__
                and "model" in vars(member)
            ):
                found[f"{info.name}:{name}"] = member
    return found


MODELS = models()
BYSTANDERS = ("e8257d:E8257D", "kepco_bop:KepcoBOP5020MG", "keithley_2182a:Keithley2182A", "lakeshore_475:LakeShore475")
ADDRESSES = ("GPIB0::2::INSTR", "TCPIP0::fuzzed.example::5025::SOCKET", "ASRL9::INSTR")


def homes(name: str, folder: Path) -> list[tuple[Path, str]]:
    """Return bench files with a model, and its addresses there: shipped ones, else one with everything on it."""
    found = []
    for path in shipped_benches().values():
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
        for address, entry in described["resources"].items():
            if described["devices"][entry["device"]].get("class") == name:
                found.append((path, address))
    if found:
        return found
    devices = {"fuzzed": {"class": name}} | {f"bystander{i}": {"class": one} for i, one in enumerate(BYSTANDERS)}
    resources = {address: {"device": "fuzzed"} for address in ADDRESSES}
    resources |= {f"GPIB0::{10 + i}::INSTR": {"device": f"bystander{i}"} for i in range(len(BYSTANDERS))}
    lab = {"bench": "everything.py:Everything", "sample": "nife_bisb_10nm.yaml"}
    path = folder / "bench.yaml"
    path.write_text(yaml.safe_dump({"spec": "1.1", "devices": devices, "resources": resources, "lab": lab}))
    (folder / "everything.py").write_text((Path(__file__).parent / "everything.py").read_text(encoding="utf-8"))
    return [(path, address) for address in ADDRESSES]


# --- what must hold ---------------------------------------------------------------------------------------------


class Fuzzed:
    """A device under fire, and what must hold of it and of its neighbours."""

    def __init__(self, path: Path, address: str, grammar: Grammar, sent: Counter[str]):
        self.manager = pyvisa.ResourceManager(f"{path}?clock=virtual&seed=1@sotlab")
        self.lab, self.clock = self.manager.visalib.lab, self.manager.visalib.clock
        self.session = self.manager.open_resource(address, read_termination=None, write_termination=None)
        self.device = self.lab.devices[self.session.resource_name]
        self.grammar, self.sent = grammar, sent
        is_serial = self.session.resource_name.startswith("ASRL")
        self.byte_s = 10 / 9600 if is_serial else 2e-6
        known = {one.pattern for one in grammar.commands}
        self.commons = [one for one in ("*CLS", "*RST") if one in known]
        self.ask = next(one for one in ("VE", "ID", "*IDN") if one in known).encode() + b"?"
        self.end = b""
        if is_serial or self.session.resource_name.endswith("SOCKET"):  # there a message needs an end of its own
            self.end = b"\n"
            self.session.write_raw(self.ask + self.end)
            reply = self.device.ports[-1].replies[-1].data  # a model may end its replies as it likes
            termination = next(byte for byte in reversed(reply) if reply.count(byte) == 1)
            self.session.set_visa_attribute(ResourceAttribute.termchar, termination)
            self.session.set_visa_attribute(ResourceAttribute.termchar_enabled, True)
            self.session.clear()
        self.neighbours = self._neighbours()

    def _neighbours(self) -> dict[str, Any]:
        """Return the state of all devices that no cable of the fuzzed one's own leads to."""
        cabled = self.device.options.get("nanovoltmeter")  # the 6221 passes text on to it
        return {
            name: (copy.deepcopy(device.values), list(device.errors), device.event_status, len(device.ports))
            for name, device in self.lab.devices.items()
            if device is not self.device and device.name != cabled
        }

    def call(self, action: Callable[[], Any]) -> Any:
        """Do one thing as a program would; only VISA errors may come back, and not too late."""
        bench_s, work_s = self.clock.now(), time.thread_time()
        reply = None
        try:
            reply = action()
        except pyvisa.VisaIOError:
            pass
        allowed_s = (
            self.session.timeout / 1000 + 0.01 + 2 * self.byte_s * (len(reply) if isinstance(reply, bytes) else 0)
        )
        assert self.clock.now() - bench_s < allowed_s
        assert time.thread_time() - work_s < WORK_OF_A_FULL_BUFFER_S.get(type(self.device).__name__, MOST_WORK_S)
        assert len(self.device.errors) <= self.device.error_queue_length
        return reply

    def write(self, message: bytes) -> None:
        self.sent[type(self.device).__name__] += 1
        for start in range(0, len(message), 64) if self.end else (0,):  # a slow line's time is the sender's, not ours
            part = message[start : start + 64] if self.end else message
            self.call(lambda part=part: self.session.write_raw(part))
        if self.end:
            self.call(lambda: self.session.write_raw(self.end))

    def read(self) -> bytes | None:
        with self.session.ignore_warning(pyvisa.constants.StatusCode.success_max_count_read):
            reply = self.call(lambda: self.session.visalib.read(self.session.session, 1 << 20)[0])
        return reply

    def step(self, number: int) -> None:
        kind, number = number & 15, number >> 4
        if number == 0:
            return
        if kind <= 12:
            message = self.grammar.message(number)
            self.write(message)
            if kind > 6:
                self.check_reply(message, self.read())
        elif kind == 13:
            self.read()
        elif kind == 14:
            if number % 3 == 0:
                self.call(self.session.read_stb)
            elif number % 3 == 1:
                trigger = pyvisa.constants.TriggerProtocol.default
                self.call(lambda: self.session.visalib.assert_trigger(self.session.session, trigger))
            else:
                self.wait(number)
        else:
            self.call(self.session.clear)

    def wait(self, number: int) -> None:
        self.clock.sleep(10.0 ** (number % 11 - 4))  # 0.1 ms to 11 days

    def check_reply(self, message: bytes, reply: bytes | None) -> None:
        """No reply shows that Python could not work something out; one model sends back what it was sent."""
        if self.ask == b"ID?":
            return
        for word in re.findall(rb"(?<![\w\"'])[-+]?(?:nan|NAN|inf|None)(?!\w)", reply or b""):
            assert word.lower() in message.lower(), reply

    def check_after_clear(self) -> None:
        """After a device clear, *CLS and *RST (each where there is one), it says what it is; nobody else noticed."""
        self.session.timeout = 100_000
        self.session.clear()
        for common in self.commons:
            self.write(common.encode())
        self.session.clear()  # some answer to everything
        self.write(self.ask)
        reply = self.read() or b""
        assert self.device.identity().encode() in reply, (self.ask, reply)
        assert self._neighbours() == self.neighbours
        check_finite(self.lab.actuators())


def check_finite(found: Any) -> None:
    """Fail on a number that is none, however deep it stands."""
    for one in found.values() if isinstance(found, dict) else found:
        if isinstance(one, dict | list | tuple):
            check_finite(one)
        elif isinstance(one, float):
            assert math.isfinite(one), found


@pytest.fixture(scope="module")
def sent() -> Counter[str]:
    """Counts the messages of each model."""
    return Counter()


@pytest.mark.parametrize("name", MODELS)
def test_whatever_is_sent_a_model_stays_an_instrument(name: str, tmp_path: Path, sent: Counter[str]) -> None:
    grammar, places = Grammar(MODELS[name]), homes(name, tmp_path)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),  # what is found is long, and is not worth minutes of shrinking
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, len(places) - 1), st.binary(min_size=4 * STEPS, max_size=4 * STEPS))
    def fire(place: int, steps: bytes) -> None:
        fuzzed = Fuzzed(*places[place], grammar, sent)
        try:
            for (number,) in struct.iter_unpack("<I", steps):
                fuzzed.step(number)
            fuzzed.check_after_clear()
        finally:
            fuzzed.manager.close()

    fire()
    assert sent[MODELS[name].__name__] >= MESSAGES
