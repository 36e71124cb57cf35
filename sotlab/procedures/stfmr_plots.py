"""The plots of an ST-FMR reduction, for reports and papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sotlab.analysis.kittel import gyromagnetic_Hz_per_T, resonance_field_T
from sotlab.analysis.lineshape import PARAMETERS, lineshape
from sotlab.procedures.plot_style import COLOURS, marked
from sotlab.units import prefixed, pretty

__all__ = ["figures"]

#: Which colour each part of a fit has.
LINES = {"fit": COLOURS[1], "symmetric": COLOURS[2], "antisymmetric": COLOURS[3]}

#: Points of a curve that looks smooth.
CURVE_POINTS = 600

#: Rows of panels in one figure; more spectra go on to the next.
PER_FIGURE = 8


def figures(spectra: Sequence[Any], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return (caption, figure) for the spectra with their fits, and for what depends on frequency.

    Parameters
    ----------
    spectra : sequence of Spectrum
        What was reduced, in the order of ``reduction["spectra"]``.
    reduction : mapping
        The reduction as JSON has it.
    """
    rows = reduction["spectra"]
    pictures = []
    for first in range(0, len(rows), PER_FIGURE):
        chunk = slice(first, first + PER_FIGURE)
        pictures.append(("Spectra and fits", _spectra(spectra[chunk], rows[chunk])))
    fitted = [row for row in rows if row["field_res"]["value"] is not None]
    if len(fitted) > 1:
        pictures.append(("Resonance field and line width against frequency", _against_frequency(fitted, reduction)))
    return [(caption, marked(figure, reduction["simulated"])) for caption, figure in pictures]


def _spectra(spectra: Sequence[Any], rows: Sequence[Mapping[str, Any]]) -> Figure:
    columns = 2 if len(rows) > 1 else 1
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(5.2 * columns, 3.1 * lines), layout="constrained")
    panels = figure.subplots(2 * lines, columns, squeeze=False, height_ratios=[3, 1] * lines)
    for k in range(lines * columns):
        top, bottom = panels[2 * (k // columns), k % columns], panels[2 * (k // columns) + 1, k % columns]
        if k < len(rows):
            _spectrum(top, bottom, spectra[k], rows[k])
        else:
            top.set_axis_off()
            bottom.set_axis_off()
    return figure


def _spectrum(top: Any, bottom: Any, spectrum: Any, row: Mapping[str, Any]) -> None:
    field_mT = 1e3 * spectrum.field_T
    scale, unit = prefixed(float(np.nanmax(spectrum.voltage_V) - np.nanmin(spectrum.voltage_V)), "V")
    top.plot(field_mT, scale * spectrum.voltage_V, ".", ms=3, color=COLOURS[0], label="measured")
    top.set_title(f"{row['frequency'] / 1e9:g} GHz", fontsize=9, loc="left")
    top.set_ylabel(f"V ({unit})", fontsize=8)
    top.tick_params(labelsize=7, labelbottom=False)
    bottom.tick_params(labelsize=7)
    bottom.set_xlabel("µ₀H (mT)", fontsize=8)
    bottom.axhline(0.0, color="0.5", lw=0.8)
    bottom.set_xlim(top.get_xlim())
    fit = row["fit"]
    if fit is None:
        reason = row["flags"][0] if row["flags"] else "not fitted"
        top.set_title(f"{row['frequency'] / 1e9:g} GHz: {reason}", fontsize=8, loc="left", color=COLOURS[1], wrap=True)
        bottom.set_yticks([])
        return
    curve_T = np.linspace(np.nanmin(spectrum.field_T), np.nanmax(spectrum.field_T), CURVE_POINTS)
    for style, name, line in (
        ("--", "symmetric", {**fit, "v_asym": 0.0}),
        (":", "antisymmetric", {**fit, "v_sym": 0.0}),
        ("-", "fit", fit),
    ):
        top.plot(1e3 * curve_T, scale * _line(curve_T, line), style, lw=1.1, color=LINES[name], label=name)
    residual_V = spectrum.voltage_V - _line(spectrum.field_T, fit)
    bottom.plot(field_mT, scale * residual_V, ".", ms=2, color=COLOURS[0])
    top.legend(fontsize=6, frameon=False)


def _line(field_T: np.ndarray, fit: Mapping[str, Any]) -> np.ndarray:
    magnitude_T = np.abs(field_T) if fit["absolute_field"] else field_T
    return lineshape(magnitude_T, *(fit[name] for name in PARAMETERS))


def _against_frequency(rows: Sequence[Mapping[str, Any]], reduction: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(10.4, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    frequency_GHz = np.array([row["frequency"] for row in rows]) / 1e9
    results = reduction["results"]
    for axes, name, label in ((left, "field_res", "resonance field (mT)"), (right, "width", "half width (mT)")):
        value = 1e3 * np.array([row[name]["value"] for row in rows])
        sigma = 1e3 * np.array([row[name]["sigma"] for row in rows])
        axes.errorbar(frequency_GHz, value, sigma, fmt="o", ms=4, capsize=2, color=COLOURS[0])
        axes.set_xlabel("frequency (GHz)")
        axes.set_ylabel(label)
    g = reduction["settings"]["g"]
    curve_GHz = np.linspace(0.9 * frequency_GHz.min(), 1.05 * frequency_GHz.max(), 200)
    if (meff_T := results["mu0_meff"]["value"]) is not None:
        left.plot(curve_GHz, 1e3 * resonance_field_T(1e9 * curve_GHz, meff_T, g=g), "-", color=COLOURS[1], lw=1.2)
    if (alpha := results["alpha"]["value"]) is not None:
        width_T = results["width_0"]["value"] + alpha * 1e9 * curve_GHz / gyromagnetic_Hz_per_T(g)
        right.plot(curve_GHz, 1e3 * width_T, "-", color=COLOURS[1], lw=1.2)
    left.set_title(f"µ₀M_eff = {_text(results['mu0_meff'])}", fontsize=9)
    right.set_title(f"α = {_text(results['alpha'])},  W₀ = {_text(results['width_0'])}", fontsize=9)
    return figure


def _text(result: Mapping[str, Any]) -> str:
    return pretty(result["value"], result["sigma"], result["unit"])
