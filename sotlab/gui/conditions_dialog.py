"""When a run of the queue begins: after which others, at what time, at which readings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sotlab.errors import UsageError
from sotlab.gui.qt import QtWidgets

__all__ = ["ConditionsDialog", "as_tables", "as_text"]

FIELDS = {
    "after": ("After", "names of items, apart by commas: coil, fmr-1"),
    "time": ("At a time of day", "22:00 to 06:00"),
    "reading": ("When a reading is", "temperature = 4 K to 5 K"),
    "interlock": ("When all contacts are", "closed"),
    "timeout": ("Give up after", "24 h"),
}


def as_text(item: Mapping[str, Any]) -> dict[str, str]:
    """Return an item's conditions as they are typed."""
    when = item.get("start_when", {})
    after = item.get("after", [])
    readings = when.get("reading", {})
    return {
        "after": ", ".join([after] if isinstance(after, str) else map(str, after)),
        "time": " to ".join(map(str, when.get("time_of_day", ()))),
        "reading": "; ".join(f"{role} = {low} to {high}" for role, (low, high) in readings.items()),
        "interlock": str(when.get("interlock", "")),
        "timeout": str(when.get("timeout", "")),
    }


def as_tables(texts: Mapping[str, str]) -> tuple[list[str], dict[str, Any]]:
    """Return ``after`` and ``start_when`` of what was typed; what is wrong in them the campaign file says.

    Raises
    ------
    UsageError
        If a range is none.
    """
    after = [name.strip() for name in texts["after"].split(",") if name.strip()]
    when: dict[str, Any] = {}
    if texts["time"].strip():
        when["time_of_day"] = _range(texts["time"])
    readings = {}
    for part in filter(None, map(str.strip, texts["reading"].split(";"))):
        role, equals, span = part.partition("=")
        if not equals:
            raise UsageError(f"'{part}': write a role and a range, as temperature = 4 K to 5 K")
        readings[role.strip()] = _range(span)
    if readings:
        when["reading"] = readings
    for name in ("interlock", "timeout"):
        if texts[name].strip():
            when[name] = texts[name].strip()
    return after, when


def _range(text: str) -> list[str]:
    parts = [part.strip() for part in re.split(r"\bto\b|\.\.|…|–", text)]
    if len(parts) != 2 or not all(parts):
        raise UsageError(f"'{text.strip()}' is no range; write two values with 'to' between them")
    return parts


class ConditionsDialog(QtWidgets.QDialog):
    """One line of text for each condition; what is empty is none."""

    def __init__(
        self, parent: QtWidgets.QWidget, item: str, texts: Mapping[str, str], use: Callable[[Mapping[str, str]], str]
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"When {item} begins")
        self._use = use
        self.lines: dict[str, QtWidgets.QLineEdit] = {}
        form = QtWidgets.QFormLayout()
        for name, (label, example) in FIELDS.items():
            line = self.lines[name] = QtWidgets.QLineEdit(texts[name])
            line.setPlaceholderText(example)
            line.setMinimumWidth(380)
            form.addRow(label, line)
        self.problem = QtWidgets.QLabel(wordWrap=True)
        self.buttons = QtWidgets.QDialogButtonBox(
            QtWidgets.QDialogButtonBox.StandardButton.Ok | QtWidgets.QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(QtWidgets.QLabel("All of it at once; what is left empty is no condition."))
        layout.addLayout(form)
        layout.addWidget(self.problem)
        layout.addWidget(self.buttons)

    def _accept(self) -> None:
        problem = self._use({name: line.text() for name, line in self.lines.items()})
        self.problem.setText(f"✗ {problem}" if problem else "")
        if not problem:
            self.accept()
