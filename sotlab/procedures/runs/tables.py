"""The rows of a reduction as cells of text, for the terminal and for reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sotlab.units import pretty

__all__ = ["flags_of", "row_label", "value_names"]

#: What tells the rows of a reduction apart, in the order in which it is preferred, with its unit.
LABELS = {"frequency": "Hz", "temperature": "K", "field": "T", "thickness": "m"}
#: What tells them apart only together with others.
MORE_LABELS = {"angle": "deg", "power": "dBm", "amplitude": "A", "bias": "A"}


def value_names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the values that the rows have, in order of appearance."""
    found = (name for row in rows for name, value in row.items() if isinstance(value, Mapping) and "sigma" in value)
    return list(dict.fromkeys(found))


def row_label(rows: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
    """Return what the rows are told apart by, and its text for each row."""
    told = [
        name
        for name in LABELS
        if len({row[name] for row in rows if isinstance(row.get(name), int | float)}) == len(rows)
    ]
    if told:
        return told[0], [pretty(row[told[0]], None, LABELS[told[0]]) for row in rows]
    known = LABELS | MORE_LABELS
    varying = [name for name in known if len({_number(row, name) for row in rows}) > 1]
    texts = [
        ", ".join(pretty(_number(row, name), None, known[name]) for name in varying) + _side_of(row) for row in rows
    ]
    if varying and len(set(texts)) == len(rows):
        return ", ".join(varying), texts
    return "name", [str(row["name"]) for row in rows]


def _number(row: Mapping[str, Any], name: str) -> float | None:
    """Return what a row has of that name, if it is one number: not a spectrum, nor a value with a sigma."""
    value = row.get(name)
    return value if isinstance(value, int | float) else None


def _side_of(row: Mapping[str, Any]) -> str:
    """Return which sign of field a row is of, where its name says so: " (B > 0)"."""
    _, sign, side = str(row["name"]).rpartition(" (B ")
    return sign + side if sign else ""


def flags_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the flags of the rows, each with the row's name, and what tells it from others of that name."""
    names = [str(row["name"]) for row in rows]
    label, texts = row_label(rows) if len(set(names)) < len(names) else ("name", names)
    said = names if label == "name" else [f"{name}, {text}" for name, text in zip(names, texts, strict=True)]
    return list(dict.fromkeys(f"{who}: {flag}" for who, row in zip(said, rows, strict=True) for flag in row["flags"]))
