"""The page of runs: search, open, compare, use their parameters, go on with those that were interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sotlab.gui.background import Background
from sotlab.gui.measurement import Reduced, reduced_of
from sotlab.gui.qt import QtCore, QtGui, QtWidgets
from sotlab.gui.runs_model import RunsModel, find_runs, parse_query
from sotlab.gui.theme import Colours
from sotlab.procedures.runs.catalog import index
from sotlab.procedures.runs.notes import add_note, add_tags
from sotlab.procedures.runs.provenance import keep_results
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.reduce import reduce_runs, write_page

__all__ = ["RunsPanel", "StoredRun"]

#: A search begins when nothing has been typed for this time [ms].
TYPING_MS = 250


@dataclass(frozen=True)
class StoredRun:
    """A run as it is shown: its rows by column, its parameters, and what was made of it."""

    name: str
    procedure: str
    folder: Path
    columns: Mapping[str, np.ndarray]
    parameters: Mapping[str, Any]
    simulated: bool
    reduced: Reduced | None


class RunsPanel(QtWidgets.QWidget):
    """The catalog's runs, with what can be done with them.

    Parameters
    ----------
    out : Path
        Folder of runs.
    """

    #: A run is to be shown, compared, or its parameters used: ``"open"``, ``"compare"``, ``"use"`` and its StoredRun.
    chosen = QtCore.Signal(str, object)
    #: The run in this folder is to be gone on with.
    resume_asked = QtCore.Signal(object)

    def __init__(self, out: Path) -> None:
        super().__init__()
        self.out = out
        self.model = RunsModel(self)
        self.background = Background(self)
        self.problem = ""
        self._searches = 0
        self.line = QtWidgets.QLineEdit()
        self.line.setPlaceholderText(
            "Search: words, frequency=6GHz..8GHz, alpha=..0.02, sample=NiFe*, status=failed, since=2026-03-01, #tag"
        )
        self.line.setClearButtonEnabled(True)
        self.line.setAccessibleName("Search the runs")
        self.told = QtWidgets.QLabel(wordWrap=True)
        self.table = QtWidgets.QTableView()
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setDefaultSectionSize(24)
        self.table.setTabKeyNavigation(False)  # Tab leads on, the arrows go through the rows
        self.table.setWordWrap(False)
        self.table.horizontalHeader().setStretchLastSection(True)
        for column, width in enumerate((130, 100, 170, 190, 55, 290, 120)):
            self.table.setColumnWidth(column, width)
        self.buttons: dict[str, QtWidgets.QPushButton] = {}
        self._build()
        self._typing = QtCore.QTimer(self, singleShot=True, interval=TYPING_MS)
        self._typing.timeout.connect(self.search)
        self.line.textChanged.connect(lambda: self._typing.start())
        self.line.returnPressed.connect(self.search)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._selected())
        self.table.doubleClicked.connect(lambda *_: self._load("open"))
        self.model.modelReset.connect(self._selected)
        self._selected()

    @property
    def selected(self) -> list[Mapping[str, Any]]:
        """The runs that are selected."""
        rows = self.table.selectionModel().selectedRows()
        return [self.model.runs[row.row()] for row in rows]

    def search(self) -> None:
        """Look for what was typed, in a thread; what was asked last is shown."""
        self._searches += 1
        number, text = self._searches, self.line.text()

        def found(runs: list[dict[str, Any]]) -> None:
            if number == self._searches:
                self.problem = ""
                self.model.show_runs(runs)
                self.told.setText(f"{len(runs)} runs in {self.out}")

        def failed(problem: str) -> None:
            if number == self._searches:
                self.problem = problem
                self.told.setText(f"✗ {problem}")

        self.background.run(lambda: find_runs(self.out, parse_query(text)), found, failed)

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        self.told.setStyleSheet(f"color: {(colours.bad if self.problem else colours.dim).name()}")

    def _selected(self) -> None:
        runs = self.selected
        for name in ("Open", "Use its parameters", "Add note…"):
            self.buttons[name].setEnabled(len(runs) == 1)
        for name in ("Compare", "Analyse again", "Tag…"):
            self.buttons[name].setEnabled(bool(runs))
        ended_badly = len(runs) == 1 and runs[0]["status"] in ("interrupted", "aborted", "failed") and runs[0]["rows"]
        self.buttons["Go on with it"].setEnabled(bool(ended_badly))

    def _load(self, what: str) -> None:
        for run in self.selected:
            folder = Path(run["folder"])
            self.background.run(
                lambda folder=folder: _stored(folder), lambda stored: self.chosen.emit(what, stored), self._failed
            )

    def _resume(self) -> None:
        for run in self.selected[:1]:
            self.resume_asked.emit(Path(run["folder"]))

    def _analyse(self) -> None:
        """Reduce each selected run anew; the results that there are stay beside the new ones."""
        for run in self.selected:
            folder = Path(run["folder"])
            self.told.setText(f"analysing {folder.name} …")
            self.background.run(lambda folder=folder: _analyse(folder), self._analysed, self._failed)

    def _analysed(self, name: str) -> None:
        self.told.setText(f"{name} was analysed again")
        self.search()

    def _failed(self, problem: str) -> None:
        self.told.setText(f"✗ {problem}")

    def _ask_text(self, title: str, label: str, do: Callable[[Path, str], None]) -> None:
        dialog = QtWidgets.QInputDialog(self)
        dialog.setWindowTitle(title)
        dialog.setLabelText(label)
        folders = [Path(run["folder"]) for run in self.selected]

        def write(text: str) -> None:
            for folder in folders:
                do(folder, text)
                index(folder)  # the catalog looks no more at runs that have finished

        dialog.textValueSelected.connect(
            lambda text: self.background.run(lambda: write(text), lambda done: self.search(), self._failed)
        )
        dialog.open()

    def _build(self) -> None:
        row = QtWidgets.QHBoxLayout()
        actions: tuple[tuple[str, Callable[[], None]], ...] = (
            ("Open", lambda: self._load("open")),
            ("Compare", lambda: self._load("compare")),
            ("Use its parameters", lambda: self._load("use")),
            ("Go on with it", self._resume),
            ("Analyse again", self._analyse),
            (
                "Tag…",
                lambda: self._ask_text("Tag", "Tags, apart by blanks:", lambda f, text: add_tags(f, text.split())),
            ),
            ("Add note…", lambda: self._ask_text("Note", "Note:", add_note)),
            ("Refresh (F5)", self.search),
        )
        for name, do in actions:
            button = self.buttons[name] = QtWidgets.QPushButton(name)
            button.clicked.connect(lambda checked=False, do=do: do())
            row.addWidget(button)
        row.addStretch(1)
        for keys, do in (("F5", self.search), ("Return", lambda: self._load("open"))):
            shortcut = QtGui.QShortcut(QtGui.QKeySequence(keys), self if keys == "F5" else self.table)
            shortcut.setContext(QtCore.Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(do)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self.line)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.told)


def _stored(folder: Path) -> StoredRun:
    """Read a run as it is shown; no code that is named in it is run."""
    record = read_run(folder)
    columns = {
        str(name): np.asarray(pd.to_numeric(record.rows[name], errors="coerce"), dtype=float)
        for name in record.rows.columns
    }
    reduced = None
    try:
        reduced = reduced_of(json.loads(record.folder.results.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):  # never analysed, or damaged: the rows are there all the same
        pass
    return StoredRun(
        record.folder.run_id, record.folder.procedure, folder, columns, record.parameters, record.simulated, reduced
    )


def _analyse(folder: Path) -> str:
    record = read_run(folder)
    outcome = reduce_runs([record.folder])
    keep_results([folder], outcome.json)
    write_page(record.folder.report, outcome)
    return record.folder.run_id
