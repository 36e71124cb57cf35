"""What delay scans say while they go on: the mean of those so far, odd in the field, and its spectrum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sotlab.analysis.thz.averaged import with_quiet_noise
from sotlab.analysis.thz.spectrum import spectrum
from sotlab.analysis.thz.traces import Trace
from sotlab.analysis.values import Curve, LiveFit, Value

__all__ = ["LISTED_HZ", "live_mean", "spectra_of"]

#: Spectra are listed, and drawn, up to this frequency [Hz].
LISTED_HZ = 5e12
#: Columns that differ within the scans of one setting of a series; any other is what the series goes through.
WITHIN = ("delay", "position", "signal", "power", "scan", "field", "reference", "rate")
#: Fewer points of a delay scan have no spectrum.
FEWEST = 16
#: A smooth curve through the spectrum's points: it resolves nothing more.
ZERO_PAD = 4.0
HEADERS = ("Frequency (Hz)", "Amplitude (V/Hz)")


def live_mean(columns: Mapping[str, np.ndarray]) -> LiveFit | None:
    """Return the mean over the scans so far, odd in the field, its largest value, and its spectrum beside it.

    Of a series only the scans at its last setting count. Passes on the fly, whose delays are never the same, are
    brought onto a grid first. Delays by the stage's position alone give no spectrum.

    Parameters
    ----------
    columns : mapping of str to (N,) float
        The rows so far: delay [s] or position [m], signal [V], and what else there is, by role.
    """
    rows = np.arange(len(columns["signal"]))
    for role in columns.keys() - set(WITHIN):
        rows = rows[columns[role][rows] == columns[role][-1]]
    own = {role: values[rows] for role, values in columns.items()}
    axis = own["delay"] if "delay" in own else own["position"]
    sign = np.sign(own["field"]) if "field" in own else np.ones_like(axis)
    sign = np.where(sign == 0, 1.0, sign)
    signal_V = sign * own["signal"]
    if "rate" in own:
        at, mean, counts = _gridded(axis, signal_V)
        fitted = np.interp(axis, at, mean)
    else:
        at, member, counts = np.unique(axis, return_inverse=True, return_counts=True)
        mean = np.bincount(member, signal_V) / counts
        fitted = mean[member]
    if len(at) < 4:
        return None
    values = {"peak": Value(float(mean[int(np.argmax(np.abs(mean)))]), None, "V")}
    beside: tuple[Curve, ...] = ()
    if "delay" in own and len(at) >= FEWEST:
        curve = _spectrum(at, mean, counts)
        values["peak_frequency"] = Value(float(curve.x[int(np.argmax(curve.y))]), None, "Hz")
        beside = (curve,)
    return LiveFit(values, axis, sign * fitted, at, mean, rows=rows, beside=beside, name="mean of the scans")


def spectra_of(scans: Sequence[Mapping[str, Any]]) -> tuple[Curve, ...]:
    """Return the spectra that stand in the rows of a reduction, as JSON has it: of the sample, of the reference."""
    curves = []
    for row in scans:
        if row.get("frequency"):
            f, amplitude, sigma = (np.array(row[key][1:], float) for key in ("frequency", "amplitude", "sigma"))
            curves.append(Curve(row["name"], f, amplitude, sigma, *HEADERS))
    return tuple(curves)


def _spectrum(delay_s: np.ndarray, mean_V: np.ndarray, counts: np.ndarray) -> Curve:
    """Return the spectrum of the mean of ``counts`` readings at each delay, with the noise of its quiet part."""
    even_s = np.linspace(delay_s[0], delay_s[-1], len(delay_s))
    mean = Trace(even_s, np.interp(even_s, delay_s, mean_V), np.zeros(len(even_s)), name="so far")
    trace = with_quiet_noise(mean, [])
    # The quiet part comes first in a scan, so that it has been read more often than the rest.
    trace = replace(trace, sigma_V=trace.sigma_V * np.sqrt(counts[0] / np.maximum(counts, 1)))
    found = spectrum(trace, zero_pad=ZERO_PAD, max_Hz=LISTED_HZ)
    return Curve(trace.name, found.frequency_Hz[1:], np.abs(found.field)[1:], found.amplitude_sigma[1:], *HEADERS)


def _gridded(axis: np.ndarray, signal: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of samples at irregular places, and their number, in bins of two of the first scan's steps."""
    steps = np.abs(np.diff(axis[: max(len(axis) // 2, 2)]))
    step = 2.0 * float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    if not step > 0:
        return axis[:1], signal[:1], np.ones(1)
    cell = np.round((axis - axis.min()) / step).astype(int)
    counts = np.bincount(cell)
    held = counts > 0
    mean = (np.bincount(cell, signal) / np.maximum(counts, 1))[held]
    return axis.min() + step * np.flatnonzero(held), mean, counts[held]
