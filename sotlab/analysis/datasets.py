"""What analyses of plain tables share: a dataset as it was read, and what is said of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from sotlab.analysis.joint import number, spread
from sotlab.analysis.values import Value
from sotlab.errors import DataError

__all__ = ["Dataset", "PlainDatasets", "combined", "conditions_differ", "mean_of", "none_of"]

#: Below this probability repeated values do not agree within their sigmas.
CHANCE = 1e-3


@dataclass(frozen=True)
class Dataset:
    """Rows that belong together, as they were read.

    Parameters
    ----------
    columns : mapping of str to (N,) float
        By role, in SI units, in the order of measurement.
    axes : mapping of str to float
        What is the same for all rows.
    name : str
        Where they come from.
    simulated : bool
        True if virtual instruments measured them.
    """

    columns: Mapping[str, np.ndarray]
    axes: Mapping[str, float]
    name: str = ""
    simulated: bool = False

    @classmethod
    def of(
        cls, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str = "", simulated: bool = False
    ) -> Dataset:
        """Return a dataset of arrays.

        Raises
        ------
        DataError
            If it has no row of which all columns are numbers.
        """
        arrays = {role: np.asarray(column, float) for role, column in columns.items()}
        if not np.isfinite(np.stack(list(arrays.values()))).all(axis=0).any():
            raise DataError(f"{name}: no row has numbers in all of {', '.join(arrays)}")
        return cls(arrays, dict(axes), name, simulated)

    def __contains__(self, role: str) -> bool:
        return role in self.columns

    def __getitem__(self, role: str) -> np.ndarray:
        return self.columns[role]


class PlainDatasets:
    """What analyses have in common that take the rows as they are."""

    def dataset(
        self, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str = "", simulated: bool = False
    ) -> Dataset:
        """Return the rows as they are.

        Raises
        ------
        DataError
            If no row is made of numbers.
        """
        return Dataset.of(columns, axes, name=name, simulated=simulated)


def none_of(units: Mapping[str, str]) -> dict[str, Value]:
    """Return values that are not determined, by name and unit."""
    return {name: Value(None, None, unit) for name, unit in units.items()}


def mean_of(readings: np.ndarray, unit: str) -> Value:
    """Return the mean of repeated readings; its sigma from their scatter, widened by Student's t for few of them."""
    good = np.asarray(readings, float)[np.isfinite(readings)]
    if not len(good):
        return Value(None, None, unit)
    if len(good) == 1:
        return Value(float(good[0]), 0.0, unit)
    widened = float(stats.t.ppf(stats.norm.cdf(1.0), len(good) - 1))
    return Value.of(float(good.mean()), widened * float(good.std(ddof=1)) / np.sqrt(len(good)), unit)


def combined(name: str, values: Sequence[Value], unit: str) -> tuple[Value, list[str]]:
    """Return the weighted mean of one quantity measured several times, and a flag if the values do not agree.

    Then its sigma is that of their scatter (Birge's ratio).
    """
    known = [value for value in values if value.value is not None]
    if len(known) < 2:
        return (known[0] if known else Value(None, None, unit)), []
    x, sigma = np.array([number(v) for v in known]), np.array([spread(v) for v in known])
    weight = 1 / np.maximum(sigma, 1e-12 * max(np.abs(x).max(), 1e-300)) ** 2
    mean = float(np.average(x, weights=weight))
    error = float(1 / np.sqrt(weight.sum()))
    chi2, freedom = float(np.sum(weight * (x - mean) ** 2)), len(x) - 1
    if stats.chi2.sf(chi2, freedom) >= CHANCE:
        return Value.of(mean, error, unit), []
    flag = f"{name}: {len(known)} datasets disagree ({x.min():.5g} to {x.max():.5g} {unit}".rstrip()
    return Value.of(mean, error * float(np.sqrt(chi2 / freedom)), unit), [
        f"{flag}, chi2_red {chi2 / freedom:.2g}): the sigma is that of their scatter; look at the rows"
    ]


def conditions_differ(rows: Sequence[Mapping[str, Any]], axis: str) -> bool:
    """Return whether rows were measured under different conditions."""
    return len({row.get(axis) for row in rows}) > 1
