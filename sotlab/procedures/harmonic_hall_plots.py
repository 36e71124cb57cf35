"""The plots of a harmonic Hall reduction, for reports and papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from sotlab.analysis.hall_signals import magnetisation_angle
from sotlab.analysis.harmonic_hall import FittedReadings, scans_of
from sotlab.procedures.plot_style import COLOURS, marked, told
from sotlab.units import pretty

__all__ = ["figures"]

#: Most fields that are shown; of more, some evenly spaced ones.
MOST_FIELDS = 8


def figures(parts: Sequence[FittedReadings], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return (caption, figure): both harmonics with their fits, and what depends on the field.

    Parameters
    ----------
    parts : sequence of FittedReadings
        What was fitted.
    reduction : mapping
        The reduction as JSON has it.
    """
    low_field = reduction["settings"]["geometry"] == "low-field"
    if low_field:
        pictures = [("Low-field sweeps and fits", _sweeps(parts, reduction))] if parts else []
    else:
        pictures = [("Both harmonics and their fits", _angle_scans(part, reduction)) for part in parts]
    if reduction["settings"]["geometry"] == "out-of-plane":
        pictures += _against_magnetisation(parts, reduction)
    pictures += _against_field(reduction)
    pictures += _against_temperature(reduction)
    return [(caption, marked(figure, reduction["simulated"])) for caption, figure in pictures]


def _panels(rows: int = 3) -> tuple[Figure, Any]:
    figure = Figure(figsize=(10.4, 6.4), layout="constrained")
    return figure, figure.subplots(rows, 1, sharex=True, height_ratios=[3, 3, 1][:rows])


def _angle_scans(part: FittedReadings, reduction: Mapping[str, Any]) -> Figure:
    figure, (first, second, rest) = _panels()
    scan = scans_of(part.field_T)
    fields = [float(part.field_T[scan == k].mean()) for k in range(scan.max() + 1)]
    shown = np.unique(np.linspace(0, len(fields) - 1, min(len(fields), MOST_FIELDS)).round().astype(int))
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(shown)))
    unit, scale = _ohms(part.r_2w_ohm)
    for k, colour in zip(shown, colours, strict=True):
        own = np.flatnonzero(scan == k)
        own = own[np.argsort(part.angle_rad[own], kind="stable")]
        angle = np.degrees(part.angle_rad[own])
        label = pretty(fields[k], None, "T")
        first.plot(angle, part.r_1w_ohm[own], ".", ms=3, color=colour, label=label)
        first.plot(angle, part.model_1w_ohm[own], "-", lw=0.9, color=colour)
        second.plot(angle, scale * part.r_2w_ohm[own], ".", ms=3, color=colour)
        second.plot(angle, scale * part.model_2w_ohm[own], "-", lw=0.9, color=colour)
        rest.plot(angle, scale * (part.r_2w_ohm - part.model_2w_ohm)[own], ".", ms=2, color=colour)
    polar = reduction["settings"]["geometry"] == "out-of-plane"
    first.set_ylabel("R₁ω (Ω)")
    second.set_ylabel(f"R₂ω ({unit})")
    rest.set_ylabel(f"rest ({unit})")
    rest.axhline(0.0, color="0.5", lw=0.8)
    rest.set_xlabel("angle of the field from the " + ("normal" if polar else "current") + " (deg)")
    first.legend(fontsize=7, ncols=min(len(shown), 8), frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.12))
    results = reduction["results"]
    first.set_title(told(results, "r_a", "b_k") if polar else told(results, "r_p", "angle_offset"), fontsize=9)
    second.set_title(told(results, "b_dl", "b_fl", "r_ane", "r_one"), fontsize=9)
    return figure


def _against_magnetisation(parts: Sequence[FittedReadings], reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return both harmonics against the magnetisation's angle, without the ordinary Hall and Nernst effects."""
    made = []
    for part, known in zip(parts, [reduction["results"]] if len(parts) == 1 else reduction["scans"], strict=False):
        b_k = known.get("b_k", {}).get("value")
        if b_k is None:
            continue
        r_ohe, r_one, offset_deg = (
            (known.get(name) or {}).get("value") or 0.0 for name in ("r_ohe", "r_one", "angle_offset")
        )
        polar = part.angle_rad + np.radians(offset_deg)
        theta = magnetisation_angle(part.field_T, polar, b_k)
        r_1w = part.r_1w_ohm - r_ohe * part.field_T * np.cos(polar)
        r_2w = part.r_2w_ohm + r_one * part.field_T * np.sin(polar)
        figure = Figure(figsize=(10.4, 3.6), layout="constrained")
        first, second = figure.subplots(1, 2)
        scan, (unit, scale) = scans_of(part.field_T), _ohms(r_2w)
        colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, scan.max() + 1))
        for k, colour in enumerate(colours):
            own = np.flatnonzero(scan == k)
            own = own[np.argsort(theta[own], kind="stable")]
            label = pretty(float(part.field_T[own].mean()), None, "T")
            first.plot(np.degrees(theta[own]), r_1w[own], ".-", ms=3, lw=0.7, color=colour, label=label)
            second.plot(np.sin(theta[own]), scale * r_2w[own], ".", ms=3, color=colour)
        first.set_xlabel("angle of the magnetisation from the normal (deg)")
        first.set_ylabel("R₁ω without R_OHE B (Ω)")
        second.set_xlabel("sin θ of the magnetisation")
        second.set_ylabel(f"R₂ω without R_ONE B ({unit})")
        if scan.max() < MOST_FIELDS:
            first.legend(fontsize=7, frameon=False)
        where = f" at {known['temperature']:g} K" if known.get("temperature") is not None else ""
        made.append((f"Against the magnetisation{where}", figure))
    return made


