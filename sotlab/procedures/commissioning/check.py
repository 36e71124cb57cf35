"""The base of the checks: a scan that ends in one number, and a limit that decides whether the bench may be used.

A check is a Scan like any other: it measures through roles, within the station's limits and protection, and its run
folder keeps the rows. ``reference_resistance.py`` is the example to copy. What a station expects of a check stands in
its file under ``[commissioning.<check>]``: the check's parameters, as ``--set`` takes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from sotlab.instruments.station import Station
from sotlab.parameters import Flag
from sotlab.procedures.bench_scan import BenchScan

__all__ = ["COVERAGE", "Check", "Finding", "verdict_on"]

#: A value passes or fails if it does so with this many sigmas on either side: 95 %.
COVERAGE = 2.0


@dataclass(frozen=True)
class Finding:
    """What the rows of a check say.

    Parameters
    ----------
    value, sigma : float
        In the check's unit; sigma is a standard uncertainty.
    note : str
        What whoever reads the number should know.
    """

    value: float
    sigma: float
    note: str = ""


class Check(BenchScan):
    """A scan that checks one thing. Subclasses fill in what a Scan asks for, and the following."""

    #: Name in the station file, on the command line and in what is stored.
    NAME: ClassVar[str]
    #: What the value is, in a few words.
    TITLE: ClassVar[str]
    #: Unit of the value; "" for a ratio.
    UNIT: ClassVar[str]
    #: Checks are done in this order.
    ORDER: ClassVar[int]
    #: Whether no check after it is done when this one fails.
    GATE: ClassVar[bool] = False

    enabled = Flag("Enabled", default=True, description="Whether the check is done on this station")

    def limits(self, bench: Station) -> tuple[float, float]:
        """Return the lowest and the highest value that are allowed; -inf or inf where there is no limit."""
        raise NotImplementedError

    def evaluate(self, rows: pd.DataFrame) -> Finding:
        """Return what the rows of a finished run say.

        Raises
        ------
        DataError
            If they do not determine it.
        """
        raise NotImplementedError


def verdict_on(finding: Finding, low: float, high: float) -> str:
    """Return ``pass``, ``fail``, or ``not_determined`` where the limit lies within :data:`COVERAGE` sigmas."""
    margin = COVERAGE * finding.sigma
    if low <= finding.value - margin and finding.value + margin <= high:
        return "pass"
    if finding.value + margin < low or finding.value - margin > high:
        return "fail"
    return "not_determined"
