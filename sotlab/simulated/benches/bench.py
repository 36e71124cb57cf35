"""What benches have in common: who must be told of a change, what can go wrong, and how their sections are read.

A bench is what the instruments of one experiment are wired to: sample, magnet, leads. An instrument knows it as
``self.bench`` and asks it by the names that stand at the top of each model's file. A bench class has

    __init__(lab, streams, noise)    the bench file's ``lab:`` section (numbers arrive as text), a function that gives
                                     the random stream of a name, and whether anything random is there at all
    faults                           what can go wrong in its physics: name -> function of the bench time [s]
    actuators(t_s)                   what every actuator does now; never what the sample is like
    truth(**settings)                what a measurement should find; settings that are not its own are ignored
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sotlab.errors import StationError
from sotlab.simulated.yaml_text import read_yaml

__all__ = ["Bench", "Streams", "number", "read_sample", "section", "shipped_samples"]

#: Gives the random stream of a name; the same name always gives the same numbers, whatever else is drawn.
Streams = Callable[[str], np.random.Generator]


class Bench:
    """Base of the benches; alone it is a bench that nothing is wired to."""

    def __init__(self) -> None:
        self._watching: list[Callable[[float], None]] = []
        #: What can go wrong in the physics: name -> function of the bench time and of the fault's ``arguments``.
        self.faults: dict[str, Callable[..., None]] = {}

    def watch(self, catch_up: Callable[[float], None]) -> None:
        """Keep a function that is called with the bench time before anything changes: a detector that integrates."""
        self._watching.append(catch_up)

    def before_change(self, t_s: float) -> None:
        """Let every detector follow what was, up to ``t_s``; called before an actuator changes."""
        for catch_up in self._watching:
            catch_up(t_s)

    def actuators(self, t_s: float) -> dict[str, Any]:
        """Return what every actuator does now, by name."""
        return {}

    def truth(self, **settings: Any) -> dict[str, dict[str, Any]]:
        """Return ``{name: {"value", "unit"}}`` of what a measurement should find; no instrument can ask for it."""
        return {}


def section(
    lab: Mapping[str, Any],
    name: str,
    defaults: Mapping[str, float],
    *,
    positive: Iterable[str] = (),
    signed: Iterable[str] = (),
) -> dict[str, float]:
    """Return the numbers of one section of a bench file over their defaults.

    Parameters
    ----------
    lab : mapping
        The ``lab:`` section.
    name : str
        Of the section in it.
    defaults : mapping
        What may stand there, with what holds where it says nothing.
    positive, signed : iterable of str
        What must be above 0, and what may be negative; everything else must be 0 or above.

    Raises
    ------
    StationError
        If a key is unknown or a value is no number or not allowed.
    """
    given, where = lab.get(name) or {}, f"lab section, {name}"
    if not isinstance(given, Mapping):
        raise StationError(f"{where}: is '{given}', a table of {', '.join(defaults)} is wanted")
    if unknown := sorted(set(given) - set(defaults)):
        raise StationError(f"{where}: unknown key '{unknown[0]}'; known are {', '.join(defaults)}")
    values = dict(defaults) | {key: number(where, key, value) for key, value in given.items()}
    for key, value in values.items():
        if key in positive and not value > 0.0:
            raise StationError(f"{where}: {key} is {value:g}, it must be above 0")
        if value < 0.0 and key not in signed:
            raise StationError(f"{where}: {key} is {value:g}, it must be 0 or above")
    return values


def number(where: str, key: str, value: Any) -> float:
    """Return a value of a bench file as a finite float, or raise StationError naming it."""
    try:
        found = float(value)  # a bench file's numbers arrive as text
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise StationError(f"{where}: {key} is '{value}', a number is wanted")
    return found


def read_sample(name: str) -> dict[str, Any]:
    """Return what a sample file says: a shipped one by its name, or any other file.

    Raises
    ------
    StationError
        If there is no such file, or it is no table.
    """
    shipped = resources.files("sotlab.simulated") / "samples" / name
    source = shipped if shipped.is_file() else Path(name)
    if not source.is_file():
        raise StationError(f"sample '{name}' not found; shipped are {', '.join(shipped_samples())}, or give a file")
    try:
        values = read_yaml(source.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise StationError(f"sample {name}: not readable as YAML: {error}") from error
    if not isinstance(values, dict):
        raise StationError(f"sample {name}: 'name: value' lines are wanted, as in the shipped samples")
    return values


def shipped_samples() -> list[str]:
    """Return the names of the sample files that come with sotlab."""
    folder = resources.files("sotlab.simulated") / "samples"
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
