"""A campaign beside the window: the same as ``sotlab campaign``, told to the window as single runs are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sotlab.gui.background import one_line
from sotlab.gui.measurement import Ended, Work, prepare, reduced_of
from sotlab.gui.queue_file import QueueFile
from sotlab.instruments.station_file import VIRTUAL
from sotlab.procedures.calibrations.keep import check_usable, keep, recall, use
from sotlab.procedures.runs.campaign import Campaign
from sotlab.procedures.runs.campaign_queue import JobState
from sotlab.procedures.runs.jobs import check_places
from sotlab.procedures.runs.run import Run

__all__ = ["QueueWork"]


class QueueWork(Work):
    """Runs what stands in the queue, each by its policy, until all is done or somebody stops it.

    Besides what :class:`Work` tells there is ``queue`` with each step in a line.

    Attributes
    ----------
    campaign : Campaign or None
        The campaign, once it has begun.
    problem : str
        Why it could not be begun, or had to end.
    """

    def __init__(self, queue: QueueFile, out: Path, before: Callable[[], None] = lambda: None) -> None:
        super().__init__("run the queue")
        self._queue, self._out, self._before = queue, out, before
        self.campaign: Campaign | None = None
        self.problem = ""
        self._reduced: Path | None = None

    @property
    def states(self) -> dict[str, JobState]:
        """What is known of each run, by its key."""
        return dict(self.campaign.queue.states) if self.campaign is not None else {}

    def stop(self) -> None:
        """Stop the run under way, and start no other; the next start goes on with it."""
        super().stop()
        if self.campaign is not None:
            self.campaign.stop()

    def take_changes(self) -> None:
        """Go on with the queue as its file has it now."""
        if self.campaign is None:
            return
        file, jobs = self._queue.load()
        if file is not None:
            check_places(file, jobs)
            self.campaign.change(file, jobs)

    def _work(self) -> None:
        try:
            self._before()
            file, jobs = self._queue.load()
            if file is None:
                return
            check_places(file, jobs)
            self.campaign = Campaign(file, jobs, self._out, self._follow_one, self._say, _keep, recall=recall)
            if self._stopped:
                self.campaign.stop()
            self.campaign.run()
        except Exception as error:
            self.problem = one_line(error)
            self.news.put(("ended", Ended("Failed", 0, self.problem)))
        finally:
            self.news.put(("queue", "the queue has ended"))

    def _follow_one(self, run: Run) -> None:
        prepare(type(run.procedure))
        self.news.put(("ended", self._follow(run)))

    def _say(self, line: str) -> None:
        """Tell a step; the one after a run has ended comes when its results are there."""
        if self.run is not None and self._reduced != self.run.folder.results and self.run.folder.results.is_file():
            self._reduced = self.run.folder.results
            try:
                self.news.put(("reduced", reduced_of(json.loads(self._reduced.read_text(encoding="utf-8")))))
            except (OSError, ValueError, KeyError):  # the campaign has told what is wrong with them
                pass
        self.news.put(("queue", line))


def _keep(scan: Any, record: Any, bench: Any) -> None:
    """Keep what a calibration has found, and let the station use it if it has a file of its own."""
    kept = keep(scan, record, bench)
    if not bench.spec.startswith(VIRTUAL):
        check_usable(bench)
        use(kept, bench)
