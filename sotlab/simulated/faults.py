r"""Faults of a virtual lab, as data: in the bench file's ``faults:`` section, from a test, or over ``LAB:FAULt``.

A fault is a mapping::

    {device: field, kind: no_reply, match: "MEAS:CURR\\?", at: 3600, after: 10, count: 2, probability: 0.01}

``device`` is a device's name in the bench file, or a resource name. What a message does is a fault's business if
``match`` (a regular expression, anywhere in the message, in any case) fits it and the bench time is past ``at`` [s,
since the lab was opened]; ``after`` so many of these pass unharmed, at most ``count`` are hit, each with
``probability``. An event (hang, unplug, trip, ...) for which only ``at`` is given happens at that time by itself.
:data:`KINDS` says what there is; a bench adds faults of its physics by an attribute ``faults``, a mapping from a name
to a function that takes the bench time [s] and the fault's ``arguments``.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sotlab.errors import StationError
from sotlab.simulated.device import LabDevice, Port, Reply

if TYPE_CHECKING:
    from numpy.random import Generator

    from sotlab.simulated.lab import Lab

__all__ = ["KINDS", "Fault", "Faults"]

#: A slow reply comes in pieces, one each so often [s of bench time].
PIECE_S = 0.1


@dataclass
class Fault:
    """One fault of one lab.

    Attributes
    ----------
    entry : dict
        What was asked for.
    hits : int
        How often it has struck.
    """

    entry: dict[str, Any]
    kind: Kind
    devices: tuple[LabDevice, ...]
    pattern: re.Pattern[str]
    from_s: float
    after: int
    count: float
    probability: float
    details: dict[str, Any]
    stream: Generator
    by_itself: bool
    hits: int = field(default=0, init=False)
    _passed: int = field(default=0, init=False)

    def strikes(self, now_s: float) -> bool:
        """Return whether it strikes this time, and count."""
        if now_s < self.from_s or self.hits >= self.count:
            return False
        if self._passed < self.after:
            self._passed += 1
            return False
        if self.probability < 1.0 and self.stream.random() >= self.probability:
            return False
        self.hits += 1
        return True


# --- what a fault does to a reply -----------------------------------------------------------------------------

Replies = list[Reply]


def _lose(fault: Fault, replies: Replies, end: bytes) -> Replies:
    return []


def _delay(fault: Fault, replies: Replies, end: bytes) -> Replies:
    return [Reply(reply.data, reply.ready_at + fault.details["delay_s"], reply.end) for reply in replies]


def _slow_down(fault: Fault, replies: Replies, end: bytes) -> Replies:
    rate = fault.details["bytes_per_s"]
    step = max(round(rate * PIECE_S), 1)
    pieces: Replies = []
    for reply in replies:
        for start in range(0, len(reply.data), step):
            stop = min(start + step, len(reply.data))
            last = stop == len(reply.data)
            pieces.append(Reply(reply.data[start:stop], reply.ready_at + stop / rate, last and reply.end))
    return pieces


def _garble(fault: Fault, replies: Replies, end: bytes) -> Replies:
    changed: Replies = []
    for reply in replies:
        data = bytearray(reply.data)
        position = int(fault.stream.integers(max(len(data) - len(end), 1)))
        data[position] ^= fault.details["mask"] or 1 << int(fault.stream.integers(8))
        changed.append(Reply(bytes(data), reply.ready_at, reply.end))
    return changed


def _cut(fault: Fault, replies: Replies, end: bytes) -> Replies:
    """Keep the beginning of the first reply, without END; what follows it is lost."""
    first, keep = replies[0], fault.details["keep"]
    length = len(first.data) // 2 if keep is None else min(keep, len(first.data) - 1)
    return [Reply(first.data[:length], first.ready_at, end=False)] if length > 0 else []


def _double(fault: Fault, replies: Replies, end: bytes) -> Replies:
    return [*replies, *(Reply(reply.data, reply.ready_at, reply.end) for reply in replies)]


def _replace(fault: Fault, replies: Replies, end: bytes) -> Replies:
    return [Reply(fault.details["text"].encode("latin-1") + end, replies[-1].ready_at)]


# --- what can be asked for ------------------------------------------------------------------------------------


def _float(value: Any) -> float:
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return math.nan


def _number(low: float, high: float = math.inf) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        number = _float(value)
        if not low <= number <= high:
            raise ValueError(f"a number from {low:g}" + (f" to {high:g}" if high < math.inf else ""))
        return number

    return read


def _whole(low: float, high: float = math.inf) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = _float(value)
        if not (low <= number <= high and number.is_integer()):
            allowed = f"from {low:g}" + (f" to {high:g}" if high < math.inf else "") if low > -math.inf else ""
            raise ValueError(f"a whole number {allowed}".strip())
        return int(number)

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isascii():
        raise ValueError("text in ASCII")
    return value


def _regular_expression(value: Any) -> re.Pattern[str]:
    try:
        return re.compile(_text(value), re.IGNORECASE)
    except re.error as problem:
        raise ValueError(f"a regular expression ({problem})") from None


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("a mapping of names to values")
    return {str(name): one for name, one in value.items()}


_REQUIRED = object()


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes
    ----------
    details : dict
        Keys of its own: how each is read, and its default.
    change : callable, optional
        What it does to the replies of a message, for a fault of replies.
    event : str
        Name of the method of :class:`Faults` that lets it happen, for an event.
    first : bool
        An event that comes before the message takes effect, not after.
    match : str
        The messages that it concerns if the entry does not say.
    """

    details: dict[str, tuple[Callable[[Any], Any], Any]] = field(default_factory=dict)
    change: Callable[[Fault, Replies, bytes], Replies] | None = None
    event: str = ""
    first: bool = False
    match: str = ""


