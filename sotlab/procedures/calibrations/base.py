"""The base of the scans that calibrate: from a finished run to a calibration, with its file and its plot.

A calibration scan is a Scan like any other, and its run folder keeps the rows; :meth:`CalibrationScan.evaluate` makes
values of them. ``gaussmeter_zero.py`` is the shortest example.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sotlab.errors import DataError, PlanError, StationError, UsageError
from sotlab.instruments.calibration import CalibratedValue, Calibration
from sotlab.instruments.installed import load_class
from sotlab.instruments.sample import Sample
from sotlab.instruments.station import Station
from sotlab.procedures.runs.reader import RunRecord
from sotlab.procedures.runs.scan import Point, Scan

__all__ = ["CalibrationScan", "Findings", "LineFit", "calibration_of", "find_calibration", "fit_linear"]

GROUP = "sotlab.calibrations"


@dataclass
class Findings:
    """What was made of the rows of a calibration.

    Parameters
    ----------
    values : dict of str to (value, sigma, unit)
        With standard uncertainties.
    points : dict of str to list of float
        The measured points; each column's name carries its unit.
    notes : list of str
        What whoever uses the values should know.
    """

    values: dict[str, tuple[float, float, str]]
    points: dict[str, list[float]]
    notes: list[str] = field(default_factory=list)


class CalibrationScan(Scan):
    """A scan that calibrates one role. Subclasses fill in what a Scan asks for, and the following."""

    #: Kind of the calibration: the name that the command line uses, and the driver.
    KIND: ClassVar[str]

    @property
    def calibrated_role(self) -> str:
        """The role that the calibration is for."""
        raise NotImplementedError

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Raise PlanError if the driver would make no use of the calibration."""
        driver, role = bench[self.calibrated_role], self.calibrated_role
        if self.KIND not in driver.calibrated_by:
            taken = ", ".join(sorted(driver.calibrated_by)) or "none"
            name = bench.config.roles[role].driver
            raise PlanError(
                f"{type(self).__name__}: the driver '{name}' of the role '{role}' makes no use of a calibration"
                f" '{self.KIND}'; it takes: {taken}"
            )

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return what the rows of a finished run say.

        Raises
        ------
        DataError
            If they do not determine it.
        """
        raise NotImplementedError

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw the calibration's points and values into a matplotlib figure."""
        raise NotImplementedError

    def the_sample(self) -> Sample:
        """Return the sample, or a name for none: an instrument is calibrated with or without one."""
        if not self.sample and self._open_bench().config.station.sample is None:
            return Sample(name="no-sample")
        return super().the_sample()

    def mean_of(self, read: Callable[[], float], count: int, reading_time_s: float, bench: Station) -> np.ndarray:
        """Return the mean of ``count`` readings and their standard deviation, each a reading time after the other."""
        readings = []
        for _ in range(count):
            bench.clock.sleep(reading_time_s, self.should_stop)  # or a meter gives the same reading again
            readings.append(read())
        return np.array([np.mean(readings), np.std(readings, ddof=1) if count > 1 else np.nan])


def find_calibration(kind: str) -> type[CalibrationScan]:
    """Return the scan for a kind of calibration: an entry point, ``module:Class`` or ``file.py:Class``.

    Raises
    ------
    UsageError
        If there is none: those that there are, are named.
    """
    try:
        found = load_class(GROUP, kind, "calibration")
    except StationError as error:
        raise UsageError(str(error)) from error
    if not (isinstance(found, type) and issubclass(found, CalibrationScan)):
        raise UsageError(f"calibration: '{kind}' is no subclass of {CalibrationScan.__module__}:CalibrationScan")
    return found


def calibration_of(scan: CalibrationScan, record: RunRecord) -> Calibration:
    """Return the calibration that a finished run gives.

    Parameters
    ----------
    scan : CalibrationScan
        With the parameters of the run.
    record : RunRecord
        The run as it stands on the disk: who was calibrated, and whether it was simulated, come from its journal.

    Raises
    ------
    DataError
        If the run has not finished, or its rows do not determine the values.
    """
    if record.status != "finished":
        raise DataError(f"{record.folder.path}: the run is {record.status}; a calibration needs a whole one")
    found = scan.evaluate(record.rows)
    numbers = [*(number for value, sigma, _ in found.values.values() for number in (value, sigma))]
    if not np.isfinite(numbers).all():
        raise DataError(f"{record.folder.path}: the rows do not determine the calibration: {found.values}")
    return Calibration(
        kind=scan.KIND,
        role=scan.calibrated_role,
        date=datetime.now().astimezone(),
        run=record.folder.run_id,
        sotlab=version("sotlab"),
        simulated=record.simulated,
        instrument=record.opened["station"]["identities"][scan.calibrated_role],
        values={name: CalibratedValue(value=v, sigma=s, unit=unit) for name, (v, s, unit) in found.values.items()},
        points={name: [float(number) for number in column] for name, column in found.points.items()},
        notes=found.notes,
    )


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
