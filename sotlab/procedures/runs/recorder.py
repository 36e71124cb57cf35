"""Writes rows into the data file: PyMeasure's own CSV, opened by stock ``Results.load``, pandas and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pymeasure.experiment import Procedure, Results

from sotlab.errors import DataError
from sotlab.procedures.runs.arrays import ArrayFile, is_array
from sotlab.procedures.runs.durable import DurableFile

__all__ = ["RunResults", "format_value"]


class RunResults(Results):
    """PyMeasure's Results that writes its header once, when everything in it is known, and never rewrites the file.

    Stock Results writes the header when it is made, and later reads and rewrites the whole file to insert the
    metadata; a file that is being measured must not be rewritten. Numbers of every type keep all their digits; stock
    writes ``nan`` for a float32, an int64 or a 0-d array.
    """

    def __init__(self, procedure: Procedure, path: Path, arrays: Path) -> None:
        # Not calling super().__init__: it would write the header now. These are its attributes.
        self.procedure = procedure
        self.procedure_class = type(procedure)
        self.parameters = procedure.parameter_objects()
        self.data_filename = str(path)
        self.data_filenames = [str(path)]
        self._header_count = -1
        self._metadata_count = -1
        self._last_file_size = 0
        self._data = None
        self.columns: list[str] = list(procedure.DATA_COLUMNS)
        self.arrays = ArrayFile(arrays)
        self.formatter = RowFormatter(self.columns, self.arrays.append)
        self._file: DurableFile | None = None
        self.rows = 0

    def open(self) -> None:
        """Write the header: procedure, parameters, metadata and column labels.

        Raises
        ------
        RunError
            If the file cannot be written.
        """
        self.parameters = self.procedure.parameter_objects()  # as the run uses them, not as they once were
        *header, data_line = self.header().splitlines()
        lines = [*header, *(self.metadata() or "").splitlines(), data_line]
        self._header_count = len(lines)
        self._file = DurableFile(Path(self.data_filename))
        self._file.write("\n".join(lines) + "\n" + _csv_line(self.columns))

    def go_on(self, rows: int) -> None:
        """Append to the ``rows`` that there are: the header stays as it is.

        Raises
        ------
        RunError
            If the file cannot be written.
        """
        self._file = DurableFile(Path(self.data_filename))
        self.rows = rows

    def write_row(self, row: Mapping[str, Any]) -> None:
        """Append one row; an array in it is on its way to the disk before the row that names it.

        Raises
        ------
        DataError
            If the row has a column that the procedure has not: a value under a misspelt name would be lost.
        RunError
            If it cannot be written.
        """
        if self._file is None:
            self.open()
        self._file.write(self.formatter.format(row) + "\n")  # type: ignore[union-attr]
        self.rows += 1

    def write_rows(self, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Append a batch, a dictionary of sequences of one length, as rows in one go; return the rows.

        Raises
        ------
        DataError, RunError
            As :meth:`write_row`; then no row of the batch was written.
        """
        rows = _rows(batch)
        if self._file is None:
            self.open()
        self._file.write("".join(self.formatter.format(row) + "\n" for row in rows))  # type: ignore[union-attr]
        self.rows += len(rows)
        return rows

    def close(self) -> None:
        """Sync and close the files."""
        try:
            self.arrays.close()
        finally:
            if self._file is not None:
                self._file.close()

    def store_metadata(self) -> None:
        """Do nothing: the metadata is in the header from the start."""


class RowFormatter:
    """Formats a row as a line of CSV, keeping every number exactly.

    Parameters
    ----------
    columns : sequence of str
        The columns, with their units.
    keep_array : callable
        Stores an array of a column and returns what its cell says.
    """

    def __init__(self, columns: Sequence[str], keep_array: Callable[[str, Any], str]) -> None:
        self.columns = list(columns)
        self._keep_array = keep_array
        self.units = Procedure.parse_columns(columns)
        self._known = frozenset(columns)

    def format(self, row: Mapping[str, Any]) -> str:
        """Return the row as one line; a column that the row has not is ``nan``, as in PyMeasure."""
        unknown = [str(key) for key in row if key not in self._known]
        if unknown:
            raise DataError(
                f"the procedure emitted '{unknown[0]}', which is none of its DATA_COLUMNS ({', '.join(self.columns)})"
            )
        return _csv_line([self._cell(c, row.get(c, float("nan"))) for c in self.columns], "")

    def _cell(self, column: str, value: Any) -> str:
        if type(value) is float:  # by far the most
            return repr(value)
        if is_array(value):
            return self._keep_array(column, value)
        if is_array(getattr(value, "magnitude", None)):  # an array with a unit
            return self._keep_array(column, _magnitude(value, self.units.get(column), column))
        return format_value(value, self.units.get(column), column)

    def format_header(self) -> str:
        """Return the line of column labels."""
        return _csv_line(self.columns, "")


def format_value(value: Any, unit: Any = None, column: str = "") -> str:
    """Return a value as it stands in the file: all digits of any number, text on one line.

    Parameters
    ----------
    value : object
        A Python or numpy number, a 0-d or one-element array, a bool, None, text, or a pint Quantity.
    unit : pint.Unit, optional
        The column's unit, to which a Quantity is converted.
    column : str, optional
        The column's name, for messages.

    Raises
    ------
    DataError
        If it is an array of several elements, or a quantity whose unit does not fit.
    """
    if type(value) is float or type(value) is int:
        return repr(value)
    if hasattr(value, "m_as"):
        return format_value(_magnitude(value, unit, column))
    if isinstance(value, np.ndarray):
        if value.size != 1:
            raise DataError(f"column '{column}': an array of {value.size} elements does not fit into one cell")
        value = value.reshape(())[()]
    if isinstance(value, np.floating) and np.finfo(value.dtype).bits <= 64:
        return repr(float(value))  # exact: every float16 and float32 is a float64
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return ""
    if isinstance(value, str):
        # '#' begins a comment and a line feed a row: both would cut the file.
        return value.encode("unicode_escape").decode("ascii").replace("#", "\\x23")
    return str(value)


def _rows(batch: Any) -> list[dict[str, Any]]:
    """Return a batch as rows."""
    if not isinstance(batch, Mapping):
        raise DataError(f"'batch results' must be a dictionary of sequences, not a {type(batch).__name__}")
    lengths = {name: 1 if isinstance(v, str | bytes) else np.size(v) for name, v in batch.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the columns of a batch differ in length: {lengths}; no row of it was written")
    columns = [v.tolist() if isinstance(v, np.ndarray) and v.dtype == float else v for v in batch.values()]
    return [dict(zip(batch, values, strict=True)) for values in zip(*columns, strict=True)]


def _magnitude(quantity: Any, unit: Any, column: str) -> Any:
    try:
        return quantity.m_as(unit) if unit is not None else quantity.to_base_units().magnitude
    except Exception as error:
        raise DataError(f"column '{column}': {quantity} does not fit its unit: {error}") from error


def _csv_line(cells: Sequence[str], end: str = "\n") -> str:
    line = ",".join(cells)
    if '"' not in line and line.count(",") == len(cells) - 1:
        return line + end
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=end).writerow(cells)
    return buffer.getvalue()
