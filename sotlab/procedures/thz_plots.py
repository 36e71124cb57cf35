"""The plots of a terahertz reduction, for reports and papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sotlab.analysis.thz.traces import Trace
from sotlab.procedures.plot_style import COLOURS, marked, told
from sotlab.units import prefixed

__all__ = ["figures"]


def figures(parts: Sequence[Trace], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return (caption, figure): traces with their noise, spectra, and each scan against the reference.

    Parameters
    ----------
    parts : sequence of Trace
        The average of the sample's scans, and of the reference's.
    reduction : mapping
        The reduction as JSON has it.
    """
    pictures = [("Averaged traces and their spectra", _traces(parts, reduction))]
    each = [row for row in reduction["scans"] if row.get("ratio", {}).get("value") is not None]
    if len(each) > 1:
        pictures.append(("Each scan against the average of the reference", _each(each)))
    return [(caption, marked(figure, reduction["simulated"])) for caption, figure in pictures]


def _traces(parts: Sequence[Trace], reduction: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(10.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    scale, unit = prefixed(max(float(np.abs(trace.signal_V).max()) for trace in parts), "V")
    for trace, row, colour in zip(parts, reduction["scans"], COLOURS, strict=False):
        t, signal = 1e12 * trace.delay_s, scale * trace.signal_V
        left.plot(t, signal, "-", lw=1, color=colour, label=f"{trace.name} ({trace.scans} scans)")
        left.fill_between(
            t, signal - scale * trace.sigma_V, signal + scale * trace.sigma_V, color=colour, alpha=0.25, lw=0
        )
        f = 1e-12 * np.array(row["frequency"], float)
        right.semilogy(f[1:], np.array(row["amplitude"], float)[1:], "-", lw=1, color=colour, label=trace.name)
        right.semilogy(f[1:], np.array(row["sigma"], float)[1:], ":", lw=1, color=colour)
    floor = min(float(np.min(np.array(row["sigma"], float)[1:])) for row in reduction["scans"][: len(parts)])
    if floor > 0:
        right.set_ylim(bottom=floor / 3)
    settings = reduction["settings"]
    right.axvspan(1e-12 * settings["band_start"], 1e-12 * settings["band_stop"], color="0.9", zorder=0)
    left.set_xlabel("delay (ps)")
    left.set_ylabel(f"signal ({unit})")
    left.legend(fontsize=7, frameon=False)
    left.set_title(told(reduction["results"], "ratio", "delay"), fontsize=9)
    right.set_xlabel("frequency (THz); grey: band of the ratios")
    right.set_ylabel("amplitude (V/Hz); dotted: its sigma")
    right.set_title(told(reduction["results"], "power_ratio", "dynamic_range"), fontsize=9)
    return figure


def _each(rows: Sequence[Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=(10.4, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, name, scale, label in ((left, "ratio", 1.0, "ratio"), (right, "delay", 1e15, "delay (fs)")):
        for k, of in enumerate(dict.fromkeys(row["of"] for row in rows)):
            own = [row for row in rows if row["of"] == of]
            axes.errorbar(
                np.arange(1, len(own) + 1),
                [scale * row[name]["value"] for row in own],
                [scale * row[name]["sigma"] for row in own],
                fmt="o",
                ms=4,
                capsize=2,
                color=COLOURS[k],
                label=of,
            )
        axes.set_xlabel("scan")
        axes.set_ylabel(label)
    left.legend(fontsize=7, frameon=False)
    return figure
