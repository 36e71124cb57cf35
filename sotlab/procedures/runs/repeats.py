"""Repeated rows of a point as their mean and its uncertainty; the rows themselves stay as they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["mean_of_repeats"]


def mean_of_repeats(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each planned point: the mean of its repeats, and how well it is known.

    ``mean = sum x / n`` and ``sigma = s / sqrt(n)`` with the sample standard deviation s of the n repeats: right for
    repeats that are independent of one another. A point that was measured once has no sigma (nan).

    Parameters
    ----------
    rows : DataFrame
        The rows of a run. Columns of text and of arrays are left out.

    Returns
    -------
    DataFrame
        ``Index``, ``Repeats (1)``, then of each column ``NAME (UNIT)`` its mean and ``NAME Sigma (UNIT)``, in the order
        in which the points were planned.
    """
    numbers = rows.select_dtypes("number").drop(columns="Repeat")
    columns = [column for column in numbers.columns if column != "Index"]
    indices, group = np.unique(numbers["Index"].to_numpy(), return_inverse=True)
    counts = np.bincount(group)
    table = pd.DataFrame({"Index": indices, "Repeats (1)": counts})
    for column in columns:
        values = numbers[column].to_numpy(float)
        mean = np.bincount(group, values) / counts
        with np.errstate(invalid="ignore", divide="ignore"):  # nan where there is one row
            sigma = np.sqrt(np.bincount(group, (values - mean[group]) ** 2) / (counts - 1) / counts)
        name, bracket, unit = column.partition(" (")
        table[column] = mean
        table[f"{name} Sigma{bracket}{unit}"] = sigma
    return table
