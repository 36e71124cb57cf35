"""Microwave levels, losses and currents at, and between, the points at which they were calibrated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from sotlab.errors import StationError
from sotlab.instruments.calibration import Calibration

__all__ = ["CurrentTable", "LevelTable", "LossTable", "StripCurrent"]


class StripCurrent(NamedTuple):
    """A calibrated microwave current.

    Parameters
    ----------
    peak_A, sigma_A : float
        The peak current, and what of its standard deviation is its own, at this frequency [A].
    scale_sigma : float
        Relative standard deviation that the currents of all frequencies share, besides.
    """

    peak_A: float
    sigma_A: float
    scale_sigma: float


class LevelTable:
    """What arrives at a plane, over what the source is set to, from the points of a level calibration.

    Between the measured frequencies and powers it is linear, in dB, and less certain; beyond them nothing is known.

    Parameters
    ----------
    rows : iterable of (float, float, float, float)
        Frequency [Hz], set power [dBm], level over the set power [dB] and its sigma [dB]; a full grid.
    where : str
        Name of the file, for messages.
    between_sigma_dB : float
        How far the level may lie from the straight line between two frequencies [dB].
    """

    def __init__(
        self, rows: Iterable[tuple[float, float, float, float]], where: str, between_sigma_dB: float = 0.0
    ) -> None:
        self._where = where
        self._between_sigma_dB = between_sigma_dB
        known = {(frequency_Hz, power_dBm): (level, sigma) for frequency_Hz, power_dBm, level, sigma in rows}
        self.frequencies_Hz = sorted({frequency_Hz for frequency_Hz, _ in known})
        self.powers_dBm = sorted({power_dBm for _, power_dBm in known})
        if len(known) != len(self.frequencies_Hz) * len(self.powers_dBm):
            raise StationError(f"{where}: [points] are no full grid of frequencies and powers; calibrate anew")
        self._known = known

    @classmethod
    def from_calibration(cls, calibration: Calibration) -> LevelTable:
        """Return the table of a calibration of the kind ``source_level``."""
        names = ("Frequency (Hz)", "Power Set (dBm)", "Level (dB)", "Level Sigma (dB)")
        rows = zip(*(calibration.column(name) for name in names), strict=True)
        return cls(rows, calibration.where, calibration.value("interpolation", "dB")[0])

    def level_dB(self, frequency_Hz: float, power_dBm: float) -> tuple[float, float]:
        """Return the level over the set power and its sigma [dB].

        Raises
        ------
        StationError
            Outside what was measured.
        """
        weights = [
            (f, p, wf * wp)
            for f, wf in self._between(self.frequencies_Hz, frequency_Hz, "Hz")
            for p, wp in self._between(self.powers_dBm, power_dBm, "dBm")
        ]
        level_dB = sum(w * self._known[f, p][0] for f, p, w in weights)
        # The meter's part of sigma is common to all points: between two of them it does not become less.
        sigma_dB = sum(w * self._known[f, p][1] for f, p, w in weights)
        on_grid = len({f for f, _, _ in weights}) == 1
        return level_dB, sigma_dB if on_grid else math.hypot(sigma_dB, self._between_sigma_dB)

    def _between(self, grid: list[float], at: float, unit: str) -> list[tuple[float, float]]:
        return between(grid, at, unit, self._where)


class LossTable:
    """The loss of a cable, or of all that lies between two planes, against frequency; linear between its points.

    Parameters
    ----------
    rows : iterable of (float, float, float)
        Frequency [Hz], loss [dB] and its sigma [dB].
    where : str
        Name of the file, for messages.
    """

    def __init__(self, rows: Iterable[tuple[float, float, float]], where: str) -> None:
        self._where = where
        self._known = {frequency_Hz: (loss, sigma) for frequency_Hz, loss, sigma in rows}

    @classmethod
    def from_calibration(cls, calibration: Calibration) -> LossTable:
        """Return the table of a calibration of the kind ``cable_loss``."""
        names = ("Frequency (Hz)", "Loss (dB)", "Loss Sigma (dB)")
        return cls(zip(*(calibration.column(name) for name in names), strict=True), calibration.where)

    def loss_dB(self, frequency_Hz: float) -> tuple[float, float]:
        """Return the loss and its sigma [dB]; StationError outside what was measured."""
        weights = between(sorted(self._known), frequency_Hz, "Hz", self._where)
        return sum(w * self._known[f][0] for f, w in weights), sum(w * self._known[f][1] for f, w in weights)


class CurrentTable:
    """The microwave current in one sample, at the frequencies at which it was measured.

    Parameters
    ----------
    factors : mapping of float to (float, float)
        Frequency [Hz] to the peak current over the square root of the set power in mW, and its own sigma [A].
    scale_sigma : float
        Relative sigma that all of them share.
    powers_dBm : (float, float)
        Range of set powers.
    sample : str
        The sample.
    """

    def __init__(
        self,
        factors: Mapping[float, tuple[float, float]],
        scale_sigma: float,
        powers_dBm: tuple[float, float],
        sample: str,
    ) -> None:
        self._factors = dict(factors)
        self._scale_sigma = scale_sigma
        self._powers_dBm = powers_dBm
        self._sample = sample

    @classmethod
    def from_calibration(cls, calibration: Calibration) -> CurrentTable:
        """Return the table of a calibration of the kind ``rf_current``."""
        _, scale_sigma = calibration.value("scale", "")
        powers_dBm = calibration.value("power_start", "dBm")[0], calibration.value("power_stop", "dBm")[0]
        factors = zip(calibration.column("Factor (A)"), calibration.column("Factor Sigma (A)"), strict=True)
        known = dict(zip(calibration.column("Frequency (Hz)"), factors, strict=True))
        return cls(known, scale_sigma, powers_dBm, calibration.sample)

    def current_A(self, frequency_Hz: float, power_dBm: float, sample: str) -> StripCurrent | None:
        """Return the peak current with its sigmas, None where it was not measured."""
        near = min(self._factors, key=lambda known: abs(known - frequency_Hz))
        low, high = self._powers_dBm
        if sample != self._sample or abs(near - frequency_Hz) > 1e-6 * near or not low <= power_dBm <= high:
            return None
        peak_A, sigma_A = (10.0 ** (power_dBm / 20.0) * one for one in self._factors[near])
        return StripCurrent(peak_A, sigma_A, self._scale_sigma)


def between(grid: list[float], at: float, unit: str, where: str) -> list[tuple[float, float]]:
    """Return the neighbours of a value on a sorted grid, each with its weight; StationError beyond the grid."""
    if not grid[0] <= at <= grid[-1]:
        raise StationError(
            f"{where}: {at:g} {unit} asked, calibrated from {grid[0]:g} to {grid[-1]:g} {unit}; calibrate further"
        )
    for low, high in pairwise(grid):
        if low <= at <= high:
            share = (at - low) / (high - low)
            return [(one, weight) for one, weight in ((low, 1.0 - share), (high, share)) if weight]
    return [(grid[0], 1.0)]
