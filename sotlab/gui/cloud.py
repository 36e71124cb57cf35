"""Points without lines, drawn in one go: pyqtgraph's scatter plot keeps a record of each, which takes longer."""

from __future__ import annotations

from typing import Any

import numpy as np

from sotlab.gui.qt import QtCore, QtGui, pg

__all__ = ["Cloud"]

#: Up to so many points have smooth edges.
SMOOTH = 400


class Cloud(pg.GraphicsObject):
    """Discs of one size and colour; what is no number is not drawn.

    Parameters
    ----------
    size : float
        Diameter [pixels].
    """

    def __init__(self, size: float) -> None:
        super().__init__()
        self._x = self._y = np.empty(0)
        self._bounds = QtCore.QRectF()
        self._pen = pg.mkPen("#000000", width=size)
        self._pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)

    def setData(self, x: Any, y: Any) -> None:
        """Show other points."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        there = np.isfinite(x) & np.isfinite(y)
        if not there.all():
            x, y = x[there], y[there]
        self._x, self._y = x, y
        self.prepareGeometryChange()
        if len(x):
            left, top = x.min(), y.min()
            self._bounds = QtCore.QRectF(left, top, x.max() - left, y.max() - top)
        else:
            self._bounds = QtCore.QRectF()
        self.update()
        self.informViewBoundsChanged()

    def getData(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what is shown."""
        return self._x, self._y

    def setColour(self, colour: QtGui.QColor) -> None:
        """Take a colour."""
        self._pen.setColor(colour)
        self.update()

    # -- what pyqtgraph and Qt ask -------------------------------------------------------------------------------

    def dataBounds(self, ax: int, frac: float = 1.0, orthoRange: Any = None) -> tuple[float, float] | None:
        """Return from where to where the points are along an axis."""
        values = (self._x, self._y)[ax]
        return (float(values.min()), float(values.max())) if len(values) else None

    def pixelPadding(self) -> float:
        """Return how far a disc reaches beyond its point."""
        return 0.5 * self._pen.widthF()

    def boundingRect(self) -> QtCore.QRectF:
        """Return where there is something to be drawn."""
        width, height = self.pixelVectors()
        if width is None or height is None:
            return self._bounds
        x, y = self._pen.widthF() * width.length(), self._pen.widthF() * height.length()
        return self._bounds.adjusted(-x, -y, x, y)

    def paint(self, painter: QtGui.QPainter, *_: Any) -> None:
        """Draw the discs."""
        if not len(self._x):
            return
        # Qt draws a point as a short line in the item's own units, which on an axis of millitesla would be a long one.
        to = painter.worldTransform()
        x, y = to.m11() * self._x + to.dx(), to.m22() * self._y + to.dy()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing, len(x) <= SMOOTH)
        pen = QtGui.QPen(self._pen)
        pen.setCosmetic(False)  # in units of the screen's scale, not of its pixels
        pen.setWidthF(self._pen.widthF() * _scale(self))
        painter.setPen(pen)
        painter.drawPoints(pg.functions.arrayToQPolygonF(x, y))
        painter.restore()


def _scale(item: Any) -> float:
    """Return by how much a picture that is exported is larger than the screen."""
    options = getattr(item, "_exportOpts", False)
    return float(options.get("resolutionScale", 1.0)) if isinstance(options, dict) else 1.0
