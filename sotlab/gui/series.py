"""A series over parameters, as people write it, as loops of a campaign; and the dialog that it is typed in."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sotlab.errors import PlanError, SotlabError
from sotlab.gui.qt import QtWidgets
from sotlab.units import as_typed, parse_quantity

__all__ = ["SeriesDialog", "read_series"]

RANGE = re.compile(
    r"(?P<start>.+?)\s*(?:\bto\b|\.\.|…)\s*(?P<stop>.+?)\s*(?:\bstep\b\s*(?P<step>.+)|\bin\b\s*(?P<points>\d+).*)"
)
#: A series longer than this is a slip of the pen.
MOST = 10_000


def read_series(text: str, parameter: Any) -> list[Any]:
    """Return the values of ``4 GHz, 5 GHz`` or ``4 GHz to 10 GHz step 1 GHz`` or ``4 to 10 GHz in 7``, as typed.

    Raises
    ------
    PlanError
        If it cannot be understood, or a value is none for the parameter.
    """
    unit = getattr(parameter, "units", None)
    match = RANGE.fullmatch(text.strip())
    try:
        values = _range(match, unit) if match else [part.strip() for part in text.split(",") if part.strip()]
        for value in values:
            parameter.value = value
    except (SotlabError, ValueError) as error:
        raise PlanError(f"{parameter.name}: {error}") from error
    if not values:
        raise PlanError(f"{parameter.name}: no values; write 4 GHz, 5 GHz or 4 GHz to 10 GHz step 1 GHz or … in 7")
    return values


def _range(match: re.Match[str], unit: str | None) -> list[str]:
    stop = match["stop"]
    behind = re.search(r"[^\d.eE+\-\s].*$", stop)
    start = match["start"] + (f" {behind[0]}" if behind and re.fullmatch(r"[-+\d.eE]+", match["start"]) else "")
    first, last = parse_quantity(start, unit), parse_quantity(stop, unit)
    if match["points"]:
        count = int(match["points"])
    else:
        step = abs(parse_quantity(match["step"], unit))
        if step <= 0.0:
            raise PlanError(f"a step of {match['step']} leads nowhere")
        count = round(abs(last - first) / step) + 1
        if abs(first + (count - 1) * step * (1 if last >= first else -1) - last) > 1e-6 * step:
            raise PlanError(f"steps of {match['step']} do not lead from {start} to {stop}")
    if not 1 <= count <= MOST:
        raise PlanError(f"{count} values asked, allowed 1 to {MOST}")
    steps = [first + (last - first) * k / max(count - 1, 1) for k in range(count)]
    return [as_typed(float(f"{value:.12g}"), unit) for value in steps]


class SeriesDialog(QtWidgets.QDialog):
    """Up to three parameters with their values, and how many runs that makes.

    Parameters
    ----------
    parameters : mapping
        What can be varied, by attribute.
    use : callable
        Takes the loops, the outermost first.
    """

    def __init__(
        self,
        parent: QtWidgets.QWidget,
        parameters: Mapping[str, Any],
        use: Callable[[Sequence[dict[str, list[Any]]]], Any],
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Add a series to the queue")
        self._parameters, self._use = parameters, use
        self.loops: list[dict[str, list[Any]]] = []
        self.lines: list[tuple[QtWidgets.QComboBox, QtWidgets.QLineEdit]] = []
        grid = QtWidgets.QGridLayout()
        for row in range(3):
            box, line = QtWidgets.QComboBox(), QtWidgets.QLineEdit()
            box.addItem("–", "")
            for name, parameter in parameters.items():
                box.addItem(parameter.name, name)
            line.setPlaceholderText("4 GHz, 5 GHz  or  4 GHz to 10 GHz step 1 GHz  or  4 to 10 GHz in 7")
            line.setMinimumWidth(430)
            box.currentIndexChanged.connect(self._read)
            line.textChanged.connect(self._read)
            grid.addWidget(QtWidgets.QLabel(("outermost", "within it", "innermost")[row]), row, 0)
            grid.addWidget(box, row, 1)
            grid.addWidget(line, row, 2)
            self.lines.append((box, line))
        self.shuffled = QtWidgets.QCheckBox("in random order, so that a drift is not taken for a dependence")
        self.shuffled.toggled.connect(self._read)
        self.preview = QtWidgets.QLabel(wordWrap=True)
        buttons = QtWidgets.QDialogButtonBox()
        self.add_button = buttons.addButton("Add to queue", QtWidgets.QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton("Leave it", QtWidgets.QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addLayout(grid)
        for widget in (self.shuffled, self.preview, buttons):
            layout.addWidget(widget)
        self._read()

    def _read(self) -> None:
        self.loops = []
        problem = ""
        try:
            for box, line in self.lines:
                if name := box.currentData():
                    values = read_series(line.text(), self._parameters[name])
                    if self.shuffled.isChecked():
                        random.Random(0).shuffle(values)
                    self.loops.append({name: values})
        except SotlabError as error:
            problem = str(error)
        count = 1
        for loop in self.loops:
            count *= len(next(iter(loop.values())))
        said = "; ".join(f"{name}: {_short(values)}" for loop in self.loops for name, values in loop.items())
        self.preview.setText(
            f"✗ {problem}" if problem else f"{count} runs.  {said}" if self.loops else "Nothing varied yet."
        )
        self.add_button.setEnabled(bool(self.loops) and not problem and count <= MOST)

    def _accept(self) -> None:
        self._use(self.loops)
        self.accept()


def _short(values: Sequence[Any]) -> str:
    shown = [str(value) for value in values]
    return ", ".join(shown if len(shown) <= 8 else [*shown[:4], "…", *shown[-2:]])
