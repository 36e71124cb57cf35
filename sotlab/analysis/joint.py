"""One linear fit over all scans of a sample: values, uncertainties, and which of them the data can tell apart.

Every column of the design is what its parameter adds to the reading. How much of a column the other columns cannot
imitate is its unique part, u = |x - Px|/|x| with P the projector on the others: 1 for an orthogonal column, 0 for one
that is a sum of others. An error of the model, as a gaussmeter that is not linear, is amplified by about 1/u in the
value; noise is amplified as well, but that is in the sigma, and the former is not. Below `SMALLEST_UNIQUE` a value is
therefore not given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sotlab.analysis.correlated import CorrelatedNoise, correlated_covariance
from sotlab.analysis.rounding import rounding_covariance
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = [
    "SMALLEST_UNIQUE",
    "JointFit",
    "fit_joint",
    "number",
    "propagated",
    "range_needed",
    "spread",
    "unique_parts",
]

#: A model that is right to 1 % then gives a value that is right to 50 %: not a measurement.
SMALLEST_UNIQUE = 0.02
#: Fewer points than this over the number of parameters leave nothing to estimate the noise from.
SPARE_POINTS = 3
#: Points left out between two sequences, for the noise: correlations have died away over so many.
_GAP = 16


@dataclass(frozen=True)
class JointFit:
    """A linear least-squares fit.

    Parameters
    ----------
    names : tuple of str
        The parameters, in the order of all arrays.
    values : (P,) float
        Their values.
    covariance : (P, P) float
        Their covariance under first-order autoregressive noise in the order of measurement, and rounded readings.
    unique : (P,) float
        Unique part of each column, 0 to 1.
    residual : (N,) float
        Data minus model; 0 where there was no datum.
    noise, rho, freedom : float
        Standard deviation and lag-1 autocorrelation of the noise, and degrees of freedom.
    """

    names: tuple[str, ...]
    values: np.ndarray
    covariance: np.ndarray
    unique: np.ndarray
    residual: np.ndarray
    noise: float
    rho: float
    freedom: float

    def __getitem__(self, name: str) -> float:
        return float(self.values[self.names.index(name)])

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def sigma(self, name: str) -> float:
        """Return one standard deviation of a parameter."""
        k = self.names.index(name)
        return float(np.sqrt(self.covariance[k, k]))

    def unique_part(self, name: str) -> float:
        """Return the unique part of a parameter's column."""
        return float(self.unique[self.names.index(name)])

    def value(self, name: str, unit: str) -> Value:
        """Return a parameter as a value, whether or not the data determine it."""
        return Value.of(self[name], self.sigma(name), unit)


def number(value: Value) -> float:
    """Return the value, NaN where there is none."""
    return float("nan") if value.value is None else float(value.value)


def spread(value: Value) -> float:
    """Return the value's sigma, 0 for an exact one."""
    return float(value.sigma or 0.0)


def fit_joint(
    columns: Mapping[str, np.ndarray], y: np.ndarray, *, who: str, sequence: np.ndarray | None = None
) -> JointFit:
    """Fit y = sum over the columns of value times column, by ordinary least squares.

    Parameters
    ----------
    columns : mapping of str to (N,) float
        One column for each parameter, in the order of measurement.
    y : (N,) float
        The readings; where they or a column are not finite, the point is left out.
    who : str
        What is fitted, for the messages.
    sequence : (N,) int, optional
        Where this changes, time has passed, and the noise is not correlated across.

    Raises
    ------
    FitError
        If there are too few readings.
    """
    names = tuple(columns)
    design = np.stack([np.broadcast_to(np.asarray(columns[name], float), np.shape(y)) for name in names])
    y = np.asarray(y, float)
    good = np.isfinite(y) & np.isfinite(design).all(axis=0)
    if np.count_nonzero(good) < len(names) + SPARE_POINTS:
        raise FitError(
            f"{who}: {np.count_nonzero(good)} readings for {len(names)} parameters ({', '.join(names)});"
            f" {len(names) + SPARE_POINTS} are needed"
        )
    design = np.where(good, design, 0.0)
    y = np.where(good, y, 0.0)
    scale = np.linalg.norm(design, axis=1)
    scale[scale == 0] = 1.0
    scaled = design / scale[:, None]
    values = np.linalg.lstsq(scaled.T, y, rcond=1e-12)[0]
    residual = y - values @ scaled
    noise = _noise(scaled, residual, good, sequence)
    shared = rounding_covariance(scaled[:, good], y[good], (y - residual)[good], float(noise.sigma[0]))
    covariance = (noise.covariance[0] + shared) / np.outer(scale, scale)
    return JointFit(
        names,
        values / scale,
        covariance,
        unique_parts(scaled),
        residual,
        float(noise.sigma[0]),
        float(noise.rho[0]),
        float(noise.freedom[0]),
    )


