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
    groups = numbers.groupby("Index", sort=True)
    counts = groups.size()
    means, scatter = groups.mean(), groups.std(ddof=1)
    table = pd.DataFrame({"Index": counts.index, "Repeats (1)": counts.to_numpy()})
    for column in means.columns:
        name, bracket, unit = column.partition(" (")
        table[column] = means[column].to_numpy()
        table[f"{name} Sigma{bracket}{unit}"] = scatter[column].to_numpy() / np.sqrt(counts.to_numpy())
    return table