def _sweeps(parts: Sequence[FittedReadings], reduction: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(10.4, 3.6), layout="constrained")
    first, second = figure.subplots(1, 2)
    unit, scale = _ohms(np.concatenate([part.r_2w_ohm - np.nanmean(part.r_2w_ohm) for part in parts]))
    for part, row, colour in zip(parts, reduction["scans"], COLOURS * 4, strict=False):
        order = np.argsort(part.field_T)
        field_mT = 1e3 * part.field_T[order]
        base = np.nanmean(part.r_1w_ohm)
        first.plot(field_mT, (part.r_1w_ohm[order] - base), ".", ms=3, color=colour, label=row["name"])
        first.plot(field_mT, (part.model_1w_ohm[order] - base), "-", lw=1, color=colour)
        base = np.nanmean(part.r_2w_ohm)
        second.plot(field_mT, scale * (part.r_2w_ohm[order] - base), ".", ms=3, color=colour)
        second.plot(field_mT, scale * (part.model_2w_ohm[order] - base), "-", lw=1, color=colour)
    for axes, label in ((first, "R₁ω − mean (Ω)"), (second, f"R₂ω − mean ({unit})")):
        axes.set_xlabel("µ₀H (mT)")
        axes.set_ylabel(label)
    first.legend(fontsize=7, frameon=False)
    first.set_title(told(reduction["results"], "r_a", "b_k"), fontsize=9)
    second.set_title(told(reduction["results"], "b_dl", "b_fl"), fontsize=9)
    return figure


def _against_field(reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Return the amplitudes of each field by itself: cos and 2 cos^3 - cos in the plane, the slope at the pole."""
    made = []
    names = [
        ("r_2w_cos", "amplitude of cos φ", lambda field: field, "µ₀H (T)"),
        ("r_2w_cos3", "amplitude of 2cos³φ − cos φ", lambda field: 1 / field, "1/µ₀H (1/T)"),
        ("slope", "slope dR₂ω/d sin θ", lambda field: field, "µ₀H (T)"),
    ]
    for name, label, axis, axis_label in names:
        rows = [row for row in reduction["scans"] if row.get(name, {}).get("value") is not None]
        if len(rows) > 1:
            made.append((name, label, axis, axis_label, rows))
    if not made:
        return []
    figure = Figure(figsize=(5.2 * len(made), 3.6), layout="constrained")
    for axes, (name, label, axis, axis_label, rows) in zip(
        figure.subplots(1, len(made), squeeze=False)[0], made, strict=True
    ):
        x = axis(np.array([row["field"] for row in rows]))
        value = np.array([row[name]["value"] for row in rows])
        unit, scale = _ohms(value)
        sigma = np.array([row[name]["sigma"] for row in rows])
        axes.errorbar(x, scale * value, scale * sigma, fmt="o", ms=4, capsize=2, color=COLOURS[0])
        axes.axhline(0.0, color="0.5", lw=0.8)
        axes.set_xlabel(axis_label)
        axes.set_ylabel(f"{label} ({unit})")
    return [("Each field by itself", figure)]


def _against_temperature(reduction: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    rows = [row for row in reduction["scans"] if row.get("temperature") is not None]
    names = [
        name
        for name in ("b_dl", "xi_dl_E", "r_a", "b_k")
        if sum(row.get(name, {}).get("value") is not None for row in rows) > 1
    ]
    if len({row["temperature"] for row in rows}) < 2 or not names:
        return []
    figure = Figure(figsize=(3.8 * len(names), 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        own = [row for row in rows if row.get(name, {}).get("value") is not None]
        axes.errorbar(
            [row["temperature"] for row in own],
            [row[name]["value"] for row in own],
            [row[name]["sigma"] for row in own],
            fmt="o",
            ms=4,
            capsize=2,
            color=COLOURS[0],
        )
        axes.set_xlabel("temperature (K)")
        axes.set_ylabel(f"{name} ({own[0][name]['unit']})")
    return [("Against the temperature", figure)]


def _ohms(resistance: np.ndarray) -> tuple[str, float]:
    """Return a unit in which resistances are readable numbers, and the factor to it."""
    size = float(np.nanmax(np.abs(resistance), initial=0.0))
    for unit, scale in (("Ω", 1.0), ("mΩ", 1e3), ("µΩ", 1e6)):
        if size * scale >= 1:
            return unit, scale
    return "nΩ", 1e9
