"""Instruments that answer as others did when their traffic was written down: ``TRACE.jsonl@sotlab``.

A trace is JSON, one object a line, with ``t`` [s], ``resource``, ``direction`` (``open``, ``write``, ``read``,
``error``) and ``text`` or ``base64``. What follows a message up to the next one is its answer, and comes as late as it
came. A message that was said several times is answered as it was in turn, after the last time as then. A message that
was never said gets no answer.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sotlab.errors import StationError
from sotlab.simulated.device import LabDevice, Port, Reply

__all__ = ["ReplayedDevice", "read_trace"]


@dataclass
class Exchange:
    """A message, and what came back."""

    message: str
    time_s: float
    answers: list[tuple[float, bytes]] = field(default_factory=list)  # delay [s], bytes
    in_pieces: bool = False  # the last answer was read as bytes: what follows belongs to it


@dataclass
class Recorded:
    """What was said with one resource."""

    role: str = ""
    ending: bytes = b"\n"
    exchanges: list[Exchange] = field(default_factory=list)


class ReplayedDevice(LabDevice):
    """A device that knows only what was recorded."""

    model = "replayed"

    def __init__(self, name: str, recorded: Recorded):
        super().__init__(name)
        self._recorded = recorded
        self._next = 0

    def power_on(self) -> None:
        """Begin at the beginning."""
        self._next = 0

    def execute(self, port: Port, message: str) -> None:
        """Answer as it was answered then."""
        exchanges = self._recorded.exchanges
        order = [*range(self._next, len(exchanges)), *range(self._next - 1, -1, -1)]
        found = next((k for k in order if exchanges[k].message == message.strip("\r\n")), None)
        if found is None:
            self.error(-113)
            return
        self._next = max(self._next, found + 1)
        now_s = self.lab.clock.now()
        for delay_s, data in exchanges[found].answers:
            port.replies.append(Reply(data, now_s + delay_s))


def read_trace(path: Path) -> dict[str, ReplayedDevice]:
    """Return the devices of a trace, by resource name.

    Raises
    ------
    StationError
        If the file is no trace; the line is named.
    """
    recorded: dict[str, Recorded] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StationError(f"trace {path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            one = recorded.setdefault(entry["resource"], Recorded(role=str(entry.get("role", ""))))
            _add(one, entry)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if number == len(lines):
                break  # the line that a killed program did not finish
            raise StationError(f"trace {path}: line {number} is no entry of a trace: {error}") from error
    if not recorded:
        raise StationError(f"trace {path}: nothing is written in it")
    return {
        resource: ReplayedDevice(one.role or f"device{k}", one) for k, (resource, one) in enumerate(recorded.items())
    }


def _add(recorded: Recorded, entry: dict[str, Any]) -> None:
    text = entry.get("text", "")
    data = base64.b64decode(entry["base64"]) if "base64" in entry else text.encode("latin-1")
    direction, time_s = entry["direction"], float(entry["t"])
    if direction == "open":
        recorded.ending = data or b"\n"
    elif direction == "write":
        recorded.exchanges.append(Exchange(data.decode("latin-1").strip("\r\n"), time_s))
    elif direction == "read" and recorded.exchanges:
        last = recorded.exchanges[-1]
        delay_s = time_s - last.time_s
        if "base64" not in entry:
            last.answers.append((delay_s, data + recorded.ending))
        elif last.in_pieces:
            first_s, before = last.answers[-1]
            last.answers[-1] = first_s, before + data
        else:
            last.answers.append((delay_s, data))
        last.in_pieces = "base64" in entry
