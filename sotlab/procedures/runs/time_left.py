"""The time to go in a progress bar: fed by a run, told by its pace."""

from __future__ import annotations

from typing import Any

from rich.progress import ProgressColumn, Task
from rich.text import Text

from sotlab.procedures.runs.pace import Pace, expected_times
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.scan import Scan

__all__ = ["TimeLeft", "TimeLeftColumn"]


class TimeLeft:
    """The pace of one run; it listens to the run's bus, and so must be made before the run is started."""

    def __init__(self, run: Run) -> None:
        self.pace = Pace()
        self._run = run
        self._is_planned = False
        run.bus.subscribe(self._hear)

    def count(self, rows: int) -> str:
        """Count rows that have come; return the time to go in words."""
        if rows:
            self.pace.count(rows)
        return self.pace.describe_left()

    def _hear(self, topic: str, record: Any) -> None:
        """Learn with the first row how long the points from there on take: then the bench is open."""
        scan = self._run.procedure
        if topic == "progress":
            self.pace.note_percent(record)
        if topic != "results" or self._is_planned or not isinstance(scan, Scan):
            return
        self._is_planned = True
        self.pace.expect(expected_times(scan))


class TimeLeftColumn(ProgressColumn):
    """Shows the field ``left`` of a task."""

    def render(self, task: Task) -> Text:
        """Return it as text."""
        return Text(task.fields.get("left", ""))
