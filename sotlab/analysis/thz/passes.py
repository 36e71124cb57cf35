"""Passes on the fly, forwards and backwards: the lag of the detection and the backlash of the stage between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sotlab.analysis.thz.average import align, average_scans
from sotlab.analysis.thz.delay import LagFit, PassPair, fit_lag
from sotlab.analysis.thz.delay_scans import DelayScan, THzSettings, on_grid
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["Passes", "fit_passes"]

#: Rates that differ by less than this part are one rate.
SAME_RATE = 0.02


@dataclass(frozen=True)
class Passes:
    """The result of :func:`fit_passes`.

    Parameters
    ----------
    lag : Value
        Time constant of each pole of the detection [s], as the passes show it.
    backlash : Value
        Apparent delay of forward over backward passes that the known low pass does not explain [s].
    overlap : Value
        What is left between forward and backward passes after both are taken off [s].
    flags : tuple of str
        What the reader must know.
    """

    lag: Value
    backlash: Value
    overlap: Value
    flags: tuple[str, ...]

    def shift_s(self, scan: DelayScan) -> float:
        """Return by how much a scan is too late [s]: half of what is between forwards and backwards."""
        if scan.rate is None or self.backlash.value is None:
            return 0.0
        return float(np.sign(scan.rate)) * self.backlash.value / 2


def fit_passes(scans: Sequence[DelayScan], grid_s: np.ndarray, settings: THzSettings) -> Passes:
    """Fit lag and backlash to the mean of the forward and of the backward passes, at each speed.

    The time constant is fitted freely, for who wants to compare it with the setting; the backlash is what is left of
    the split with ``time_constant``, where that is known.
    """
    band = (settings.band_start, settings.band_stop)
    nothing = Value(None, None, "s")
    try:
        pairs = _pairs(scans, grid_s, settings)
        free = fit_lag(pairs, poles=settings.poles, band_Hz=band)
        if settings.time_constant is None:
            return Passes(free.lag_s, free.backlash_s, free.residual_s, free.flags)
        known = fit_lag(pairs, poles=settings.poles, band_Hz=band, time_constant_s=settings.time_constant)
    except FitError as error:
        return Passes(nothing, nothing, nothing, (str(error),))
    backlash = known.backlash_s
    if backlash.value is not None and backlash.sigma is not None:
        backlash = Value(backlash.value, max(backlash.sigma, _drift_s(scans, grid_s, settings)), "s")
    return Passes(free.lag_s, backlash, _overlap(scans, grid_s, settings, known), known.flags)


def _drift_s(scans: Sequence[DelayScan], grid_s: np.ndarray, settings: THzSettings) -> float:
    """Return the standard error of the split as its scatter over pairs of passes shows it: drift between them [s]."""
    rows = np.stack([(-1.0 if (s.field_T or 0.0) < 0 else 1.0) * on_grid(s, grid_s, settings) for s in scans])
    if len(rows) < 6 or not np.isfinite(rows).all():
        return 0.0
    delay_s = align(rows, float(grid_s[1] - grid_s[0]), rows.mean(axis=0)).delay_s
    way = np.array([np.sign(s.rate or 0.0) for s in scans])
    turned = np.flatnonzero(way[:-1] * way[1:] < 0)[::2]
    split_s = (delay_s[turned] - delay_s[turned + 1]) * way[turned]
    return float(np.std(split_s, ddof=1) / np.sqrt(len(split_s))) if len(split_s) > 2 else 0.0


def _pairs(scans: Sequence[DelayScan], grid_s: np.ndarray, settings: THzSettings) -> list[PassPair]:
    """Return forward and backward means at each speed, as the low pass left them."""
    as_read = settings.model_copy(update={"time_constant": None})
    found: list[tuple[float, PassPair]] = []
    rates = [abs(scan.rate) for scan in scans if scan.rate is not None]
    while rates:
        rate = rates[0]
        same = [s for s in scans if s.rate is not None and abs(abs(s.rate) - rate) < SAME_RATE * rate]
        rates = [one for one in rates if abs(one - rate) >= SAME_RATE * rate]
        forward, backward = (
            _mean([s for s in same if np.sign(s.rate or 0) == way], grid_s, as_read) for way in (1, -1)
        )
        if forward is None or backward is None:
            continue
        sigma = np.sqrt((forward[1] ** 2 + backward[1] ** 2) / 2)
        step_s = float(grid_s[1] - grid_s[0])
        mean_rate = float(np.mean([abs(s.rate) for s in same if s.rate is not None]))
        found.append((rate, PassPair(forward[0], backward[0], step_s, mean_rate, sigma)))
    if not found:
        raise FitError("lag: there is no pair of a forward and a backward pass; scan both ways over the same delays")
    return [pair for _, pair in found]


def _mean(
    passes: Sequence[DelayScan], grid_s: np.ndarray, settings: THzSettings, shifts_s: Sequence[float] = ()
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the mean of passes in one direction, odd in the field, and its noise in each sample [V]."""
    sides: dict[float, list[np.ndarray]] = {1.0: [], -1.0: []}
    for one, shift in zip(passes, shifts_s or [0.0] * len(passes), strict=True):
        row = on_grid(one, grid_s, settings, shift)
        if np.isfinite(row).all():
            sign = -1.0 if (one.field_T or 0.0) < 0 else 1.0
            sides[sign].append(sign * row)
    # What is even in the field is no noise: it is the same in all passes of one polarity.
    groups = [np.stack(rows) for rows in sides.values() if rows]
    if not groups:
        return None
    if all(len(rows) > 1 for rows in groups) and sum(len(rows) for rows in groups) > 2:
        averages = [average_scans(grid_s, rows).trace for rows in groups]
        variance = np.sum([one.sigma_V**2 for one in averages], axis=0) / len(groups) ** 2
        return np.mean([one.signal_V for one in averages], axis=0), np.sqrt(variance)
    # Differences of neighbours but one step of the grid hold next to no signal.
    mean = np.mean([rows.mean(axis=0) for rows in groups], axis=0)
    noise_V = float(np.median(np.abs(np.diff(mean, 3))) / 0.6745 / np.sqrt(20.0)) or 1e-12
    return mean, np.full(len(mean), noise_V)


def _overlap(scans: Sequence[DelayScan], grid_s: np.ndarray, settings: THzSettings, known: LagFit) -> Value:
    """Return what is between forward and backward passes once both corrections have been made [s]."""
    done = Passes(Value(None, None, "s"), known.backlash_s, Value(None, None, "s"), ())

    def mean(way: int) -> tuple[np.ndarray, np.ndarray] | None:
        chosen = [scan for scan in scans if scan.rate is not None and np.sign(scan.rate) == way]
        return _mean(chosen, grid_s, settings, [done.shift_s(scan) for scan in chosen])

    forward, backward = mean(1), mean(-1)
    if forward is None or backward is None:
        return Value(None, None, "s")
    sigma = np.sqrt((forward[1] ** 2 + backward[1] ** 2) / 2)
    pair = PassPair(forward[0], backward[0], float(grid_s[1] - grid_s[0]), 1e-15, sigma)
    found = fit_lag([pair], poles=1, band_Hz=(settings.band_start, settings.band_stop), time_constant_s=0.0)
    return found.backlash_s
