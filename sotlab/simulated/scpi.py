"""The SCPI and IEEE 488.2 grammar: messages, headers, parameters and error numbers.

Nothing here knows a device. Text is what came over the wire decoded as latin-1, so that a character is a byte and
binary blocks pass unharmed.

References: IEEE 488.2-1992 chapters 6 and 7; SCPI-1999 volume 1 chapters 5 to 7, volume 2 chapter 21 (error numbers).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation, Overflow
from itertools import product
from typing import Any, Generic, TypeVar

__all__ = [
    "ERROR_TEXT",
    "Block",
    "Boolean",
    "ChannelList",
    "Choice",
    "Number",
    "Parameter",
    "ScpiError",
    "Text",
    "Tree",
    "split_header",
    "split_lines",
    "split_outside_data",
    "split_parameters",
]

#: SCPI-1999 volume 2, 21.8: the standard texts of the error numbers that are raised here or by the models.
ERROR_TEXT = {
    0: "No error",
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -131: "Invalid suffix",
    -138: "Suffix not allowed",
    -151: "Invalid string data",
    -161: "Invalid block data",
    -200: "Execution error",
    -211: "Trigger ignored",
    -213: "Init ignored",
    -221: "Settings conflict",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -350: "Queue overflow",
    -400: "Query error",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
}


class ScpiError(Exception):
    """An error that goes into the device's error queue; never seen by the program at the other end.

    Parameters
    ----------
    code : int
        SCPI error number; its hundreds decide the event status bit.
    text : str, optional
        What the queue shows; the standard text of the number if not given.
    """

    def __init__(self, code: int, text: str | None = None):
        super().__init__(code, text)
        self.code = code
        self.text = ERROR_TEXT.get(code, "Device-specific error") if text is None else text


# --- messages -------------------------------------------------------------------------------------------------

_DATA_START = r"""["']|#[0-9]"""


def split_outside_data(text: str, separators: str, *, lines_end_strings: bool = False) -> Iterator[str]:
    """Split at any of the separators, but not inside quoted strings or ``#15hello`` blocks.

    Parameters
    ----------
    text : str
        What is to be split.
    separators : str
        Characters to split at.
    lines_end_strings : bool
        Let a line feed end a string that lacks its closing quote, as it ends every message.
    """
    pattern = re.compile(f"[{re.escape(separators)}]|{_DATA_START}")
    start = position = 0
    while (match := pattern.search(text, position)) is not None:
        token = match[0]
        if token in separators:
            yield text[start : match.start()]
            start = position = match.end()
        elif token[0] == "#":
            position = _block_end(text, match.start())
        else:
            closing = text.find(token, match.end())
            line_feed = text.find("\n", match.end()) if lines_end_strings else -1
            if closing < 0 or 0 <= line_feed < closing:
                closing = line_feed - 1 if line_feed >= 0 else len(text)
            position = closing + 1
    yield text[start:]


def split_parameters(text: str) -> list[str]:
    """Split parameters at their commas, but not inside strings, blocks and expressions such as ``(@101,203)``."""
    parts: list[str] = []
    depth = 0
    for part in split_outside_data(text, ","):
        if depth > 0:
            parts[-1] += f",{part}"
        else:
            parts.append(part)
        if "(" in part or ")" in part:
            depth += part.count("(") - part.count(")") if part.lstrip()[:1] not in "\"'#" else 0
    return [part.strip() for part in parts]


def _block_end(text: str, start: int) -> int:
    """Return where the block that starts at ``start`` ends: ``#15hello`` after its 5 bytes, ``#0...`` at the end."""
    digits = int(text[start + 1])
    length = text[start + 2 : start + 2 + digits]
    if digits == 0 or not length.isdecimal():
        return len(text)
    return min(len(text), start + 2 + digits + int(length))


def split_lines(text: str) -> tuple[list[str], str]:
    """Split what arrived into complete messages (each ended by LF, CR or CRLF) and the unfinished rest."""
    *complete, rest = split_outside_data(text, "\r\n", lines_end_strings=True)
    return [message for message in complete if message], rest


_HEADER = re.compile(r"\s*([*:]?[A-Za-z_][\w:]*)\s*(\??)\s*(.*?)\s*\Z", re.DOTALL)


def split_header(unit: str) -> tuple[str, str]:
    """Split a message unit into its header, in capitals and with its question mark, and its parameters.

    Raises
    ------
    ScpiError
        -102 if it does not begin with a header.
    """
    match = _HEADER.match(unit)
    if match is None:
        raise ScpiError(-102)
    header, mark, parameters = match.groups()
    return header.upper() + mark, parameters


# --- headers --------------------------------------------------------------------------------------------------

_GROUP = re.compile(r"\[([^\]]+)\]|:?([^:\[\]]+)")


def _spellings(node: str) -> list[str]:
    """Return the long and the short form of a node: FREQuency -> FREQUENCY, FREQ."""
    return list(dict.fromkeys((node.upper(), re.sub("[a-z]", "", node))))


def expand(pattern: str) -> Iterator[str]:
    """Yield every header that a pattern allows, in capitals, with ``#`` where a number may follow.

    Parameters
    ----------
    pattern : str
        As manuals print it: ``[SOURce]:FREQuency[:CW|:FIXed]``; capitals are the short form, brackets are optional,
        a bar parts alternatives, ``#`` stands where a number may follow.
    """
    choices: list[list[str]] = []
    for optional, needed in _GROUP.findall(pattern):
        nodes = [node.strip(":") for node in (optional or needed).split("|")]
        spelt = []
        for node in nodes:  # a bracket may hold several nodes: [:LEVel:IMMediate]
            parts = [_spellings(part) for part in node.split(":")]
            spelt.extend(":".join(combination) for combination in product(*parts))
        choices.append([*spelt, ""] if optional else spelt)
    for combination in product(*choices):
        yield ":".join(node for node in combination if node)


Target = TypeVar("Target")


class Tree(Generic[Target]):
    """Headers in all their spellings, found by one look into a dictionary.

    Examples
    --------
    >>> tree = Tree()
    >>> tree.add("[SOURce]:FREQuency[:CW|:FIXed]", "frequency")
    >>> tree.find("SOUR:FREQ:CW", "")
    ('frequency', (), 'SOUR:FREQ')
    """

    #: Spellings as sent that are remembered: enough for any driver, bounded against a program that sends anything.
    REMEMBERED = 1000

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}
        self._found: dict[tuple[str, str], tuple[Target, tuple[int, ...], str]] = {}

    def add(self, pattern: str, target: Target, *, query: bool = False) -> None:
        """Add a pattern; ``query`` for the header with a question mark. The later of two equal headers counts."""
        mark = "?" if query else ""
        for header in expand(pattern):
            self._targets[header + mark] = target
        self._found.clear()

    def find(self, header: str, path: str) -> tuple[Target, tuple[int, ...], str]:
        """Look up a header sent in capitals.

        Parameters
        ----------
        header : str
            With its question mark, if any, and its leading colon, if any.
        path : str
            Where a header without leading colon starts: what the previous unit of the same message left.

        Returns
        -------
        target, suffixes, path
            Suffixes are the numbers of the ``#`` nodes that were sent, in order, 1 where the number was left out.
            The path is the one for the next unit; common commands leave it as it was.

        Raises
        ------
        ScpiError
            -113 if there is no such header.
        """
        try:
            return self._found[header, path]
        except KeyError:
            pass
        found = self._search(header, path)
        if len(self._found) < self.REMEMBERED:
            self._found[header, path] = found
        return found

    def _search(self, header: str, path: str) -> tuple[Target, tuple[int, ...], str]:
        if header.startswith("*"):
            full, next_path = header, path
        else:
            full = header[1:] if header.startswith(":") else f"{path}:{header}" if path else header
            next_path = full.rpartition(":")[0]
        if full in self._targets:
            return self._targets[full], (), next_path
        # A node that ends in a number, or in none where the pattern has "#" (then it means 1).
        nodes = [re.fullmatch(r"(.*?)(\d*)(\??)", node, re.DOTALL) for node in full.split(":")]
        options = [[(m[0], None), (f"{m[1]}#{m[3]}", int(m[2] or 1))] for m in nodes if m is not None]
        for combination in product(*options):
            key = ":".join(spelt for spelt, _ in combination)
            if key in self._targets:
                return self._targets[key], tuple(n for _, n in combination if n is not None), next_path
        raise ScpiError(-113)


