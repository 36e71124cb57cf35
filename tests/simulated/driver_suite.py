"""Reads out of PyMeasure's driver classes what they can do, and tries that on a simulated instrument."""

from __future__ import annotations

import inspect
import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyvisa
from pymeasure.instruments import Channel, Instrument
from pymeasure.instruments.common_base import CommonBase
from pymeasure.instruments.validators import strict_discrete_set, strict_range, truncated_discrete_set, truncated_range

from sotlab.simulated.commands import Command
from sotlab.simulated.device import LabDevice

#: One of each instrument, on a stub bench.
TERMINALS = Path(__file__).with_name("terminals.yaml")
#: Bits of the event status register that tell of an error: query, device, execution, command.
ERROR_BITS = 4 | 8 | 16 | 32
#: Long sets of values are tried at both ends and in the middle.
MOST_VALUES = 16


@dataclass(frozen=True)
class Case:
    """What differs from the general rule for one property; ``why`` says what the instrument does otherwise.

    Attributes
    ----------
    values : sequence
        Set these; where the driver knows no range, or a wider one than the instrument.
    refused : sequence
        The driver lets these through, the instrument refuses them.
    step : float
        The instrument rounds to this.
    same : callable
        Says whether what is read back fits what was set; gets both.
    before : callable
        Is called with the driver (or its part) first: what must be set so that this property may be.
    settle : callable
        Is called with the driver (or its part) between setting and reading back: to wait for what moves.
    valid : callable
        Says whether a reading is valid; for what is neither a finite number nor text.
    """

    why: str = ""
    values: Sequence[Any] | None = None
    refused: Sequence[Any] = ()
    step: float = 0.0
    same: Callable[[Any, Any], bool] | None = None
    before: Callable[[Any], None] | None = None
    settle: Callable[[Any], None] | None = None
    valid: Callable[[Any], bool] | None = None


@contextmanager
def recording(device: LabDevice) -> Iterator[set[str]]:
    """Note which commands of an instrument are carried out, as its ``command_table`` has them."""
    reached: set[str] = set()
    original = Command.call

    def call(self: Command, target: LabDevice, *arguments: Any) -> Any:
        answer = original(self, target, *arguments)
        if target is device:
            reached.add(self.pattern + "?" * self.is_query)
        return answer

    Command.call = call
    try:
        yield reached
    finally:
        Command.call = original


@dataclass(frozen=True)
class Pair:
    """A driver and the instrument of ``terminals.yaml`` that it is tried on.

    Attributes
    ----------
    driver : type
        PyMeasure's class.
    resource : str
        VISA resource name.
    parts : dict
        Channels and axes by their path, as "ch_1.tr_1", with their classes.
    error_query : str
        What the instrument is asked for its oldest error; its reply begins with 0 if there is none.
    keywords : dict
        For the driver's constructor: the terminators where it does not know them, a time-out for slow replies.
    setup : callable
        Is called with the driver before each test.
    options : dict
        Of the simulated instrument, over those of the bench file.
    cases : dict
        By path and name, as "ch_1.voltage_range": what differs from the rule.
    excepted : dict
        By path and name: what cannot work on the instrument, with the reason.
    arguments : dict
        What excepted methods are called with; nothing where it says nothing.
    doings : dict
        Methods and properties that are written by hand: a function of driver and lab that asserts what they do.
    """

    driver: type[Instrument]
    resource: str
    parts: dict[str, type] = field(default_factory=dict)
    error_query: str = "SYST:ERR?"
    keywords: dict[str, Any] = field(default_factory=dict)
    setup: Callable[[Any], None] | None = None
    cases: dict[str, Case] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    excepted: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    doings: dict[str, Callable[[Any, Any], None]] = field(default_factory=dict)

    def classes(self) -> dict[str, type]:
        """Return the driver and its parts by their paths."""
        return {"": self.driver, **self.parts}


