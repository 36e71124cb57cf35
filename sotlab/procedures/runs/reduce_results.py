"""From reductions to a reduction: the results of several, one row each, are the table of a further analysis."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.analysis.protocol import Analysis
from sotlab.analysis.values import rows_of
from sotlab.errors import DataError, UsageError
from sotlab.units import convert

__all__ = ["apart", "columns_of", "table_of", "value_in"]

SIGMA = "sigma_"


def value_in(reduction: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return a result of a reduction as JSON has it, or a setting of that name; None if it has neither.

    Returns
    -------
    dict or None
        ``value``, ``sigma``, ``unit``; a setting that is a plain number is in the unit of its analysis, and has None.
    """
    found = reduction["results"].get(name)
    if found is None:
        found = reduction["settings"].get(name)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return {"value": found, "sigma": None, "unit": None}
    return found if isinstance(found, Mapping) and "value" in found else None  # type: ignore[return-value]


def apart(reduction: Mapping[str, Any], axes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a reduction, or one for each of its rows where no result holds for all: their conditions differ.

    Parameters
    ----------
    reduction : mapping
        As JSON has it.
    axes : mapping of str to str
        What tells its rows apart, with units: results of theirs.
    """
    rows = rows_of(reduction)
    for name, value in reduction["results"].items():
        if value["value"] is None and sum(_is_determined(row.get(name)) for row in rows) > 1:
            break
    else:
        return [dict(reduction)]
    made = []
    for row in rows:
        at = {a: {"value": row[a], "sigma": 0.0, "unit": u} for a, u in axes.items() if row.get(a) is not None}
        made.append({**reduction, "results": at | {name: row[name] for name in reduction["results"] if name in row}})
    return made


def _is_determined(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("value") is not None


def columns_of(
    analysis: Analysis, reductions: Sequence[Mapping[str, Any]], chosen: Mapping[str, str], where: str
) -> dict[str, np.ndarray]:
    """Return the columns of a further analysis: one row for each reduction, in the analysis' units.

    Parameters
    ----------
    analysis : Analysis
        Whose columns are wanted.
    reductions : sequence of mapping
        As JSON has them.
    chosen : mapping of str to str
        Column -> result or setting; a column that is not named takes the result of its own name, and ``sigma_X`` the
        sigma of what column X takes. What no reduction has is left out.
    where : str
        Where they come from, for the message.

    Returns
    -------
    dict of str to (N,) float
        By role; NaN where a result is not determined.

    Raises
    ------
    UsageError
        If a column is chosen that the analysis has not, or a result that no reduction has.
    DataError
        If a column is missing that the analysis needs.
    """
    for role in chosen:
        if role not in analysis.columns:
            known = ", ".join(analysis.columns)
            raise UsageError(f"columns: the analysis '{analysis.kind}' has no column '{role}'; it has {known}")
    columns: dict[str, np.ndarray] = {}
    for role, unit in analysis.columns.items():
        base = role.removeprefix(SIGMA)
        is_sigma = role not in chosen and base != role and base in analysis.columns
        name = chosen.get(role, chosen.get(base, base) if is_sigma else role)
        found = [value_in(reduction, name) for reduction in reductions]
        if all(value is None for value in found):
            if role in chosen:
                known = ", ".join(dict.fromkeys(key for one in reductions for key in one["results"]))
                raise UsageError(f"columns: {role} = '{name}': {where} has no such result or setting; results: {known}")
            continue
        column = np.array([_number(value, "sigma" if is_sigma else "value", unit) for value in found])
        if np.isfinite(column).any():
            columns[role] = column
    lacking = min(([role for role in needed if role not in columns] for needed in analysis.required), key=len)
    if lacking:
        raise DataError(
            f"{where} gives no column '{lacking[0]}', which the analysis '{analysis.kind}' needs; say which result it"
            f" is, as in columns = {{ {lacking[0]} = NAME }}"
        )
    return columns


def table_of(samples: Sequence[str], reductions: Sequence[Mapping[str, Any]]) -> str:
    """Return the reductions as CSV: a row each, with value and sigma of every result and of every setting that has one.

    The units stand in the header; what is not determined is ``nan``.
    """
    names = list(dict.fromkeys(name for one in reductions for part in ("results", "settings") for name in one[part]))
    cells: list[list[str]] = [["sample"], *([sample] for sample in samples)]
    for name in names:
        found = [value_in(one, name) for one in reductions]
        unit = next((value["unit"] for value in found if value is not None), None)
        if unit is None:  # words, switches, and what no reduction has
            continue
        for part, label in (("value", name), ("sigma", SIGMA + name)):
            cells[0].append(f"{label} ({unit or '1'})")
            for row, value in zip(cells[1:], found, strict=True):
                row.append(repr(_number(value, part, unit)))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(cells)
    return text.getvalue()


def _number(value: Mapping[str, Any] | None, part: str, unit: str) -> float:
    if value is None or value[part] is None:
        return math.nan
    number = float(value[part])
    return number if value["unit"] is None else float(convert(number, value["unit"], "" if unit == "1" else unit))
