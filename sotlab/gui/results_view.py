"""What was found in each row of a series, over what was changed between them, with its standard uncertainties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.gui.axes import column_box, label_axis, split_header
from sotlab.gui.qt import QtWidgets, pg
from sotlab.gui.theme import Colours

__all__ = ["ResultsView"]


class ResultsView(QtWidgets.QWidget):
    """One value over one axis, a point with an error bar for each spectrum or scan that has it."""

    def __init__(self) -> None:
        super().__init__()
        self._axes: Mapping[str, str] = {}
        self._simulated = False
        self.spectra: Sequence[Mapping[str, Any]] = ()
        self.x_box, self.y_box = column_box("axis of the results"), column_box("result")
        self.told = QtWidgets.QLabel(wordWrap=True)
        self.graphics: Any = pg.GraphicsLayoutWidget()
        self.top = self.graphics.addPlot()
        self.top.setMenuEnabled(False)
        self.top.showGrid(x=True, y=True, alpha=0.15)
        self.top.getAxis("left").setWidth(72)
        self.bars = pg.ErrorBarItem(x=np.empty(0), y=np.empty(0), height=np.empty(0))
        self.top.addItem(self.bars, ignoreBounds=True)
        self.points = self.top.plot([], [], pen=None, symbol="o", symbolSize=7, symbolPen=None)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        choice = QtWidgets.QHBoxLayout()
        for text, box in (("result", self.y_box), ("over", self.x_box)):
            choice.addWidget(QtWidgets.QLabel(text))
            choice.addWidget(box)
            box.activated.connect(self.draw)
        choice.addStretch(1)
        layout.addLayout(choice)
        layout.addWidget(self.told)
        layout.addWidget(self.graphics, 1)
        self.show_colours(Colours(self.palette()))
        self.show_spectra((), {})

    def show_spectra(self, spectra: Sequence[Mapping[str, Any]], axes: Mapping[str, str]) -> None:
        """Show other spectra; ``axes`` has the header of each axis by its name in them."""
        self.spectra, self._axes = spectra, axes
        numbers = [name for name in axes if len({one.get(name) for one in spectra} - {None}) > 1]
        every = spectra[0] if spectra else ()
        values = [name for name in every if any(_value(one.get(name)) is not None for one in spectra)]
        for box, names in ((self.x_box, numbers), (self.y_box, values)):
            before = box.currentText()
            box.clear()
            box.addItems(names)
            if before in names:
                box.setCurrentText(before)
            elif "field_res" in names:
                box.setCurrentText("field_res")
        self.draw()

    def draw(self) -> None:
        """Draw the result that is chosen."""
        x_name, y_name = self.x_box.currentText(), self.y_box.currentText()
        rows = [
            (one[x_name], found["value"], found.get("sigma") or np.nan, found.get("unit", ""))
            for one in self.spectra
            if x_name and one.get(x_name) is not None and (found := _value(one.get(y_name))) is not None
        ]
        x, y, sigma = (np.array([row[k] for row in rows], float) for k in range(3))
        self.points.setData(x, y)
        self.bars.setData(x=x, y=y, height=2.0 * np.nan_to_num(sigma))
        self.told.setVisible(not rows)
        self.told.setText("Nothing yet: the results of a series are shown here when it has been analysed.")
        if rows:
            label_axis(self.top, "left", y_name, rows[0][3])
            label_axis(self.top, "bottom", *split_header(self._axes[x_name]))

    def exported(self) -> Mapping[str, np.ndarray]:
        """Return what is shown, by column."""
        x, y = self.points.getData()
        if x is None:
            return {}
        name = self.y_box.currentText()
        unit = next((found.get("unit", "") for one in self.spectra if (found := _value(one.get(name)))), "")
        header, bracket = self._axes[self.x_box.currentText()], f" ({unit})" if unit else ""
        return {
            header: x,
            f"{name}{bracket}": y,
            f"{name} Sigma{bracket}": 0.5 * np.asarray(self.bars.opts["height"], float),
        }

    def show_simulated(self, simulated: bool) -> None:
        """Say in the picture itself that its points are simulated."""
        self._simulated = simulated
        self.top.setTitle("SIMULATED" if simulated else None, color=self._colours.bad, size="9pt")

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        self._colours = colours
        self.show_simulated(self._simulated)
        self.graphics.setBackground(colours.background)
        for name in ("left", "bottom"):
            axis = self.top.getAxis(name)
            axis.setPen(colours.dim)
            axis.setTextPen(colours.text)
        self.points.setSymbolBrush(colours.points)
        self.bars.setData(pen=pg.mkPen(colours.text))


def _value(found: Any) -> Mapping[str, Any] | None:
    return found if isinstance(found, Mapping) and found.get("value") is not None else None
