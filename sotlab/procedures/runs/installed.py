"""Which procedures there are: those of entry points, ours too, and those named by module or file."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from pymeasure.experiment import Procedure

from sotlab.errors import StationError, UsageError
from sotlab.instruments.installed import load_class
from sotlab.procedures.runs.scan import Scan

__all__ = ["describe_procedures", "find_class", "find_procedure", "make_procedure"]

T = TypeVar("T")

GROUP = "sotlab.procedures"


def find_class(group: str, name: str, what: str, base: type[T], folder: Path | None = None) -> type[T]:
    """Return the subclass of ``base`` called ``name``: an entry point, ``module:Class`` or ``file.py:Class``.

    Parameters
    ----------
    group : str
        The group of entry points.
    name, what : str
        The name, and what it is the name of, for messages.
    base : type
        What it must be a subclass of.
    folder : Path, optional
        Where ``file.py`` is; the working folder if None.

    Raises
    ------
    UsageError
        If there is none: those that there are, are named.
    """
    try:
        found = load_class(group, name, what, folder)
    except StationError as error:
        raise UsageError(str(error)) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise UsageError(f"{what}: '{name}' is no {what} (a subclass of {base.__module__}:{base.__qualname__})")
    return found


def find_procedure(name: str, folder: Path | None = None, group: str = GROUP) -> type[Procedure]:
    """Return the procedure called ``name``: an entry point, ``module:Class`` or ``file.py:Class``.

    Parameters
    ----------
    name : str
        What it is called.
    folder : Path, optional
        Where a file is looked for; the working directory if None.
    group : str, optional
        Of which entry points: the calibrations have a group of their own.

    Raises
    ------
    UsageError
        If there is none: those that there are, are named.
    """
    if name.endswith(".toml"):
        raise UsageError(f"procedure: '{name}' is a campaign; run it with: sotlab campaign {name}")
    return find_class(group, name, "procedure", Procedure, folder)


def make_procedure(procedure_class: type[Procedure], values: Mapping[str, Any]) -> Any:
    """Return a procedure with parameters set from numbers, or from text with units.

    Raises
    ------
    UsageError
        If there is no such parameter, or a value is not allowed.
    """
    if issubclass(procedure_class, Scan):
        return procedure_class(**values)
    procedure = procedure_class()
    known = procedure.parameter_objects()
    for name, value in values.items():
        if name not in known:
            raise UsageError(f"{procedure_class.__name__} has no parameter '{name}'; it has: {', '.join(known)}")
        try:
            procedure.set_parameters({name: value})
        except (ValueError, TypeError) as error:
            raise UsageError(f"{procedure_class.__name__}: parameter '{name}': {error}") from error
    return procedure


def describe_procedures() -> list[dict[str, Any]]:
    """Return every installed procedure with its parameters, units, limits and columns."""
    described = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        procedure_class = find_procedure(entry.name)
        parameters = [
            {
                "parameter": attribute,
                "name": parameter.name,
                "unit": getattr(parameter, "units", None),
                "default": parameter.default,
                "minimum": getattr(parameter, "minimum", None),
                "maximum": getattr(parameter, "maximum", None),
                "choices": list(getattr(parameter, "choices", None) or []) or None,
                "description": parameter.description,
            }
            for attribute, parameter in procedure_class().parameter_objects().items()
        ]
        described.append(
            {
                "name": entry.name,
                "summary": (inspect.getdoc(procedure_class) or "").split("\n")[0],
                "roles": list(getattr(procedure_class, "ROLES", ())),
                "columns": list(procedure_class.DATA_COLUMNS),
                "parameters": parameters,
            }
        )
    return described
