"""Values from several uncertain inputs, and what each input adds to their uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sotlab.analysis.joint import number, propagated, spread
from sotlab.analysis.values import Value

__all__ = ["Budget", "Source", "combine"]


@dataclass(frozen=True)
class Source:
    """One origin of uncertainty: one input, or several that are correlated with one another.

    Parameters
    ----------
    name : str
        As it stands in the budget.
    inputs : tuple of str
        What it determines.
    values : (k,) float
        The inputs' values.
    covariance : (k, k) float
        Their covariance; inputs of different sources are independent.
    """

    name: str
    inputs: tuple[str, ...]
    values: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, name: str, value: Value) -> Source:
        """Return the source of one independent input."""
        return cls(name, (name,), np.array([number(value)]), np.array([[spread(value) ** 2]]))


@dataclass(frozen=True)
class Budget:
    """What came out of :func:`combine`.

    Parameters
    ----------
    names : tuple of str
        The values, in the order of all arrays.
    values : (P,) float
        The values; NaN where an input that one needs is missing.
    covariance : (P, P) float
        Their covariance, with all sources in it.
    parts : dict of str to (P,) float
        For each source that is uncertain the standard deviation that it alone would give: derivative times sigma.
    """

    names: tuple[str, ...]
    values: np.ndarray
    covariance: np.ndarray
    parts: dict[str, np.ndarray]

    def value(self, name: str, unit: str) -> Value:
        """Return a value with its sigma, None for both where it has none."""
        k = self.names.index(name)
        return Value.of(float(self.values[k]), float(np.sqrt(self.covariance[k, k])), unit)

    def of(self, name: str) -> dict[str, float]:
        """Return the budget of one value: source by source its standard deviation, the largest first."""
        k = self.names.index(name)
        parts = {source: float(part[k]) for source, part in self.parts.items() if part[k] > 0}
        return dict(sorted(parts.items(), key=lambda item: -item[1]))


def combine(function: Callable[[Mapping[str, float]], Mapping[str, float]], sources: Sequence[Source]) -> Budget:
    """Return the values of a function of uncertain inputs, with sigmas and the budget.

    Parameters
    ----------
    function : callable
        From all inputs by name to the values by name; NaN for a value that lacks an input.
    sources : sequence of Source
        The inputs with their uncertainties.

    Notes
    -----
    Each source is moved by half a sigma to either side along the axes of its covariance
    (:func:`sotlab.analysis.joint.propagated`); the variances of the sources add.
    """
    nominal = {
        name: float(value) for source in sources for name, value in zip(source.inputs, source.values, strict=True)
    }
    first = function(nominal)
    names = tuple(first)
    total = np.zeros((len(names), len(names)))
    parts = {}
    for source in sources:

        def solve(point: np.ndarray, moved: tuple[str, ...] = source.inputs) -> np.ndarray:
            values = function(nominal | dict(zip(moved, point, strict=True)))
            return np.array([values[name] for name in names])

        carried = propagated(solve, source.values, source.covariance)
        if carried is not None:
            total += np.nan_to_num(carried)
            parts[source.name] = np.sqrt(np.nan_to_num(np.diag(carried)))
    return Budget(names, np.array([first[name] for name in names]), total, parts)
