"""How a model declares its commands: ``setting``, ``command`` and ``query``; see device.py for a whole model."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sotlab.simulated.scpi import Choice, Number, Parameter, ScpiError, split_parameters

if TYPE_CHECKING:
    from sotlab.simulated.device import LabDevice

__all__ = ["Command", "Setting", "command", "query", "setting"]

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Command:
    """One header of a model, and what it does."""

    pattern: str
    is_query: bool
    parameters: tuple[Parameter, ...]
    run: Callable[..., Any]
    source: str
    suffixes: tuple[Any, ...] | None = None  # numbers, or a set of them for each "#"

    def call(self, device: LabDevice, sent_suffixes: tuple[int, ...], text: str) -> Any:
        """Read the parameters and run the command; returns the reply of a query.

        Raises
        ------
        ScpiError
            -108 or -109 too many or too few parameters, -114 no such suffix, and what the parameters raise.
        """
        arguments: list[Any] = []
        if self.suffixes and not isinstance(self.suffixes[0], int):  # one set of numbers for each "#"
            sent_suffixes = (1,) * (len(self.suffixes) - len(sent_suffixes)) + sent_suffixes
            if any(suffix not in allowed for suffix, allowed in zip(sent_suffixes, self.suffixes, strict=True)):
                raise ScpiError(-114)
            arguments, sent_suffixes = list(sent_suffixes), ()
        elif self.suffixes is not None:
            suffix = sent_suffixes[-1] if sent_suffixes else 1
            if suffix not in self.suffixes:
                raise ScpiError(-114)
            arguments.append(suffix)
            sent_suffixes = sent_suffixes[:-1]
        if any(suffix != 1 for suffix in sent_suffixes):
            raise ScpiError(-114)
        if not text and not self.parameters:
            return self.run(device, *arguments)
        given = split_parameters(text) if text else []
        if len(given) > len(self.parameters):
            raise ScpiError(-108)
        if not all(given) or any(not parameter.optional for parameter in self.parameters[len(given) :]):
            raise ScpiError(-109)
        arguments += [parameter.parse(part, device) for parameter, part in zip(self.parameters, given, strict=False)]
        return self.run(device, *arguments)


def command(
    pattern: str, *parameters: Parameter, source: str, suffixes: Iterable[int] | Iterable[Container[int]] | None = None
) -> Callable[[Method], Method]:
    """Declare a method as a command.

    Parameters
    ----------
    pattern : str
        The header, as the manual prints it: ``"MEMory:CLEar"``.
    *parameters : Parameter
        What follows it; the method gets their values.
    source : str
        Page of the manual, or "unverified".
    suffixes : iterable of int, optional
        Numbers that the last ``#`` of the pattern may have; the method then gets the number first. Without it only 1.
        Or a set of numbers for each ``#``; the method then gets all of them.
    """
    return _declare(pattern, parameters, source, suffixes, is_query=False)


def query(
    pattern: str, *parameters: Parameter, source: str, suffixes: Iterable[int] | Iterable[Container[int]] | None = None
) -> Callable[[Method], Method]:
    """Declare a method as a query; the pattern goes without the question mark, the method returns the reply.

    The reply is text, bytes or a whole number; see :func:`command` for the parameters.
    """
    return _declare(pattern, parameters, source, suffixes, is_query=True)


def _declare(pattern: str, parameters: tuple[Parameter, ...], source: str, suffixes: Any, *, is_query: bool) -> Any:
    numbers = None if suffixes is None else tuple(suffixes)

    def mark(method: Callable[..., Any]) -> Callable[..., Any]:
        declared = Command(pattern, is_query, parameters, method, source, numbers)
        method.__dict__.setdefault("scpi_commands", []).append(declared)
        return method

    return mark


class Setting:
    """A programmed value with its command, its query and its limits; see :func:`setting`."""

    def __init__(
        self,
        pattern: str,
        parameter: Parameter,
        default: Any,
        reply: Callable[[Any], str],
        clip: bool,
        resets: bool,
        read_only: bool,
        suffixes: tuple[int, ...] | None,
        source: str,
    ):
        self.pattern, self.parameter, self.default, self.reply = pattern, parameter, default, reply
        self.clip, self.resets, self.read_only, self.suffixes, self.source = clip, resets, read_only, suffixes, source
        self.handlers: list[Callable[[Any], None]] = []
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, device: Any, owner: type | None = None) -> Any:
        return self if device is None else device.values[self.name]

    def __set__(self, device: Any, value: Any) -> None:
        device.values[self.name] = value

    def on_change(self, method: Method) -> Method:
        """Have the method called after this setting was changed over the wire or by ``*RST``."""
        self.handlers.append(method)
        return method

    def initial(self) -> Any:
        """Return the default, for each suffix if there are any."""
        return self.default if self.suffixes is None else dict.fromkeys(self.suffixes, self.default)

    def commands(self) -> Iterable[Command]:
        """Yield the command and the query."""
        # The text as sent: the setting reads its parameter itself, for clipping is not the parameter's business.
        limit = (Parameter(optional=True),) if isinstance(self.parameter, Number) else ()
        yield Command(self.pattern, True, limit, self._ask, self.source, self.suffixes)
        if not self.read_only:
            yield Command(self.pattern, False, (Parameter(),), self._program, self.source, self.suffixes)

    def _ask(self, device: LabDevice, *arguments: Any) -> str:
        value = device.values[self.name]
        if self.suffixes is not None:
            value, arguments = value[arguments[0]], arguments[1:]
        if arguments and isinstance(self.parameter, Number):  # "FREQ? MAX"
            value = self.parameter.keyword(arguments[0], device)
            if value is None:
                raise ScpiError(-104)
        return self.reply(value)

    def _program(self, device: LabDevice, *arguments: Any) -> None:
        *suffix, text = arguments
        value, clipped = self._read(device, text)
        old = device.values[self.name]
        device.before_change()
        device.values[self.name] = {**old, suffix[0]: value} if suffix else value
        try:
            for handler in self.handlers:
                handler(device)
        except ScpiError:
            device.values[self.name] = old
            raise
        if clipped:
            raise ScpiError(-222, f"Data out of range;value clipped to {clipped} limit")

    def _read(self, device: LabDevice, text: str) -> tuple[Any, str]:
        if not (self.clip and isinstance(self.parameter, Number)):
            return self.parameter.parse(text, device), ""
        value = self.parameter.read(text, device)
        low, high = self.parameter.limits(device)
        return min(max(value, low), high), "upper" if value > high else "lower" if value < low else ""


def setting(
    pattern: str,
    parameter: Parameter | None = None,
    *,
    default: Any,
    source: str,
    unit: str | None = None,
    minimum: float | Callable[[Any], float] | None = None,
    maximum: float | Callable[[Any], float] | None = None,
    integer: bool = False,
    reply: str | Callable[[Any], str] | None = None,
    on_out_of_range: str = "error",
    resets: bool = True,
    read_only: bool = False,
    suffixes: Iterable[int] | None = None,
) -> Setting:
    """Declare a programmed value: ``FREQ x``, ``FREQ?``, and for numbers ``FREQ MAX``, ``FREQ? MAX``.

    Parameters
    ----------
    pattern : str
        The header as the manual prints it.
    parameter : Parameter, optional
        ``Boolean()``, ``Choice(...)``, ``Text()``; a number with the following unit and limits if not given.
    default : object
        Value after power-on and ``*RST``, and what DEF stands for; a number is in ``unit``.
    source : str
        Page of the manual, or "unverified".
    unit : str, optional
        SCPI unit in capitals, as HZ.
    minimum, maximum : float or callable, optional
        Limits in ``unit``; a callable gets the device.
    integer : bool
        Round to a whole number.
    reply : str or callable, optional
        Format of the value in the reply, as ``"{:+.13E}"``, or a function from the value to the text.
    on_out_of_range : {"error", "clip"}
        Keep the old value, or take the nearest limit; error -222 in both cases.
    resets : bool
        Whether ``*RST`` sets the default.
    read_only : bool
        Query only.
    suffixes : iterable of int, optional
        Numbers that the last ``#`` of the pattern may have, each with a value of its own: the attribute is a dict.
    """
    if on_out_of_range not in ("error", "clip"):
        raise ValueError(f"setting '{pattern}': on_out_of_range is '{on_out_of_range}', allowed are 'error' and 'clip'")
    if parameter is None:
        text = reply if isinstance(reply, str) else None
        parameter = Number(unit, minimum, maximum, default, integer=integer, reply=text)
        default = parameter.default
    if isinstance(parameter, Choice) and default not in parameter.words:
        raise ValueError(f"setting '{pattern}': default is '{default}', allowed are {', '.join(parameter.words)}")
    show = reply if callable(reply) else reply.format if reply else parameter.format
    numbers = None if suffixes is None else tuple(suffixes)
    return Setting(pattern, parameter, default, show, on_out_of_range == "clip", resets, read_only, numbers, source)
