"""A long scan in short: some of its points, in pairs of neighbours, and from their times those of the whole.

Virtual time costs wall time too, a virtual lock-in some 20 ms for each of its seconds: a night in all its points would
take a quarter of an hour. Pairs keep the steps as they are planned, so that from the ratio of what they took to what
was expected of them follows what the whole plan takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sotlab.instruments.station import Station
from sotlab.procedures.runs.scan import Point, Scan

__all__ = ["Shortened", "shorten"]


@dataclass
class Shortened:
    """A scan that measures only some of its points.

    Parameters
    ----------
    settings : list of mapping
        The whole plan's, in their order.
    chosen : list of int
        Which of them are measured.
    repeats, repeats_kept : int
        How often each is to be measured, and is.
    """

    scan: Scan
    settings: list[Mapping[str, float]]
    chosen: list[int]
    repeats: int
    repeats_kept: int

    @property
    def rows(self) -> int:
        """How many rows the whole plan has."""
        return len(self.settings) * self.repeats

    @property
    def rows_kept(self) -> int:
        """How many of them are measured."""
        return len(self.chosen) * self.repeats_kept

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.rows == self.rows_kept

    def planned_s(self, bench: Station) -> float:
        """Return how long the whole plan takes after its first row, by the scan's own times [s]."""
        points = [Point(k, s, r) for k, s in enumerate(self.settings) for r in range(self.repeats)]
        return sum(self.scan.point_time_s(a, b, bench) for a, b in zip(points, points[1:], strict=False))

    def ratio(self, rows: pd.DataFrame, bench: Station) -> float | None:
        """Return what the steps took over what was planned for them; None where the scan plans no times."""
        took_s, planned_s = self._steps(rows, bench)
        return float(took_s.sum() / planned_s.sum()) if planned_s.sum() > 0.0 else None

    def body_s(self, rows: pd.DataFrame, bench: Station) -> float:
        """Return how long the whole plan takes from its first row to its last [s].

        Parameters
        ----------
        rows : DataFrame
            Of the shortened run.
        bench : Station
            On which it was measured.
        """
        ratio = self.ratio(rows, bench)
        if ratio is not None:
            return ratio * self.planned_s(bench)
        took_s, _ = self._steps(rows, bench)
        return float(took_s.mean()) * (self.rows - 1) if took_s.size else 0.0

    def _steps(self, rows: pd.DataFrame, bench: Station) -> tuple[np.ndarray, np.ndarray]:
        """Return times taken and planned [s] of the steps between rows that follow each other in the whole plan."""
        took, planned = [], []
        before: tuple[Any, float] | None = None
        for index, repeat, time_s in zip(rows["Index"], rows["Repeat"], rows["Time (s)"], strict=True):
            if index >= len(self.chosen):
                break  # what refine has added stands in no plan
            k = self.chosen[int(index)]
            point = Point(k, self.settings[k], int(repeat))
            if before is not None and point.index - before[0].index in (0, 1):
                took.append(time_s - before[1])
                planned.append(self.scan.point_time_s(before[0], point, bench))
            before = point, time_s
        return np.array(took), np.array(planned)


def shorten(scan: Scan, most_rows: int) -> Shortened:
    """Let a scan measure about ``most_rows`` rows: pairs of neighbours from its first point to its last.

    The whole plan is still checked against the station's limits.
    """
    settings = [dict(setting) for setting in scan.plan()]
    repeats = scan.repeats_of_a_point()
    whole = Shortened(scan, settings, list(range(len(settings))), repeats, repeats)
    if whole.rows <= most_rows:
        return whole
    kept = min(repeats, max(2, most_rows // 16))
    pairs = max(2, most_rows // (2 * kept))
    firsts = np.linspace(0, len(settings) - 2, pairs).round().astype(int) if len(settings) > 2 * pairs else ()
    chosen = sorted({int(k) for first in firsts for k in (first, first + 1)}) or whole.chosen
    check, everything = scan.check_plan, scan.numbered(settings)
    scan.plan = lambda: [settings[k] for k in chosen]  # type: ignore[method-assign]
    scan.repeats_of_a_point = lambda: kept  # type: ignore[method-assign]
    scan.check_plan = lambda points, bench: check(everything, bench)  # type: ignore[method-assign]
    return Shortened(scan, settings, chosen, repeats, kept)
