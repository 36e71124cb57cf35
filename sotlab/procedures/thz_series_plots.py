"""The plots of terahertz series: against an angle, the fluence, and of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sotlab.procedures.plot_style import COLOURS, marked, told

__all__ = ["angle_figures", "fluence_figures", "series_figures"]


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return values and sigmas; nan where there are none."""
    pairs = [(row.get(name) or {}) for row in rows]
    value = np.array([np.nan if p.get("value") is None else p["value"] for p in pairs], float)
    return value, np.array([0.0 if p.get("sigma") is None else p["sigma"] for p in pairs], float)


def angle_figures(parts: Sequence[Any], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return odd and even part against the angle."""
    rows = reduction["scans"]
    figure = Figure(figsize=(10.4, 3.6), layout="constrained")
    angle = np.array([row["angle"] for row in rows], float)
    for axes, name, colour in zip(figure.subplots(1, 2), ("odd", "even"), COLOURS, strict=False):
        value, sigma = _points(rows, name)
        axes.errorbar(angle, value, sigma, fmt="o", ms=4, capsize=2, color=colour)
        axes.set_xlabel("angle (deg)")
        axes.set_ylabel(f"{name} part / largest odd component")
        axes.set_title(told(reduction["results"], f"{name}_1", f"{name}_3"), fontsize=9)
        axes.set_ylim(bottom=0.0)
    return [("Odd and even part against the angle", marked(figure, reduction["simulated"]))]


def fluence_figures(parts: Sequence[Any], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return the signal against the fluence."""
    rows = reduction["scans"]
    fluence, _ = _points(rows, "fluence")
    signal, sigma = _points(rows, "signal")
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.errorbar(0.1 * fluence * 1e3, np.abs(signal), sigma, fmt="o", ms=4, capsize=2, color=COLOURS[0])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("fluence (µJ/cm²)")
    axes.set_ylabel("signal / mean of all")
    axes.set_title(told(reduction["results"], "exponent"), fontsize=9)
    return [("Signal against the fluence", marked(figure, reduction["simulated"]))]


def series_figures(parts: Sequence[Any], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return field ratio and efficiency of each sample, and the efficiency against thickness and content."""
    rows = reduction["scans"]
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("ratio", "eta"), strict=True):
        value, sigma = _points(rows, name)
        limit, _ = _points(rows, "upper_limit")
        place = np.arange(len(rows))
        axes.errorbar(place, np.abs(value), sigma, fmt="o", ms=4, capsize=2, color=COLOURS[0])
        if name == "ratio":
            axes.plot(place, limit, "v", ms=5, color=COLOURS[1], label="95 % limit")
            axes.legend(fontsize=7, frameon=False)
        axes.set_xticks(place, [row["name"] for row in rows], rotation=60, ha="right", fontsize=7)
        axes.set_ylabel(f"|{name}| to the reference")
        axes.set_ylim(bottom=0.0)
    pictures = [("Field ratio and efficiency of each sample", figure)]
    axis_of = {"thickness": ("thickness (nm)", 1e9), "content": ("content x of Sb", 1.0)}
    both = Figure(figsize=(10.4, 3.6), layout="constrained")
    for axes, (name, (label, scale)) in zip(both.subplots(1, 2), axis_of.items(), strict=True):
        place, _ = _points(rows, name)
        value, sigma = _points(rows, "eta")
        axes.errorbar(scale * place, np.abs(value), sigma, fmt="o", ms=4, capsize=2, color=COLOURS[0])
        axes.set_xlabel(label)
        axes.set_ylabel("|η| / η of the reference")
        axes.set_ylim(bottom=0.0)
        axes.set_title(told(reduction["results"], "length" if name == "thickness" else "eta"), fontsize=9)
    pictures.append(("Efficiency against thickness and content", both))
    return [(caption, marked(picture, reduction["simulated"])) for caption, picture in pictures]
