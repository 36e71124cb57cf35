"""Exports as tables: CSV for spreadsheets, Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sotlab.procedures.runs.exporting import Exporter, needed
from sotlab.procedures.runs.run_data import Column, RunData

__all__ = ["CSV", "PARQUET"]


def write_csv(path: Path, run: RunData) -> None:
    """Write ``#`` lines with what must be known of the run, the labels with units, and the rows.

    A run with arrays has a line for each of their samples, in which the other columns are repeated.
    """
    columns = run.real_columns()
    with path.open("w", encoding="utf-8", newline="") as file:
        for name, text in run.about.items():
            file.write(f"# {name}: {' '.join(text.split())}\n")
        writer = csv.writer(file, lineterminator="\n")
        traced = any(column.traces is not None for column in columns)
        writer.writerow([*(["Sample"] if traced else []), *(column.label for column in columns)])
        writer.writerows(_samples(columns, run.rows) if traced else zip(*map(_cells, columns), strict=True))


def write_parquet(path: Path, run: RunData) -> None:
    """Write a Parquet table: units in the fields' metadata, arrays as lists, what must be known in the schema's."""
    pyarrow = needed("pyarrow")
    parquet = needed("pyarrow.parquet")
    fields, data = [], []
    for column in run.real_columns():
        array = pyarrow.array(_lists(column), from_pandas=False)
        data.append(array)
        metadata = {"unit": column.unit, "axis": str(column.name in run.axes)}
        fields.append(pyarrow.field(column.label, array.type, metadata=metadata))
    schema = pyarrow.schema(fields, metadata={**run.about, "run_open": run.opened_text()})
    # A dictionary is for texts that repeat; of numbers that do not it makes a larger file that is read half as fast.
    texts = [field.name for field in fields if pyarrow.types.is_string(field.type)]
    parquet.write_table(pyarrow.Table.from_arrays(data, schema=schema), path, use_dictionary=texts or False)


def _cells(column: Column) -> list[Any]:
    """Return the cells with all digits: a Python float is written as it is read back."""
    return column.values.tolist()


def _lists(column: Column) -> Any:
    if column.traces is None:
        return column.values if column.values.dtype != object else column.values.tolist()
    return [None if trace is None else trace.tolist() for trace in column.traces]


def _samples(columns: list[Column], rows: int) -> Iterator[list[Any]]:
    """Yield a line for each sample of the rows' arrays; where one of them is shorter its cells are empty."""
    cells = [_cells(column) for column in columns]
    for k in range(rows):
        traces = [None if column.traces is None else _flat(column.traces[k]) for column in columns]
        for sample in range(max((len(trace) for trace in traces if trace), default=1)):
            line: list[Any] = [sample]
            for cell, trace in zip(cells, traces, strict=True):
                if trace is None:
                    line.append(cell[k])
                else:
                    line.append(trace[sample] if sample < len(trace) else "")
            yield line


def _flat(trace: np.ndarray | None) -> list[Any]:
    return [] if trace is None else np.ravel(trace).tolist()


CSV = Exporter(".csv", write_csv)
PARQUET = Exporter(".parquet", write_parquet)
