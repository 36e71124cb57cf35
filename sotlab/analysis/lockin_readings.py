"""Lock-in readings as resistances, the readings that are not to be believed, and parts odd and even in the field.

R_1w is the voltage in phase with the current's sine over its amplitude; R_2w the coefficient of cos 2wt over the
amplitude, which the lock-in has in its Y channel. An rms voltage over an rms current, or a peak over a peak, is the
same R; mixing them is a factor of sqrt(2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["ParityPairs", "overloaded", "phase_of_signal", "resistance_ohm", "split_parity"]

CONVENTIONS = {"rms": 1.0, "peak": math.sqrt(2.0)}
#: So many readings with exactly the same extreme digits do not happen by chance.
CLIPPED_READINGS = 4
#: The same for a part of the readings, within which none is larger: the sensitivity may have been changed meanwhile.
CLIPPED_IN_PART = 6

#: Of a flat top, at least this many readings lie one or two steps below the largest, over those at it.
FLAT_SHARE = 0.5


def resistance_ohm(
    voltage_V: np.ndarray, current_A: float, *, voltage_convention: str = "rms", current_convention: str
) -> np.ndarray:
    """Return harmonic resistances V/I with both in one convention.

    Parameters
    ----------
    voltage_V : (N,) float
        Readings of a lock-in [V].
    current_A : float
        Current [A].
    voltage_convention, current_convention : {"rms", "peak"}
        What is given. Lock-ins show rms.

    Raises
    ------
    FitError
        If a convention is unknown or the current is not above 0 A.
    """
    for name, said in (("voltage", voltage_convention), ("current", current_convention)):
        if said not in CONVENTIONS:
            raise FitError(f"{name}_convention is '{said}'; allowed are {', '.join(CONVENTIONS)}")
    if not (math.isfinite(current_A) and current_A > 0):
        raise FitError(f"a current of {current_A} A gives no resistance; give its amplitude, above 0 A")
    factor = CONVENTIONS[current_convention] / CONVENTIONS[voltage_convention]
    return np.asarray(voltage_V, float) * factor / current_A


def overloaded(*channels: np.ndarray) -> np.ndarray:
    """Return (N,) bool: the readings that stand at the end of a range.

    An overloaded converter repeats its last code: several readings are the same to the last digit, and no reading of
    either channel is larger, or none of those between them. (A small channel repeats its largest digits as well.) The
    flat top of a curve that is read in coarse steps repeats them, too, but shows the steps below nearly as often.

    Parameters
    ----------
    *channels : (N,) float
        Channels of one lock-in that were measured with one sensitivity.
    """
    sizes = np.abs(np.stack([np.asarray(channel, float) for channel in channels]))
    clipped = np.zeros(sizes.shape[1], bool)
    steps = [_resolution(size) for size in sizes]
    ceiling = np.nanmax(np.where(np.isfinite(sizes), sizes, -1.0), axis=0)
    for channel, size, step in zip(channels, sizes, steps, strict=True):
        if not np.isfinite(size).any() or np.nanmin(channel) == np.nanmax(channel):
            continue
        values, counts = np.unique(size[np.isfinite(size)], return_counts=True)
        for value, count in zip(values, counts, strict=True):
            if count < CLIPPED_READINGS or value == 0:
                continue
            at_end = np.flatnonzero(size == value)
            if _is_flat_top(size, value, count, step):
                continue
            whole = value == ceiling.max()
            if whole or (count >= CLIPPED_IN_PART and ceiling[at_end[0] : at_end[-1] + 1].max() == value):
                clipped[at_end] = True
    return clipped


def _resolution(size: np.ndarray) -> float:
    """Return the step in which readings are made: the smallest difference of two, all others being multiples of it."""
    different = np.unique(size[np.isfinite(size)])
    gaps = np.diff(different)
    return float(gaps.min()) if len(gaps) else 0.0


def _is_flat_top(size: np.ndarray, value: float, count: int, step: float) -> bool:
    """Return whether enough readings lie one or two steps below those at an end.

    A parabola that shows its top n times in succession shows the step below 0.7 n times, and the next 0.6 n times.
    """
    below = value - size[np.isfinite(size)]
    return step > 0 and int(np.count_nonzero((below > 0) & (below < 2.5 * step))) >= FLAT_SHARE * int(count)


@dataclass(frozen=True)
class ParityPairs:
    """Halves of the sum and of the difference of readings at opposite fields.

    Parameters
    ----------
    index : (K,) int
        The reading of each pair that stands first in the order of measurement: its settings are the pair's.
    odd, even : (K,) float
        Half the difference (first minus second) and half the sum.
    unpaired : int
        How many readings have no partner.
    """

    index: np.ndarray
    odd: np.ndarray
    even: np.ndarray
    unpaired: int


def split_parity(
    field_T: np.ndarray, angle_rad: np.ndarray, readings: np.ndarray, *, tolerance_rad: float = math.radians(0.3)
) -> ParityPairs:
    """Pair each reading with that at the opposite field: the same angle at -B, or angle + 180 deg at B.

    A Hall voltage of a magnetisation that follows the field is odd in it; what misaligned arms pick up of R_xx
    (AMR, magnetoresistance) is even and is taken out.

    Parameters
    ----------
    field_T, angle_rad, readings : (N,) float
        Field with sign, its angle, and what was read, in the order of measurement.
    tolerance_rad : float
        How far from opposite two angles may be.

    Raises
    ------
    FitError
        If no two readings are opposite.
    """
    field, angle = np.asarray(field_T, float), np.asarray(angle_rad, float)
    readings = np.asarray(readings, float)
    true_angle = np.where(field < 0, angle + np.pi, angle)
    size = np.abs(field)
    free = np.isfinite(readings) & np.isfinite(true_angle) & np.isfinite(size)
    total = int(np.count_nonzero(free))
    first, second = [], []
    for k in range(len(readings)):
        if not free[k]:
            continue
        free[k] = False
        away = np.abs(np.angle(np.exp(1j * (true_angle - true_angle[k] - np.pi))))
        fits = free & (away <= tolerance_rad) & (np.abs(size - size[k]) <= 1e-3 * size[k])
        if fits.any():
            candidates = np.flatnonzero(fits)
            partner = candidates[np.argmin(away[candidates])]
            free[partner] = False
            first.append(k)
            second.append(partner)
    if not first:
        raise FitError("no two readings are at opposite fields: measure at +B and -B, or at angles 180 deg apart")
    a, b = readings[first], readings[second]
    return ParityPairs(np.array(first), (a - b) / 2, (a + b) / 2, total - 2 * len(first))


def phase_of_signal(x: np.ndarray, y: np.ndarray) -> Value:
    """Return the phase of what varies in a lock-in's two channels [rad], from -pi/2 to pi/2.

    The direction of largest variance of (X, Y) about their means, which takes noise in both channels alike. Its sigma
    is that of white noise, of the size seen across the direction.

    Returns
    -------
    Value
        None where nothing varies by more than the noise.
    """
    points = np.stack([np.asarray(x, float), np.asarray(y, float)])
    points = points[:, np.isfinite(points).all(axis=0)]
    if points.shape[1] < 4:
        return Value(None, None, "rad")
    points = points - points.mean(axis=1, keepdims=True)
    freedom = points.shape[1] - 2
    variances, directions = np.linalg.eigh(points @ points.T / freedom)
    across, along = max(variances[0], 0.0), variances[1]
    if along <= 4 * across or along == 0:
        return Value(None, None, "rad")
    phase = math.atan2(directions[1, 1], directions[0, 1])
    phase = (phase + math.pi / 2) % math.pi - math.pi / 2
    # First order: the noise across over the signal along, which is what is left of the variance without noise.
    sigma = math.sqrt(across * along / freedom) / (along - across)
    return Value.of(phase, sigma, "rad")
