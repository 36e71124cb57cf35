"""The queue of a campaign, as its journal tells it: ``campaigns/<id>.jsonl`` beside the runs, append-only.

Whatever ended the program, the journal says which runs have finished, which one was under way and in which folder. The
queue itself is never stored: it is the campaign file's runs, and what the journal says of each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sotlab.clock import RealClock
from sotlab.errors import RunError
from sotlab.procedures.runs.campaign_file import CampaignFile
from sotlab.procedures.runs.jobs import Job
from sotlab.procedures.runs.journal import Journal, cut_torn_line, read_journal

__all__ = ["FOLDER", "CampaignQueue", "JobState", "last_finished", "read_states", "stored_states"]

FOLDER = "campaigns"

#: States that need nothing more.
DONE = ("finished", "reused")


@dataclass
class JobState:
    """What the journal says of one run.

    Attributes
    ----------
    status : str
        ``waiting``, ``running`` (or killed), ``finished``, ``reused``, ``aborted``, ``failed`` or ``skipped``.
    folder : Path or None
        Of its last attempt, as seen from the folder of runs.
    rows : int
        How many rows that has.
    attempts : int
        How often it has failed since it was last asked for.
    error : str or None
        Why it failed or was skipped.
    """

    status: str = "waiting"
    folder: Path | None = None
    rows: int = 0
    attempts: int = 0
    error: str | None = None


def read_states(events: Iterable[dict[str, Any]]) -> dict[str, JobState]:
    """Return the state of every run that a campaign's journal names, by its key.

    Raises
    ------
    RunError
        If an event has not what its kind must have.
    """
    states: dict[str, JobState] = {}
    for number, event in enumerate(events, start=1):
        try:
            _count(states, event)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise RunError(f"line {number} of the campaign's journal is damaged") from None
    return states


def _count(states: dict[str, JobState], event: dict[str, Any]) -> None:
    """Let one event count."""
    kind = event["event"]
    if not (isinstance(kind, str) and isinstance(event.get("job", ""), str)):
        raise ValueError("the names are no text")
    if kind == "campaign_resume" and event["again"]:
        for state in states.values():
            if state.status in ("failed", "skipped"):
                state.status, state.attempts, state.error = "waiting", 0, None
    if "job" not in event:
        return
    state = states.setdefault(event["job"], JobState())
    if kind == "job_begin":
        state.status, state.folder, state.error = "running", Path(event["folder"]), None
    elif kind == "job_retry":
        state.status = "waiting"
    elif kind == "job_anew":
        state.status, state.folder = "waiting", None
    elif kind == "job_end":
        state.status, state.rows, state.error = str(event["status"]), int(event["rows"]), event["error"]
        state.attempts += state.status == "failed"
    elif kind == "job_reuse":
        state.status, state.folder = "reused", Path(event["folder"]) if event["folder"] else None
    elif kind == "job_skip":
        state.status, state.error = "skipped", str(event["reason"])


class CampaignQueue:
    """The runs of a campaign with their states, each change of which is journalled before it counts.

    Parameters
    ----------
    file : CampaignFile
        The campaign.
    jobs : sequence of Job
        Its runs.
    out : Path
        Folder of runs.
    again : bool
        Begin a campaign anew, whatever the last one of this name has come to.

    Raises
    ------
    RunError
        If another program is at this campaign, or its journal cannot be read or written.
    """

    def __init__(self, file: CampaignFile, jobs: Sequence[Job], out: Path, again: bool = False) -> None:
        self.jobs = list(jobs)
        self.out = out.resolve()
        folder = out / FOLDER
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(folder / f"{file.name}.lock", timeout=0)
            self._lock.acquire()
        except Timeout:
            raise RunError(f"{folder}: another program is at the campaign '{file.name}'; stop that first") from None
        except OSError as error:
            raise RunError(f"{folder}: cannot be written: {error.strerror}; choose another with --out") from error
        try:
            self.path = _last(folder, file.name) if not again else None
            self.resumed = self.path is not None
            self.path = self.path or _new(folder, file.name)
            cut = _cut(self.path) if self.resumed else ""
            events = read_journal(self.path) if self.resumed else []
            self.states = self._read(events)
            self._journal = Journal(self.path, _wall_seconds())
            self._open(file, events, cut)
        except BaseException:
            self._lock.release()
            raise

    @property
    def id(self) -> str:
        """The campaign's id: when it was first started, and its name."""
        return self.path.stem  # type: ignore[union-attr]

    def state(self, job: Job) -> JobState:
        """Return what is known of a run."""
        return self.states.setdefault(job.key, JobState())

    def write(self, event: str, job: Job | None = None, **fields: Any) -> None:
        """Journal an event, of a run or of the campaign, then let it count."""
        of = {"job": job.key, "label": job.label} if job is not None else {}
        if isinstance(fields.get("folder"), Path):  # as seen from here: all of it may be moved together
            fields["folder"] = fields["folder"].resolve().relative_to(self.out).as_posix()
        self._journal.write(event, **of, **fields)
        _count(self.states, {"event": event, **of, **fields})

    def folder(self, job: Job) -> Path | None:
        """Return the folder of a run's last attempt."""
        folder = self.state(job).folder
        return None if folder is None else self.out / folder

    def unfinished_before(self, item_names: Sequence[str]) -> Job | None:
        """Return the first run of these items that has not finished, or None."""
        for job in self.jobs:
            if job.item in item_names and self.state(job).status not in DONE:
                return job
        return None

    def close(self) -> None:
        """Close the journal and let others at the campaign."""
        try:
            self._journal.close()
        finally:
            self._lock.release()

    def _read(self, events: Sequence[dict[str, Any]]) -> dict[str, JobState]:
        try:
            return read_states(events)
        except RunError as error:
            raise RunError(f"{self.path}: {error}; --again begins the campaign anew") from error

    def _open(self, file: CampaignFile, events: Sequence[dict[str, Any]], cut: str) -> None:
        settings = file.model_dump(mode="json", exclude={"notify": {"urls"}})  # addresses may hold passwords
        if not self.resumed:
            self._journal.write(
                "campaign_open", id=self.id, name=file.name, version=version("sotlab"), pid=os.getpid(), file=settings,
                jobs=[job.label for job in self.jobs],
            )  # fmt: skip
            return
        # A queue that came to its end, or stopped at a failure, was looked at by somebody: what failed is tried again.
        # One that was killed or stopped by hand goes on where it was.
        ended = next((e for e in reversed(events) if e["event"] in ("campaign_close", "campaign_resume")), None)
        again = ended is not None and ended["event"] == "campaign_close" and ended.get("status") != "aborted"
        event = {"event": "campaign_resume", "again": again}
        self._journal.write("campaign_resume", again=again, cut=cut, pid=os.getpid(), file=settings)
        self.states = self._read([*events, event])


