"""PyMeasure's inputs, but for numbers: they keep every digit that was typed, and take units."""

from __future__ import annotations

from typing import Any

from pymeasure.display.inputs import ScientificInput
from pymeasure.display.widgets import InputsWidget
from pymeasure.experiment import FloatParameter

from sotlab.errors import SotlabError
from sotlab.gui.qt import QtGui
from sotlab.units import parse_quantity

__all__ = ["ExactInput", "ExactInputs"]

#: So many decimals round no double.
ALL_DECIMALS = 323


class ExactInput(ScientificInput):
    """A spin box for a FloatParameter: shows ``repr`` of the number, and reads "10 mT" where its unit is T."""

    def set_parameter(self, parameter: Any) -> None:
        """Connect a parameter."""
        super().set_parameter(parameter)
        self.setDecimals(ALL_DECIMALS)
        if parameter.is_set():
            self.setValue(parameter.value)

    def validate(self, text: str, pos: int) -> Any:
        """Accept what can be read; anything else may still become so."""
        state = QtGui.QValidator.State
        value = self._read(text)
        good = value is not None and self.minimum() <= value <= self.maximum()
        return (state.Acceptable if good else state.Intermediate), text, pos

    def valueFromText(self, text: str) -> float:
        """Return the number; what cannot be read leaves the one before."""
        value = self._read(text)
        return self._parameter.value if value is None and self._parameter.is_set() else value or 0.0

    def textFromValue(self, value: float) -> str:
        """Write a number with all its digits."""
        return repr(float(value)).removesuffix(".0")

    def _read(self, text: str) -> float | None:
        text, unit = text.strip(), self._parameter.units
        if unit and text.endswith(f" {unit}") and " " not in (number := text.removesuffix(f" {unit}").strip()):
            text = number  # also a unit that only the lab knows
        try:
            return float(text)
        except ValueError:
            pass
        try:
            return parse_quantity(text.removesuffix(f" {unit}") if unit else text, unit or None)
        except SotlabError:
            return None


class ExactInputs(InputsWidget):
    """PyMeasure's inputs with numbers that keep their digits."""

    def _setup_ui(self) -> None:
        super()._setup_ui()
        for name, parameter in self._procedure.parameter_objects().items():
            if name in self._inputs and parameter.ui_class is None and isinstance(parameter, FloatParameter):
                getattr(self, name).deleteLater()
                setattr(self, name, ExactInput(parameter))