@dataclass(frozen=True)
class Made:
    """A property that ``control``, ``measurement`` or ``setting`` made."""

    name: str
    get_command: str | None
    set_command: str | None
    validator: Callable[..., Any]
    values: Any
    map_values: bool
    cast: Any


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield what the driver's own classes declare in public: not what every instrument has."""
    for name in dir(cls):
        owner = next((base for base in cls.__mro__ if name in vars(base)), object)
        if not name.startswith("_") and owner not in (Instrument, CommonBase, Channel, object):
            yield name, vars(owner)[name]


def made_properties(cls: type) -> Iterator[Made]:
    """Yield the properties of a class that were made from commands."""
    for name, member in members(cls):
        if isinstance(member, property) and member.fget.__qualname__.startswith("CommonBase.control."):
            get, put = member.fget, member.fset
            told = {key: one.default for key, one in inspect.signature(put).parameters.items()}
            told["get_command"] = inspect.signature(get).parameters["get_command"].default
            closed = dict(zip(get.__code__.co_freevars, (cell.cell_contents for cell in get.__closure__), strict=True))
            wanted = ("get_command", "set_command", "validator", "values", "map_values")
            yield Made(name, **{key: told[key] for key in wanted}, cast=closed["cast"])


def written_by_hand(cls: type) -> Iterator[str]:
    """Yield the names of the methods, and of the properties that are more than one command."""
    made = {one.name for one in made_properties(cls)}
    for name, member in members(cls):
        if name not in made and (isinstance(member, property) or inspect.isfunction(member)):
            yield name


def within(path: str, table: dict[str, Any]) -> dict[str, Any]:
    """Return a table for one part of a driver."""
    return {f"{path}.{name}": entry for name, entry in table.items()}


# --- what SCPI drivers share


def _clear(driver: Any, lab: Any) -> None:
    driver.write("NONSENSE:COMMAND")
    driver.clear()
    assert int(driver.next_error[0]) == 0


def _check_errors(driver: Any, lab: Any) -> None:
    driver.write("NONSENSE:COMMAND")
    noted = driver.check_errors()
    assert len(noted) == 1
    assert int(noted[0][0]) < 0
    assert driver.check_errors() == []
    driver.clear()


#: Keywords of drivers that know their terminators, and of those that do not.
SLOW = {"timeout": 100_000}
LF = SLOW | {"read_termination": "\n", "write_termination": "\n"}
CRLF = SLOW | {"read_termination": "\r\n", "write_termination": "\n"}
COMMON = {"next_error": Case(valid=lambda got: got[0] == 0.0 and got[1].strip('"').startswith("No error"))}
COMMON_DOINGS = {"clear": _clear, "check_errors": _check_errors}


# --- one instrument -------------------------------------------------------------------------------------------


#: Managers of one name share a lab; with a seed of its own, each test has a lab of its own.
_seeds = itertools.count()


class Opened:
    """A driver on its instrument, in a lab of its own.

    Attributes
    ----------
    driver, lab, device
        The driver, the virtual lab and the simulated instrument in it.
    """

    def __init__(self, pair: Pair):
        self.pair = pair
        library = f"{TERMINALS}?seed={next(_seeds)}&clock=virtual&noise=off@sotlab"
        self._manager = pyvisa.ResourceManager(library)
        self.lab = self._manager.visalib.lab
        self.device = self.lab.inventory[pair.resource]
        self.device.event_status = 0  # that it was switched on
        self.device.options |= pair.options
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "It is not known whether this device supports SCPI"
                self.driver = pair.driver(pair.resource, visa_library=library, **pair.keywords)
            self.begin()
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        """Set the instrument's defaults, and what the tests of this driver need."""
        self.device.reset()
        self.forget_errors()
        if self.pair.setup is not None:
            self.pair.setup(self.driver)

    def part(self, path: str) -> Any:
        """Return the driver, or one of its parts."""
        found = self.driver
        for name in filter(None, path.split(".")):
            found = getattr(found, name)
        return found

    def check(self) -> None:
        """Assert that the instrument noted no error, by what it is asked and by what it knows."""
        assert list(self.device.errors) == []
        assert self.device.event_status & ERROR_BITS == 0
        assert all(not port.replies for port in self.device.ports), "a reply was not read"
        reply = self.driver.adapter.connection.query(self.pair.error_query)
        assert float(reply.split(",")[0]) == 0, f"{self.pair.error_query} answers {reply}"

    def forget_errors(self) -> None:
        """Begin anew after an error that was expected."""
        self.device.errors.clear()
        self.device.event_status = 0
        for port in self.device.ports:
            port.clear()

    def close(self) -> None:
        """Close the session and with it the lab."""
        if hasattr(self, "driver"):
            self.driver.adapter.close()
        self._manager.close()


