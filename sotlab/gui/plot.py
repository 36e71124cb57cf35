"""The plot: the points as they come, the fit through them, and below it what the fit leaves over."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from sotlab.analysis.values import LiveFit
from sotlab.gui.qt import QtWidgets, pg
from sotlab.gui.theme import Colours

__all__ = ["SweepPlot"]


class SweepPlot(QtWidgets.QWidget):
    """Points, fit and residuals over one axis, held as arrays here; the file is never read again.

    Parameters
    ----------
    x_column, y_column : str
        Headers of the columns to show, with their units.
    """

    def __init__(self, x_column: str, y_column: str, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.x_column, self.y_column = x_column, y_column
        self.xs, self.ys = np.empty(0), np.empty(0)
        self.fit: LiveFit | None = None
        self.graphics: Any = pg.GraphicsLayoutWidget()  # Any: it gets its methods at run time
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.graphics)

        self.top = self.graphics.addPlot(row=0, col=0)
        self.strip = self.graphics.addPlot(row=1, col=0)
        self.strip.setXLink(self.top)
        self.graphics.ci.layout.setRowStretchFactor(0, 3)
        self.graphics.ci.layout.setRowStretchFactor(1, 1)
        (x_label, x_unit), (y_label, y_unit) = split_header(x_column), split_header(y_column)
        self.top.setLabel("left", y_label, units=y_unit)
        self.strip.setLabel("left", "Residual", units=y_unit)
        self.strip.setLabel("bottom", x_label, units=x_unit)
        self.top.getAxis("bottom").setStyle(showValues=False)
        for plot in (self.top, self.strip):
            for name in ("left", "bottom"):
                plot.getAxis(name).setStyle(maxTickLevel=1)  # a finer grid doubles the time of a drawing
            plot.getAxis("left").setWidth(72)  # the two axes stand above each other
            plot.showGrid(x=True, y=True, alpha=0.15)
            plot.setMenuEnabled(False)

        # No setDownsampling: pyqtgraph's needs x in order, and a measured field is in order only up to its noise.
        self._points = self.top.plot([], [], pen=None, symbol="o", symbolSize=5, symbolPen=None)
        self._fit = self.top.plot([], [])
        self._zero = pg.InfiniteLine(angle=0)
        self.strip.addItem(self._zero)
        self._residuals = self.strip.plot([], [], pen=None, symbol="o", symbolSize=4, symbolPen=None)
        self.show_colours(Colours(self.palette()))

    def clear(self) -> None:
        """Forget the points, for a new run."""
        self.xs, self.ys, self.fit = np.empty(0), np.empty(0), None
        for item in (self._points, self._fit, self._residuals):
            item.setData([], [])
        self.top.enableAutoRange()
        self.strip.enableAutoRange()

    def add_rows(self, rows: list[dict[str, Any]]) -> None:
        """Add rows; draw all points once."""
        self.xs = np.append(self.xs, [float(row.get(self.x_column, np.nan)) for row in rows])
        self.ys = np.append(self.ys, [float(row.get(self.y_column, np.nan)) for row in rows])
        self._points.setData(self.xs, self.ys)

    def show_fit(self, fit: LiveFit) -> None:
        """Draw a fit of the first ``len(fit.x)`` points, and their residuals."""
        self.fit = fit
        self._fit.setData(fit.curve_x, fit.curve_y)
        fitted = min(len(fit.x), len(self.ys))
        self._residuals.setData(fit.x[:fitted], self.ys[:fitted] - fit.y[:fitted])

    @property
    def residuals(self) -> tuple[np.ndarray, np.ndarray]:
        """What the strip shows: positions and residuals, in SI units."""
        x, y = self._residuals.getData()
        return (np.empty(0), np.empty(0)) if x is None else (x, y)

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        self.graphics.setBackground(colours.background)
        for plot in (self.top, self.strip):
            for name in ("left", "bottom"):
                axis = plot.getAxis(name)
                axis.setPen(colours.dim)
                axis.setTextPen(colours.text)
        self._points.setSymbolBrush(colours.points)
        self._residuals.setSymbolBrush(colours.points)
        self._fit.setPen(pg.mkPen(colours.fit, width=2))
        self._zero.setPen(pg.mkPen(colours.dim))
        # The legend stands above the plot: inside it, it would lie on the data sooner or later.
        self.top.setTitle(
            f'<span style="color:{colours.points.name()}">●</span> measured &nbsp; '
            f'<span style="color:{colours.fit.name()}">━</span> fit',
            color=colours.text,
            size="9pt",
        )


def split_header(header: str) -> tuple[str, str | None]:
    """Split ``Field (T)`` into its label and its unit."""
    match = re.fullmatch(r"(?P<label>.*?)\s*\((?P<unit>[^()]*)\)", header)
    return (match["label"], match["unit"]) if match else (header, None)
