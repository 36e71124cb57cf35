"""The instrument LAB: a virtual lab's own controls, for programs in any language at the other end of a socket.

It tells what every actuator does now, never what the sample is like. A bench file may have one too:
``class: sotlab.simulated.control:LabControl``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sotlab.errors import StationError
from sotlab.simulated.clock import VirtualClock
from sotlab.simulated.device import ScpiDevice, command, query
from sotlab.simulated.lab import Lab
from sotlab.simulated.scpi import Block, Number, Parameter, ScpiError, Text

__all__ = ["LabControl", "actuators"]

PAGE = "docs/virtual_lab.md"


class JsonObject(Parameter):
    """A JSON object in a quoted string or a block."""

    def parse(self, text: str, device: Any) -> dict[str, Any]:
        """Return the object; -224 if the text is no JSON object."""
        content = Block().parse(text, device).decode("latin-1") if text[:1] == "#" else Text().parse(text, device)
        try:
            value = json.loads(content)
        except ValueError as problem:
            raise ScpiError(-224, f"Illegal parameter value;no JSON: {problem}") from None
        if not isinstance(value, dict):
            raise ScpiError(-224, "Illegal parameter value;no JSON object")
        return value


class LabControl(ScpiDevice):
    """The controls of the lab that it stands in."""

    manufacturer: ClassVar[str] = "sotlab"
    model: ClassVar[str] = "LAB"
    version: ClassVar[str] = "1.0"

    @query("LAB:CLOCK", source=PAGE)
    def time(self) -> str:
        """Return the bench time since the lab was opened [s]."""
        return f"{self.lab.clock.now() - self.lab.start_s:.6f}"

    @command("LAB:CLOCK:ADVance", Number("S", minimum=0.0, maximum=1e9), source=PAGE)
    def advance(self, seconds: float) -> None:
        """Let virtual time pass; -221 where time passes by itself."""
        if not isinstance(self.lab.clock, VirtualClock):
            raise ScpiError(-221, "Settings conflict;the clock runs by itself, serve with clock=virtual")
        self.lab.clock.cost(seconds)
        self.lab.faults.happen()

    @command("LAB:FAULt", JsonObject(), source=PAGE)
    def add_fault(self, entry: dict[str, Any]) -> None:
        """Add a fault, as in a bench file; -224 with what is wrong about it."""
        try:
            self.lab.faults.add(entry)
        except StationError as problem:
            raise ScpiError(-224, f"Illegal parameter value;{problem}".replace('"', "'")) from None

    @query("LAB:FAULt", source=PAGE)
    def list_faults(self) -> str:
        """Return the faults as a JSON list, each with how often it has struck."""
        self.lab.faults.happen()
        return json.dumps(self.lab.faults.describe())

    @command("LAB:FAULt:CLEar", source=PAGE)
    def clear_faults(self) -> None:
        """Take all faults away."""
        self.lab.faults.clear()

    @query("LAB:STATe", source=PAGE)
    def state(self) -> str:
        """Return :func:`actuators` as JSON on one line."""
        self.lab.faults.happen()
        return json.dumps(actuators(self.lab))


def actuators(lab: Lab) -> dict[str, Any]:
    """Return what every actuator does now.

    ``time_s``, ``devices`` (by name: model, resource, whether it is plugged in, its settings as programmed), and under
    ``bench`` what follows from them: what the bench's method ``actuators(time_s)`` tells.
    """
    now_s, reachable = lab.clock.now(), lab.devices
    devices: dict[str, Any] = {}
    for resource, device in lab.inventory.items():
        key = device.name if device.name not in devices else f"{device.name} {resource}"
        devices[key] = {
            "model": device.model,
            "resource": resource,
            "plugged_in": resource in reachable,
            "settings": device.values,
        }
    return _plain({"time_s": now_s - lab.start_s, "devices": devices, "bench": lab.actuators()})


def _plain(value: Any) -> Any:
    """Return the value as JSON has it: names as text, no infinities, other things as their text."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (bool, int, str, type(None))):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
