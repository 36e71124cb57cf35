"""A long scan in short: some of its points, in pairs of neighbours, and from their times those of the whole.

Virtual time costs wall time too, a virtual lock-in some 20 ms for each of its seconds: a night in all its points would
take a quarter of an hour. Pairs keep the steps as they are planned; what they take beyond what the scan expects of them
is then added to all steps of the whole plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from sotlab.instruments.station import Station
from sotlab.procedures.runs.scan import Point, Scan

__all__ = ["Shortened", "StepTimes", "shorten"]


@dataclass(frozen=True)
class StepTimes:
    """What steps take beyond what is planned for them, as a function of that.

    A short step may take a second longer than planned, because instruments must be asked, and a long ramp just its
    time: one factor for both would be wrong for either.

    Parameters
    ----------
    planned_s : (N,) float
        Planned times that were measured [s], ascending; all 0 for a scan that plans none.
    extra_s : (N,) float
        What such a step took more, on average [s].
    """

    planned_s: np.ndarray
    extra_s: np.ndarray

    @classmethod
    def measured(cls, took_s: np.ndarray, planned_s: np.ndarray) -> StepTimes:
        """Return what steps that were measured say; of steps planned alike the mean."""
        known_s, which = np.unique(np.round(planned_s, 6), return_inverse=True)
        counts = np.bincount(which)
        return cls(known_s, np.bincount(which, took_s - planned_s) / counts)

    def total_s(self, planned_s: np.ndarray) -> float:
        """Return how long steps take in all [s], from what is planned for each."""
        if not self.planned_s.size:
            return float(planned_s.sum())
        return float((planned_s + np.interp(planned_s, self.planned_s, self.extra_s)).sum())


@dataclass
class Shortened:
    """A scan that measures only some of its points.

    Parameters
    ----------
    points : list of Point
        The whole plan, in the order of measuring.
    chosen : list of int
        Of which settings of the whole plan the shortened one consists: its index 0 is ``chosen[0]``, and so on.
    rows_kept : int
        How many rows are measured.
    """

    scan: Scan
    points: list[Point]
    chosen: list[int]
    rows_kept: int

    @property
    def rows(self) -> int:
        """How many rows the whole plan has."""
        return len(self.points)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.rows == self.rows_kept

    def planned_s(self, bench: Station) -> np.ndarray:
        """Return what the scan expects each step of the whole plan to take, after its first row [s]."""
        return np.array([self.scan.point_time_s(a, b, bench) for a, b in pairwise(self.points)])

    def step_times(self, rows: pd.DataFrame, bench: Station) -> StepTimes:
        """Return what the steps of the shortened run took against what the scan expects of them.

        Parameters
        ----------
        rows : DataFrame
            Of the shortened run.
        bench : Station
            On which it was measured.
        """
        return StepTimes.measured(*self._steps(rows, bench))

    def _steps(self, rows: pd.DataFrame, bench: Station) -> tuple[np.ndarray, np.ndarray]:
        """Return times taken and planned [s] of the steps that the whole plan has too; of all steps if it has none."""
        settings = {point.index: point.settings for point in self.points}
        neighbours = {(a.index, b.index) for a, b in pairwise(self.points)}
        took, planned, shared = [], [], []
        before: tuple[Point, float] | None = None
        for index, repeat, time_s in zip(rows["Index"], rows["Repeat"], rows["Time (s)"], strict=True):
            if index >= len(self.chosen):
                break  # what refine has added stands in no plan
            k = self.chosen[int(index)]
            point = Point(k, settings[k], int(repeat))
            if before is not None:
                took.append(time_s - before[1])
                planned.append(self.scan.point_time_s(before[0], point, bench))
                shared.append((before[0].index, k) in neighbours)
            before = point, time_s
        which = np.array(shared, bool) if any(shared) else np.ones(len(took), bool)
        return np.array(took)[which], np.array(planned)[which]


def shorten(scan: Scan, most_rows: int) -> Shortened:
    """Let a scan measure about ``most_rows`` rows: pairs of neighbours from its first point to its last.

    The whole plan is still checked against the station's limits.
    """
    settings = [dict(setting) for setting in scan.plan()]
    points = scan.planned()
    if len(points) <= most_rows:
        return Shortened(scan, points, list(range(len(settings))), len(points))
    repeats = min(scan.repeats, max(2, most_rows // 16))
    pairs = max(2, most_rows // (2 * repeats))
    firsts = np.linspace(0, len(settings) - 2, pairs).round().astype(int) if len(settings) > 2 * pairs else ()
    chosen = sorted({int(k) for first in firsts for k in (first, first + 1)}) or list(range(len(settings)))
    check = scan.check_plan
    scan.plan = lambda: [settings[k] for k in chosen]  # type: ignore[method-assign]
    scan.check_plan = lambda _, bench: check(points, bench)  # type: ignore[method-assign]
    scan.set_parameter("repeats", repeats)
    return Shortened(scan, points, chosen, len(scan.planned()))
