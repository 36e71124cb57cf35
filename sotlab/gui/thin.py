"""Fewer points that look the same: of each stretch of rows the lowest and the highest."""

from __future__ import annotations

import numpy as np

__all__ = ["MOST", "thin"]

#: So many points are drawn; a plot is not that many pixels wide.
MOST = 1200


def thin(y: np.ndarray, most: int = MOST) -> np.ndarray | slice:
    """Return which points to draw: all, or of each stretch the lowest, the highest and, at the end, the last.

    Stretches follow the order in which the points were measured, so x needs no order. No peak is lost; where points
    come at random, the middle of a cloud is thinned more than its edge. Points that are no number are left out.

    Parameters
    ----------
    y : (N,) float
        The values.
    most : int
        The largest number of points that is drawn as it is.

    Returns
    -------
    slice or (M,) int
        Indices in order, M <= most + 1.
    """
    count = len(y)
    if count <= most:
        return slice(None)
    step = -(-count // (most // 2))
    whole = count // step * step
    stretches = y[:whole].reshape(-1, step)
    first = np.arange(0, whole, step)
    low, high = stretches.argmin(axis=1), stretches.argmax(axis=1)
    gaps = np.isnan(stretches[np.arange(len(low)), low])  # argmin of a stretch with a gap is the gap
    if gaps.any():
        some = stretches[gaps]
        low[gaps] = np.where(np.isnan(some), np.inf, some).argmin(axis=1)
        high[gaps] = np.where(np.isnan(some), -np.inf, some).argmax(axis=1)
    shown = np.concatenate([first + np.minimum(low, high), first + np.maximum(low, high)]).reshape(2, -1).T.ravel()
    return np.append(shown, count - 1)
