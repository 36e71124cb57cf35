"""How far a run is and how long it still takes, from the pace at which its points have come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta

__all__ = ["Pace"]


class Pace:
    """Counts points and measures their pace.

    The pace is that from the first point on: what comes before it (the run-up) is not repeated.

    Parameters
    ----------
    wall_time : callable
        Returns the wall time [s].
    """

    def __init__(self, wall_time: Callable[[], float] = time.monotonic) -> None:
        self._wall_time = wall_time
        self._first: tuple[int, float] | None = None
        self._last_s = 0.0
        self.done = 0
        self.planned: int | None = None

    def count(self, points: int) -> None:
        """Count more points."""
        self.done += points
        self._last_s = self._wall_time()
        if self._first is None and points:
            self._first = self.done, self._last_s

    def note_percent(self, percent: float) -> None:
        """Learn the number of points planned from the part of them that is done."""
        if percent > 0.0:
            self.planned = max(self.done, round(100.0 * self.done / percent))

    @property
    def to_go_s(self) -> float | None:
        """The time to go [s], or None as long as there is no pace to tell it by."""
        if self._first is None or self.planned is None:
            return None
        points, began_s = self._first
        if self.done == points:
            return None
        each_s = (self._last_s - began_s) / (self.done - points)
        return max(0.0, (self.planned - self.done) * each_s - (self._wall_time() - self._last_s))

    def describe(self) -> str:
        """Return points done and planned, time to go and the time of day of the end."""
        text = f"{self.done} of {'?' if self.planned is None else self.planned} points"
        left_s = self.to_go_s
        if left_s is None:
            return text
        end = datetime.now() + timedelta(seconds=left_s)
        day = "" if end.date() == datetime.now().date() else f"{end:%a %d %b} "
        return f"{text}, {clock_text(left_s)} to go, ends {day}{end:%H:%M:%S}"


def clock_text(seconds: float) -> str:
    """Return a time as h:mm:ss."""
    whole = math.ceil(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
