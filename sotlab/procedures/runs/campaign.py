"""Runs a campaign: one run after the other, whatever becomes of each, until all is done or somebody stops it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sotlab.errors import InterlockError, RunError, SotlabError, UsageError
from sotlab.instruments.station import Station
from sotlab.instruments.station_file import VIRTUAL
from sotlab.procedures.runs.campaign_analyses import Analysed, CampaignAnalyses
from sotlab.procedures.runs.campaign_file import CampaignFile
from sotlab.procedures.runs.campaign_queue import DONE, CampaignQueue, last_finished
from sotlab.procedures.runs.conditions import Timeline, wait_for
from sotlab.procedures.runs.jobs import Job
from sotlab.procedures.runs.notify import Notifier
from sotlab.procedures.runs.provenance import keep_results
from sotlab.procedures.runs.reader import RunRecord, read_run
from sotlab.procedures.runs.reduce import Outcome, reduce_runs, write_page
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.scan import Scan

__all__ = ["Benches", "Campaign", "reduce_run", "start_run"]

log = logging.getLogger(__name__)


class Benches:
    """The station in use, opened once for what belongs to one run.

    Each run opens it anew, as ``sotlab run`` does: the instruments are then set as the station file says, whatever the
    run before has set, and what they have noted meanwhile (a lock-in whose reference went off) is forgotten.

    Parameters
    ----------
    timeline : Timeline
        Follows the station's clock.
    open_station : callable
        Opens a station by its name, without roles.
    """

    def __init__(
        self, timeline: Timeline, open_station: Callable[[str], Station] = lambda spec: Station.open(spec, ())
    ) -> None:
        self._timeline = timeline
        self._open_station = open_station
        self._bench: Station | None = None

    def get(self, spec: str) -> Station:
        """Return the open station called ``spec``."""
        if self._bench is None or self._bench.spec != spec:
            self.close()
            self._bench = self._open_station(spec)
            self._timeline.use(self._bench.clock)
        return self._bench

    def close(self) -> None:
        """Close the station."""
        if self._bench is not None:
            bench, self._bench = self._bench, None
            bench.close()


class Campaign:
    """A queue of runs and what is done about each.

    Parameters
    ----------
    file : CampaignFile
        The campaign.
    jobs : sequence of Job
        Its runs.
    out : Path
        Folder of runs.
    follow : callable
        Starts a run and returns when it has ended; shows it meanwhile.
    news : callable
        Is told each step in a line.
    keep : callable
        Takes scan, record and station of a calibration that has finished, and lets the station use what comes of it.
    again : bool
        Begin anew, whatever the last campaign of this name has come to.
    see : callable
        Is given each reduction that the analyses make of runs, with the station's name, before it is stored.
    recall : callable
        Takes scan and record of a calibration, and an open station, and lets that use the calibration until it is
        closed.

    Attributes
    ----------
    analyses : list of Analysed
        What came of the analyses, once the queue is through.

    Raises
    ------
    RunError
        If another program is at this campaign, or its journal cannot be read or written.
    UsageError
        If people cannot be told as the file asks.
    """

    def __init__(
        self,
        file: CampaignFile,
        jobs: Sequence[Job],
        out: Path,
        follow: Callable[[Run], None],
        news: Callable[[str], None] = lambda line: None,
        keep: Callable[[Any, RunRecord, Station], None] | None = None,
        again: bool = False,
        see: Callable[[str, dict[str, Any]], None] = lambda station, result: None,
        recall: Callable[[Any, RunRecord, Station], None] | None = None,
    ) -> None:
        self._notifier = Notifier(file.name, file.notify.on, file.notify.command, file.notify.urls)
        self.file = file
        self.queue = CampaignQueue(file, jobs, out, again)
        self.out = out
        self.status = "aborted"
        self.analyses: list[Analysed] = []
        self._see = see
        self._follow = follow
        self._news = news
        self._keep = keep
        self._recall = recall
        self._timeline = Timeline()
        self._benches = Benches(self._timeline)
        self._stopped = threading.Event()
        self._run: Run | None = None
        self._job: Job | None = None

    def stop(self) -> None:
        """Stop: the run under way makes the bench safe and keeps its rows; no other is started."""
        self._stopped.set()
        if self._run is not None:
            self._run.stop()

    def change(self, file: CampaignFile, jobs: Sequence[Job]) -> None:
        """Take another list of runs while the campaign goes on, as the file has them now; the run under way stays.

        Raises
        ------
        UsageError
            If the run under way is no longer in it: nothing is changed then.
        """
        if self._job is not None and self._job.item not in file.items:
            raise UsageError(f"{self._job.label} is being measured: it stays in the queue; stop it first")
        self.file, self.queue.jobs = file, list(jobs)

    def run(self) -> str:
        """Do what is not done yet; return how it ended: finished, incomplete, stopped, interlock or aborted.

        Raises
        ------
        RunError
            If the campaign's own journal cannot be written.
        """
        if all(self.queue.state(job).status in DONE for job in self.queue.jobs):
            self._news(f"{self.file.name}: all of it has finished; --again begins it anew")
        try:
            self.status = self._run_all()
            self._benches.close()
            if self.status in ("finished", "incomplete"):
                self.analyses = CampaignAnalyses(self.file, self.queue, self._news, self._see).run()
                if any(one.problems for one in self.analyses):
                    self.status = "incomplete"
            self._note_told()
            self.queue.write("campaign_close", status=self.status, counts=self._counts())
            self._notifier.tell("end", f"{self.file.name}: {self.status}", self._in_words())
        finally:
            self._benches.close()
            self._notifier.finish()
            self._note_told()
            self.queue.close()
        return self.status

    def summary(self) -> dict[str, Any]:
        """Return what there is to tell of the campaign and its runs."""
        rows = []
        for job in self.queue.jobs:
            state, folder = self.queue.state(job), self.queue.folder(job)
            row = {"job": job.label, "item": job.item, "status": state.status, "rows": state.rows}
            rows.append({**row, "folder": str(folder) if folder else None, "error": state.error})
        head = {"campaign": self.queue.id, "status": self.status, "journal": str(self.queue.path)}
        analyses = {"analyses": [one.to_json() for one in self.analyses]} if self.file.analyses else {}
        return {**head, "resumed": self.queue.resumed, "counts": self._counts(), "jobs": rows, **analyses}

    def conclusions(self) -> list[tuple[str, dict[str, Any]]]:
        """Return title and reduction of what is to be shown: not of many samples' parts of a further analysis."""
        used = {name for one in self.file.analyses.values() for name in one.of}
        return [
            (f"{analysed.name}: {one.sample}" if one.sample else analysed.name, one.outcome.json)
            for analysed in self.analyses
            if analysed.name not in used or len(analysed.reductions) == 1
            for one in analysed.reductions
        ]

    # -- the queue -----------------------------------------------------------------------------------------------

    def _run_all(self) -> str:
        while (job := self._next()) is not None:
            self._job = job
            verdict = self._pursue(job)
            self._job = None
            self._note_told()
            if verdict != "go on":
                return verdict
        return "finished" if all(self.queue.state(job).status in DONE for job in self.queue.jobs) else "incomplete"

    def _next(self) -> Job | None:
        """Return the first run that nothing has come of yet; the list may have changed since the last one."""
        over = (*DONE, "failed", "skipped")
        return next((job for job in self.queue.jobs if self.queue.state(job).status not in over), None)

    def _pursue(self, job: Job) -> str:
        """Run one until it has finished or its policy gives it up; return ``go on`` or how the campaign ends."""
        blocking = self.queue.unfinished_before(self.file.items[job.item].after)
        if blocking is not None:
            reason = f"'{blocking.label}', after which it comes, has not finished"
            self.queue.write("job_skip", job, reason=reason)
            self._news(f"{job.label}: skipped: {reason}")
            return "go on"
        while True:
            error = self._attempt(job)
            state = self.queue.state(job)
            forbidden = isinstance(error, InterlockError)
            policy = self.file.policy(job.item, interlock=forbidden)
            retries = error is not None and state.attempts <= policy.retries
            if retries:
                self.queue.write("job_retry", job)
            if self._stopped.is_set() or state.status == "aborted":
                return "aborted"
            if error is None:
                return "go on"
            if retries:
                self._tell_failure(job, forbidden, f"{error}; it is tried again")
                self._timeline.sleep(self.file.campaign.retry_after, self._stopped.is_set)
                continue
            goes_on = policy.then == "skip"
            self._tell_failure(job, forbidden, f"{error}; the campaign {'goes on' if goes_on else 'is stopped'}")
            return "go on" if goes_on else "interlock" if forbidden else "stopped"

    def _attempt(self, job: Job) -> Exception | None:
        """Run one once; return what it failed of, if it did."""
        self._run, error, rows = None, None, 0
        try:
            bench = self._benches.get(job.station) if job.is_scan else None
            self._calibrate(job, bench)
            if self._reuses(job, bench):
                return None
            when = self.file.items[job.item].start_when
            if when is not None:
                self._wait(job, when, bench)
            if self._stopped.is_set():
                return None
            self._measure(job, bench)
        except Exception as caught:  # whatever it is, the next run must still have its turn
            log.debug("%s failed", job.label, exc_info=caught)
            error = caught if isinstance(caught, SotlabError) else SotlabError(f"{type(caught).__name__}: {caught}")
        finally:
            self._benches.close()
        if self._run is not None:
            rows = _rows_in(self._run.folder.path)
        aborted = error is None and self._run is not None and self._run.status == "Aborted"
        status = "failed" if error else "aborted" if aborted else "finished"
        message = str(error) if error else None
        self.queue.write("job_end", job, status=status, rows=rows, error=message)
        self._news(f"{job.label}: {status}, {rows} rows" + (f": {message}" if message else ""))
        return error

    def _measure(self, job: Job, bench: Station | None) -> None:
        """Measure what is missing of a run, reduce it, and keep what a calibration finds."""
        done = self._finished_unnoticed(job) or self._go_on(job, bench)
        if done is None:
            return
        if job.calibrates and self._keep is not None and bench is not None:
            scan: Any = job.make() if self._run is None else self._run.procedure
            scan.use(bench)
            self._keep(scan, done, bench)
        try:
            reduce_run(done)
        except Exception as error:  # the rows are there, and can be reduced again when the trouble is found
            self.queue.write("reduction_failed", job, error=f"{type(error).__name__}: {error}")
            self._news(f"{job.label}: measured, but not reduced: {error}")

    def _go_on(self, job: Job, bench: Station | None) -> RunRecord | None:
        """Go on with the run that there is, else measure a new one; return its record, or None if it was stopped."""
        folder = self.queue.folder(job)
        before = 0 if folder is None or not job.is_scan else _rows_in(folder)
        if folder is not None and before:
            try:
                run = Run.resume(folder, procedure=job.source)
                if bench is not None and isinstance(run.procedure, Scan):
                    run.procedure.use(bench)
                self._news(f"{job.label}: goes on after {before} rows")
                return self._follow_one(job, run, resumed=True)
            except RunError as error:
                if _rows_in(folder) > before:
                    raise
                # What there is and what is asked for do not go together any more, and nobody is there to be asked.
                self.queue.write("job_anew", job, reason=str(error), folder=folder)
                self._news(f"{job.label}: begins anew: {error}")
        return self._follow_one(job, start_run(job, bench, self.out), resumed=False)

    def _follow_one(self, job: Job, run: Run, resumed: bool) -> RunRecord | None:
        self.queue.write("job_begin", job, folder=run.folder.path, resumed=resumed)
        self._run = run
        if self._stopped.is_set():  # asked for since the campaign has looked last
            run.stop()
        self._follow(run)
        run.raise_error()
        return None if run.status == "Aborted" else read_run(run.folder.path)

    def _finished_unnoticed(self, job: Job) -> RunRecord | None:
        """Return the record of a run that had finished when the program was killed, before it noted that."""
        folder = self.queue.folder(job)
        if folder is None or self.queue.state(job).status != "running":
            return None
        try:
            record = read_run(folder)
        except SotlabError:
            return None
        return record if record.status == "finished" else None

    def _calibrate(self, job: Job, bench: Station | None) -> None:
        """Let a shipped virtual station use what this campaign has calibrated on it: it has no file to name that."""
        if bench is None or self._recall is None or not job.station.startswith(VIRTUAL):
            return
        for before in self.queue.jobs:
            if before.key == job.key:
                return
            folder = self.queue.folder(before)
            if before.calibrates and before.station == job.station and folder is not None:
                if self.queue.state(before).status in DONE:
                    scan = before.make()
                    scan.use(bench)
                    self._recall(scan, read_run(folder), bench)

    # -- before a run --------------------------------------------------------------------------------------------

    def _reuses(self, job: Job, bench: Station | None) -> bool:
        """Return whether the run has finished not long ago, and note it if so."""
        within_s = self.file.items[job.item].reuse_younger_than
        if within_s is None:
            return False
        if job.calibrates and bench is not None and not job.station.startswith(VIRTUAL):
            role, kind = _calibrated(job, bench)
            ages = [c.age_days() * 86400.0 for c in bench.calibrations.get(role, ()) if c.kind == kind]
            age_s, folder = min(ages, default=None), ""  # what the station uses counts, whoever measured it
        else:
            last = last_finished(self.out, job.key)
            age_s = None if last is None else (self._timeline.now() - last[0]).total_seconds()
            folder = "" if last is None else last[1]
        if age_s is None or not 0.0 <= age_s < within_s:
            return False
        self.queue.write("job_reuse", job, folder=folder, age_s=age_s)
        self._news(f"{job.label}: reused, {timedelta(seconds=round(age_s))} old")
        return True

    def _wait(self, job: Job, when: Any, bench: Station | None) -> None:
        def waits(what: str) -> None:
            self.queue.write("job_wait", job, what=what)
            self._news(f"{job.label}: waits: {what}")

        needed = bench
        if when.needs_bench and bench is None:
            needed = self._benches.get(self.file.beside(self.file.campaign.station))
        wait_for(when, self._timeline, needed, self._stopped.is_set, waits)

    # -- telling -------------------------------------------------------------------------------------------------

    def _tell_failure(self, job: Job, forbidden: bool, message: str) -> None:
        kind = "interlock" if forbidden else "failure"
        self._notifier.tell(kind, f"{self.file.name}: {job.label}: {kind}", message)

    def _note_told(self) -> None:
        for told in self._notifier.told():
            self.queue.write("notified", **told)

    def _counts(self) -> dict[str, int]:
        states = [self.queue.state(job).status for job in self.queue.jobs]
        return {status: states.count(status) for status in sorted(set(states))}

    def _in_words(self) -> str:
        return ", ".join(f"{count} {status}" for status, count in self._counts().items())


def start_run(job: Job, bench: Station | None, out: Path) -> Run:
    """Return a new run of a job, on a station that is open."""
    procedure = job.make()
    if bench is None or not isinstance(procedure, Scan):
        return Run(procedure, out)
    procedure.use(bench)
    return Run(procedure, out, procedure.the_sample().name)


def reduce_run(record: RunRecord, page: bool = True) -> Outcome | None:
    """Reduce a run and store what comes out beside its rows; None if there is no analysis for it.

    Raises
    ------
    SotlabError
        If it cannot be reduced.
    """
    if not record.opened.get("analysis") or record.rows.empty:
        return None
    outcome = reduce_runs([record.folder])
    keep_results([record.folder.path], outcome.json)
    if page:
        write_page(record.folder.report, outcome)
    return outcome


def _rows_in(folder: Path) -> int:
    try:
        return len(read_run(folder).rows)
    except SotlabError:
        return 0


def _calibrated(job: Job, bench: Station) -> tuple[str, str]:
    """Return the role and the kind of a calibration."""
    scan = job.make()
    scan.use(bench)
    return scan.calibrated_role, scan.KIND
