"""The rows of a reduction as cells of text, for the terminal and for reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sotlab.units import pretty

__all__ = ["flags_of", "row_label", "value_names"]

#: What tells the rows of a reduction apart, in the order in which it is preferred, with its unit.
LABELS = {"frequency": "Hz", "temperature": "K", "field": "T", "thickness": "m"}


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
    if not told:
        return "name", [str(row["name"]) for row in rows]
    return told[0], [pretty(row[told[0]], None, LABELS[told[0]]) for row in rows]


def flags_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the flags of the rows, each with the row's name."""
    return [f"{row['name']}: {flag}" for row in rows for flag in row["flags"]]
