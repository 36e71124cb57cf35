"""What the last digit of an instrument adds to the uncertainty of a linear fit.

A reading of the value x that is rounded to multiples of q is wrong by a sawtooth of x. Under noise of deviation s its
mean is wrong by ``(q/pi) sum_k (-1)^k/k sin(2 pi k x/q) exp(-2 pi^2 k^2 s^2/q^2)``: with noise below the digit,
readings of one value share their error, and many of them are no better than one.
"""

from __future__ import annotations

import numpy as np

__all__ = ["rounding_covariance"]

#: Harmonics of the sawtooth that are followed; the rest is 3 % of its variance.
HARMONICS = np.arange(1, 21)
#: Digits below this part of the largest reading are not looked for.
SMALLEST_DIGIT = 1e-6
#: The smallest step may be so many digits; steps that are looked at, and how nearly they are multiples.
MOST_PARTS, FEWEST_STEPS, MOST_STEPS, NEARLY = 1000, 6, 40, 0.02
#: Values that the model has within this part of a digit count as one.
SAME = 0.02


def rounding_covariance(design: np.ndarray, readings: np.ndarray, model: np.ndarray, noise: float) -> np.ndarray:
    """Return the covariance (P, P) that readings of one value add to that of a linear fit, by what they share.

    Parameters
    ----------
    design : (P, N) float
        What each value adds to each reading.
    readings, model : (N,) float
        What was read, and what the fit says of it. The digit is the largest of which all steps between readings are
        multiples; errors of different values count as independent.
    noise : float
        Standard deviation of readings minus model, which counts each reading's rounding as its own.
    """
    nothing = np.zeros((len(design), len(design)))
    digit = _digit(readings)
    if digit is None:
        return nothing
    order = np.argsort(model)
    group = np.empty(len(model), int)
    group[order] = np.cumsum(np.diff(model[order], prepend=model[order[0]]) > SAME * digit)
    count = np.bincount(group)
    freedom = len(readings) - len(count)
    if freedom == 0:
        return nothing
    scatter = readings - (np.bincount(group, readings) / count)[group]
    own = max(float(scatter @ scatter) / freedom - digit**2 / 12, 0.0)
    damping = np.exp(-4 * np.pi**2 * HARMONICS**2 * own / digit**2)
    shared = digit**2 / (2 * np.pi**2) * float(np.sum(damping / HARMONICS**2))
    solve = np.linalg.pinv(design.T)
    together = np.stack([np.bincount(group, row) for row in solve])
    return shared * together @ together.T - min(shared, noise**2) * solve @ solve.T


def _digit(readings: np.ndarray) -> float | None:
    """Return the largest step of which the steps between readings are multiples, None if there is none.

    The text of a reading may round it once more, so that multiples are not exact.
    """
    steps = np.sort(np.diff(np.unique(readings)))
    steps = steps[steps > SMALLEST_DIGIT * np.abs(readings).max(initial=0.0)][:MOST_STEPS].tolist()
    if len(steps) < FEWEST_STEPS:
        return None
    for parts in range(1, MOST_PARTS + 1):
        digit, total, multiples = steps[0] / parts, 0.0, 0
        for step in steps:
            multiple = round(step / digit)
            if abs(step / digit - multiple) > NEARLY:
                break
            total, multiples = total + step, multiples + multiple
            digit = total / multiples
        else:
            return digit
    return None
