"""What is looked for in the catalog: words, sample, procedure, dates, and ranges such as ``frequency=6GHz..8GHz``."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sotlab.errors import UsageError
from sotlab.procedures.runs.catalog import Catalog

__all__ = ["Query", "search"]

#: Numbers as close as this are taken for the same: what was typed in GHz is stored in Hz.
SAME = 1e-9


@dataclass(frozen=True)
class Query:
    """What is looked for; all of it must be met.

    Parameters
    ----------
    terms : tuple of str
        Words that stand anywhere in what is known of the run, and ``NAME=VALUE``, ``NAME=LOW..HIGH``, ``NAME=LOW..``
        for a parameter or a result, with units.
    sample, device, procedure, operator : str
        Names, in which ``*`` stands for anything; upper and lower case are the same.
    status : str
        ``finished``, ``aborted``, ``failed``, ``interrupted`` or ``damaged``.
    tags : tuple of str
        Tags that the run has.
    since, until : str
        Dates, or dates with times; local. A day is meant whole.
    last : int
        Only so many of the newest; 0 for all.
    """

    terms: tuple[str, ...] = ()
    sample: str = ""
    device: str = ""
    procedure: str = ""
    operator: str = ""
    status: str = ""
    tags: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    last: int = 0


def search(catalog: Catalog, query: Query) -> list[dict[str, Any]]:
    """Return the runs that meet a query, oldest first.

    Raises
    ------
    UsageError
        If a date or a range is not understood, or no run has a quantity of that name.
    """
    parts: list[tuple[str, list[Any]]] = []
    for term in query.terms:
        name, equals, wanted = term.partition("=")
        if equals:
            parts.append(_quantity(catalog, name.strip(), wanted.strip()))
        else:
            parts.append(("instr(words, ?) > 0", [term.casefold()]))
    # Whether a run without an end goes on is told by its lock, not by what stands in its folder.
    wanted_of = {column: getattr(query, column) for column in ("sample", "device", "procedure", "operator", "status")}
    if query.status == "running":
        wanted_of["status"] = "interrupted"
    for column, wanted in wanted_of.items():
        if wanted:
            parts.append((f"fold({column}) GLOB ?", [_pattern(wanted)]))
    for tag in query.tags:
        parts.append(("EXISTS (SELECT 1 FROM json_each(runs.tags) WHERE json_each.value = ?)", [tag]))
    if query.since:
        parts.append(("started_s >= ?", [_date("--since", query.since)]))
    if query.until:
        parts.append(("started_s < ?", [_date("--until", query.until, end=True)]))
    condition = " AND ".join(f"({sql})" for sql, _ in parts) or "1"
    by_lock = query.status in ("running", "interrupted")
    runs = catalog.select(condition, [value for _, values in parts for value in values], 0 if by_lock else query.last)
    for run in runs:
        if run["status"] == "interrupted" and _goes_on(run["folder"]):
            run["status"] = "running"
    return [run for run in runs if run["status"] == query.status][-query.last :] if by_lock else runs


def _goes_on(folder: str) -> bool:
    from sotlab.procedures.runs.folder import LOCK, RunFolder  # here: a list of runs that have ended needs no locks

    if not os.path.exists(f"{folder}{os.sep}{LOCK}"):  # asked first: a thousand are interrupted in a long list
        return False
    return RunFolder.open(Path(folder)).is_going_on()


def _quantity(catalog: Catalog, name: str, wanted: str) -> tuple[str, list[Any]]:
    """Return the condition that a parameter or a result has a value, or lies in a range."""
    from sotlab.units import parse_quantity

    found = catalog.quantities(name)
    if not found:
        known = ", ".join(catalog.quantity_names()) or "none"
        raise UsageError(f"no run has a parameter or a result '{name}'; there are: {known}")
    if not wanted:
        raise UsageError(f"{name}=: say a value or a range, as in frequency=7GHz, frequency=6GHz..8GHz, alpha=..0.02")
    low, dots, high = wanted.partition("..")
    either: list[str] = []
    values: list[Any] = []
    complaint = UsageError("a range is of numbers; this is a text")
    for unit, is_text in found:
        if is_text:
            if not dots:
                either.append("(value IS NULL AND fold(text) GLOB ?)")
                values.append(_pattern(wanted))
            continue
        try:
            bounds = [parse_quantity(text, unit or None) if text.strip() else None for text in (low, high)]
        except UsageError as error:
            complaint = error
            continue
        lowest, highest = bounds if dots else (bounds[0], bounds[0])
        lowest, highest = _widened(lowest, -1), _widened(highest, +1)
        if lowest > highest:
            raise UsageError(f"{name}={wanted}: the range is empty: its first number is the larger one")
        either.append("(unit = ? AND value BETWEEN ? AND ?)")
        values += [unit, lowest, highest]
    if not either:
        raise UsageError(f"{name}={wanted}: {complaint}")
    matching = f"SELECT folder FROM quantities WHERE name = ? AND ({' OR '.join(either)})"
    return f"folder IN ({matching})", [name, *values]


def _widened(bound: float | None, side: int) -> float:
    if bound is None:
        return side * math.inf
    return bound + side * SAME * abs(bound)


def _pattern(wanted: str) -> str:
    """Return an SQL GLOB in which only ``*`` is special."""
    return re.sub(r"([\[\]?])", r"[\1]", wanted.casefold())


def _date(option: str, text: str, end: bool = False) -> float:
    try:
        moment = datetime.fromisoformat(text.strip())
        if end and len(text.strip()) <= len("2026-01-31"):
            moment += timedelta(days=1)
        return moment.timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{option} {text}: this is no date; write it as in 2026-01-31, or 2026-01-31T20:15") from None