# --- parameters -----------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:\s?[eE]\s?[+-]?\d+)?)\s*([A-Za-z%/]*)\Z")
_NON_DECIMAL = re.compile(r"#(?:[hH]([0-9A-Fa-f]+)|[qQ]([0-7]+)|[bB]([01]+))\Z")

#: Multipliers of a unit, IEEE 488.2 table 7-1; MHZ and MOHM are mega, not milli.
_MULTIPLIERS = {"": 0, "MA": 6, "G": 9, "K": 3, "M": -3, "U": -6, "N": -9, "P": -12}
_DEG_RAD = Decimal(repr(math.pi / 180))
_UNITS: dict[str, dict[str, Decimal]] = {
    "DEG": {"DEG": Decimal(1), "RAD": 1 / _DEG_RAD},
    "RAD": {"RAD": Decimal(1), "DEG": _DEG_RAD, "MRAD": Decimal("1e-3")},
    "DBM": {"DBM": Decimal(1), "DB": Decimal(1)},
    "PCT": {"PCT": Decimal(1), "%": Decimal(1)},
}


def _suffixes(unit: str) -> dict[str, Decimal]:
    """Return the suffixes that a unit allows with their factors."""
    if unit not in _UNITS:
        table = {prefix + unit: Decimal(1).scaleb(power) for prefix, power in _MULTIPLIERS.items()}
        if unit in ("HZ", "OHM"):
            table["M" + unit] = Decimal("1e6")
        if unit == "VP":  # peak volts may also be sent as volts
            table |= _suffixes("V")
        _UNITS[unit] = table
    return _UNITS[unit]


