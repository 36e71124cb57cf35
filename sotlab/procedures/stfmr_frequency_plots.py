"""The plots of ST-FMR against frequency at fixed field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sotlab.procedures.plot_style import COLOURS, marked
from sotlab.units import prefixed

__all__ = ["figures"]

#: Panels in one figure.
PER_FIGURE = 8


def figures(spectra: Sequence[Any], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return (caption, figure) for the spectra with their fits.

    Parameters
    ----------
    spectra : sequence of FrequencySpectrum
        What was reduced, in the order of ``reduction["spectra"]``.
    reduction : mapping
        The reduction as JSON has it.
    """
    pairs = list(zip(spectra, reduction["spectra"], strict=True))
    pictures = [
        ("Spectra at fixed field, with fits where there is a line", _panels(pairs[first : first + PER_FIGURE]))
        for first in range(0, len(pairs), PER_FIGURE)
    ]
    return [(caption, marked(figure, reduction["simulated"])) for caption, figure in pictures]


def _panels(pairs: Sequence[tuple[Any, Mapping[str, Any]]]) -> Figure:
    columns = 2 if len(pairs) > 1 else 1
    lines = -(-len(pairs) // columns)
    figure = Figure(figsize=(5.2 * columns, 2.8 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes in panels[len(pairs) :]:
        axes.set_axis_off()
    for axes, (spectrum, row) in zip(panels, pairs, strict=False):
        voltage_V = spectrum.voltage_V
        if spectrum.current is not None:
            voltage_V = voltage_V * (np.mean(spectrum.current) / spectrum.current) ** 2
        scale, unit = prefixed(float(np.nanmax(voltage_V) - np.nanmin(voltage_V)), "V")
        axes.plot(spectrum.frequency_Hz / 1e9, scale * voltage_V, ".", ms=3, color=COLOURS[0])
        if row["curve_V"] is not None:
            axes.plot(spectrum.frequency_Hz / 1e9, scale * np.array(row["curve_V"]), "-", lw=1.1, color=COLOURS[1])
        axes.set_title(f"{1e3 * row['field']:.4g} mT", fontsize=9, loc="left")
        axes.set_xlabel("frequency (GHz)", fontsize=8)
        axes.set_ylabel(f"V ({unit})", fontsize=8)
        axes.tick_params(labelsize=7)
    return figure
