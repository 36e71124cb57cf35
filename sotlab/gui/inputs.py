"""The inputs: one line of text for each parameter, parsed as it is typed and never rewritten.

PyMeasure's own number inputs round what was typed when they lose the focus; here the text is the operator's, and the
number that will be used stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from pymeasure.experiment import Procedure

from sotlab.errors import SotlabError
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.gui.theme import Colours
from sotlab.parameters import Parameter
from sotlab.units import as_typed

__all__ = ["ParameterForm", "ParameterInput", "as_text"]

#: Which parameters stand together, by name; the group without names has all that stand in no other.
GROUPS = (
    ("Sweep", ("start", "stop", "points", "run_up", "scans", "parity", "axis", "field", "field_stop", "fields")),
    ("Settings", ()),
    ("Repeats and order", ("repeats", "order", "order_seed")),
)
#: Given by the window, not typed here.
NOT_TYPED = ("station", "sample", "device")


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
        choices = getattr(parameter, "choices", None)
        self.edit = _Choices(choices) if choices else QtWidgets.QLineEdit()
        self.edit.setToolTip(_hint(parameter))
        self.edit.setAccessibleName(parameter.name)
        self.label.setBuddy(self.edit)
        self.understood = QtWidgets.QLabel()
        self.problem = QtWidgets.QLabel(wordWrap=True)
        self.problem.hide()
        self.set_value(parameter.default)
        if isinstance(self.edit, _Choices):
            self.edit.currentTextChanged.connect(self._parse)
        else:
            self.edit.textChanged.connect(self._parse)
        self._parse()

    @property
    def value(self) -> object:
        """The parameter's value; only where there is no ``error``."""
        return self.parameter.value

    @property
    def text(self) -> str:
        """What was typed."""
        return self.edit.text().strip()

    def set_value(self, value: object) -> None:
        """Write a value as people would type it, with all its digits."""
        self.edit.setText(as_text(value, getattr(self.parameter, "units", None)))

    @property
    def locked(self) -> bool:
        """Whether it is kept from being changed."""
        return not self.edit.isEnabled() if isinstance(self.edit, _Choices) else self.edit.isReadOnly()

    def set_locked(self, locked: bool) -> None:
        """Keep it from being changed."""
        if isinstance(self.edit, _Choices):
            self.edit.setEnabled(not locked)
        else:
            self.edit.setReadOnly(locked)

    def _parse(self) -> None:
        try:
            self.parameter.value = self.text
            self.error = None
            self.understood.setText("" if isinstance(self.edit, _Choices) else str(self.parameter))
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

    def __init__(self, procedure_class: type[Procedure], parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        known = procedure_class().parameter_objects()
        parameters = {name: known[name] for name in _in_order(procedure_class) if name in known}
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

    def changed_texts(self) -> dict[str, str]:
        """Return what was typed for each parameter that is not at its default."""
        return {name: entry.text for name, entry in self.inputs.items() if entry.value != entry.parameter.default}

    def use(self, values: Mapping[str, object]) -> None:
        """Write values into the inputs; a parameter that is not named, or has no value, keeps what it says."""
        for name, entry in self.inputs.items():
            if values.get(name) is not None:
                entry.set_value(values[name])

    def differences(self, values: Mapping[str, object]) -> list[str]:
        """Return what the inputs say otherwise than ``values`` do, one line each."""
        lines = []
        for name, entry in self.inputs.items():
            before = values.get(name)
            if before is not None and entry.error is None and entry.value != before:
                unit = getattr(entry.parameter, "units", None)
                lines.append(f"{entry.parameter.name}: {as_text(before, unit)} → {as_text(entry.value, unit)}")
        return lines

    def set_locked(self, locked: bool) -> None:
        """Keep the inputs from being changed while what they say is being measured."""
        for entry in self.inputs.values():
            entry.set_locked(locked)

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        for entry in self.inputs.values():
            entry.show_colours(colours)

    def _group(self, title: str, parameters: Mapping[str, Parameter]) -> QtWidgets.QGroupBox:
        box = QtWidgets.QGroupBox(title)
        grid = QtWidgets.QGridLayout(box)
        grid.setVerticalSpacing(3)
        grid.setContentsMargins(8, 4, 8, 6)
        grid.setColumnMinimumWidth(0, 76)
        grid.setColumnStretch(1, 4)
        grid.setColumnStretch(2, 4)
        for row, (name, parameter) in enumerate(parameters.items()):
            entry = self.inputs[name] = ParameterInput(name, parameter, self)
            wide = isinstance(entry.edit, _Choices)
            grid.addWidget(entry.label, 2 * row, 0)
            grid.addWidget(entry.edit, 2 * row, 1)
            if not wide:
                grid.addWidget(entry.understood, 2 * row, 2)
            grid.addWidget(entry.problem, 2 * row + 1, 0, 1, 3)
            entry.changed.connect(self.changed)
        return box


class _Choices(QtWidgets.QComboBox):
    """One of a few words, with the names that a line of text has."""

    def __init__(self, choices: list[object]) -> None:
        super().__init__()
        self.addItems([str(choice) for choice in choices])
        # The wheel is for scrolling, not for changing what is measured.
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)

    def text(self) -> str:
        """Return the word that is chosen."""
        return self.currentText()

    def setText(self, text: str) -> None:
        """Choose a word."""
        self.setCurrentText(text)

    def wheelEvent(self, event: object) -> None:
        """Leave the wheel to what scrolls."""
        event.ignore()  # type: ignore[attr-defined]


def as_text(value: object, unit: str | None) -> str:
    """Return a default as people would type it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return as_typed(value, None if unit == "1" else unit)


def _in_order(procedure_class: type[Procedure]) -> list[str]:
    """Return the names of what may be parameters, in the order in which the classes write them."""
    names = [name for one in reversed(procedure_class.__mro__) for name in one.__dict__]
    return [name for name in dict.fromkeys(names) if name not in NOT_TYPED]


def _hint(parameter: Parameter) -> str:
    unit = getattr(parameter, "units", None)
    low, high = getattr(parameter, "minimum", None), getattr(parameter, "maximum", None)
    limits = "" if low is None else f"{as_text(low, unit)} to {as_text(high, unit)}"
    return ". ".join(part for part in (parameter.description or "", limits) if part)
