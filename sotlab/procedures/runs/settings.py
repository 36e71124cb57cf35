"""Settings as people type them, read as the field of the settings' model asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sotlab.analysis.values import Value
from sotlab.errors import UsageError
from sotlab.instruments.sample import Sample
from sotlab.units import parse_quantity, split_quantity

__all__ = ["parse_settings", "parse_value", "unit_of"]

_PLUS_MINUS = re.compile(r"\+-|±|\+/-")


def parse_settings(
    model: type[BaseModel],
    texts: Mapping[str, str],
    who: str,
    read_files: Callable[[Path], tuple[Any, ...]] | None = None,
) -> dict[str, Any]:
    """Return settings by name, as the model takes them.

    Parameters
    ----------
    model : type
        The model of the settings; see :func:`sotlab.analysis.protocol.setting`.
    texts : mapping of str to str
        What was typed.
    who : str
        Whose settings they are, for the message.
    read_files : callable, optional
        Reads a file that a setting names.

    Raises
    ------
    UsageError
        If there is no such setting, or its text cannot be read.
    """
    fields = model.model_fields
    parsed = {}
    for name, text in texts.items():
        if name not in fields:
            raise UsageError(f"--set {name}: the {who} has no such setting; it has {', '.join(fields)}")
        try:
            if read_files is not None and (fields[name].json_schema_extra or {}).get("files"):  # type: ignore[union-attr]
                parsed[name] = read_files(Path(text))
            elif (fields[name].json_schema_extra or {}).get("sample_file"):  # type: ignore[union-attr]
                parsed[name] = Sample.load(Path(text)).model_dump(mode="json")
            else:
                parsed[name] = _parse(text, fields[name])
        except UsageError as error:
            raise UsageError(f"--set {name}: {error}") from error
    return parsed


def parse_value(text: str, unit: str) -> Value:
    """Return the value of "350.3+-2 uohm*cm" in ``unit``; without a sigma it is exact.

    The sigma may follow "+-", "±" or "+/-"; a unit that stands once counts for both numbers.

    Raises
    ------
    UsageError
        If a number or unit is not understood, or the sigma is below 0.
    """
    parts = _PLUS_MINUS.split(text.replace("(", "").replace(")", ""))
    if len(parts) == 1:
        return Value(parse_quantity(text, unit or None), 0.0, unit)
    if len(parts) > 2:
        raise UsageError(f"'{text}' has more than one sigma; write it as in '350.3+-2 uohm*cm'")
    (number, own), (sigma, its) = (split_quantity(part) for part in parts)
    value = parse_quantity(f"{number} {own or its}", unit or None)
    error = parse_quantity(f"{sigma} {its or own}", unit or None)
    if error < 0:
        raise UsageError(f"'{text}' has a sigma below 0")
    return Value(value, error, unit)


def unit_of(field: FieldInfo) -> str:
    """Return the unit in which a setting is taken; "" for a plain number or a word."""
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _parse(text: str, field: FieldInfo) -> Any:
    unit = unit_of(field)
    kinds = {field.annotation, *get_args(field.annotation)}
    if get_origin(field.annotation) is tuple:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return tuple(parse_quantity(part, unit) if unit else part for part in parts)
    if Value in kinds:
        return parse_value(text, unit)
    if text.strip().lower() == "inf" and not unit and float in kinds:
        return float("inf")
    if unit or kinds & {int, float}:
        return parse_quantity(text, unit or None)
    return text
