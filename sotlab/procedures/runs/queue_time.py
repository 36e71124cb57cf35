"""When each run of a queue will have ended: its planned points, at the pace of the runs measured so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sotlab.errors import SotlabError
from sotlab.procedures.runs.campaign_queue import DONE, JobState
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.jobs import Job
from sotlab.procedures.runs.journal import read_journal

__all__ = ["QueueTime", "day_time", "planned_points"]


def planned_points(job: Job) -> int | None:
    """Return how many points a run's plan begins with; None where only a bench, or the run itself, can tell."""
    if not job.is_scan:
        return None
    try:
        return len(job.make().planned())
    except (SotlabError, AttributeError, TypeError, ValueError):
        return None


def day_time(seconds: float, now: datetime | None = None) -> str:
    """Return the time of day so many seconds from now, with the day where it is another one."""
    begin = datetime.now() if now is None else now
    end = begin + timedelta(seconds=seconds)
    return f"{end:%H:%M}" if end.date() == begin.date() else f"{end:%a %d %b %H:%M}"


class QueueTime:
    """Reckons the wall time that the runs of a queue take.

    A run takes its planned points times the time of a point of the last run of the same procedure on the same station,
    whatever was spent in it on starting, making safe and the report. Before there is one it takes what a rehearsal has
    found, by the pace of the others against their rehearsals. Conditions that a run waits for are not reckoned.

    Parameters
    ----------
    out : Path
        Folder of runs.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._points: dict[str, int | None] = {}
        self._measured: dict[Path, tuple[float, int]] = {}
        self.rehearsed_s: Mapping[str, float] = {}

    def learn(self, jobs: Sequence[Job], states: Mapping[str, JobState], stop: Callable[[], bool] = bool) -> None:
        """Make the plans of runs that are new, and read how long those took that have finished: for a thread."""
        for job in jobs:
            if stop():
                return
            if job.key not in self._points:
                self._points[job.key] = planned_points(job)
            state = states.get(job.key)
            if state is not None and state.status == "finished" and state.folder is not None:
                folder = self._out / state.folder
                if folder not in self._measured:
                    self._measured[folder] = _took(folder)

    def takes(self, jobs: Sequence[Job], states: Mapping[str, JobState]) -> dict[str, float | None]:
        """Return how long each run takes that has still to be done [s of wall time], by its key; None if not known."""
        pace: dict[tuple[type, str], float] = {}
        slowness: list[float] = []
        for job in jobs:
            state = states.get(job.key)
            took_s, rows = (
                self._measured.get(self._out / state.folder, (0.0, 0)) if state and state.folder else (0.0, 0)
            )
            if rows and took_s > 0.0:
                pace[job.procedure_class, job.station] = took_s / rows
                if self.rehearsed_s.get(job.label):
                    slowness.append(took_s / self.rehearsed_s[job.label])
        factor = sum(slowness) / len(slowness) if slowness else 1.0
        found: dict[str, float | None] = {}
        for job in jobs:
            if states.get(job.key, JobState()).status in (*DONE, "failed", "skipped"):
                continue
            points, point_s = self._points.get(job.key), pace.get((job.procedure_class, job.station))
            rehearsed_s = self.rehearsed_s.get(job.label)
            if points is not None and point_s is not None:
                found[job.key] = points * point_s
            else:
                found[job.key] = None if rehearsed_s is None else factor * rehearsed_s
        return found

    def ends(
        self, jobs: Sequence[Job], states: Mapping[str, JobState], running_s: float | None = None
    ) -> dict[str, float | None]:
        """Return in how many seconds each run that is still to be done will have ended; None if not known.

        Parameters
        ----------
        jobs, states
            The queue, in its order.
        running_s : float, optional
            How long the run under way still takes, by its own pace.
        """
        takes = self.takes(jobs, states)
        total: float | None = 0.0
        ends: dict[str, float | None] = {}
        for key, takes_s in takes.items():
            if states.get(key, JobState()).status == "running" and running_s is not None:
                takes_s = running_s
            total = None if total is None or takes_s is None else total + takes_s
            ends[key] = total
        return ends


def _took(folder: Path) -> tuple[float, int]:
    """Return wall time and rows of a run that went from its beginning to its end in one go; zeros of any other."""
    try:
        events = read_journal(RunFolder.open(folder).journal)
        if any(event["event"] == "run_resume" for event in events) or events[-1]["event"] != "run_close":
            return 0.0, 0
        began, ended = (datetime.fromisoformat(event["wall"]) for event in (events[0], events[-1]))
        return (ended - began).total_seconds(), int(events[-1]["rows"])
    except (SotlabError, OSError, LookupError, TypeError, ValueError):  # a folder that is gone tells nothing
        return 0.0, 0
