"""Axes of the plots: boxes to choose a column with, labels with units, headers taken apart."""

from __future__ import annotations

import re
from typing import Any

from sotlab.gui.qt import QtWidgets

__all__ = ["column_box", "label_axis", "sigma_column", "split_header"]

#: Units that take no prefix.
NO_PREFIX = ("deg", "dB", "dBm", "1", "", None)


def column_box(name: str) -> QtWidgets.QComboBox:
    """Return a box to choose a column with."""
    box = QtWidgets.QComboBox()
    box.setAccessibleName(name)
    box.setMinimumWidth(150)
    return box


def label_axis(plot: Any, axis: str, text: str, unit: str | None) -> None:
    """Label an axis; units that take no prefix stand in the text, or pyqtgraph would write millidegrees."""
    if unit in NO_PREFIX:
        plot.setLabel(axis, f"{text} ({unit})" if unit not in ("", "1", None) else text, units=None)
    else:
        plot.setLabel(axis, text, units=unit)
    plot.getAxis(axis).setSIPrefixEnableRanges(() if unit in NO_PREFIX else None)


def sigma_column(header: str) -> str:
    """Return the header under which the sigmas of a column stand, if there are any: ``Field Sigma (T)``."""
    label, unit = split_header(header)
    return f"{label} Sigma" if unit is None else f"{label} Sigma ({unit})"


def split_header(header: str) -> tuple[str, str | None]:
    """Split ``Field (T)`` into its label and its unit."""
    match = re.fullmatch(r"(?P<label>.*?)\s*\((?P<unit>[^()]*)\)", header)
    return (match["label"], match["unit"]) if match else (header, None)
