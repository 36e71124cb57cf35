"""The page of the log: what the program says of its work, and the operator's notes on the run."""

from __future__ import annotations

import logging
import queue
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sotlab.gui.background import Background
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.gui.theme import Colours
from sotlab.procedures.runs.catalog import index
from sotlab.procedures.runs.notes import add_note

__all__ = ["LogPanel", "event_line"]

#: So many lines are kept.
MOST_LINES = 5000
LEVELS = {"all": logging.DEBUG, "information": logging.INFO, "warnings": logging.WARNING, "errors": logging.ERROR}
MARKS = ((logging.ERROR, "✗"), (logging.WARNING, "⚠"), (logging.NOTSET, " "))


class LogPanel(QtWidgets.QWidget):
    """Log records of this process as lines; a timer takes them over, since they come from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._news: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._lines: list[tuple[int, str]] = []
        self._folder: Path | None = None
        self.background = Background(self)
        self.handler = _Handler(self._news)
        logging.getLogger().addHandler(self.handler)
        self.level = QtWidgets.QComboBox()
        self.level.setAccessibleName("Level of the log")
        self.level.addItems(list(LEVELS))
        self.level.setCurrentText("information")
        self.level.currentTextChanged.connect(self._show_all)
        self.view = QtWidgets.QPlainTextEdit(readOnly=True)
        self.view.setMaximumBlockCount(MOST_LINES)
        self.note = QtWidgets.QLineEdit()
        self.note.setAccessibleName("Note on the run")
        self.note.returnPressed.connect(self._add_note)
        self.told = QtWidgets.QLabel()
        row = QtWidgets.QHBoxLayout()
        for widget, stretch in ((QtWidgets.QLabel("Show"), 0), (self.level, 0), (self.note, 1), (self.told, 0)):
            row.addWidget(widget, stretch)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        self._timer = QtCore.QTimer(self, interval=200)
        self._timer.timeout.connect(self.take_over)
        self._timer.start()
        self.show_run(None)

    def show_run(self, folder: Path | None) -> None:
        """Say which run a note is on."""
        self._folder = folder
        self.note.setEnabled(folder is not None)
        self.note.setPlaceholderText(
            "A note on the run, kept with it: Return" if folder is not None else "no run yet that a note could be on"
        )

    def say(self, text: str, level: int = logging.INFO) -> None:
        """Add a line of the window's own: what the run's journal says, or what the operator was told."""
        self.handler.handle(logging.LogRecord("window", level, "", 0, text, None, None))

    def take_over(self) -> None:
        """Show what has been logged since."""
        while not self._news.empty():
            level, line = self._news.get()
            self._lines = [*self._lines[-MOST_LINES:], (level, line)]
            if level >= LEVELS[self.level.currentText()]:
                self.view.appendPlainText(line)

    def leave(self) -> None:
        """Hear no more; a window that is gone must not be spoken to."""
        logging.getLogger().removeHandler(self.handler)
        self._timer.stop()

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        self.told.setStyleSheet(f"color: {colours.dim.name()}")

    def _show_all(self) -> None:
        least = LEVELS[self.level.currentText()]
        self.view.setPlainText("\n".join(line for level, line in self._lines if level >= least))

    def _add_note(self) -> None:
        text = self.note.text().strip()
        if not text or self._folder is None:
            return
        folder = self._folder

        def keep() -> None:
            add_note(folder, text)
            index(folder)  # the catalog looks no more at runs that have finished

        self.note.clear()
        self.background.run(
            keep,
            lambda done: self.told.setText("✓ kept with the run"),
            lambda problem: self.told.setText(f"✗ {problem}"),
        )


class _Handler(logging.Handler):
    def __init__(self, news: queue.SimpleQueue[tuple[int, str]]) -> None:
        super().__init__()
        self._news = news
        self.setFormatter(logging.Formatter("%(asctime)s  %(message)s  [%(name)s]", datefmt="%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record, from any thread."""
        mark = next(mark for level, mark in MARKS if record.levelno >= level)
        self._news.put((record.levelno, f"{mark} {self.format(record)}"))


def event_line(record: Mapping[str, Any]) -> str:
    """Return an event of a run's journal in one line: its name, and what is short enough of the rest."""
    told = {name: value for name, value in record.items() if name not in ("event", "wall", "t")}
    short = {name: value for name, value in told.items() if not isinstance(value, dict | list) and value is not None}
    parts = [f"{name}={value}" for name, value in short.items()]
    return f"{record['event']}  {'  '.join(part for part in parts if len(part) < 160)}".strip()