Limit = float | Callable[[Any], float] | None

#: SCPI-1999 volume 1, 7.2.1: 9.9E37 stands for infinity and 9.91E37 for not a number, so a number is no larger; one
#: that is smaller than this is 0, as where numbers are kept in single precision.
LARGEST, SMALLEST = 9.9e37, 1e-37


class Parameter:
    """One parameter of a command, taken as it was sent; the other classes here read what it means.

    Parameters
    ----------
    optional : bool
        May be left out.
    """

    def __init__(self, *, optional: bool = False):
        self.optional = optional

    def parse(self, text: str, device: Any) -> Any:
        """Return the value that the text means; ``device`` is there for limits that depend on its state."""
        return text

    def format(self, value: Any) -> str:
        """Return the value as the device would send it."""
        return str(value)


class Number(Parameter):
    """A number, with a unit where the parameter has one, or MIN, MAX, DEF.

    Parameters
    ----------
    unit : str or None
        SCPI unit in capitals: HZ, V, VP, A, S, DBM, DEG, RAD, OHM, ... Text without a suffix is in this unit.
    minimum, maximum : float or callable or None
        Limits in that unit; a callable gets the device and returns the limit.
    default : float or None
        What DEF stands for.
    integer : bool
        Round to the nearest whole number, as SCPI asks (1999 volume 1, 7.2.1).
    optional : bool
        May be left out.
    reply : str
        Format of the value in replies.
    """

    def __init__(
        self,
        unit: str | None = None,
        minimum: Limit = None,
        maximum: Limit = None,
        default: float | None = None,
        *,
        integer: bool = False,
        optional: bool = False,
        reply: str | None = None,
    ):
        super().__init__(optional=optional)
        self.unit, self.minimum, self.maximum, self.integer = unit, minimum, maximum, integer
        self.default = round(default) if integer and default is not None else default
        self.reply = reply or ("{:d}" if integer else "{:.6E}")

    def parse(self, text: str, device: Any) -> float:
        """Return the value in the parameter's unit.

        Raises
        ------
        ScpiError
            -104 not a number, -131 wrong unit, -138 a unit where none belongs, -222 outside the limits, or of anything.
        """
        value = self.read(text, device)
        low, high = self.limits(device)
        if not low <= value <= high:
            raise ScpiError(-222)
        return value

    def read(self, text: str, device: Any) -> float:
        """Return the value in the parameter's unit without looking at the limits."""
        value = self.keyword(text, device)
        if value is not None:
            return value
        try:
            if (match := _NON_DECIMAL.match(text)) is not None:
                bases = zip(match.groups(), (16, 8, 2), strict=True)
                value = float(next(int(digits, base) for digits, base in bases if digits))
            elif (match := _NUMBER.match(text)) is not None:
                value = self._scaled(match[1].replace(" ", ""), match[2].upper())
            else:
                raise ScpiError(-104)
            if not abs(value) <= LARGEST:
                raise ScpiError(-222)
            return round(value) if self.integer else value if abs(value) >= SMALLEST else 0.0
        except OverflowError:  # 1e400 as a whole number, or more digits than a float can hold
            raise ScpiError(-222) from None

    def _scaled(self, number: str, suffix: str) -> float:
        if not suffix:
            return float(number)
        if self.unit is None:
            raise ScpiError(-138)
        factor = _suffixes(self.unit).get(suffix)
        if factor is None:
            raise ScpiError(-131)
        try:
            return float(Decimal(number) * factor)  # decimal, so that 9.123456789 GHZ keeps all its digits
        except Overflow:  # an exponent beyond all bounds
            raise ScpiError(-222) from None
        except InvalidOperation:
            raise ScpiError(-104) from None

    def keyword(self, text: str, device: Any) -> float | None:
        """Return what MIN, MAX or DEF stand for, None for any other text."""
        name = text.upper()
        if name not in ("MIN", "MINIMUM", "MAX", "MAXIMUM", "DEF", "DEFAULT"):
            return None
        low, high = self.limits(device)
        value = {"MI": low, "MA": high, "DE": self.default}[name[:2]]
        if value is None or math.isinf(value):
            raise ScpiError(-224)
        return round(value) if self.integer else value

    def limits(self, device: Any) -> tuple[float, float]:
        """Return both limits, infinite where there is none."""
        low = self.minimum(device) if callable(self.minimum) else self.minimum
        high = self.maximum(device) if callable(self.maximum) else self.maximum
        return -math.inf if low is None else low, math.inf if high is None else high

    def format(self, value: float) -> str:
        """Return the value in the device's format."""
        return self.reply.format(value)


