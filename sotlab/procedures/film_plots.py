"""The plots of what is known of films: efficiencies and moments against thickness, resistance against angle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sotlab.procedures.plot_style import COLOURS, marked, told

__all__ = ["efficiency_figures", "moment_figures", "ratio_figures", "resistance_figures"]

#: What each torque is called in a legend.
TORQUES = {"xi_dl_E": "damping-like", "xi_fl_E": "field-like"}
_SCALE = 1e-4


def efficiency_figures(
    parts: Sequence[Mapping[str, np.ndarray]], reduction: Mapping[str, Any]
) -> list[tuple[str, Figure]]:
    """Return (caption, figure) of both efficiencies against thickness, with the fit and what it leaves.

    Parameters
    ----------
    parts : sequence of mapping
        One curve of the fit, by role; empty where each film has its own resistivity: the fit is drawn at the films.
    reduction : mapping
        The reduction as JSON has it.
    """
    rows = reduction["spectra"]
    figure = Figure(figsize=(7.0, 5.2), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    t_nm = 1e9 * np.array([row["thickness"] for row in rows])
    order = np.argsort(t_nm)
    for (name, label), colour in zip(TORQUES.items(), COLOURS, strict=False):
        value, sigma = (_numbers([row[name] for row in rows], which) for which in ("value", "sigma"))
        if np.isnan(value).all():
            continue
        bars = None if np.isnan(sigma).any() else _SCALE * sigma
        fitted = np.array([row["fit"][name] for row in rows], float)
        top.errorbar(t_nm, _SCALE * value, bars, fmt="o", ms=4, capsize=2, color=colour, label=label)
        if parts and name in parts[0]:
            top.plot(1e9 * parts[0]["thickness"], _SCALE * parts[0][name], "-", lw=1.1, color=colour)
        else:
            top.plot(t_nm[order], _SCALE * fitted[order], "x--", ms=4, lw=0.8, color=colour)
        bottom.errorbar(t_nm, _SCALE * (value - fitted), bars, fmt="o", ms=3, capsize=2, color=colour)
    for axes in (top, bottom):
        axes.axhline(0.0, color="0.5", lw=0.8)
    top.set_ylabel("ξ per E (10⁴ Ω⁻¹m⁻¹)")
    bottom.set_ylabel("residual")
    bottom.set_xlabel("thickness (nm)")
    top.legend(fontsize=8, frameon=False)
    names = list(reduction["results"])
    lines = (told(reduction["results"], *names[:2]), told(reduction["results"], *names[2:]))
    top.set_title("\n".join(filter(None, lines)), fontsize=9)
    return [("Torque efficiencies against thickness", marked(figure, reduction["simulated"]))]


def ratio_figures(parts: Sequence[Mapping[str, np.ndarray]], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return (caption, figure) of the inverse ratio method against the ferromagnet's inverse thickness."""
    rows = reduction["spectra"]
    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    axes = figure.subplots()
    value, sigma = (_numbers([row["xi_fmr"] for row in rows], which) for which in ("value", "sigma"))
    inverse_nm = 1e-9 / np.array([row["thickness"] for row in rows])
    bars = None if np.isnan(sigma).any() else sigma / value**2
    axes.errorbar(inverse_nm, 1 / value, bars, fmt="o", ms=4, capsize=2, color=COLOURS[0])
    for curve in parts:
        axes.plot(1e-9 * curve["per_thickness"], curve["per_xi_fmr"], "-", lw=1.1, color=COLOURS[1])
    axes.set_xlabel("1/t_F (1/nm)")
    axes.set_ylabel("1/ξ_FMR")
    axes.set_title(told(reduction["results"], *reduction["results"]), fontsize=9)
    return [("Ratio method against the ferromagnet's thickness", marked(figure, reduction["simulated"]))]


def moment_figures(parts: Sequence[Any], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return (caption, figure) of the moment per area against thickness, with M_s and the dead layer."""
    rows, results = reduction["spectra"], reduction["results"]
    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    axes = figure.subplots()
    t_nm = 1e9 * np.array([row["thickness"] for row in rows])
    moment = [row["moment_per_area"] for row in rows]
    value, sigma = (1e3 * _numbers(moment, which) for which in ("value", "sigma"))
    bars = None if np.isnan(sigma).any() else sigma
    axes.errorbar(t_nm, value, bars, fmt="o", ms=4, capsize=2, color=COLOURS[0])
    m_s, dead = results["m_s"]["value"], results["dead_layer"]["value"]
    if m_s is not None and dead is not None:
        curve_nm = np.array([1e9 * dead, 1.05 * t_nm.max()])
        axes.plot(curve_nm, m_s * 1e-6 * (curve_nm - 1e9 * dead), "-", lw=1.1, color=COLOURS[1])  # 1e3 * A/m * 1e-9 m
    axes.axhline(0.0, color="0.5", lw=0.8)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.set_xlabel("nominal thickness (nm)")
    axes.set_ylabel("moment per area (mA)")
    axes.set_title(told(results, "mu0_ms", "dead_layer"), fontsize=9)
    return [("Magnetic moment against thickness", marked(figure, reduction["simulated"]))]


def resistance_figures(parts: Sequence[Any], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return (caption, figure) of the resistance against the field's direction, with the fit."""
    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    axes = figure.subplots()
    for turn, row, colour in zip(parts, reduction["scans"], COLOURS * len(parts), strict=False):
        curve = {name: np.array(row["fit"][name]) for name in ("angle", "resistance")}
        seen = (curve["angle"] >= turn.angle_deg.min()) & (curve["angle"] <= turn.angle_deg.max())
        label = row["name"] if row["field"] is None else f"{row['field']:g} T"
        axes.plot(turn.angle_deg, turn.resistance_ohm, ".", ms=4, color=colour, label=label)
        axes.plot(curve["angle"][seen], curve["resistance"][seen], "-", lw=1.1, color=colour)
    axes.set_xlabel("direction of the field from the current (deg)")
    axes.set_ylabel("R (Ω)")
    axes.legend(fontsize=7, frameon=False)
    axes.set_title(told(reduction["results"], "delta_resistance", "angle_offset"), fontsize=9)
    return [("Resistance against the field's direction", marked(figure, reduction["simulated"]))]


def _numbers(values: Sequence[Mapping[str, Any]], which: str) -> np.ndarray:
    return np.array([value[which] for value in values], float)
