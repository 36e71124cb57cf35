"""What was interrupted the last time is offered when the window opens: go on with it, or leave it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sotlab.gui.background import Background
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.gui.runs_model import find_runs, parse_query

__all__ = ["Offer"]

#: What is older was left for a reason; the page of runs still has it.
YOUNGER_THAN = timedelta(days=3)


class Offer(QtWidgets.QFrame):
    """A line above the pages, there only while something can be gone on with."""

    #: The run in this folder is to be gone on with.
    accepted = QtCore.Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.folder: Path | None = None
        self.background = Background(self)
        self.setFrameShape(QtWidgets.QFrame.Shape.StyledPanel)
        self.text = QtWidgets.QLabel(wordWrap=True)
        self.accept_button = QtWidgets.QPushButton("Go on with it")
        self.later_button = QtWidgets.QPushButton("Not now")
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(10, 6, 10, 6)
        row.addWidget(self.text, 1)
        row.addWidget(self.accept_button)
        row.addWidget(self.later_button)
        self.accept_button.clicked.connect(self._accept)
        self.later_button.clicked.connect(self.hide)
        self.hide()

    def look(self, out: Path) -> None:
        """Look for runs that were interrupted, in a thread."""
        self.background.run(
            lambda: find_runs(out, parse_query("status=interrupted")), self._found, lambda problem: None
        )

    def _found(self, runs: list[Mapping[str, Any]]) -> None:
        young = [run for run in runs if _age(run) < YOUNGER_THAN and run["rows"]]
        if not young:
            return
        last = young[-1]
        self.folder = Path(last["folder"])
        more = f" ({len(young) - 1} more under Runs)" if len(young) > 1 else ""
        self.text.setText(
            f"⏸ <b>{last['procedure']}</b> on {last['sample']}, begun at {last['started'][11:16]}, was interrupted;"
            f" its {last['rows']} rows are kept, and it can be gone on with at its first missing point{more}."
        )
        self.show()

    def _accept(self) -> None:
        self.hide()
        self.accepted.emit(self.folder)


def _age(run: Mapping[str, Any]) -> timedelta:
    try:
        began = datetime.fromisoformat(str(run["started"]))
    except ValueError:
        return YOUNGER_THAN
    return datetime.now(began.tzinfo) - began
