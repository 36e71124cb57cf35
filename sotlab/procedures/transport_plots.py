"""The plots of Hall loops, of sheet resistances over thickness, and of resistances over temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sotlab.analysis.datasets import Dataset
from sotlab.analysis.transport import parallel_conduction_ohm
from sotlab.analysis.transport_analyses import ParallelConduction
from sotlab.procedures.plot_style import COLOURS, marked, told

__all__ = ["loop_figures", "temperature_figures", "thickness_figures"]


def loop_figures(parts: Sequence[Dataset], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return (caption, figure) of the loops, each with its half swing and coercivity."""
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    for loop, row, colour in zip(parts, reduction["scans"], COLOURS * len(parts), strict=False):
        y = loop["resistance"] if "resistance" in loop else loop["voltage"]
        line = f"{row['name']}: {told(row, 'r_a', 'coercivity')}"
        axes.plot(1e3 * loop["field"], y, ".-", ms=3, lw=0.6, color=colour, label=line)
        offset, r_a = row["r_offset"]["value"], row["r_a"]["value"]
        if offset is not None and r_a is not None and "resistance" in loop:
            for level in (offset - r_a, offset + r_a):
                axes.axhline(level, color=colour, lw=0.8, ls="--")
    axes.set_xlabel("µ₀H along the normal (mT)")
    axes.set_ylabel("R_xy (Ω)" if all("resistance" in loop for loop in parts) else "R_xy (Ω) or V_xy (V)")
    axes.legend(fontsize=7, frameon=False, loc="lower right")
    return [("Loops; dashed: the saturated states", marked(figure, reduction["simulated"]))]


def thickness_figures(parts: Sequence[Dataset], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return (caption, figure) of R_sh t over the thickness with the fit; nothing where there are no thicknesses."""
    pictures = []
    for films, row in zip(parts, reduction["scans"], strict=True):
        if "thickness" not in films:
            continue
        figure = Figure(figsize=(6.5, 4.2), layout="constrained")
        axes = figure.subplots()
        role = "sheet_resistance" if "sheet_resistance" in films else "resistance"
        t, y = films["thickness"], films[role]
        sigma = films.columns.get("sheet_resistance_sigma")
        axes.errorbar(1e9 * t, y, sigma, fmt="o", ms=4, capsize=2, color=COLOURS[0])
        rho, length = (row[name]["value"] for name in ("resistivity_0", "mean_free_path"))
        if rho is not None and length is not None and role == "sheet_resistance":
            curve = np.geomspace(t.min(), t.max(), 200)
            axes.plot(1e9 * curve, rho / curve * (1 + 3 * length / (8 * curve)), "-", lw=1.1, color=COLOURS[1])
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("thickness (nm)")
        axes.set_ylabel(f"{role.replace('_', ' ')} (Ω)")
        axes.set_title(told(row, "resistivity_0", "mean_free_path"), fontsize=9)
        pictures.append(("Sheet resistance over thickness", marked(figure, reduction["simulated"])))
    return pictures


def temperature_figures(parts: Sequence[Dataset], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return (caption, figure) of R(T), with what two channels in parallel say."""
    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    axes = figure.subplots()
    for curve, row, colour in zip(parts, reduction["scans"], COLOURS * len(parts), strict=False):
        t, r = curve["temperature"], curve["resistance"]
        axes.plot(t, r, ".", ms=4, color=colour, label=row["name"])
        found = {name: row[name]["value"] for name in ParallelConduction.units}
        if None not in found.values():
            smooth = np.linspace(t.min(), t.max(), 300)
            model = parallel_conduction_ohm(smooth, found, hopping=reduction["settings"]["hopping"])
            axes.plot(smooth, model, "-", lw=1.1, color=colour)
    axes.set_xlabel("temperature (K)")
    axes.set_ylabel("resistance (Ω)")
    axes.legend(fontsize=7, frameon=False)
    axes.set_title(told(reduction["results"], "metallic_share", "hopping_temperature", "metal_slope"), fontsize=9)
    return [("Resistance over temperature", marked(figure, reduction["simulated"]))]
