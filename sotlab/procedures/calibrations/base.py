"""The base of the scans that calibrate: from a finished run to a calibration, with its file and its plot.

A calibration scan is a Scan like any other, and its run folder keeps the rows; :meth:`CalibrationScan.evaluate` makes
values of them. ``gaussmeter_zero.py`` is the shortest example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sotlab.errors import DataError, PlanError
from sotlab.instruments.calibration import CalibratedValue, Calibration
from sotlab.instruments.sample import Sample
from sotlab.instruments.station import Station
from sotlab.procedures.bench_scan import BenchScan
from sotlab.procedures.runs.installed import find_class
from sotlab.procedures.runs.reader import RunRecord
from sotlab.procedures.runs.scan import Point

__all__ = ["CalibrationScan", "Findings", "calibration_of", "find_calibration"]

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


class CalibrationScan(BenchScan):
    """A scan that calibrates one role. Subclasses fill in what a Scan asks for, and the following."""

    #: Kind of the calibration: the name that the command line uses, and the driver.
    KIND: ClassVar[str]
    #: Whether it holds for the sample that was connected, and for no other.
    OF_SAMPLE: ClassVar[bool] = False

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

    def write_beside(self, stem: Path, rows: pd.DataFrame) -> list[Path]:
        """Write what else there is of a finished run beside the calibration's file, ``stem`` without its suffix."""
        return []


def find_calibration(kind: str) -> type[CalibrationScan]:
    """Return the scan for a kind of calibration: an entry point, ``module:Class`` or ``file.py:Class``.

    Raises
    ------
    UsageError
        If there is none: those that there are, are named.
    """
    return find_class(GROUP, kind, "calibration", CalibrationScan)


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
        sample=_sample_of(record) if scan.OF_SAMPLE else "",
        values={name: CalibratedValue(value=v, sigma=s, unit=unit) for name, (v, s, unit) in found.values.items()},
        points={name: [float(number) for number in column] for name, column in found.points.items()},
        notes=found.notes,
    )


def _sample_of(record: RunRecord) -> str:
    sample = record.opened["sample"]
    return Sample(name=sample["name"], device=sample.get("device", "")).identity