def _noise(design: np.ndarray, residual: np.ndarray, good: np.ndarray, sequence: np.ndarray | None) -> CorrelatedNoise:
    """Return the noise under the fit, with gaps put in where a sequence ends."""
    if sequence is None:
        return correlated_covariance(design[:, None], residual[None], good[None].astype(float))
    place = np.arange(len(good)) + _GAP * np.cumsum(np.diff(sequence, prepend=sequence[:1]) != 0)
    spread = np.zeros((len(design) + 2, place[-1] + 1))
    spread[:, place] = np.vstack([design, residual, good])
    return correlated_covariance(spread[:-2, None], spread[None, -2], spread[None, -1])


def unique_parts(design: np.ndarray) -> np.ndarray:
    """Return the unique part (P,) of each row of a design (P, N); 0 for a row of zeros."""
    norm = np.linalg.norm(design, axis=1)
    unique = np.zeros(len(design))
    if norm.all():
        # With A = QR the unique parts are the inverse norms of the rows of 1/R: at once, where no column is a sum of
        # others. Not by inverting the Gram matrix: its condition is the square of that of the design.
        triangle = np.asarray(np.linalg.qr((design / norm[:, None]).T, mode="r"))
        if triangle.shape[0] == len(design) and np.abs(np.diag(triangle)).min() > 1e-6:
            return np.minimum(1.0, 1 / np.linalg.norm(np.linalg.inv(triangle), axis=1))
    for k in np.flatnonzero(norm):
        others = np.delete(design, k, axis=0)
        others = others[np.linalg.norm(others, axis=1) > 0]
        others = others / np.linalg.norm(others, axis=1, keepdims=True)
        row = design[k] / norm[k]
        rest = row - np.linalg.lstsq(others.T, row, rcond=1e-12)[0] @ others if len(others) else row
        unique[k] = min(1.0, float(np.linalg.norm(rest)))
    return unique


def propagated(
    solve: Callable[[np.ndarray], np.ndarray], nominal: np.ndarray, covariance: np.ndarray
) -> np.ndarray | None:
    """Return the covariance (P, P) that uncertain inputs give to the values, or None if all inputs are exact.

    Parameters
    ----------
    solve : callable
        From the inputs (I,) to the values (P,).
    nominal : (I,) float
        The inputs.
    covariance : (I, I) float
        Their covariance.
    """
    scale = np.sqrt(np.diag(covariance))
    if not scale.any():
        return None
    if len(scale) == 1:
        variances, directions = np.ones(1), np.ones((1, 1))
    else:
        unit = np.where(scale > 0, scale, 1.0)
        variances, directions = np.linalg.eigh(covariance / np.outer(unit, unit))
    changes = []
    for variance, direction in zip(variances, directions.T, strict=True):
        if variance > 0:
            # Half a sigma to each side: far enough for the rounding, near enough for the curvature.
            step = 0.5 * np.sqrt(variance) * direction * scale
            changes.append(np.asarray(solve(nominal + step)) - np.asarray(solve(nominal - step)))
    return np.einsum("kp,kq->pq", changes, changes)


def range_needed(
    columns: Callable[[np.ndarray], np.ndarray], fields_T: np.ndarray, row: int, *, limit_T: float = 30.0
) -> float | None:
    """Return to which largest field the fields must be stretched for a parameter to be told apart, or None.

    Parameters
    ----------
    columns : callable
        From fields (n,) to the design (P, n) over the field.
    fields_T : (n,) float
        The fields that were measured.
    row : int
        The parameter.
    limit_T : float
        Beyond it nothing is sought.
    """
    lowest, highest = float(np.min(fields_T)), float(np.max(fields_T))
    if highest <= lowest:
        fields_T, highest = np.linspace(0.3, 1.0, 6) * highest, highest
        lowest = float(fields_T[0])
    for top_T in np.geomspace(highest, limit_T, 60)[1:]:
        stretched = lowest + (np.asarray(fields_T) - lowest) * (top_T - lowest) / (highest - lowest)
        if unique_parts(columns(stretched))[row] >= 1.2 * SMALLEST_UNIQUE:
            return float(top_T)
    return None