#: Every fault of the wire; those of the physics are the bench's.
KINDS: dict[str, Kind] = {
    "no_reply": Kind(change=_lose),
    "late": Kind({"delay_s": (_number(0.0), 5.0)}, change=_delay),
    "slow": Kind({"bytes_per_s": (_number(1e-3), 10.0)}, change=_slow_down),
    "garbled": Kind({"mask": (_whole(1, 255), None)}, change=_garble),
    "truncated": Kind({"keep": (_whole(0), None)}, change=_cut),
    "duplicate": Kind(change=_double),
    "wrong_reply": Kind({"text": (_text, _REQUIRED)}, change=_replace),
    "wrong_idn": Kind({"text": (_text, "UNKNOWN,NONE,SIM0000,0")}, change=_replace, match=r"\*IDN\?"),
    "hang": Kind({"for_s": (_number(0.0), math.inf)}, event="hang", first=True),
    "unplug": Kind({"for_s": (_number(0.0), math.inf)}, event="unplug", first=True),
    "replug": Kind(event="replug"),
    "queue_error": Kind({"code": (_whole(-32768, 32767), -310), "text": (_text, "System error")}, event="queue_error"),
    "trip": Kind(
        {"code": (_whole(-32768, 32767), -300), "text": (_text, "Device-specific error;output tripped")}, event="trip"
    ),
}

_BENCH_KIND = Kind({"arguments": (_mapping, {})}, event="bench_fault")

#: When a fault strikes, with how each is read.
_TRIGGERS: dict[str, Callable[[Any], Any]] = {
    "match": _regular_expression,
    "at": _number(0.0),
    "after": _whole(0),
    "count": _whole(1),
    "probability": _number(0.0, 1.0),
}


#: Triggers that count messages; without any of them an event happens by itself.
_OF_MESSAGES = {"match", "after", "count", "probability"}


class _Moment:
    """The lab as it was at a bench time: an event that nobody looked at happened then, not when it is noticed."""

    def __init__(self, lab: Lab, time_s: float):
        self._lab, self._time_s = lab, time_s
        self.clock = self

    def now(self) -> float:
        return self._time_s

    def before_change(self) -> None:
        self._lab.before_change(self._time_s)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lab, name)


