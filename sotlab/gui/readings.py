"""What is read and what comes out, as numbers: the last row, and the fit with its uncertainties."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sotlab.analysis.values import LiveFit
from sotlab.gui.axes import split_header
from sotlab.gui.qt import QtCore, QtGui, QtWidgets
from sotlab.gui.theme import Colours
from sotlab.units import pretty

__all__ = ["Readings"]

#: How results are called on the screen; one that is not named has its own name.
LABELS = {
    "v_sym": "V<sub>S</sub>",
    "v_asym": "V<sub>A</sub>",
    "field_res": "µ₀H<sub>res</sub>",
    "width": "µ₀ΔH (HWHM)",
}


class Readings(QtWidgets.QWidget):
    """The last reading of each column, the values of the fit, and its flags.

    Parameters
    ----------
    columns : sequence of str
        Headers of the columns to show.
    """

    def __init__(self, columns: Sequence[str], parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns = list(columns)
        self.row: Mapping[str, Any] = {}
        self._fit_names: list[str] = []
        self.last = _Table("Last reading", [split_header(column)[0] for column in columns])
        self.fit = _Table("Fit", [])
        self.flags = QtWidgets.QLabel(wordWrap=True)
        inside = QtWidgets.QWidget()
        scroll = QtWidgets.QScrollArea(widgetResizable=True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        inside.setAutoFillBackground(False)
        scroll.viewport().setAutoFillBackground(False)
        outside = QtWidgets.QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(scroll)
        layout = QtWidgets.QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.last, self.fit, self.flags):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.clear()

    def set_columns(self, columns: Sequence[str]) -> None:
        """Show another procedure's columns."""
        self.columns = list(columns)
        self.last.set_labels([split_header(column)[0] for column in columns])
        self.clear()

    def clear(self) -> None:
        """Forget everything, for a new run."""
        self.row = {}
        self.last.set_values(["–"] * len(self.columns))
        self._show("Fit", {}, [])

    def show_row(self, row: Mapping[str, Any]) -> None:
        """Show the row that was measured last."""
        self.row = row
        self.last.set_values([_reading(row.get(column), split_header(column)[1] or "") for column in self.columns])

    def show_fit(self, fit: LiveFit) -> None:
        """Show the fit of the rows so far."""
        self._show(
            "Fit, while measuring", {n: pretty(v.value, v.sigma, v.unit) for n, v in fit.values.items()}, fit.flags
        )

    def show_result(self, spectrum: Mapping[str, Any], flags: Sequence[str]) -> None:
        """Show what stands in the results of the run."""
        values = {n: v for n, v in spectrum.items() if isinstance(v, Mapping) and v.get("value") is not None}
        self._show(
            "Result", {n: pretty(v["value"], v.get("sigma"), v.get("unit", "")) for n, v in values.items()}, flags
        )

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        self.last.show_colours(colours)
        self.fit.show_colours(colours)

    def _show(self, title: str, values: Mapping[str, str], flags: Sequence[str]) -> None:
        self.fit.setTitle(title)
        self.fit.set_labels(
            [LABELS.get(name, name) for name in values] or ["nothing yet" if title == "Fit" else "nothing determined"]
        )
        self.fit.set_values(list(values.values()) or [""])
        self.flags.setText("\n".join(f"⚠ {flag}" for flag in flags))


class _Table(QtWidgets.QGroupBox):
    """Labels and values below each other; only text that has changed is set."""

    def __init__(self, title: str, labels: Sequence[str]) -> None:
        super().__init__(title)
        self._grid = QtWidgets.QGridLayout(self)
        self._grid.setVerticalSpacing(4)
        self._rows: list[tuple[QtWidgets.QLabel, QtWidgets.QLabel]] = []
        self._colours = Colours(self.palette())
        self.set_labels(labels)

    def texts(self) -> dict[str, str]:
        """Return what is shown: label -> value."""
        return {label.text(): value.text() for label, value in self._rows}

    def set_labels(self, labels: Sequence[str]) -> None:
        if [label.text() for label, _ in self._rows] == list(labels):
            return
        for pair in self._rows:
            for widget in pair:
                self._grid.removeWidget(widget)
                widget.hide()
                widget.deleteLater()
        self._rows = []
        for row, text in enumerate(labels):
            label, value = QtWidgets.QLabel(text), QtWidgets.QLabel()
            value.setAlignment(QtCore.Qt.AlignmentFlag.AlignRight)
            value.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setFont(_figures(value.font()))
            self._grid.addWidget(label, row, 0)
            self._grid.addWidget(value, row, 1)
            self._rows.append((label, value))
        self.show_colours(self._colours)

    def set_values(self, values: Sequence[str]) -> None:
        for (_, label), text in zip(self._rows, values, strict=True):
            label.setText(text)

    def show_colours(self, colours: Colours) -> None:
        self._colours = colours
        for label, _ in self._rows:
            label.setStyleSheet(f"color: {colours.dim.name()}")


def _figures(font: QtGui.QFont) -> QtGui.QFont:
    font = QtGui.QFont(font)
    font.setWeight(QtGui.QFont.Weight.DemiBold)
    return font


def _reading(value: Any, unit: str) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return "–"
    return pretty(number, None, unit) if math.isfinite(number) else "–"
