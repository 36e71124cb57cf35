"""What an analysis shows beside the points: spectra beside their trace, with the sigma below which all is noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from sotlab.analysis.values import Curve
from sotlab.gui.axes import label_axis, split_header
from sotlab.gui.qt import QtCore, pg
from sotlab.gui.theme import Colours

__all__ = ["Beside"]

#: A logarithmic axis goes so far below the least uncertainty.
BELOW = 3.0
#: A column without a limit [pixels].
WIDEST = 1e5


class Beside:
    """Curves over axes of their own, in a plot of which nothing is seen while there is none.

    Parameters
    ----------
    graphics : GraphicsLayoutWidget
        Where the plot stands, in the second column.
    """

    def __init__(self, graphics: Any, colours: Colours) -> None:
        self.plot = graphics.addPlot(row=0, col=1, rowspan=2)
        self.curves: Sequence[Curve] = ()
        self.others: dict[str, Sequence[Curve]] = {}
        self._layout = graphics.ci.layout
        self._colours = colours
        self._items: list[Any] = []
        self._said = ""
        self._wanted = True
        self.plot.setMenuEnabled(False)
        self.plot.setLogMode(y=True)
        self.plot.showGrid(x=True, y=True, alpha=0.15)
        self.plot.getAxis("left").setWidth(64)
        self.plot.getAxis("left").enableAutoSIPrefix(False)  # it knows none for V/Hz
        for name in ("left", "bottom"):
            self.plot.getAxis(name).setStyle(maxTickLevel=0)
        self.show_colours(colours)

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Show other curves of the run."""
        self.curves = curves
        self._draw()

    def compare(self, name: str, curves: Sequence[Curve]) -> None:
        """Show the first curve of another run, too."""
        self.others[name] = curves[:1]
        self._draw()

    def compare_no_more(self) -> None:
        """Take the other runs' curves away."""
        self.others.clear()
        self._draw()

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        self._colours = colours
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(colours.dim)
            axis.setTextPen(colours.text)
        self._said = ""
        self._draw()

    def set_wanted(self, wanted: bool) -> None:
        """Let it be seen, as soon as there is something to be seen."""
        self._wanted = wanted
        self._show_or_hide()

    def exported(self) -> Mapping[str, np.ndarray]:
        """Return what is shown, by column."""
        columns: dict[str, np.ndarray] = {}
        for name, curve, _ in self._all():
            columns[f"{name} {curve.x_header}"] = curve.x
            columns[f"{name} {curve.y_header}"] = curve.y
            label, unit = split_header(curve.y_header)
            columns[f"{name} {label} Sigma" + (f" ({unit})" if unit else "")] = curve.sigma
        return columns

    def _show_or_hide(self) -> None:
        seen = self._wanted and bool(self._all())
        self.plot.setVisible(seen)
        self._layout.setColumnStretchFactor(0, 1)
        self._layout.setColumnStretchFactor(1, 1 if seen else 0)
        self._layout.setColumnMaximumWidth(1, WIDEST if seen else 0.0)  # a plot that is hidden takes room all the same

    def _draw(self) -> None:
        """Draw what there is."""
        every = self._all()
        self._show_or_hide()
        while len(self._items) < 2 * len(every):
            self._items.append(self.plot.plot([], []))
        for item in self._items[2 * len(every) :]:
            item.setData([], [])
        legend = []
        for k, (name, curve, colour) in enumerate(every):
            line, noise = self._items[2 * k : 2 * k + 2]
            dotted = QtCore.Qt.PenStyle.DotLine
            line.setPen(pg.mkPen(colour, width=2))
            noise.setPen(pg.mkPen(colour, width=2, style=dotted))
            line.setData(curve.x, _positive(curve.y))
            noise.setData(curve.x, _positive(curve.sigma))
            legend.append(f'<span style="color:{colour.name()}">━</span> {escape(name)}')
        if not every:
            return
        legend.append("┈ its σ")
        lines = [" &nbsp; ".join(legend[k : k + 3]) for k in range(0, len(legend), 3)]
        said = "<br>".join(lines)
        if said != self._said:  # to lay a title out takes longer than to draw a curve
            self._said = said
            self.plot.setTitle(said, color=self._colours.text, size="9pt")
            label_axis(self.plot, "bottom", *split_header(every[0][1].x_header))
            self.plot.setLabel("left", every[0][1].y_header)
        self._scale([curve for _, curve, _ in every])

    def _scale(self, curves: Sequence[Curve]) -> None:
        """Show all of the signal, and of the noise what its uncertainty says."""
        top = max((float(np.nanmax(_positive(curve.y), initial=0.0)) for curve in curves), default=0.0)
        floors = [_positive(curve.sigma) for curve in curves]
        floor = min((float(np.nanmin(one)) for one in floors if np.isfinite(one).any()), default=0.0)
        if top > 0.0:
            floor = floor or 1e-4 * top
            self.plot.setYRange(np.log10(floor / BELOW), np.log10(top * BELOW), padding=0)

    def _all(self) -> list[tuple[str, Curve, Any]]:
        """Return name, curve and colour of each; a run that is compared has the colour of its points."""
        own, others = (self._colours.points, self._colours.fit), self._colours.others
        every = [(curve.name, curve, own[k % len(own)]) for k, curve in enumerate(self.curves)]
        for number, (name, curves) in enumerate(self.others.items()):
            every += [(f"{name} {curve.name}", curve, others[number % len(others)]) for curve in curves]
        return every


def _positive(values: np.ndarray) -> np.ndarray:
    """Return what a logarithmic axis can show; nan for the rest."""
    return np.where(values > 0.0, values, np.nan)
