"""Linear least squares with honest sigmas, for the scans of the bench."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sotlab.errors import DataError

__all__ = ["LineFit", "fit_linear"]


@dataclass(frozen=True)
class LineFit:
    """A linear least squares fit of equal weights; sigmas from the scatter about it."""

    values: np.ndarray
    covariance: np.ndarray
    residuals: np.ndarray
    scatter: float

    @property
    def sigmas(self) -> np.ndarray:
        """Standard uncertainties of the values."""
        return np.sqrt(np.diag(self.covariance))


def fit_linear(columns: list[np.ndarray], measured: np.ndarray, what: str) -> LineFit:
    """Fit ``measured = sum values[j] columns[j]``.

    Raises
    ------
    DataError
        If the points are too few, or do not tell the columns apart.
    """
    design = np.column_stack(columns)
    rows, unknowns = design.shape
    if rows <= unknowns:
        raise DataError(f"{what}: {rows} points are left for {unknowns} unknowns; measure more points")
    scale = np.linalg.norm(design, axis=0)
    if not scale.all() or np.linalg.matrix_rank(design / scale) < unknowns:
        raise DataError(
            f"{what}: the points do not determine all of the {unknowns} unknowns; measure over a wider range"
        )
    values, *_ = np.linalg.lstsq(design / scale, measured, rcond=None)
    residuals = measured - (design / scale) @ values
    scatter = float(np.sqrt(residuals @ residuals / (rows - unknowns)))
    scaled = design / scale
    covariance = np.linalg.inv(scaled.T @ scaled) * scatter**2
    return LineFit(values / scale, covariance / np.outer(scale, scale), residuals, scatter)