class Boolean(Parameter):
    """ON, OFF or a number (0 is off); sent back as 1 or 0."""

    def parse(self, text: str, device: Any) -> bool:
        """Return True for ON and any number that rounds to non-zero; -104 for other text."""
        if text in ("1", "0"):
            return text == "1"
        name = text.upper()
        if name in ("ON", "OFF"):
            return name == "ON"
        try:
            return round(float(text)) != 0
        except (ValueError, OverflowError):
            raise ScpiError(-104) from None

    def format(self, value: bool) -> str:
        """Return 1 or 0."""
        return "1" if value else "0"


class Choice(Parameter):
    """One of several words, long or short, any case; the value and the reply are the short form.

    Parameters
    ----------
    words : str
        As manuals print them: ``"SINusoid", "SQUare"``.
    optional : bool
        May be left out.
    """

    def __init__(self, *words: str, optional: bool = False):
        super().__init__(optional=optional)
        self.words = tuple(_spellings(word)[-1] for word in words)
        self._short = {spelt: _spellings(word)[-1] for word in words for spelt in _spellings(word)}

    def parse(self, text: str, device: Any) -> str:
        """Return the short form; -224 for a word that is none of these, -104 for what is no word."""
        try:
            return self._short[text.strip("\"'").upper()]
        except KeyError:
            raise ScpiError(-224 if text[:1].isalpha() or text[:1] in "\"'" else -104) from None

    def format(self, value: str) -> str:
        """Return the short form."""
        return value


class Text(Parameter):
    """A quoted string; without quotes what stands there, as several instruments accept."""

    def parse(self, text: str, device: Any) -> str:
        """Return the text without its quotes; -151 if the closing one is missing."""
        if text[:1] in ('"', "'"):
            quote = text[0]
            if len(text) < 2 or text[-1] != quote:
                raise ScpiError(-151)
            return text[1:-1].replace(quote * 2, quote)
        return text

    def format(self, value: str) -> str:
        """Return the text in double quotes."""
        return '"' + value.replace('"', '""') + '"'


class ChannelList(Parameter):
    """A channel list, ``(@101,203)`` or ``(@101:104)``; the value is a list of numbers, in the order sent.

    The device says by ``channels`` which there are. SCPI-1999 volume 1, 8.3.2.
    """

    def parse(self, text: str, device: Any) -> list[int]:
        """Return the channels; -104 for what is no list, -222 for a channel that is not there."""
        if not re.fullmatch(r"\(\s*@[\d\s,:]+\)", text):
            raise ScpiError(-104)
        found: list[int] = []
        for part in text.strip("(@ )").split(","):
            ends = re.fullmatch(r"\s*(\d{1,6})\s*(?::\s*(\d{1,6})\s*)?", part)
            if ends is None:
                raise ScpiError(-104)
            first, last = int(ends[1]), int(ends[2] or ends[1])
            if first not in device.channels or last not in device.channels or last < first:
                raise ScpiError(-222)
            found += [channel for channel in device.channels if first <= channel <= last]
        return found

    def format(self, value: list[int]) -> str:
        """Return the channels as a list."""
        return f"(@{','.join(map(str, value))})"


class Block(Parameter):
    """A definite or indefinite binary block, ``#15hello`` or ``#0hello``; the value is bytes."""

    def parse(self, text: str, device: Any) -> bytes:
        """Return the block's content; -161 if it is shorter or longer than it says."""
        if not re.match(r"#[0-9]", text):
            raise ScpiError(-104)
        digits = int(text[1])
        if digits == 0:
            return text[2:].encode("latin-1")
        length, content = text[2 : 2 + digits], text[2 + digits :]
        if not length.isdecimal() or int(length) != len(content):
            raise ScpiError(-161)
        return content.encode("latin-1")

    def format(self, value: bytes) -> str:
        """Return a definite block."""
        length = str(len(value))
        return f"#{len(length)}{length}{value.decode('latin-1')}"
