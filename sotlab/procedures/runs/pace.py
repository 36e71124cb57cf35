"""How far a run is and how long it still takes: the plan's times of its points, corrected by the pace so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sotlab.procedures.runs.scan import Scan

__all__ = ["Pace", "clock_text", "expected_times"]


class Pace:
    """Counts points and measures their pace.

    The pace is that from the first point on: what comes before it (the run-up) is not repeated. Where the plan says how
    long each point takes (:meth:`expect`), the time to go is that of the points to come, times the ratio of what the
    points so far took to what was expected of them: one long ramp at the end is not forgotten, and a bench that is
    slower than its data sheet is believed. Without it all points count alike.

    Parameters
    ----------
    wall_time : callable
        Returns the wall time [s].
    """

    def __init__(self, wall_time: Callable[[], float] = time.monotonic) -> None:
        self._wall_time = wall_time
        self._first: tuple[int, float] | None = None
        self._last_s = 0.0
        self._expected_s: list[float] = []
        self.done = 0
        self.planned: int | None = None

    def expect(self, times_s: Sequence[float]) -> None:
        """Learn how long each point takes by the plan [s of bench time], in their order; a longer plan replaces it."""
        self._expected_s = list(times_s)
        self.planned = max(self.done, len(self._expected_s))

    def count(self, points: int) -> None:
        """Count more points."""
        self.done += points
        self._last_s = self._wall_time()
        if self._first is None and points:
            self._first = self.done, self._last_s

    def note_percent(self, percent: float) -> None:
        """Learn the number of points planned from the part of them that is done.

        A plan that is known point by point is believed more, until there are more points than it had.
        """
        if percent > 0.0 and not self.done <= len(self._expected_s):
            self.planned = max(self.done, round(100.0 * self.done / percent))

    @property
    def to_go_s(self) -> float | None:
        """The time to go [s], or None as long as there is no pace to tell it by."""
        if self._first is None or self.planned is None:
            return None
        points, began_s = self._first
        if self.done == points:
            return None
        took_s, left = self._last_s - began_s, self.planned - self.done
        expected_s = sum(self._expected_s[points : self.done])
        if len(self._expected_s) >= self.planned and expected_s > 0.0:
            left_s = took_s / expected_s * sum(self._expected_s[self.done : self.planned])
        else:
            left_s = took_s / (self.done - points) * left
        return max(0.0, left_s - (self._wall_time() - self._last_s))

    def describe(self) -> str:
        """Return points done and planned, time to go and the time of day of the end."""
        text = f"{self.done} of {'?' if self.planned is None else self.planned} points"
        left = self.describe_left()
        return f"{text}, {left}" if left else text

    def describe_left(self) -> str:
        """Return the time to go and the time of day of the end; nothing as long as there is no pace."""
        left_s = self.to_go_s
        if left_s is None:
            return ""
        end = datetime.now() + timedelta(seconds=left_s)
        day = "" if end.date() == datetime.now().date() else f"{end:%a %d %b} "
        return f"{clock_text(left_s)} to go, ends {day}{end:%H:%M:%S}"


def expected_times(scan: Scan) -> list[float]:
    """Return the plan's time of each point that is missing [s of bench time]; none if no station is open."""
    bench = scan.bench
    if bench is None:
        return []
    points, done = scan.planned(), {(row["Index"], row["Repeat"]) for row in scan.past.rows}
    return [
        scan.point_time_s(before, point, bench)
        for before, point in zip([None, *points], points, strict=False)
        if (point.index, point.repeat) not in done and point.index not in scan.past.skipped
    ]


def clock_text(seconds: float) -> str:
    """Return a time as h:mm:ss."""
    whole = math.ceil(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
