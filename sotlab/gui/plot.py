"""The plot: the points as they come, the fit through them, and below it what the fit leaves over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from sotlab.analysis.values import Curve, LiveFit
from sotlab.gui.axes import column_box, label_axis, sigma_column, split_header
from sotlab.gui.beside import Beside
from sotlab.gui.cloud import Cloud
from sotlab.gui.qt import QtCore, QtWidgets, pg
from sotlab.gui.theme import Colours
from sotlab.gui.thin import MOST, thin
from sotlab.procedures.runs.columns import table_of
from sotlab.units import pretty

__all__ = ["SweepPlot"]

#: Marks of the runs that are compared; the shape tells them apart without the colour.
SYMBOLS = {"t": "▼", "s": "■", "d": "◆", "t1": "▲", "star": "★", "p": "⬟"}

#: What a fit may be made of: how it is called, and how its line is drawn.
PARTS = {
    "v_sym": ("V<sub>S</sub>", QtCore.Qt.PenStyle.DashLine),
    "v_asym": ("V<sub>A</sub>", QtCore.Qt.PenStyle.DotLine),
}


class SweepPlot(QtWidgets.QWidget):
    """Points, fit and residuals over one axis, held as arrays here; the file is never read again.

    Parameters
    ----------
    x_column, y_column : str
        Headers of the columns to show, with their units; these two the fit is of.
    columns : sequence of str
        All columns that can be chosen.
    """

    def __init__(
        self, x_column: str, y_column: str, columns: Sequence[str] = (), parent: QtWidgets.QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.x_column, self.y_column = x_column, y_column
        self._fitted = x_column, y_column
        self._rows: dict[str, np.ndarray] = {}
        self.count = 0
        self.fit: LiveFit | None = None
        self.others: dict[str, Mapping[str, np.ndarray]] = {}
        self._colours = Colours(self.palette())
        self.graphics: Any = pg.GraphicsLayoutWidget()  # Any: it gets its methods at run time
        self.x_box, self.y_box = column_box("x axis"), column_box("y axis")
        self.at_cursor = QtWidgets.QLabel()
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._choice())
        layout.addWidget(self.graphics)

        self.top = self.graphics.addPlot(row=0, col=0)
        self.strip = self.graphics.addPlot(row=1, col=0)
        self.strip.setXLink(self.top)
        self.beside = Beside(self.graphics, self._colours)
        self.graphics.ci.layout.setRowStretchFactor(0, 3)
        self.graphics.ci.layout.setRowStretchFactor(1, 1)
        self.top.getAxis("bottom").setStyle(showValues=False)
        for plot in (self.top, self.strip):
            for name in ("left", "bottom"):
                plot.getAxis(name).setStyle(maxTickLevel=0)  # a finer grid doubles the time of a drawing
            plot.getAxis("left").setWidth(72)  # the two axes stand above each other
            plot.showGrid(x=True, y=True, alpha=0.15)
            plot.setMenuEnabled(False)
        self.mark = pg.TextItem("SIMULATED", anchor=(1, 0))
        self.mark.setParentItem(self.top.getViewBox())
        self.mark.hide()

        # No setDownsampling: pyqtgraph's needs x in order, and a measured field is in order only up to its noise.
        self._others: list[Any] = []
        self._bars = pg.ErrorBarItem(x=np.empty(0), y=np.empty(0), height=np.empty(0))
        self.top.addItem(self._bars, ignoreBounds=True)  # without data they would stand at the origin
        self._points = Cloud(5.5)
        self.top.addItem(self._points)
        self._fit = self.top.plot([], [])
        self._parts: list[Any] = [self.top.plot([], []) for _ in PARTS]
        self.crosshair = pg.InfiniteLine(angle=90), pg.InfiniteLine(angle=0)
        for line in self.crosshair:
            self.top.addItem(line, ignoreBounds=True)
            line.hide()
        self._zero = pg.InfiniteLine(angle=0)
        self.strip.addItem(self._zero)
        self._residuals = Cloud(4.5)
        self.strip.addItem(self._residuals)
        self._zoom = QtCore.QTimer(self, singleShot=True, interval=60)
        self._zoom.timeout.connect(self._draw_points)
        self.top.getViewBox().sigResized.connect(self._place_mark)
        self.top.sigXRangeChanged.connect(lambda: self.count > MOST and self._zoom.start())
        self._mouse = pg.SignalProxy(self.top.scene().sigMouseMoved, rateLimit=20, slot=self._show_cursor)
        self.set_columns(x_column, y_column, columns)
        self.x_box.currentTextChanged.connect(self._axes_chosen)
        self.y_box.currentTextChanged.connect(self._axes_chosen)
        self.show_colours(self._colours)

    @property
    def xs(self) -> np.ndarray:
        """The points' positions."""
        return self.values(self.x_column)

    @property
    def ys(self) -> np.ndarray:
        """The points' values."""
        return self.values(self.y_column)

    @property
    def _is_fitted(self) -> bool:
        """Whether the axes are those that the fit is over."""
        return (self.x_column, self.y_column) == self._fitted

    def values(self, column: str) -> np.ndarray:
        """Return a column of the points; empty if there is none of this name."""
        return self._rows[column][: self.count] if column in self._rows else np.empty(0)

    def set_columns(self, x_column: str, y_column: str, columns: Sequence[str]) -> None:
        """Show another procedure's columns; the points are forgotten if they are not the same."""
        self._fitted = x_column, y_column
        every = list(dict.fromkeys([*columns, x_column, y_column]))
        for box, column in ((self.x_box, x_column), (self.y_box, y_column)):
            box.blockSignals(True)
            box.clear()
            box.addItems(every)
            box.setCurrentText(column)
            box.blockSignals(False)
        self.clear()
        self._axes_chosen()

    def clear(self) -> None:
        """Forget the points, for a new run; runs that are compared stay."""
        self._rows, self.count, self.fit = {}, 0, None
        for item in (self._points, self._fit, self._residuals, *self._parts):
            item.setData([], [])
        self._bars.setData(x=np.empty(0), y=np.empty(0), height=np.empty(0))
        self.show_beside(())
        self.top.enableAutoRange()
        self.strip.enableAutoRange()

    def add_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows; draw all points once."""
        if not rows:
            return
        columns = [self.x_box.itemText(k) for k in range(self.x_box.count())]
        table = table_of(rows, columns)
        for column, values in zip(columns, table.T, strict=True):
            self._append(column, values)
        self.count += len(table)
        if self.isVisible():
            self._draw_points()

    def set_data(self, columns: Mapping[str, np.ndarray]) -> None:
        """Show the rows of a run that was measured before."""
        self.clear()
        self._rows = {name: np.array(values, float) for name, values in columns.items()}
        self.count = min((len(values) for values in self._rows.values()), default=0)
        self._draw_points()

    def show_fit(self, fit: LiveFit) -> None:
        """Draw a fit of the first ``len(fit.x)`` points, and their residuals."""
        named = self.fit is not None and (bool(self.fit.parts), self.fit.name) == (bool(fit.parts), fit.name)
        self.fit = fit
        self._draw_fit()
        self.show_beside(fit.beside)
        if not named:
            self._draw_others()  # its legend names the parts

    def show_beside(self, curves: Sequence[Curve]) -> None:
        """Draw what the analysis shows beside the points, on axes of its own; none takes no room."""
        self.beside.show_curves(curves)

    def compare(self, name: str, columns: Mapping[str, np.ndarray], curves: Sequence[Curve] = ()) -> None:
        """Draw the points of another run, and what stands beside them, with those of this one."""
        self.others[name] = columns
        self.beside.compare(name, curves)
        self._draw_others()

    def compare_no_more(self) -> None:
        """Take the other runs away."""
        self.others.clear()
        self.beside.compare_no_more()
        self._draw_others()

    def exported(self) -> Mapping[str, np.ndarray]:
        """Return what is shown, by column: the points, the fit at them, and the runs that are compared."""
        shown = {self.x_column: self.xs, self.y_column: self.ys}
        sigma = self.values(sigma_column(self.y_column))
        if len(sigma):
            shown[sigma_column(self.y_column)] = sigma
        if self.fit is not None and self._is_fitted:
            label, unit = split_header(self.y_column)
            rows = np.arange(len(self.fit.y)) if self.fit.rows is None else self.fit.rows
            fitted = np.full(self.count, np.nan)
            fitted[rows[rows < self.count]] = self.fit.y[rows < self.count]
            shown[f"{label} Fit ({unit})"] = fitted
        for name, columns in self.others.items():
            shown |= {f"{name} {one}": columns[one] for one in (self.x_column, self.y_column) if one in columns}
        return {**shown, **self.beside.exported()}

    @property
    def residuals(self) -> tuple[np.ndarray, np.ndarray]:
        """What the strip shows: positions and residuals, in SI units."""
        return self._residuals.getData()

    def show_simulated(self, simulated: bool) -> None:
        """Say in the plot itself that its points are simulated: a picture of it goes where the window does not."""
        self.mark.setVisible(simulated)

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        self._colours = colours
        self.graphics.setBackground(colours.background)
        for plot in (self.top, self.strip):
            for name in ("left", "bottom"):
                axis = plot.getAxis(name)
                axis.setPen(colours.dim)
                axis.setTextPen(colours.text)
        self.mark.setColor(colours.bad)
        self._points.setColour(colours.points)
        self._residuals.setColour(colours.points)
        self._bars.setData(pen=pg.mkPen(colours.dim))
        self._fit.setPen(pg.mkPen(colours.fit, width=2 * self.devicePixelRatioF()))
        for (_, style), item in zip(PARTS.values(), self._parts, strict=True):
            item.setPen(pg.mkPen(colours.fit, width=self.devicePixelRatioF(), style=style))
        for line in (self._zero, *self.crosshair):
            line.setPen(pg.mkPen(colours.dim))
        self.beside.show_colours(colours)
        self._draw_others()

    def showEvent(self, event: Any) -> None:
        """Draw what has come while the plot was not seen."""
        super().showEvent(event)
        self._draw_points()

    # -- drawing -------------------------------------------------------------------------------------------------

    def _place_mark(self) -> None:
        self.mark.setPos(self.top.getViewBox().width() - 4, 2)

    def _axes_chosen(self) -> None:
        self.x_column, self.y_column = self.x_box.currentText(), self.y_box.currentText()
        (x_label, x_unit), (y_label, y_unit) = split_header(self.x_column), split_header(self.y_column)
        with_fit = self._is_fitted
        self.strip.setVisible(with_fit)
        self.beside.set_wanted(with_fit)
        self.top.getAxis("bottom").setStyle(showValues=not with_fit)
        label_axis(self.top, "left", y_label, y_unit)
        label_axis(self.top, "bottom", x_label, x_unit)
        self.top.showLabel("bottom", not with_fit)
        label_axis(self.strip, "left", "Residual", y_unit)
        label_axis(self.strip, "bottom", x_label, x_unit)
        self._draw_points()
        self._draw_fit()
        self._draw_others()
        self.top.enableAutoRange()
        self._place_mark()

    def _draw_points(self) -> None:
        """Draw the points, no more of them than can be told apart, and their sigmas where there is such a column."""
        x, y = self.xs, self.ys
        sigma = self.values(sigma_column(self.y_column))
        if self.count > MOST and not self.top.getViewBox().autoRangeEnabled()[0]:
            low, high = self.top.viewRange()[0]
            seen = np.flatnonzero((x >= low) & (x <= high))
            x, y, sigma = x[seen], y[seen], sigma[seen] if len(sigma) else sigma
        shown = thin(y)
        self._points.setData(x[shown], y[shown])
        if len(sigma):
            self._bars.setData(x=x[shown], y=y[shown], height=2.0 * np.nan_to_num(sigma[shown]))

    def _draw_fit(self) -> None:
        if self.fit is None or not self._is_fitted:
            self._fit.setData([], [])
            self._residuals.setData([], [])
            for item in self._parts:
                item.setData([], [])
            return
        self._fit.setData(self.fit.curve_x, self.fit.curve_y)
        for name, item in zip(PARTS, self._parts, strict=True):
            part = self.fit.parts.get(name)
            item.setData(*(([], []) if part is None else (self.fit.curve_x, part)))
        rows = np.arange(len(self.fit.x)) if self.fit.rows is None else self.fit.rows
        there = rows < self.count
        left = self.ys[rows[there]] - self.fit.y[there]
        shown = thin(left)
        self._residuals.setData(self.fit.x[there][shown], left[shown])
        if np.any(left):
            self.strip.enableAutoRange()
        else:  # a mean of one: the strip has no scale of its own
            reach = 0.1 * (np.ptp(self.ys) or 1.0)
            self.strip.setYRange(-reach, reach)

    def _draw_others(self) -> None:
        for item in self._others:
            self.top.removeItem(item)
        self._others = []
        fit_name = self.fit.name if self.fit is not None else "fit"
        # The legend stands above the plot: inside it, it would lie on the data sooner or later.
        legend = [
            f'<span style="color:{self._colours.points.name()}">●</span> measured',
            f'<span style="color:{self._colours.fit.name()}">━</span> {escape(fit_name)}',
        ]
        if self.fit is not None and self.fit.parts:
            mark = f'<span style="color:{self._colours.fit.name()}">'
            signs = zip("╍┈", PARTS.values(), strict=True)
            legend += [f"{mark}{sign}</span> {label}" for sign, (label, _) in signs]
        for number, (name, columns) in enumerate(self.others.items()):
            colour = self._colours.others[number % len(self._colours.others)]
            symbol = list(SYMBOLS)[number % len(SYMBOLS)]
            x, y = (columns.get(column) for column in (self.x_column, self.y_column))
            if x is not None and y is not None:
                shown = thin(y)
                marks = {"symbol": symbol, "symbolSize": 6, "symbolPen": None, "symbolBrush": colour}
                self._others.append(self.top.plot(x[shown], y[shown], pen=None, **marks))
                legend.append(f'<span style="color:{colour.name()}">{SYMBOLS[symbol]}</span> {escape(name)}')
        lines = [" &nbsp; ".join(legend[k : k + 4]) for k in range(0, len(legend), 4)]
        self.top.setTitle("<br>".join(lines), color=self._colours.text, size="9pt")

    def _show_cursor(self, event: Any) -> None:
        """Draw the crosshair where the mouse is, and say where that is."""
        box = self.top.getViewBox()
        inside = box.sceneBoundingRect().contains(event[0])
        for line in self.crosshair:
            line.setVisible(inside)
        if not inside:
            self.at_cursor.setText("")
            return
        at = box.mapSceneToView(event[0])
        for line, value in zip(self.crosshair, (at.x(), at.y()), strict=True):
            line.setValue(value)
        (_, x_unit), (_, y_unit) = split_header(self.x_column), split_header(self.y_column)
        self.at_cursor.setText(f"{pretty(at.x(), None, x_unit or '')},  {pretty(at.y(), None, y_unit or '')}")

    def leaveEvent(self, event: Any) -> None:
        """Take the crosshair away with the mouse."""
        super().leaveEvent(event)
        for line in self.crosshair:
            line.hide()
        self.at_cursor.setText("")

    def _choice(self) -> QtWidgets.QLayout:
        row = QtWidgets.QHBoxLayout()
        for text, box in (("x", self.x_box), ("y", self.y_box)):
            row.addWidget(QtWidgets.QLabel(text))
            row.addWidget(box)
        row.addStretch(1)
        row.addWidget(self.at_cursor)
        return row

    def _append(self, column: str, values: np.ndarray) -> None:
        """Write values behind those that there are; the room for them doubles as it is needed."""
        held = self._rows.get(column, np.empty(256))
        while len(held) < self.count + len(values):
            held = np.concatenate([held, np.empty(len(held))])
        held[self.count : self.count + len(values)] = values
        self._rows[column] = held