def stored_states(out: Path, name: str) -> dict[str, JobState]:
    """Return what the last journal of the campaign ``name`` says of its runs, by their keys, without taking it.

    Raises
    ------
    RunError
        If the journal is damaged.
    """
    folder = out / FOLDER
    path = _last(folder, name) if folder.is_dir() else None
    return {} if path is None else read_states(read_journal(path))


def last_finished(out: Path, key: str) -> tuple[datetime, str] | None:
    """Return when the run called ``key`` has last finished in any campaign beside these runs, and in which folder."""
    found: list[tuple[datetime, str]] = []
    for path in (out / FOLDER).glob("*.jsonl"):
        folder = ""
        for event in _readable(path):
            if event.get("job") != key:
                continue
            folder = event.get("folder", folder)
            if event["event"] == "job_end" and event["status"] == "finished":
                found.append((datetime.fromisoformat(event["wall"]), folder))
    return max(found, default=None)


def _readable(path: Path) -> list[dict[str, Any]]:
    """Return a journal's events, none if it is damaged: an old journal must not keep a new campaign from going."""
    try:
        return read_journal(path)
    except RunError:
        return []


def _last(folder: Path, name: str) -> Path | None:
    pattern = re.compile(r"\d{8}-\d{6}-\d{3}_" + re.escape(name) + r"\.jsonl")
    return max((path for path in folder.iterdir() if pattern.fullmatch(path.name)), default=None)


def _new(folder: Path, name: str) -> Path:
    now = datetime.now()
    return folder / f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}_{name}.jsonl"


def _cut(path: Path) -> str:
    """Cut what was being written when the program died, and return it."""
    try:
        return cut_torn_line(path).decode("utf-8", errors="replace")
    except OSError as error:
        raise RunError(f"{path}: the campaign's journal cannot be opened: {error.strerror}") from error


def _wall_seconds() -> Any:
    """Return a function that tells the wall time since now [s]: a campaign may use several benches and clocks."""
    clock = RealClock()
    began = clock.now()
    return lambda: clock.now() - began
