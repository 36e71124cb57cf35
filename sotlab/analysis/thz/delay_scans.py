"""Delay scans and what the analysis must be told of them; the grid on which all are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from sotlab.analysis.protocol import from_files, from_sample_file, setting
from sotlab.analysis.thz.delay import delay_s as delay_of
from sotlab.analysis.thz.delay import undo_filter
from sotlab.analysis.thz.traces import TraceGrid
from sotlab.analysis.values import Value
from sotlab.errors import DataError

__all__ = ["DelayScan", "THzSettings", "at_one_power", "common_grid", "delay_scan", "delays_of", "on_grid"]

#: Steps of a delay axis that differ by more than this part are irregular.
REGULAR = 1e-3
#: Samples of a pass for each knot of its grid: a spline through as many knots as samples has nothing to average.
SAMPLES_PER_KNOT = 2.0
#: So many time constants before and after the window go through the inverse of the low pass with it.
MARGIN_TAU = 12.0


@dataclass(frozen=True, eq=False)
class DelayScan:
    """One scan of the delay.

    Parameters
    ----------
    axis : (N,) float
        Delay [s], or position of the stage [m].
    by_position : bool
        Which of the two.
    signal_V : (N,) float
        Signal.
    field_T : float or None
        Field at the sample, with its sign.
    reference : bool
        Whether the file calls it one of the reference.
    name : str
        Where it comes from.
    simulated : bool
        True if virtual instruments measured it.
    rate : float or None
        Seconds of delay per second of time of a pass on the fly, negative backwards; None of a step scan.
    sample : mapping or None
        What the sample file says of the sample.
    axes : mapping of str to float
        All that is the same along the scan.
    """

    axis: np.ndarray
    by_position: bool
    signal_V: np.ndarray
    field_T: float | None
    reference: bool
    name: str
    simulated: bool
    rate: float | None = None
    sample: Mapping[str, Any] | None = None
    axes: Mapping[str, float] = field(default_factory=dict)


class THzSettings(BaseModel):
    """What the analysis must be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    reference: tuple[Any, ...] = from_files("Scans of the reference, as Co/Pt")
    dark: tuple[Any, ...] = from_files("Scans with the beam blocked, for the dynamic range")
    passes: int = setting(1, "How often the beam goes to the stage and back", ge=1, le=8)
    sign: Literal[1, -1, "1", "+1", "-1"] = setting(1, "+1 if a larger position is a later part of the trace")
    zero_position: float = setting(0.0, "Position of the stage at delay 0", "m")
    band_start: float = setting(0.3e12, "Lowest frequency of ratios", "Hz", gt=0)
    band_stop: float = setting(2.5e12, "Highest frequency of ratios", "Hz", gt=0)
    start: float | None = setting(None, "First delay that is used", "s")
    stop: float | None = setting(None, "Last delay that is used, before the first echo", "s")
    step: float | None = setting(None, "Of the grid that irregular delays are brought to", "s", gt=0)
    time_constant: float | None = setting(None, "Of each pole of the low pass, for passes on the fly", "s", gt=0)
    poles: int = setting(4, "Of the low pass", ge=1, le=4)
    max_delay: float = setting(3e-12, "Largest delay of the sample against the reference", "s", gt=0)
    same_delay: bool = setting(False, "Whether both traces have the same delay")
    floor_start: float | None = setting(None, "Frequency above which there is no signal", "Hz", gt=0)
    stack: dict[str, Any] | None = from_sample_file("Of the sample, for eta; a run has it")
    reference_stack: dict[str, Any] | None = from_sample_file("Of the reference, likewise")
    wavelength: float = setting(810e-9, "Of the pump", "m", gt=0)
    absorptance: Value | None = setting(None, "Share of the pump that the sample absorbs, for eta")
    reference_absorptance: Value | None = setting(None, "Likewise of the reference")
    sheet_conductance: Value | None = setting(None, "Of the sample's metals at the band's middle, for eta", "S")
    reference_sheet_conductance: Value | None = setting(None, "Likewise of the reference", "S")
    substrate_index: Value | None = setting(None, "Of the sample's substrate at THz frequencies, for eta")
    reference_substrate_index: Value | None = setting(None, "Likewise of the reference")
    fluence_ratio: Value = setting(Value(1.0, 0.0, ""), "Fluence at the sample over that at the reference")


def delay_scan(
    columns: Mapping[str, np.ndarray],
    axes: Mapping[str, float],
    *,
    name: str,
    simulated: bool,
    sample: Mapping[str, Any] | None = None,
) -> DelayScan:
    """Return one scan, by delay if there is one.

    Raises
    ------
    DataError
        If there are fewer than 16 points with a number each.
    """
    by_position = "delay" not in columns
    axis = np.asarray(columns["position" if by_position else "delay"], float)
    signal = np.asarray(columns["signal"], float)
    good = np.isfinite(axis) & np.isfinite(signal)
    if np.count_nonzero(good) < 16:
        raise DataError(f"{name}: {np.count_nonzero(good)} points of a delay scan; 16 are the least")
    told = f"{name}, scan {axes['scan']:g}" if "scan" in axes else name
    if "power" in columns:
        axes = {**axes, "power": float(np.mean(columns["power"]))}
    return DelayScan(
        axis[good],
        by_position,
        signal[good],
        axes.get("field"),
        bool(axes.get("reference", 0.0)),
        told,
        simulated,
        axes.get("rate") or None,
        sample,
        dict(axes),
    )


