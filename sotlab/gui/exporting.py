"""A plot for a paper or a talk: as pixels, as vectors, or as the numbers in it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pyqtgraph import exporters
from qtpy import QtSvg

from sotlab.errors import RunError, UsageError
from sotlab.gui.qt import QtCore, QtGui

__all__ = ["KINDS", "export_plot"]

KINDS = (".png", ".svg", ".csv")
#: Width of a picture [pixels]: 17 cm at 300 per inch.
WIDTH = 2000


def export_plot(path: Path, scene: Any, columns: Mapping[str, np.ndarray], note: str) -> None:
    """Write a plot.

    Parameters
    ----------
    path : Path
        Its ending says how: ``.png``, ``.svg``, or ``.csv`` for the numbers, with all their digits.
    scene : QGraphicsScene
        What is drawn.
    columns : mapping of str to array
        The numbers in it, by header with unit.
    note : str
        Stands above the numbers: which run, and whether it is simulated.

    Raises
    ------
    UsageError
        If the ending is none of these.
    RunError
        If the file cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise UsageError(f"{path.name}: a plot cannot be written as '{kind}'; allowed: {', '.join(KINDS)}")
    try:
        if kind == ".csv":
            _write_numbers(path, columns, note)
        elif kind == ".svg":
            path.write_bytes(_vectors(scene))
        else:
            exporter = exporters.ImageExporter(scene)
            exporter.parameters()["width"] = WIDTH
            picture: Any = exporter.export(toBytes=True)
            if not picture.save(str(path)):
                raise RunError(f"{path}: the plot cannot be written")
    except OSError as error:
        raise RunError(f"{path}: the plot cannot be written: {error.strerror}") from error


def _vectors(scene: Any) -> bytes:
    """Return what is drawn as SVG, by Qt; pyqtgraph's own fails at some of its items."""
    buffer = QtCore.QBuffer()
    buffer.open(QtCore.QIODevice.OpenModeFlag.WriteOnly)
    generator = QtSvg.QSvgGenerator()
    generator.setOutputDevice(buffer)
    area = scene.sceneRect()
    generator.setSize(area.size().toSize())
    generator.setViewBox(QtCore.QRectF(0.0, 0.0, area.width(), area.height()))
    painter = QtGui.QPainter(generator)
    scene.render(painter, QtCore.QRectF(0.0, 0.0, area.width(), area.height()), area)
    painter.end()
    return bytes(buffer.data().data())


def _write_numbers(path: Path, columns: Mapping[str, np.ndarray], note: str) -> None:
    length = max((len(values) for values in columns.values()), default=0)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {note}\n")
        writer = csv.writer(file)
        writer.writerow(list(columns))
        for k in range(length):
            writer.writerow([repr(float(values[k])) if k < len(values) else "" for values in columns.values()])
