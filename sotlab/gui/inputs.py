"""The inputs: one line of text for each parameter, parsed as it is typed and never rewritten.

PyMeasure's own number inputs round what was typed when they lose the focus; here the text is the operator's, and the
number that will be used stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sotlab.errors import SotlabError
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.gui.theme import Colours
from sotlab.parameters import Parameter
from sotlab.procedures.runs.scan import Scan
from sotlab.units import as_typed

__all__ = ["ParameterForm", "ParameterInput", "as_text"]

#: Which parameters stand together, by name; one that is not named stands in the last group.
GROUPS = (
    ("Microwave", ("frequency", "power")),
    ("Field", ("start", "stop", "points", "run_up")),
    ("Sample and readings", ("angle", "averages", "repeats")),
    ("More", ()),
)
#: Given by the window, not typed.
NOT_TYPED = ("station", "sample")


class ParameterInput(QtCore.QObject):
    """One parameter: its label, its line of text, the number that was understood, and what is wrong with it.

    Parameters
    ----------
    parameter : Parameter
        It converts the text; the input keeps no number of its own.
    """

    changed = QtCore.Signal()

    def __init__(self, name: str, parameter: Parameter, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self.parameter = parameter
        self.error: str | None = None
        self.label = QtWidgets.QLabel(parameter.name)
        self.edit = QtWidgets.QLineEdit(as_text(parameter.default, getattr(parameter, "units", None)))
        self.edit.setToolTip(_hint(parameter))
        self.edit.setAccessibleName(parameter.name)
        self.label.setBuddy(self.edit)
        self.understood = QtWidgets.QLabel()
        self.problem = QtWidgets.QLabel(wordWrap=True)
        self.problem.hide()
        self.edit.textChanged.connect(self._parse)
        self._parse()

    @property
    def value(self) -> object:
        """The parameter's value; only where there is no ``error``."""
        return self.parameter.value

    def _parse(self) -> None:
        try:
            self.parameter.value = self.edit.text().strip()
            self.error = None
            self.understood.setText(str(self.parameter))
        except (SotlabError, ValueError) as error:
            self.error = str(error)
            self.understood.setText("✗ not usable")
        self.problem.setText(self.error or "")
        self.problem.setVisible(self.error is not None)
        self.show_colours(Colours(self.edit.palette()))
        self.changed.emit()

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours: dim what is understood, the colour of errors for what is not."""
        colour = colours.dim if self.error is None else colours.bad
        self.understood.setStyleSheet(f"color: {colour.name()}")
        self.problem.setStyleSheet(f"color: {colours.bad.name()}")


class ParameterForm(QtWidgets.QWidget):
    """The inputs of a procedure, in groups, built from its parameters."""

    changed = QtCore.Signal()

    def __init__(self, procedure_class: type[Scan], parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        parameters = {n: p for n, p in procedure_class().parameter_objects().items() if n not in NOT_TYPED}
        self.inputs: dict[str, ParameterInput] = {}
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for title, names in GROUPS:
            members = names or [n for n in parameters if not any(n in group for _, group in GROUPS)]
            members = [name for name in members if name in parameters]
            if members:
                layout.addWidget(self._group(title, {name: parameters[name] for name in members}))
        layout.addStretch(1)

    @property
    def errors(self) -> list[str]:
        """What is wrong with the inputs, one line each."""
        return [entry.error for entry in self.inputs.values() if entry.error is not None]

    def values(self) -> dict[str, object]:
        """Return the value of every parameter, with all its digits; only while there are no ``errors``."""
        return {name: entry.value for name, entry in self.inputs.items()}

    def set_locked(self, locked: bool) -> None:
        """Keep the inputs from being changed while what they say is being measured."""
        for entry in self.inputs.values():
            entry.edit.setReadOnly(locked)

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        for entry in self.inputs.values():
            entry.show_colours(colours)

    def _group(self, title: str, parameters: Mapping[str, Parameter]) -> QtWidgets.QGroupBox:
        box = QtWidgets.QGroupBox(title)
        grid = QtWidgets.QGridLayout(box)
        grid.setVerticalSpacing(3)
        grid.setColumnMinimumWidth(0, 76)
        grid.setColumnStretch(1, 4)
        grid.setColumnStretch(2, 5)
        for row, (name, parameter) in enumerate(parameters.items()):
            entry = self.inputs[name] = ParameterInput(name, parameter, self)
            grid.addWidget(entry.label, 2 * row, 0)
            grid.addWidget(entry.edit, 2 * row, 1)
            grid.addWidget(entry.understood, 2 * row, 2)
            grid.addWidget(entry.problem, 2 * row + 1, 0, 1, 3)
            entry.changed.connect(self.changed)
        return box


def as_text(value: object, unit: str | None) -> str:
    """Return a default as people would type it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return as_typed(value, unit)


def _hint(parameter: Parameter) -> str:
    unit = getattr(parameter, "units", None)
    low, high = getattr(parameter, "minimum", None), getattr(parameter, "maximum", None)
    limits = "" if low is None else f"{as_text(low, unit)} to {as_text(high, unit)}"
    return ". ".join(part for part in (parameter.description or "", limits) if part)
