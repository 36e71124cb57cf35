"""The numbers behind a figure: one table for each panel, as it is drawn."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

__all__ = ["Panel", "panels_of"]


@dataclass(frozen=True)
class Panel:
    """One panel: what it shows, labels of its axes with units, and (series, x, y, sigma of y or value) for each point.

    The fourth is the half length of the error bar, or the value where the panel is a map.
    """

    title: str
    labels: tuple[str, str, str]
    points: list[tuple[str, float, float, float]]

    def write(self, path: Path, note: str) -> None:
        """Write it as CSV, ``note`` in a line before it."""
        with path.open("w", encoding="utf-8", newline="") as file:
            for line in (note, self.title):
                file.write(f"# {' '.join(line.split())}\n")
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["series", *self.labels])
            for series, *numbers in self.points:
                writer.writerow([series, *("" if np.isnan(number) else number for number in numbers)])


def panels_of(figure: Figure) -> list[Panel]:
    """Return the panels of a figure that show data."""
    panels = []
    for axes in figure.axes:
        if axes.get_label() == "<colorbar>":
            continue
        points = list(_points(axes))
        if points:
            above, below = _neighbour(axes, -1), _neighbour(axes, +1)
            title = _title(axes) or (f"below: {_title(above)}" if above else "")
            x_label = axes.get_xlabel() or (below.get_xlabel() if below else "")
            panels.append(Panel(title, (x_label or "x", axes.get_ylabel() or "y", "sigma or value"), points))
    return panels


def _title(axes: Axes) -> str:
    return " ".join(filter(None, (axes.get_title(loc=side) for side in ("left", "center", "right"))))


def _neighbour(axes: Axes, side: int) -> Axes | None:
    """Return the panel right above (-1) or below (+1) in the figure's grid, which has what the two have in common."""
    place = axes.get_subplotspec()
    if place is None or axes.figure is None:
        return None
    for other in axes.figure.axes:
        spot = other.get_subplotspec()
        if spot is not None and spot.get_gridspec() is place.get_gridspec() and spot.colspan == place.colspan:
            touching = (
                spot.rowspan.stop == place.rowspan.start if side < 0 else spot.rowspan.start == place.rowspan.stop
            )
            if touching:
                return other
    return None


def _points(axes: Any) -> Iterator[tuple[str, float, float, float]]:
    bars = [container for container in axes.containers if isinstance(container, ErrorbarContainer)]
    drawn_with_bars = {id(part) for bar in bars for part in _parts(bar)}
    for number, bar in enumerate(bars, start=1):
        yield from _with_bars(bar, _name(bar.get_label(), f"points {number}"))
    for number, line in enumerate(axes.lines, start=1):
        # A line across the panel is given in parts of its width, not in its numbers.
        in_data = all(line.get_transform().contains_branch_seperately(axes.transData))
        if in_data and id(line) not in drawn_with_bars:
            x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
            yield from _rows(_name(line.get_label(), f"line {number}"), x, y, np.full(x.shape, np.nan))
    for number, image in enumerate(axes.images, start=1):
        values = np.ma.filled(np.ma.asarray(image.get_array(), float), np.nan)
        left, right, bottom, top = image.get_extent()
        if image.origin == "upper":
            values = values[::-1]
        if values.ndim == 2:
            x, y = np.meshgrid(_centres(left, right, values.shape[1]), _centres(bottom, top, values.shape[0]))
            yield from _rows(_name(image.get_label(), f"map {number}"), x, y, values)
    for number, collection in enumerate(axes.collections, start=1):
        label = _name(collection.get_label(), f"collection {number}")
        if isinstance(collection, QuadMesh):
            corners: Any = collection.get_coordinates()
            centres = (corners[1:, 1:] + corners[1:, :-1] + corners[:-1, 1:] + corners[:-1, :-1]) / 4.0
            values = np.ma.filled(np.ma.asarray(collection.get_array(), float), np.nan)
            if values.size == centres[..., 0].size:
                yield from _rows(label, centres[..., 0], centres[..., 1], values)
        elif isinstance(collection, PathCollection) and id(collection) not in drawn_with_bars:
            x, y = np.ma.filled(np.ma.asarray(collection.get_offsets(), float), np.nan).T
            yield from _rows(label, x, y, np.full(x.shape, np.nan))


def _with_bars(bar: Any, name: str) -> Iterator[tuple[str, float, float, float]]:
    line, _, segments = bar.lines
    if line is None:
        return
    x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
    sigma = np.full(x.shape, np.nan)
    if bar.has_yerr:
        ends = np.array([np.asarray(segment)[:, 1] for segment in segments[-1].get_segments()])
        if len(ends) == len(x):
            sigma = np.abs(ends[:, 1] - ends[:, 0]) / 2.0
    yield from _rows(name, x, y, sigma)


def _parts(bar: Any) -> list[Any]:
    line, caps, segments = bar.lines
    return [line, *caps, *segments]


def _rows(name: str, *columns: np.ndarray) -> Iterator[tuple[str, float, float, float]]:
    x, y, third = (np.ravel(column).tolist() for column in columns)
    yield from ((name, *numbers) for numbers in zip(x, y, third, strict=True))


def _centres(first: float, last: float, count: int) -> np.ndarray:
    edges = np.linspace(first, last, count + 1)
    return (edges[1:] + edges[:-1]) / 2.0


def _name(label: Any, default: str) -> str:
    """Return a series' label; matplotlib names what has none with an underscore."""
    text = str(label)
    return default if not text or text.startswith("_") else text