class Faults:
    """The faults of a lab.

    Parameters
    ----------
    lab : Lab
        The lab; its lock is held whenever anything here runs.
    """

    def __init__(self, lab: Lab):
        self._lab = lab
        self._added = 0
        self._faults: list[Fault] = []
        self._events: list[tuple[float, int, Fault]] = []  # a heap: what will happen by itself, and when
        self._hung: dict[LabDevice, float] = {}  # until when [s]
        self._unplugged: dict[LabDevice, float] = {}

    # asking for faults

    def add(self, entry: Mapping[str, Any], where: str = "fault") -> Fault:
        """Add a fault; what is due at once happens at once.

        Parameters
        ----------
        entry : mapping
            See the module's text.
        where : str
            Where the entry stands, for errors.

        Raises
        ------
        StationError
            If the entry has an unknown key, kind or device, or a value that is not allowed.
        """
        with self._lab.lock:
            fault = self._read(entry, where)
            self._faults.append(fault)
            self._added += 1
            if fault.by_itself:
                heapq.heappush(self._events, (max(fault.from_s, self._lab.clock.now()), self._added, fault))
            for device in self._lab.inventory.values():
                device.faults = self
            self.happen()
            return fault

    def clear(self) -> None:
        """Take every fault away: what hung answers again, what was unplugged can be opened again."""
        with self._lab.lock:
            for faults in (self._faults, self._events, self._hung, self._unplugged):
                faults.clear()

    def describe(self) -> list[dict[str, Any]]:
        """Return each fault as it was asked for, with how often it has struck."""
        return [{**fault.entry, "hits": fault.hits} for fault in self._faults]

    def _read(self, entry: Any, where: str) -> Fault:
        if not isinstance(entry, Mapping):
            raise StationError(f"{where}: is '{entry}', a mapping with device and kind is wanted")
        of_bench = self._of_benches()
        name = entry.get("kind")
        if not isinstance(name, str) or not (name in KINDS or name in of_bench):
            raise StationError(f"{where}: kind is '{name}', allowed are {', '.join([*KINDS, *of_bench])}")
        kind = KINDS.get(name, _BENCH_KIND)
        known = ["device", "kind", *_TRIGGERS, *kind.details]
        if unknown := [key for key in entry if key not in known]:
            raise StationError(f"{where}: unknown key '{unknown[0]}'; a fault {name} has {', '.join(known)}")
        by_itself = bool(kind.event) and not _OF_MESSAGES & set(entry)
        devices = self._find(entry, where, needed=name in KINDS or not by_itself)
        if name == "trip" and any("output" not in device.settings for device in devices):
            raise StationError(f"{where}: device '{entry['device']}' has no output that could trip")
        given = {key: _value(entry, key, read, where) for key, read in _TRIGGERS.items() if key in entry}
        details = {key: _value(entry, key, read, where, default) for key, (read, default) in kind.details.items()}
        return Fault(
            entry=dict(entry),
            kind=kind,
            devices=devices,
            pattern=given.get("match") or re.compile(kind.match, re.IGNORECASE),
            from_s=self._lab.start_s + given.get("at", 0.0),
            after=given.get("after", 0),
            count=given.get("count", 1 if kind.event else math.inf),
            probability=given.get("probability", 1.0),
            details=details,
            stream=self._lab.rng(f"fault.{self._added}"),
            by_itself=by_itself,
        )

    def _find(self, entry: Mapping[str, Any], where: str, *, needed: bool) -> tuple[LabDevice, ...]:
        if "device" not in entry and not needed:
            return ()
        name, inventory = entry.get("device"), self._lab.inventory
        devices = tuple(device for resource, device in inventory.items() if name in (device.name, resource))
        if not devices:
            names = dict.fromkeys(device.name for device in inventory.values())
            raise StationError(f"{where}: device is '{name}', allowed are {', '.join(names)} or a resource name")
        return devices

    # letting them happen

    def happen(self) -> None:
        """Let the events happen that are due by now, each at its own time."""
        while self._events and self._events[0][0] <= self._lab.clock.now():
            time_s, _, fault = heapq.heappop(self._events)
            fault.hits += 1
            for device in fault.devices or (None,):
                self._strike(fault, device, time_s)

    def _strike(self, fault: Fault, device: LabDevice | None, time_s: float) -> None:
        getattr(self, fault.kind.event)(fault, device, time_s)

    def reachable(self, devices: dict[str, LabDevice]) -> dict[str, LabDevice]:
        """Return those of the devices that are plugged in."""
        self.happen()
        now_s = self._lab.clock.now()
        out = [device for device, until_s in self._unplugged.items() if now_s < until_s]
        return {name: device for name, device in devices.items() if device not in out} if out else devices

    def execute(self, port: Port, message: str) -> None:
        """Run a message as the faults leave it."""
        device, now_s = port.device, self._lab.clock.now()
        concerned = [
            one for one in self._faults if not one.by_itself and device in one.devices and one.pattern.search(message)
        ]
        for fault in concerned:
            if fault.kind.event and fault.kind.first and fault.strikes(now_s):
                self._strike(fault, device, now_s)
        if port.lost:
            return
        port.robbed = now_s < self._hung.get(device, -math.inf)
        if port.robbed:
            return
        older = list(port.replies)
        device.execute(port, message)
        replies = [reply for reply in port.replies if not any(reply is old for old in older)]
        for fault in concerned:
            if fault.kind.change is not None and replies and fault.strikes(now_s):
                for _ in replies:
                    port.replies.pop()
                replies = fault.kind.change(fault, replies, device.response_end)
                port.replies.extend(replies)
                port.robbed = not (replies and replies[-1].end)
        for fault in concerned:
            if fault.kind.event and not fault.kind.first and fault.strikes(now_s):
                self._strike(fault, device, now_s)

    # the events

    def hang(self, fault: Fault, device: LabDevice, time_s: float) -> None:
        """Let the device take nothing in and answer nothing."""
        self._hung[device] = time_s + fault.details["for_s"]
        for port in device.ports:
            port.replies.clear()
            port.robbed = True

    def unplug(self, fault: Fault, device: LabDevice, time_s: float) -> None:
        """Pull the device's plug: its sessions are lost for good."""
        self._unplugged[device] = time_s + fault.details["for_s"]
        for port in device.ports:
            port.lost = True
            port.replies.clear()

    def replug(self, fault: Fault, device: LabDevice, time_s: float) -> None:
        """Put the plug in again: the device can be opened anew, and is as it was."""
        self._unplugged.pop(device, None)

    def queue_error(self, fault: Fault, device: LabDevice, time_s: float) -> None:
        """Put an entry into the device's error queue."""
        device.error(fault.details["code"], fault.details["text"])

    def trip(self, fault: Fault, device: LabDevice, time_s: float) -> None:
        """Let the device's output go off by itself, with an entry in its error queue."""
        output, lab = device.settings["output"], device.lab
        device.lab = _Moment(self._lab, time_s)
        try:
            device.before_change()
            device.values["output"] = False if output.suffixes is None else dict.fromkeys(output.suffixes, False)
            for handler in output.handlers:
                handler(device)
        finally:
            device.lab = lab
        device.error(fault.details["code"], fault.details["text"])

    def bench_fault(self, fault: Fault, device: LabDevice | None, time_s: float) -> None:
        """Let the bench's own fault happen."""
        self._lab.before_change(time_s)
        happen = self._of_benches()[fault.entry["kind"]]
        happen(time_s, **fault.details["arguments"])

    def _of_benches(self) -> dict[str, Callable[..., None]]:
        """Return the faults of the physics; where two benches know a name, those of the second are "name@bench"."""
        found: dict[str, Callable[..., None]] = {}
        for name, bench in self._lab.benches.items():
            for kind, happen in (getattr(bench, "faults", None) or {}).items():
                found[kind if kind not in found else f"{kind}@{name}"] = happen
        return found


def _value(entry: Mapping[str, Any], key: str, read: Callable[[Any], Any], where: str, default: Any = None) -> Any:
    """Return an entry's value, or its default."""
    if key not in entry:
        if default is _REQUIRED:
            raise StationError(f"{where}: a fault {entry['kind']} needs '{key}'")
        return default
    try:
        return read(entry[key])
    except ValueError as problem:
        raise StationError(f"{where}: {key} is '{entry[key]}', {problem} is wanted") from None
