"""Rehearses a campaign in virtual time: how long it takes, what it would break, and what its plots should look like."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sotlab.errors import LimitError, RunError, SotlabError
from sotlab.procedures.runs.bench_watch import RehearsalStation, open_rehearsal
from sotlab.procedures.runs.campaign import Benches, reduce_run, start_run
from sotlab.procedures.runs.campaign_file import CampaignFile, Item, StartWhen
from sotlab.procedures.runs.conditions import Timeline, is_within
from sotlab.procedures.runs.jobs import Job
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.rehearsal_checks import missed_line, not_determined, too_uncertain
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.thinning import Shortened, StepTimes, shorten

__all__ = ["Rehearsed", "rehearse"]

#: How many rows are measured in all: enough to see every plot, few enough for a minute.
ROWS = 150
#: The same for one run.
LEAST_ROWS, MOST_ROWS = 12, 60
#: How many runs of one item are rehearsed; the others are taken to be like them.
MOST_RUNS = 12


@dataclass
class Rehearsed:
    """One run of the campaign, rehearsed or reckoned from its item's others.

    Attributes
    ----------
    duration_s : float or None
        How long it takes [s of bench time]; None if that is not known.
    on_s : dict of str to float
        By role, how long an output is on, a field not zero [s].
    limit : str or None
        The limit that it would break.
    problem : str or None
        What else would keep it from running.
    """

    job: str
    item: str
    rows: int = 0
    rehearsed_rows: int = 0
    duration_s: float | None = None
    starts: str | None = None
    ends: str | None = None
    on_s: dict[str, float] = field(default_factory=dict)
    limit: str | None = None
    problem: str | None = None
    warnings: list[str] = field(default_factory=list)
    folder: str | None = None
    report: str | None = None
    results: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Measured:
    """What the rehearsed runs of an item say about its others."""

    overhead_s: float
    steps: StepTimes
    on_share: dict[str, float]


def rehearse(
    file: CampaignFile,
    jobs: Sequence[Job],
    out: Path,
    follow: Callable[[Run], None],
    start: datetime | None = None,
    rows: int = ROWS,
) -> dict[str, Any]:
    """Rehearse a campaign on the benches that its stations name.

    Parameters
    ----------
    file, jobs : CampaignFile, sequence of Job
        The campaign.
    out : Path
        Folder of rehearsals; this one gets a folder of its own in it.
    follow : callable
        Starts a run and returns when it has ended.
    start : datetime, optional
        When the campaign is to begin; now if None.
    rows : int
        About how many rows are measured in all.

    Returns
    -------
    dict
        What ``sotlab rehearse --json`` prints; docs/campaigns.md describes it.

    Raises
    ------
    RunError
        If the folder cannot be written.
    """
    begin = datetime.now().astimezone() if start is None else start
    folder = out / f"{datetime.now():%Y%m%d-%H%M%S}_{file.name}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be made: {error.strerror}; choose another with --out") from error
    work = _Rehearsal(file, folder, follow)
    chosen = _chosen(jobs)
    budget = min(max(rows // max(len(chosen), 1), LEAST_ROWS), MOST_ROWS)
    try:
        found = [work.rehearse(job, budget) if job in chosen else work.reckon(job) for job in jobs]
    finally:
        work.benches.close()
    told = _told(file, found, begin, folder)
    (folder / "rehearsal.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return told


def _chosen(jobs: Sequence[Job]) -> list[Job]:
    """Return the runs to rehearse: of each item some, from its first to its last."""
    by_item: dict[str, list[Job]] = {}
    for job in jobs:
        by_item.setdefault(job.item, []).append(job)
    chosen = []
    for alike in by_item.values():
        count = min(len(alike), MOST_RUNS)
        chosen += [alike[round(k * (len(alike) - 1) / max(count - 1, 1))] for k in range(count)]
    return chosen


class _Rehearsal:
    def __init__(self, file: CampaignFile, out: Path, follow: Callable[[Run], None]) -> None:
        self.file = file
        self.out = out
        self.benches = Benches(Timeline(), open_rehearsal)
        self._follow = follow
        self._measured: dict[str, _Measured] = {}
        self._has_page: set[str] = set()

    def rehearse(self, job: Job, most_rows: int) -> Rehearsed:
        """Run a job in short, and tell what the whole would be."""
        told = self._new(job)
        if not job.is_scan:
            told.problem = f"{job.procedure_class.__name__} is no Scan: it chooses its own instruments, not a bench"
            return told
        try:
            bench = self.benches.get(job.station)
            if isinstance(bench, RehearsalStation):
                self._run(job, bench, most_rows, told)
        except LimitError as error:
            told.limit = str(error)
        except Exception as error:  # the others are to be rehearsed all the same
            told.problem = str(error) if isinstance(error, SotlabError) else f"{type(error).__name__}: {error}"
        finally:
            self.benches.close()
        return told

    def reckon(self, job: Job) -> Rehearsed:
        """Check a job's plan and reckon its time from those of its item that were rehearsed."""
        told, known = self._new(job), self._measured.get(job.item)
        if not job.is_scan:
            return told
        try:
            bench = self.benches.get(job.station)
            scan = job.make()
            scan.use(bench)
            bench.protect(scan.the_sample())
            points = scan.planned()
            whole = Shortened(scan, points, [], 0)
            scan.check_plan(points, bench)
            told.rows = whole.rows
            if known is not None:
                told.duration_s = known.overhead_s + known.steps.total_s(whole.planned_s(bench))
                told.on_s = {role: share * told.duration_s for role, share in known.on_share.items()}
        except LimitError as error:
            told.limit = str(error)
        except Exception as error:  # as above
            told.problem = str(error) if isinstance(error, SotlabError) else f"{type(error).__name__}: {error}"
        return told

    def _new(self, job: Job) -> Rehearsed:
        return Rehearsed(job.label, job.item, warnings=_open_waits(self.file.items[job.item]))

    def _run(self, job: Job, bench: RehearsalStation, most_rows: int, told: Rehearsed) -> None:
        run = start_run(job, bench, self.out)
        scan: Any = run.procedure
        short = shorten(scan, most_rows)
        told.rows, told.folder = short.rows, str(run.folder.path)
        watch = bench.watch
        on_at_rows: list[dict[str, float]] = []
        run.bus.subscribe(lambda topic, record: on_at_rows.append(watch.on_times()) if topic == "results" else None)
        began_s = bench.clock.now()
        self._follow(run)
        took_s = bench.clock.now() - began_s
        on_after = watch.on_times()
        error = run.worker.error
        if error is not None:
            raise error
        if run.status == "Aborted":
            raise SotlabError("stopped before it was through")
        record = read_run(run.folder.path)
        told.rehearsed_rows = len(record.rows)
        self._reckon_times(told, short, record.rows, bench, took_s)
        told.on_s = _on_times(on_at_rows, on_after, told.duration_s or 0.0, took_s)
        told.warnings += [f"asks the operator, and waits: {message}" for message in dict.fromkeys(bench.asked)]
        told.warnings += [str(hasty) for hasty in watch.hasty.values()] + missed_line(record, scan.the_sample())
        self._judge(job, record, short, told)
        known = self._measured[job.item]
        known.on_share = {role: on_s / max(told.duration_s or 0.0, 1e-9) for role, on_s in told.on_s.items()}

    def _reckon_times(
        self, told: Rehearsed, short: Shortened, rows: Any, bench: RehearsalStation, took_s: float
    ) -> None:
        # What refine has added is not shortened: it was measured as it will be, and is no part of the steps to reckon.
        planned = rows[rows["Index"] < len(short.chosen)]
        told.rows = short.rows + len(rows) - len(planned)
        times_s = planned["Time (s)"]
        measured_s = float(times_s.iloc[-1] - times_s.iloc[0])
        steps = short.step_times(rows, bench)
        body_s = measured_s if short.is_whole else steps.total_s(short.planned_s(bench))
        told.duration_s = took_s - measured_s + body_s
        self._measured[told.item] = _Measured(took_s - measured_s, steps, {})

    def _judge(self, job: Job, record: Any, short: Shortened, told: Rehearsed) -> None:
        item = self.file.items[job.item]
        page = job.item not in self._has_page
        outcome = reduce_run(record, page=page)
        if outcome is None:
            if item.uncertainty:
                told.warnings.append("uncertainty: this procedure has no analysis that would tell one")
            return
        self._has_page.add(job.item)
        told.report = str(record.folder.report) if page else None
        told.results = outcome.json["results"]
        told.warnings += not_determined(outcome.json, short)
        told.warnings += too_uncertain(item.uncertainty, outcome.json, short)


