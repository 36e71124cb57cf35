"""The catalog as a table: what is shown of each run, and what is looked for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sotlab.errors import UsageError
from sotlab.gui.qt import QtCore
from sotlab.procedures.runs.catalog import Catalog
from sotlab.procedures.runs.catalog_query import Query, search
from sotlab.units import pretty

__all__ = ["RunsModel", "find_runs", "parse_query"]

HEADERS = ("Started", "State", "Procedure", "Sample", "Rows", "Results", "Tags and notes", "Run")
MARKS = {"finished": "✓", "failed": "✗", "aborted": "■", "interrupted": "⏸", "damaged": "⚠"}
#: What of a query has a name of its own; any other NAME=VALUE is a parameter or a result.
FIELDS = ("sample", "device", "procedure", "operator", "status", "since", "until")
#: So many results are shown of a run.
SHOWN = 3


class RunsModel(QtCore.QAbstractTableModel):
    """Runs, the newest first; a row is written out only when it is seen."""

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self.runs: list[Mapping[str, Any]] = []

    def show_runs(self, runs: Sequence[Mapping[str, Any]]) -> None:
        """Show other runs, given oldest first."""
        self.beginResetModel()
        self.runs = list(reversed(runs))
        self.endResetModel()

    def rowCount(self, parent: Any = None) -> int:
        """Return how many runs there are."""
        return len(self.runs)

    def columnCount(self, parent: Any = None) -> int:
        """Return how many columns there are."""
        return len(HEADERS)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:
        """Return the name of a column."""
        shown = role == QtCore.Qt.ItemDataRole.DisplayRole and orientation == QtCore.Qt.Orientation.Horizontal
        return HEADERS[section] if shown else None

    def data(self, index: Any, role: int = 0) -> Any:
        """Return the text of a cell."""
        if role not in (QtCore.Qt.ItemDataRole.DisplayRole, QtCore.Qt.ItemDataRole.ToolTipRole):
            return None
        run = self.runs[index.row()]
        if role == QtCore.Qt.ItemDataRole.ToolTipRole and run["problem"]:
            return run["problem"]
        return _cell(run, HEADERS[index.column()])


def _cell(run: Mapping[str, Any], column: str) -> str:
    if column == "Started":
        return str(run["started"] or "")[:16].replace("T", " ")
    if column == "State":
        return f"{MARKS.get(run['status'], '?')} {run['status']}"
    if column == "Procedure":
        return str(run["procedure"] or "")
    if column == "Sample":
        mark = "SIMULATED " if run["simulated"] else ""
        return mark + "/".join(filter(None, [run["sample"], run["device"]]))
    if column == "Rows":
        return "" if run["rows"] is None else str(run["rows"])
    if column == "Results":
        found = [(n, v) for n, v in run["results"].items() if isinstance(v, Mapping) and v.get("value") is not None]
        return ", ".join(
            f"{name} {pretty(v['value'], v.get('sigma'), v.get('unit') or '')}" for name, v in found[:SHOWN]
        )
    if column == "Run":
        return str(run["run"] or "")
    return " ".join([*(f"#{tag}" for tag in run["tags"]), *(note["text"] for note in run["notes"])])


def parse_query(text: str) -> Query:
    """Return the query that was typed: words, ``#tag``, ``status=failed``, ``frequency=6GHz..8GHz``.

    Raises
    ------
    UsageError
        If a quotation mark is not closed.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"'{text}': {error}") from error
    fields: dict[str, Any] = {}
    terms, tags = [], []
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name in FIELDS:
            fields[name] = value
        elif word.startswith("#") and len(word) > 1:
            tags.append(word[1:])
        else:
            terms.append(word)
    return replace(Query(terms=tuple(terms), tags=tuple(tags)), **fields)


def find_runs(root: Path, query: Query) -> list[dict[str, Any]]:
    """Return the runs below a folder that meet a query, oldest first; what has changed on the disk is taken up."""
    if not root.is_dir() or not any(root.iterdir()):
        return []
    with Catalog(root) as catalog:
        catalog.refresh()
        return search(catalog, query)