# --- one property ---------------------------------------------------------------------------------------------


def try_property(one: Opened, path: str, made: Made, case: Case) -> None:
    """Read it, and if it can be set, set what may be set and read that back; the instrument must note no error."""
    part = one.part(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated properties must work all the same
        if case.before is not None:
            case.before(part)
        if made.set_command is None:
            reading = getattr(part, made.name)
            assert is_valid(reading, made, case), f"{made.name} reads {reading!r}"
            one.check()
            return
        values = getattr(part, f"___{made.name}_values", made.values)  # where an instance or subclass has its own
        for value in case.values if case.values is not None else values_to_set(made, values):
            setattr(part, made.name, value)
            if case.settle is not None:
                case.settle(part)
            if made.get_command is not None:
                got = getattr(part, made.name)
                assert is_same(made, values, case, value, got), f"{value!r} set, {got!r} read back"
            one.check()
        for value in case.refused:
            setattr(part, made.name, value)
            assert one.device.errors or one.device.event_status & ERROR_BITS, f"{value!r} was not refused"
            one.forget_errors()


def try_excepted(one: Opened, path: str, name: str, cls: type, case: Case) -> None:
    """Do what must not work, and assert that the driver or the instrument refuses it."""
    made = {one.name: one for one in made_properties(cls)}
    full_name = ".".join(filter(None, (path, name)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            if name in made:
                try_property(one, path, made[name], case)
            else:
                found = getattr(one.part(path), name)
                if callable(found):
                    found(*one.pair.arguments.get(full_name, ()))
            one.check()
    except Exception:  # whatever it is: a driver's defect may raise anything
        return
    raise AssertionError(f"{full_name} is excepted ({one.pair.excepted[full_name]}), but it works")


def values_to_set(made: Made, values: Any) -> list[Any]:
    """Return each value of a set or map, both ends of a range."""
    if made.map_values or made.validator in (strict_discrete_set, truncated_discrete_set):
        listed = list(values)
        return listed if len(listed) <= MOST_VALUES else [listed[0], listed[len(listed) // 2], listed[-1]]
    if made.validator in (strict_range, truncated_range):
        return [min(values), max(values)]
    name = getattr(made.validator, "__qualname__", "")
    if name.startswith("joined_validators"):
        return [one for group in values for one in group]
    if len(values) == 2 and "lambda" in name and all(isinstance(one, int) for one in values):
        return [min(values), max(values)]
    raise AssertionError(f"{made.name}: the driver does not say what may be set; its case must")


def is_same(made: Made, values: Any, case: Case, value: Any, got: Any) -> bool:
    """Say whether what was read back is what was set, to what the instrument's format shows of what was sent."""
    if case.same is not None:
        return case.same(value, got)
    if made.map_values:
        mapped = values if isinstance(values, dict) else {key: index for index, key in enumerate(values)}
        return mapped[got] == mapped[value]
    if isinstance(value, str) or isinstance(got, str):
        return got == value
    return math.isclose(got, float(value), rel_tol=1e-6, abs_tol=max(case.step / 2 * (1 + 1e-9), 1e-15))


def is_valid(reading: Any, made: Made, case: Case) -> bool:
    """Say whether a reading has the type that the driver says, and is no infinity or overflow."""
    if case.valid is not None:
        return case.valid(reading)
    if made.map_values:
        return reading is not None
    values = reading if isinstance(reading, list) else [reading]
    if made.cast in (str, bool):
        return bool(values) and all(isinstance(one, made.cast) and one != "" for one in values)
    return bool(values) and all(isinstance(one, int | float) and abs(one) < 9e37 for one in values)