def _on_times(
    at_rows: Sequence[dict[str, float]], after: dict[str, float], duration_s: float, took_s: float
) -> dict[str, float]:
    """Return how long each output is on in the whole run: between rows as large a part of the time as in the short."""
    longer_s = duration_s - took_s
    times = {}
    for role, on_s in after.items():
        if len(at_rows) > 1 and longer_s > 0.0 and at_rows[-1].get(role, 0.0) > at_rows[0].get(role, 0.0):
            times[role] = on_s + longer_s
        elif on_s > 0.0:
            times[role] = on_s
    return times


def _open_waits(item: Item) -> list[str]:
    when = item.start_when
    if when is None or not when.needs_bench:
        return []
    asked = [*when.reading, *(["interlock"] if when.interlock else [])]
    return [f"waits for {', '.join(asked)}, at most {when.timeout:g} s: that is in no duration here"]


def _wait_s(when: StartWhen | None, now: datetime) -> float:
    """Return how long it is until the time of day at which a run may begin [s]."""
    if when is None or when.time_of_day is None or is_within(now.time(), when.time_of_day):
        return 0.0
    begin = now.replace(
        hour=when.time_of_day[0].hour,
        minute=when.time_of_day[0].minute,
        second=when.time_of_day[0].second,
        microsecond=0,
    )
    return (begin - now).total_seconds() + (0.0 if begin > now else 86400.0)


def _told(file: CampaignFile, rows: Sequence[Rehearsed], begin: datetime, folder: Path) -> dict[str, Any]:
    now = begin
    totals: dict[str, float] = {}
    for row in rows:
        if row.duration_s is None:
            continue
        now += timedelta(seconds=_wait_s(file.items[row.item].start_when, now))
        row.starts = now.isoformat(timespec="seconds")
        now += timedelta(seconds=row.duration_s)
        row.ends = now.isoformat(timespec="seconds")
        for role, on_s in row.on_s.items():
            totals[role] = totals.get(role, 0.0) + on_s
    by_item: dict[str, float] = {}
    for row in rows:
        by_item[row.item] = by_item.get(row.item, 0.0) + (row.duration_s or 0.0)
    return {
        "campaign": file.name,
        "simulated": True,
        "out": str(folder),
        "duration_s": math.fsum(row.duration_s or 0.0 for row in rows),
        "starts": begin.isoformat(timespec="seconds"),
        "ends": now.isoformat(timespec="seconds"),
        "items": by_item,
        "on_s": totals,
        "limits": [{"job": row.job, "limit": row.limit} for row in rows if row.limit],
        "problems": [{"job": row.job, "problem": row.problem} for row in rows if row.problem],
        "warnings": [{"job": row.job, "warning": warning} for row in rows for warning in row.warnings],
        "jobs": [asdict(row) for row in rows],
    }
