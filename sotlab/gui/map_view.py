"""The map: a value in colour over two axes, with cuts along both, and where each row's line was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.gui.axes import column_box, label_axis, split_header
from sotlab.gui.map_data import MapData
from sotlab.gui.plot import SweepPlot
from sotlab.gui.qt import QtCore, QtWidgets, pg
from sotlab.gui.theme import Colours
from sotlab.units import pretty

__all__ = ["MapView"]

#: A map of colours that are told apart by everybody, from low to high.
COLOUR_MAP = "CET-D1A"
ONE_WAY = "viridis"


class MapView(QtWidgets.QWidget):
    """The rows that a plot holds, as a map; it is drawn only while it is seen.

    Parameters
    ----------
    plot : SweepPlot
        Holds the columns.
    """

    def __init__(self, plot: SweepPlot) -> None:
        super().__init__()
        self._plot = plot
        self.data = MapData()
        self._taken = 0
        self._candidates: Sequence[str] = ()
        self._chosen = False
        self._cutting = False
        self._where_cut: Any = None
        self._levels: Any = None
        self._area: Any = None
        self._varying = False
        self._simulated = False
        self.found: dict[float, tuple[float, float]] = {}
        self._colours = Colours(self.palette())
        self.x_box, self.y_box, self.z_box = (
            column_box(name) for name in ("x axis of the map", "rows of the map", "colour")
        )
        self.told = QtWidgets.QLabel(wordWrap=True)
        self.graphics: Any = pg.GraphicsLayoutWidget()
        self.top = self.graphics.addPlot(row=0, col=0)
        self.side = self.graphics.addPlot(row=0, col=1)
        self.below = self.graphics.addPlot(row=1, col=0)
        self.side.setYLink(self.top)
        self.below.setXLink(self.top)
        for number, stretch in enumerate((3, 1)):
            self.graphics.ci.layout.setRowStretchFactor(number, stretch)
            self.graphics.ci.layout.setColumnStretchFactor(number, stretch)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.top.addItem(self.image)
        self.side.setTitle("&nbsp;", size="9pt")
        self.bar = pg.ColorBarItem(interactive=False, orientation="vertical", width=12)
        self.graphics.addItem(self.bar, row=0, col=2)
        self.bar.setImageItem(self.image)
        self.points = pg.ScatterPlotItem(symbol="o", size=7)
        self.bars = pg.ErrorBarItem(x=np.empty(0), y=np.empty(0), width=np.empty(0))
        self.top.addItem(self.bars, ignoreBounds=True)
        self.top.addItem(self.points, ignoreBounds=True)
        self.row_line = pg.InfiniteLine(angle=0, movable=True)
        self.column_line = pg.InfiniteLine(angle=90, movable=True)
        for line in (self.row_line, self.column_line):
            self.top.addItem(line, ignoreBounds=True)
            line.sigPositionChanged.connect(self._draw_cuts)
            line.sigDragged.connect(self._cut_chosen)
        self.row_cut, self.column_cut = pg.PlotCurveItem(connect="finite"), pg.PlotCurveItem(connect="finite")
        self.below.addItem(self.row_cut)
        self.side.addItem(self.column_cut)
        for one in (self.top, self.side, self.below):
            one.setMenuEnabled(False)
            for name in ("left", "bottom"):
                one.getAxis(name).setStyle(maxTickLevel=0)
        for one in (self.top, self.below):
            one.getAxis("left").setWidth(72)
        for axis in self._axes:  # to draw text, turned text above all, takes as long as the image
            axis.label.setCacheMode(QtWidgets.QGraphicsItem.CacheMode.DeviceCoordinateCache)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        choice = QtWidgets.QHBoxLayout()
        for text, box in (("x", self.x_box), ("rows", self.y_box), ("colour", self.z_box)):
            choice.addWidget(QtWidgets.QLabel(text))
            choice.addWidget(box, 1)
            box.activated.connect(self._boxes_chosen)
        layout.addLayout(choice)
        layout.addWidget(self.told)
        layout.addWidget(self.graphics, 1)
        self.show_colours(self._colours)

    def set_columns(self, x: str, rows: Sequence[str], z: str, columns: Sequence[str]) -> None:
        """Show another procedure's columns; of ``rows`` the first that varies is taken."""
        self._candidates = [one for one in rows if one in columns]
        self._chosen = False
        first = self._candidates[0] if self._candidates else columns[0]
        for box, column in ((self.x_box, x), (self.y_box, first), (self.z_box, z)):
            box.clear()
            box.addItems(list(dict.fromkeys(columns)))
            box.setCurrentText(column)
        self._label()
        self.clear()

    def clear(self) -> None:
        """Forget the points."""
        self.data, self._taken, self.found = MapData(), 0, {}
        self._cutting = self._varying = False
        self._area = None
        self.image.clear()
        for item in (self.row_cut, self.column_cut):
            item.setData([], [])
        self._draw_found()
        self._tell()

    def update_rows(self) -> None:
        """Take the rows that the plot has got since, and draw them if the map is seen."""
        if self.isVisible():
            self._take()
            self.draw()

    def note_found(self, y: float, x: float, sigma: float) -> None:
        """Note where the line of a row was found; an older finding of the same row is replaced."""
        self.found[y] = x, sigma
        if self.isVisible():
            self._draw_found()

    def showEvent(self, event: Any) -> None:
        """Catch up with what has come while the map was not seen."""
        super().showEvent(event)
        self._take()
        self.draw()
        self._draw_found()

    def show_simulated(self, simulated: bool) -> None:
        """Say in the picture itself that its points are simulated."""
        self._simulated = simulated
        # A title also when it says nothing: the plot at the side has one, and both must stand at the same height.
        self.top.setTitle("SIMULATED" if simulated else "&nbsp;", color=self._colours.bad, size="9pt")

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        self._colours = colours
        self.graphics.setBackground(colours.background)
        for axis in self._axes:
            axis.setPen(colours.dim)
            axis.setTextPen(colours.text)
        scale = self.devicePixelRatioF()
        for line in (self.row_line, self.column_line):
            line.setPen(pg.mkPen(colours.fit, width=2 * scale, style=QtCore.Qt.PenStyle.DashLine))
            line.setHoverPen(pg.mkPen(colours.fit, width=4 * scale))
        for cut in (self.row_cut, self.column_cut):
            cut.setPen(pg.mkPen(colours.points, width=scale))  # a wider line takes three times as long
        self.points.setPen(pg.mkPen("#000000"))
        self.points.setBrush(pg.mkBrush("#F0E442"))
        self.bars.setData(pen=pg.mkPen("#F0E442", width=2))
        self.show_simulated(self._simulated)
        self._draw_cuts()

    @property
    def _axes(self) -> list[Any]:
        plots = (self.top, self.side, self.below)
        return [*(plot.getAxis(name) for plot in plots for name in ("left", "bottom")), self.bar.axis]

    @property
    def columns(self) -> tuple[str, str, str]:
        """Headers of x, rows and colour."""
        return self.x_box.currentText(), self.y_box.currentText(), self.z_box.currentText()

    def exported(self) -> Mapping[str, np.ndarray]:
        """Return the points that are shown, by column."""
        x, y, z = self.columns
        rows = [(at, key, value) for key in self.data.ys for at, value in zip(*self.data.row(float(key)), strict=True)]
        table = np.array(rows, float).reshape(-1, 3)
        return {x: table[:, 0], y: table[:, 1], z: table[:, 2]}

    # -- drawing -------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw the image and the cuts."""
        drawn = self.data.image()
        self._tell()
        if drawn is None:
            return
        lines, (left, bottom, width, height) = drawn
        low, high = self.data.levels
        if not np.isfinite(low):
            return
        if not low < high:
            high = low + (abs(low) or 1.0) * 1e-9
        two_way = low < 0.0 < high
        reach = max(-low, high)
        levels = (-reach, reach) if two_way else (low, high)
        self.image.setImage(lines, autoLevels=False, levels=levels)
        if (area := QtCore.QRectF(left, bottom, width, height)) != self._area:
            self._area = area
            self.image.setRect(area)
        self._colour_map(COLOUR_MAP if two_way else ONE_WAY)
        if levels != self._levels:
            self._levels = levels
            self.bar.setLevels(levels)
        if not self._cutting:  # until somebody moves them: the newest row, and the middle
            self.row_line.setValue(next(reversed(self.data.rows)))
            self.column_line.setValue(left + 0.5 * width)
        self._draw_cuts()

    def _colour_map(self, name: str) -> None:
        if getattr(self, "_map", None) != name:
            self._map = name
            self.bar.setColorMap(pg.colormap.get(name))

    def _cut_chosen(self) -> None:
        self._cutting = True

    def _draw_cuts(self) -> None:
        ys = self.data.ys
        if not len(ys):
            return
        row = float(ys[np.argmin(np.abs(ys - self.row_line.value()))])
        at = float(np.asarray(self.column_line.value()))
        self.row_cut.setData(*self.data.row(row))
        where, values = self.data.column(at)
        self.column_cut.setData(values, where)
        (_, x_unit), (_, y_unit) = (split_header(one) for one in self.columns[:2])
        where_cut = f"at {pretty(row, None, y_unit or '')}", f"at {pretty(at, None, x_unit or '')}", self._colours.text
        if where_cut != self._where_cut:  # to lay a title out takes longer than to draw a cut
            self._where_cut = where_cut
            for plot, text in zip((self.below, self.side), where_cut[:2], strict=True):
                plot.setTitle(text, color=self._colours.text, size="9pt")

    def _draw_found(self) -> None:
        ys = np.array(sorted(self.found))
        at = np.array([self.found[y] for y in ys]).reshape(-1, 2)
        for item in (self.points, self.bars):
            item.setVisible(bool(len(ys)))  # pyqtgraph takes half a millisecond to draw no point at all
        self.points.setData(at[:, 0], ys)
        self.bars.setData(x=at[:, 0], y=ys, width=2.0 * np.nan_to_num(at[:, 1]))

    # -- which columns -------------------------------------------------------------------------------------------

    def _take(self) -> None:
        plot = self._plot
        if plot.count < self._taken:
            self.data, self._taken = MapData(), 0
        if plot.count == self._taken:
            return
        new = slice(self._taken, plot.count)
        x, y, z = (plot.values(column) for column in self.columns)
        self._varying = self._varying or _varies(y)
        if not self._chosen and not self._varying and len(y):
            for other in self._candidates:
                if _varies(plot.values(other)):
                    self.y_box.setCurrentText(other)
                    self._label()
                    self.data, new, y = MapData(), slice(0, plot.count), plot.values(other)
                    break
        if min(len(x), len(y), len(z)) >= plot.count:
            self.data.add(x[new], y[new], z[new])
        self._taken = plot.count

    def _boxes_chosen(self) -> None:
        self._chosen = True
        self.data, self._taken, self._area = MapData(), 0, None
        self.image.clear()
        self._label()
        self._take()
        self.draw()
        self.top.enableAutoRange()

    def _label(self) -> None:
        (x, x_unit), (y, y_unit), (z, z_unit) = (split_header(one) for one in self.columns)
        label_axis(self.top, "left", y, y_unit)
        label_axis(self.top, "bottom", x, x_unit)
        label_axis(self.below, "left", z, z_unit)
        label_axis(self.below, "bottom", x, x_unit)
        label_axis(self.side, "bottom", z, z_unit)
        self.side.getAxis("left").setStyle(showValues=False)
        self.bar.axis.setLabel(z, units=z_unit)

    def _tell(self) -> None:
        rows = len(self.data.rows)
        self.told.setVisible(rows < 2)
        self.told.setText(
            f"{rows or 'No'} row{'' if rows == 1 else 's'} yet: a map has one for each value of"
            f" {split_header(self.columns[1])[0]}. Choose another column for the rows, or measure a series."
        )


def _varies(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return len(finite) > 1 and bool(finite.max() > finite.min())
