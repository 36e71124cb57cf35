"""A first station file from what VISA finds: who answers, which driver is for it, what the operator must fill in."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pyvisa
from pyvisa.constants import InterfaceType
from pyvisa.errors import Error as VisaError

from sotlab.errors import SotlabError, StationError
from sotlab.instruments.driver import Driver

__all__ = ["Found", "survey", "write_station"]

#: How long an instrument may take to say who it is [s].
PATIENCE_S = 1.0


@dataclass(frozen=True)
class Found:
    """What is at one address: who it says it is, and the installed driver for it; or why it is not known."""

    resource: str
    identity: str = ""
    driver: str = ""
    role: str = ""
    problem: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return asdict(self)


def survey(visa_library: str) -> list[Found]:
    """Ask every instrument that VISA lists ``*IDN?``; serial lines are listed only, since a question may disturb them.

    Raises
    ------
    StationError
        If the VISA library cannot be opened.
    """
    try:
        manager = pyvisa.ResourceManager(visa_library)
    except SotlabError:
        raise
    except Exception as error:  # each backend fails in its own way
        raise StationError(
            f"VISA library '{visa_library}' cannot be opened: {error}; '@py' is the pure Python one"
        ) from error
    drivers = [(entry.name, entry.load()) for entry in entry_points(group="sotlab.drivers")]
    try:
        return [_ask(manager, resource, drivers) for resource in manager.list_resources("?*")]
    finally:
        if not manager.list_opened_resources():
            manager.close()


def _ask(manager: pyvisa.ResourceManager, resource: str, drivers: list[tuple[str, type[Driver]]]) -> Found:
    if manager.resource_info(resource).interface_type is InterfaceType.asrl:
        return Found(resource, problem="a serial line: not asked")
    try:
        session: Any = manager.open_resource(resource, timeout=int(1000 * PATIENCE_S))
    except VisaError as error:
        return Found(resource, problem=f"cannot be opened: {_one_line(error)}")
    try:
        session.read_termination = session.write_termination = "\n"
        identity = str(session.query("*IDN?")).strip()
    except (VisaError, UnicodeDecodeError) as error:
        return Found(resource, problem=f"does not say who it is: {_one_line(error)}")
    finally:
        session.close()
    for name, driver in drivers:
        if driver.identity and driver.is_for(identity):
            return Found(resource, identity, name, driver.role)
    return Found(resource, identity, problem="no installed driver is for it")


def write_station(path: Path, visa_library: str, found: list[Found]) -> None:
    """Write a commented station file; what the operator must fill in stands there as a comment.

    Raises
    ------
    StationError
        If the file exists, or cannot be written.
    """
    lines = [
        "# A station: what is on the bench. docs/station.md says what may stand here; check it with",
        f"#     sotlab station check {path.name}",
        "[station]",
        f'name = "{path.stem}"',
        f'visa_library = "{visa_library}"',
        '# sample = "samples/my_film.toml"    # relative to this file',
        "# safe_order = []                    # the order in which outputs are made safe",
        "",
    ]
    drivers = {entry.name: entry.load() for entry in entry_points(group="sotlab.drivers")}
    taken: set[str] = set()
    for one in found:
        lines += (
            _role(one, drivers, taken)
            if one.driver
            else [f"# {one.resource}: {one.identity or ''} {one.problem}".replace(":  ", ": "), ""]
        )
    try:
        with path.open("x", encoding="utf-8") as file:  # an operator's own file is never written over
            file.write("\n".join(lines))
    except FileExistsError:
        raise StationError(f"{path} exists already; give another name, or move it away") from None
    except OSError as error:
        raise StationError(f"{path} cannot be written: {error.strerror}") from error


def _role(one: Found, drivers: dict[str, type[Driver]], taken: set[str]) -> list[str]:
    driver, role, number = drivers[one.driver], one.role, 2
    while role in taken:
        role, number = f"{one.role}_{number}", number + 1
    taken.add(role)
    lines = [f"[roles.{role}]    # {one.identity}", f'driver = "{one.driver}"', f'resource = "{one.resource}"']
    if hasattr(driver, "safe_state"):
        lines.append('# when_pc_vanishes = "..."     # what the output does when the computer vanishes')
    options, limits = _options(driver), _limits(driver)
    if options:
        lines += [f"[roles.{role}.options]", *options]
    if limits:
        lines += [f"[roles.{role}.limits]", *limits]
    return [*lines, ""]


def _options(driver: type[Driver]) -> list[str]:
    lines = []
    for name, field in driver.options_model.model_fields.items():
        if field.is_required():
            lines.append(f"# {name} =            # required")
        else:
            lines.append(f"# {name} = {_toml(field.default)}")
    return lines


def _limits(driver: type[Driver]) -> list[str]:
    lines = []
    for quantity, (low, high) in driver.hardware_limits.items():
        if math.isinf(low) or math.isinf(high):
            lines.append(f"# {quantity} = [ , ]    # required: this output has no limit of its own")
        else:
            lines.append(f"# {quantity} = [{low:g}, {high:g}]    # what the hardware can do")
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) or value is None else str(value)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