def at_one_power(scans: Sequence[DelayScan]) -> list[DelayScan]:
    """Return scans as they would be at their mean pump power, where all of them know it: drifts of the pump cancel.

    The emission is proportional to the fluence far below saturation; see ``fluence.py`` for where it is not.
    """
    powers = np.array([scan.axes.get("power", np.nan) for scan in scans], float)
    if not len(powers) or not (np.isfinite(powers) & (powers > 0)).all():
        return list(scans)
    return [
        replace(scan, signal_V=scan.signal_V * float(powers.mean() / power))
        for scan, power in zip(scans, powers, strict=True)
    ]


def delays_of(scan: DelayScan, settings: THzSettings) -> np.ndarray:
    """Return the delays of a scan [s]."""
    if not scan.by_position:
        return scan.axis
    return delay_of(scan.axis, passes=settings.passes, sign=int(settings.sign), zero_position_m=settings.zero_position)


def common_grid(scans: Sequence[DelayScan], settings: THzSettings) -> np.ndarray:
    """Return the delays at which all scans are compared: their own where they are the same regular ones."""
    axes = [np.sort(delays_of(scan, settings)) for scan in scans]
    first = axes[0]
    start = max(float(axis[0]) for axis in axes) if settings.start is None else settings.start
    stop = min(float(axis[-1]) for axis in axes) if settings.stop is None else settings.stop
    steps = [
        float(np.median(np.diff(axis)[np.diff(axis) > 0])) * (1.0 if scan.rate is None else SAMPLES_PER_KNOT)
        for axis, scan in zip(axes, scans, strict=True)
    ]
    step = settings.step or max(steps)
    if settings.step is None and all(_same(axis, first) for axis in axes) and _regular(first):
        inside = first[(first >= start - 1e-3 * step) & (first <= stop + 1e-3 * step)]
        if len(inside) >= 16:
            return inside
    count = int((stop - start) / step * (1 + 1e-9)) + 1
    if count < 16:
        raise DataError(
            f"{scans[0].name}: all scans together cover {max(stop - start, 0.0) * 1e12:.3g} ps in steps of"
            f" {step * 1e12:.3g} ps, {max(count, 0)} points; 16 are the least; are all delays in one unit?"
        )
    return start + step * np.arange(count)


def _same(axis: np.ndarray, other: np.ndarray) -> bool:
    return len(axis) == len(other) and bool(np.abs(axis - other).max() <= REGULAR * np.median(np.diff(other)))


def _regular(axis: np.ndarray) -> bool:
    steps = np.diff(axis)
    return bool((steps > 0).all() and np.ptp(steps) <= REGULAR * steps.mean())


def on_grid(scan: DelayScan, grid_s: np.ndarray, settings: THzSettings, shift_s: float = 0.0) -> np.ndarray:
    """Return the scan on the grid, ``shift_s`` earlier; NaN where it has a gap.

    What the low pass of the detection did to a pass on the fly is undone, as far as ``time_constant`` says.
    """
    delay = delays_of(scan, settings) - shift_s
    order = np.argsort(delay)
    delay, signal = delay[order], scan.signal_V[order]
    step = float(grid_s[1] - grid_s[0])
    if scan.rate is not None:
        return _pass_on_grid(delay, signal, scan.rate, grid_s, settings)
    inside = (delay >= grid_s[0] - REGULAR * step) & (delay <= grid_s[-1] + REGULAR * step)
    if _same(delay[inside], grid_s):
        return signal[inside]
    grid = TraceGrid(float(grid_s[0]), float(grid_s[-1]), step)
    grid.add(delay, signal)
    return grid.result()[0][: len(grid_s)]


def _pass_on_grid(
    delay: np.ndarray, signal: np.ndarray, rate: float, grid_s: np.ndarray, settings: THzSettings
) -> np.ndarray:
    step = float(grid_s[1] - grid_s[0])
    wanted_s = MARGIN_TAU * abs(rate) * (settings.time_constant or 0.0)
    before = int(min(wanted_s, max(grid_s[0] - delay[0], 0.0)) / step)
    after = int(min(wanted_s, max(delay[-1] - grid_s[-1], 0.0)) / step)
    grid = TraceGrid(float(grid_s[0]) - before * step, float(grid_s[-1]) + after * step, step)
    grid.add(delay, signal)
    found = grid.result()[0]
    if settings.time_constant is not None and np.isfinite(found).all():
        found = undo_filter(
            found, step, rate, settings.time_constant, settings.poles, band_end_Hz=1.2 * settings.band_stop
        )
    return found[before : before + len(grid_s)]
