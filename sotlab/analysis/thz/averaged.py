"""All scans of a sample as one trace, with what they say of noise, of the parity in the field, of lag and backlash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sotlab.analysis.harmonic_hall import not_determined
from sotlab.analysis.thz.average import FEWEST, Average, average_scans
from sotlab.analysis.thz.delay_scans import DelayScan, THzSettings, on_grid
from sotlab.analysis.thz.noise import noise_of_average
from sotlab.analysis.thz.parity import OddEven, odd_even
from sotlab.analysis.thz.passes import Passes
from sotlab.analysis.thz.ratio import band_power
from sotlab.analysis.thz.traces import Trace, noise_from_quiet
from sotlab.analysis.values import Value
from sotlab.errors import DataError, FitError

__all__ = ["FLOOR", "Averaged", "averaged", "with_quiet_noise"]

#: The part before the pulse that counts as quiet: it may rise slowly.
QUIET = 0.6
#: A detection's cut-off is taken to lie below this part of the highest frequency.
FLOOR = 0.8
NOISE_UNITS = {"noise_alpha": "V", "noise_beta": "", "noise_tau": "s"}


@dataclass(frozen=True)
class Averaged:
    """All scans of a sample as one trace, with what they say of noise and parity."""

    trace: Trace
    parity: OddEven | None
    grid_s: np.ndarray
    scans_V: np.ndarray
    names: tuple[str, ...]
    noise: dict[str, Value]
    flags: tuple[str, ...]


def averaged(
    which: str,
    scans: Sequence[DelayScan],
    grid_s: np.ndarray,
    settings: THzSettings,
    band: tuple[float, float],
    passes: Passes | None = None,
) -> Averaged:
    """Bring scans onto the grid, separate and average them.

    Parameters
    ----------
    which : str
        What they are of, "sample" or "reference".
    scans : sequence of DelayScan
        The scans, in the order of measurement.
    grid_s : (N,) float
        The grid [s].
    settings : THzSettings
        What the analysis was told.
    band : (float, float)
        Where shares are taken [Hz].
    passes : Passes, optional
        What is between forward and backward passes, to be taken off.

    Raises
    ------
    DataError
        If every scan has gaps.
    """
    shifts = [0.0 if passes is None else passes.shift_s(scan) for scan in scans]
    rows = np.stack([on_grid(scan, grid_s, settings, shift) for scan, shift in zip(scans, shifts, strict=True)])
    names = tuple(scan.name for scan in scans)
    whole = np.isfinite(rows).all(axis=1)
    if not whole.any():
        raise DataError(f"{names[0]}: gaps in the delay of every scan of the {which}; give a larger step")
    sign = np.sign([np.nan if scan.field_T is None else scan.field_T for scan in scans])
    flags: list[str] = []
    parity = None
    if np.count_nonzero(sign > 0) >= 2 and np.count_nonzero(sign < 0) >= 2:
        try:
            parity = odd_even(grid_s, rows, sign, names, band_Hz=band)
        except FitError as error:
            flags.append(f"{which}: {error}")
    both = np.where(sign < 0, -1.0, 1.0)[:, None] * rows
    noise = {name: Value(None, None, unit) for name, unit in NOISE_UNITS.items()}
    why = ""
    if parity is not None:
        trace = replace(parity.odd, name=which)
        flags += [f"{which}: {flag}" for flag in parity.flags]
    elif len(rows) == 1:
        trace = with_quiet_noise(Trace(grid_s, rows[0], np.zeros(len(grid_s)), name=which), flags)
    else:
        average = _average(grid_s, both, names, band)
        trace = replace(average.trace, name=which)
        flags += [f"{which}: {flag}" for flag in average.flags]
        if len(rows) < FEWEST:  # their scatter says less of the noise than the part before the pulse
            trace = with_quiet_noise(trace, flags)
    if len(rows) >= 3:
        try:
            found = noise_of_average(_average(grid_s, both, names, band))
            noise = {name: getattr(found, name) for name in noise}
            flags += [f"{which}: {flag}" for flag in found.flags]
        except FitError as error:
            why = str(error)
    else:
        why = f"{len(rows)} scans of the {which}; repeat the scan, three times at least"
    if why and which == "sample":
        flags.append(not_determined(", ".join(noise), why))
    return Averaged(trace, parity, grid_s, rows, names, noise, tuple(flags))


def _average(grid_s: np.ndarray, rows: np.ndarray, names: Sequence[str], band: tuple[float, float]) -> Average:
    """Return the average, aligned if there is something to align by: noise brought to noise would make a peak."""
    plain = average_scans(grid_s, rows, names, aligned=False)
    power, _, chance = band_power(plain.trace, band)
    return plain if power < 4 * chance else average_scans(grid_s, rows, names)


def with_quiet_noise(trace: Trace, flags: list[str]) -> Trace:
    """Return the trace with the noise of its part before the pulse, or, without one, of its highest frequencies."""
    peak_s = float(trace.delay_s[int(np.argmax(np.abs(trace.signal_V)))])
    until_s = float(trace.delay_s[0]) + QUIET * (peak_s - float(trace.delay_s[0]))
    try:
        return noise_from_quiet(trace, until_s)
    except FitError:
        f = np.fft.rfftfreq(len(trace.delay_s), trace.step_s)
        high = np.abs(np.fft.rfft(trace.signal_V - trace.signal_V.mean())[f >= FLOOR * f[-1]]) ** 2
        sigma = float(np.sqrt(high.mean() / len(trace.delay_s)))
        flags.append(
            f"{trace.name}: hardly anything before the pulse: its noise is taken from the highest frequencies, as if it"
            " were white; start the scan earlier, or repeat it"
        )
        return replace(trace, sigma_V=np.full(len(trace.delay_s), sigma), correlation=np.ones(1))
