"""A run as other programs want it: columns with names, units and numbers, and what must be known of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sotlab.errors import RunError, SotlabError
from sotlab.procedures.runs.arrays import PREFIX
from sotlab.procedures.runs.facts import read_facts
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.repeats import mean_of_repeats

__all__ = ["Column", "RunData", "load_run", "split_label"]


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    name : str
        Its name without the unit.
    unit : str
        As in the data file's header; empty if it has none.
    values : (N,) array
        Numbers, bool or text; for a column of arrays their keys.
    traces : sequence of array or None, optional
        For a column of arrays: the array of each row, None where a row has none.
    """

    name: str
    unit: str
    values: np.ndarray
    traces: Sequence[np.ndarray | None] | None = None

    @property
    def label(self) -> str:
        """Name and unit, as in the data file's header."""
        unit = f" ({self.unit})" if self.unit else ""
        return self.name if self.name.endswith(unit) else self.name + unit


@dataclass(frozen=True)
class RunData:
    """A run with its columns.

    Parameters
    ----------
    name : str
        Name of its folder.
    columns : sequence of Column
        Those of the data file.
    about : mapping of str to str
        What must be known of it, as text: ``SIMULATED``, run, sample, status, parameters with units (JSON), ...
    axes : sequence of str
        Names of the columns that were set, not measured.
    opened : mapping
        The journal's ``run_open``.
    """

    name: str
    columns: Sequence[Column]
    about: Mapping[str, str]
    axes: Sequence[str] = ()
    opened: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.columns[0].values) if self.columns else 0

    def opened_text(self) -> str:
        """Return ``opened`` as JSON without the plan, whose settings stand in the rows."""
        kept = {name: value for name, value in self.opened.items() if name != "plan"}
        return json.dumps(kept, ensure_ascii=False)

    def real_columns(self) -> list[Column]:
        """Return the columns with each complex one as two: most formats have no complex numbers."""
        return [part for column in self.columns for part in _parts(column)]


def load_run(path: Path, means: bool = False) -> RunData:
    """Read a run folder; with ``means`` one row for each planned point, as ``mean_of_repeats`` makes it.

    Raises
    ------
    RunError, DataError
        If it is no run folder, or is damaged, or has no rows.
    """
    try:
        record = read_run(path)
    except SotlabError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RunError(f"{path}: the run's journal is damaged; sotlab runs show says what can be read") from None
    facts, opened = read_facts(path), record.opened
    rows = mean_of_repeats(record.rows) if means else record.rows
    labels = [str(label) for label in rows.columns]
    names = dict(zip(labels, _names(labels), strict=True))
    arrays = record.arrays
    columns = [
        _column(*names[label], _numbers(rows.iloc[:, k]), arrays, record.folder) for k, label in enumerate(labels)
    ]
    versions = opened.get("versions")
    about = {
        "SIMULATED": str(record.simulated),
        "run": facts.run,
        "procedure": str(opened.get("procedure", facts.procedure)),
        "status": facts.status,
        "sample": facts.sample,
        "sample description": facts.description,
        "device": facts.device,
        "station": facts.station,
        "operator": facts.operator,
        "started": facts.started,
        "ended": facts.ended,
        "schema": str(opened.get("schema", "")),
        "versions": json.dumps(versions if isinstance(versions, Mapping) else {}),
        "parameters": json.dumps(opened.get("parameters", {}), ensure_ascii=False),
    }
    return RunData(path.resolve().name, columns, about, _axes(opened, names), opened)


def split_label(label: str) -> tuple[str, str]:
    """Return (name, unit) of a column's label: ``Field (T)`` is a field in tesla."""
    match = re.fullmatch(r"(?P<name>.+?)\s+\((?P<unit>[^\s].*)\)", label)
    return (match["name"], match["unit"]) if match else (label, "")


def _names(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Return (name, unit) of each; two columns that differ in the unit alone keep their whole labels."""
    split = [split_label(label) for label in labels]
    count = Counter(name for name, _ in split)
    return [
        (name, unit) if count[name] == 1 else (label, unit) for label, (name, unit) in zip(labels, split, strict=True)
    ]


def _axes(opened: Mapping[str, Any], names: Mapping[str, tuple[str, str]]) -> list[str]:
    analysis = opened.get("analysis")
    axes = analysis.get("axes") if isinstance(analysis, Mapping) else None
    headers = axes.values() if isinstance(axes, Mapping) else ()
    chosen = ["Index", "Repeat", "Time (s)", *(header for header in headers if isinstance(header, str))]
    return [names[label][0] for label in chosen if label in names]


def _numbers(series: pd.Series) -> np.ndarray:
    """Return a column as numbers or bool where it is such, else as text."""
    if series.dtype.kind in "iufb":
        return series.to_numpy()
    if series.empty:  # nothing says what it would be
        return np.zeros(0)
    texts = ["" if pd.isna(cell) else str(cell) for cell in series]
    if set(texts) <= {"True", "False"}:
        return np.array([text == "True" for text in texts], bool)
    if any(text.endswith(("j", "j)")) for text in texts):
        try:
            return np.array([complex(text) if text else complex("nan") for text in texts])
        except ValueError:
            pass
    return np.array(texts, dtype=object)


def _column(name: str, unit: str, values: np.ndarray, arrays: Mapping[str, np.ndarray], folder: RunFolder) -> Column:
    keys = [key for key in values if key] if values.dtype == object else []
    if not keys or not all(key.startswith(PREFIX) for key in keys):
        return Column(name, unit, values)
    lost = [key for key in keys if key not in arrays]
    if lost:
        raise RunError(f"{folder.path}: '{lost[0]}' of column '{name}' is not in arrays.bin")
    traces = [np.asarray(arrays[key]) if key else None for key in values]
    return Column(name, unit, values, traces)


def _parts(column: Column) -> list[Column]:
    if column.traces is not None:
        if not any(np.iscomplexobj(trace) for trace in column.traces if trace is not None):
            return [column]
        return [
            replace(
                column,
                name=f"{column.name} {part}",
                traces=[t if t is None else getattr(t, part) for t in column.traces],
            )
            for part in ("real", "imag")
        ]
    if not np.iscomplexobj(column.values):
        return [column]
    return [
        replace(column, name=f"{column.name} {part}", values=getattr(column.values, part)) for part in ("real", "imag")
    ]
