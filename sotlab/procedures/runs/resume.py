"""Makes a run that was interrupted ready to be gone on with: cuts what is torn, and finds what is missing."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from sotlab.analysis.values import plain
from sotlab.errors import DataError, RunError, UsageError
from sotlab.procedures.runs.arrays import PREFIX, Arrays, cut_torn_record, read_arrays
from sotlab.procedures.runs.facts import status_of
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.installed import GROUP, find_procedure, make_procedure
from sotlab.procedures.runs.journal import cut_last_lines, cut_torn_line, read_journal
from sotlab.procedures.runs.past import Past
from sotlab.procedures.runs.reader import read_rows, rows_without_arrays
from sotlab.procedures.runs.scan import SCHEMA, Scan

__all__ = ["prepare_resume"]


def prepare_resume(
    folder: RunFolder, *, procedure: str | None = None, station: str | None = None, accept: bool = False
) -> tuple[Scan, list[dict[str, Any]]]:
    """Return the scan that goes on with a run, and what was cut off its files, for the journal.

    Parameters
    ----------
    folder : RunFolder
        The run; nobody writes to it.
    procedure : str, optional
        Where its procedure is, if it is none of those that are installed: ``module:Class`` or ``file.py:Class``. No
        code is run because a file names it.
    station : str, optional
        Another station than that of the run.
    accept : bool
        Go on although the station is not what it was.

    Raises
    ------
    RunError
        If the run has ended well, or cannot be gone on with.
    UsageError
        If its procedure is not to be found.
    """
    cut = _cut(folder)
    events = read_journal(folder.journal)
    opened = next((event for event in events if event["event"] == "run_open"), None)
    if opened is None or "plan" not in opened:
        raise RunError(f"{folder.path}: nothing was measured before it ended, or it is no Scan; start it anew")
    if (status := status_of(events)) == "finished":
        raise RunError(f"{folder.path}: this run is {status}; there is nothing to resume")
    if opened.get("schema") != SCHEMA:
        raise RunError(f"{folder.path}: schema {opened.get('schema')} asked, this version resumes schema {SCHEMA}")
    scan_class = find_procedure(procedure or _installed(opened["procedure"], folder))
    if not issubclass(scan_class, Scan) or scan_class.__qualname__ != opened["procedure"].rpartition(".")[2]:
        raise UsageError(f"procedure '{scan_class.__qualname__}' given, the run is of '{opened['procedure']}'")
    scan = make_procedure(scan_class, _parameters(opened, events) | ({"station": station} if station else {}))
    scan.past = Past(
        rows=_rows(folder, opened["columns"], read_arrays(folder.arrays)),
        skipped=frozenset(event["index"] for event in events if event["event"] == "skip"),
        extensions=[event for event in events if event["event"] == "plan_extend"],
        plan=opened["plan"],
        station=plain(opened["station"]),
        accept=accept,
    )
    return scan, cut


def _parameters(opened: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values = {name: entry["value"] for name, entry in opened["parameters"].items()}
    for event in events:
        if event["event"] == "parameter_changed":
            values[event["name"]] = event["new"]
    return values


def _installed(name: str, folder: RunFolder) -> str:
    """Return the entry point of a procedure by its full name; nothing is imported to find it."""
    for entry in entry_points(group=GROUP):
        if entry.value.replace(":", ".") == name:
            return entry.name
    raise UsageError(
        f"{folder.path}: its procedure '{name}' is none that is installed, and no code is run because a file names it;"
        f" say where it is with --procedure module:Class or file.py:Class"
    )


def _cut(folder: RunFolder) -> list[dict[str, Any]]:
    """Cut what was being written when the run was killed; return what that was."""
    cut: list[dict[str, Any]] = []
    try:
        if torn := cut_torn_record(folder.arrays):
            cut.append({"file": folder.arrays.name, "bytes": torn})
        for path in (folder.data, folder.journal):
            if path.exists() and (text := cut_torn_line(path)):
                cut.append({"file": path.name, "bytes": len(text), "text": text.decode("utf-8", "replace")})
        if folder.data.exists() and (lost := rows_without_arrays(read_rows(folder.data), folder)):
            text = cut_last_lines(folder.data, lost)
            cut.append({"file": folder.data.name, "bytes": len(text), "text": text.decode("utf-8", "replace")})
    except DataError as error:
        raise RunError(str(error)) from error
    except OSError as error:
        raise RunError(f"{folder.path}: the run's files cannot be opened for writing: {error.strerror}") from error
    return cut


def _rows(folder: RunFolder, columns: Sequence[str], arrays: Arrays) -> list[dict[str, Any]]:
    """Return the recorded rows with the values that were emitted.

    Raises
    ------
    RunError
        If a row is damaged, or is there twice.
    """
    try:
        lines = folder.data.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{folder.data}: the rows cannot be read: {error}") from error
    table = list(csv.reader(line for line in lines if not line.startswith("#")))
    if not table or table[0] != list(columns):
        raise RunError(f"{folder.data}: its columns are not those of the journal")
    rows, seen = [], set()
    for number, cells in enumerate(table[1:], start=1):
        if len(cells) != len(columns):
            raise RunError(f"{folder.data}: row {number} has {len(cells)} cells instead of {len(columns)}: damaged")
        row = {column: _value(cell, arrays, folder) for column, cell in zip(columns, cells, strict=True)}
        key = (row["Index"], row["Repeat"])
        if not all(isinstance(part, int) for part in key) or key in seen:
            raise RunError(f"{folder.data}: row {number} has index {key[0]}, repeat {key[1]}: damaged, or there twice")
        seen.add(key)
        rows.append(row)
    return rows


def _value(cell: str, arrays: Arrays, folder: RunFolder) -> Any:
    if cell.startswith(PREFIX):
        try:
            return arrays[cell]
        except KeyError:
            raise RunError(f"{folder.arrays}: there is no '{cell}', which a row names: damaged") from None
    for convert in (int, float):
        try:
            return convert(cell)
        except ValueError:
            pass
    return cell or None
