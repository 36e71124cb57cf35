"""The analyses of a campaign: when its queue is through, runs are reduced together, and what comes of that again.

Each does what ``sotlab analyse`` does with the same runs and settings. docs/campaigns.md describes ``[analyses]``.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sotlab.analysis.datasets import combined
from sotlab.analysis.values import Value
from sotlab.errors import DataError, RunError, SotlabError
from sotlab.instruments.sample import Sample
from sotlab.instruments.write_once import write_once
from sotlab.procedures.runs.campaign_checks import takes_files
from sotlab.procedures.runs.campaign_file import AnalysisTable, CampaignFile
from sotlab.procedures.runs.campaign_queue import DONE, CampaignQueue
from sotlab.procedures.runs.provenance import made_of
from sotlab.procedures.runs.reader import RunRecord, read_run
from sotlab.procedures.runs.reduce import (
    Outcome,
    analysis_of,
    datasets_of_run,
    find_analysis,
    reduce_datasets,
    reduce_runs,
    write_page,
)
from sotlab.procedures.runs.reduce_results import apart, columns_of, table_of, value_in
from sotlab.procedures.runs.settings import parse_settings
from sotlab.procedures.runs.stored_results import latest_results

__all__ = ["Analysed", "CampaignAnalyses", "Reduced"]

log = logging.getLogger(__name__)

#: What all samples together are called in a file's name.
TOGETHER = ""


@dataclass
class Reduced:
    """One reduction: of a sample, or of all together, whose ``sample`` is empty.

    Attributes
    ----------
    station : str
        Where its first run was measured; empty if it is one of reductions.
    inputs : list of Path
        The runs that it is made of in the end.
    page : Path or None
        The report.
    """

    sample: str
    outcome: Outcome
    station: str = ""
    inputs: list[Path] = field(default_factory=list)
    page: Path | None = None


@dataclass
class Analysed:
    """What came of an analysis: its reductions, and in a line each what did not.

    Attributes
    ----------
    file, table : Path or None
        JSON, and CSV with a row for each reduction, and for each of its rows where no result holds for all of them.
    """

    name: str
    reductions: list[Reduced] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    file: Path | None = None
    table: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what there is to tell."""
        made = [
            {"sample": one.sample, "report": str(one.page) if one.page else None, **one.outcome.json}
            for one in self.reductions
        ]
        files = {"file": str(self.file) if self.file else None, "table": str(self.table) if self.table else None}
        return {"analysis": self.name, **files, "problems": self.problems, "reductions": made}


class CampaignAnalyses:
    """The analyses of a campaign whose queue is through.

    Parameters
    ----------
    file : CampaignFile
        The campaign.
    queue : CampaignQueue
        Its runs with their states.
    news : callable
        Is told each step in a line.
    see : callable
        Is given each reduction of runs, as JSON has it, with the station that they were measured on, before it is
        stored.
    """

    def __init__(
        self,
        file: CampaignFile,
        queue: CampaignQueue,
        news: Callable[[str], None] = lambda line: None,
        see: Callable[[str, dict[str, Any]], None] = lambda station, result: None,
    ) -> None:
        self._file, self._queue, self._news, self._see = file, queue, news, see
        self._folder = queue.path.with_suffix("")  # type: ignore[union-attr]
        self._records: dict[Path, RunRecord] = {}
        self._done: dict[str, Analysed] = {}

    def run(self) -> list[Analysed]:
        """Make all of them in their order; what cannot be made holds up only what needs it."""
        for name, asked in self._file.analyses.items():
            done = self._done[name] = Analysed(name)
            try:
                self._reduce(asked, done)
                self._store(done)
            except Exception as caught:  # whatever it is, the next one must still have its turn
                log.debug("%s failed", name, exc_info=caught)
                known = isinstance(caught, SotlabError)
                done.problems.append(str(caught) if known else f"{type(caught).__name__}: {caught}")
            written = f"{self._folder.parent.name}/{self._folder.name}/{done.table.name}" if done.table else None
            self._queue.write("analysis", analysis=name, table=written, problems=done.problems)
            self._news(f"{name}: {len(done.reductions)} reductions" + (f", {written}" if written else ""))
            for problem in done.problems:
                self._news(f"{name}: {problem}")
        return list(self._done.values())

    def _reduce(self, asked: AnalysisTable, done: Analysed) -> None:
        groups = self._runs(asked, done) if asked.of[0] in self._file.items else self._reductions(asked, done)
        for sample, make in groups:
            try:
                made = make()
            except SotlabError as error:
                done.problems.append(f"{sample}: {error}" if sample else str(error))
                continue
            for one in self._apart(made):
                for name in asked.require:
                    if (one["results"].get(name) or {}).get("value") is None:
                        done.problems.append(f"{sample or 'all together'}: {name} is not determined")
            done.reductions.append(made)
        if not (done.reductions or done.problems):
            raise DataError(f"there is no sample called {' or '.join(asked.samples)} among them")

    def _apart(self, made: Reduced) -> list[dict[str, Any]]:
        return apart(made.outcome.json, find_analysis(made.outcome.json["kind"]).axes)

    # -- of runs -------------------------------------------------------------------------------------------------

    def _runs(self, asked: AnalysisTable, done: Analysed) -> list[tuple[str, Callable[[], Reduced]]]:
        by_sample: dict[str, list[tuple[str, RunRecord]]] = {}
        for job in self._queue.jobs:
            if job.item not in asked.of:
                continue
            record = self._record(job)
            if record is None:
                done.problems.append(f"without '{job.label}', which has not finished")
                continue
            sample = _sample_of(record)
            if _is_asked(sample, asked):
                by_sample.setdefault(TOGETHER if asked.together else sample, []).append((job.station, record))
        return [
            (sample, lambda sample=sample, runs=runs: self._reduced(asked, sample, runs))
            for sample, runs in by_sample.items()
        ]

    def _reduced(self, asked: AnalysisTable, sample: str, runs: Sequence[tuple[str, RunRecord]]) -> Reduced:
        records = [record for _, record in runs]
        kind = asked.kind or analysis_of(records[0])["kind"]
        settings = self._settings(asked, kind, sample)
        outcome = reduce_runs([record.folder for record in records], settings, kind)
        self._see(runs[0][0], outcome.json)
        return Reduced(sample, outcome, runs[0][0], [record.folder.path for record in records])

    # -- of reductions -------------------------------------------------------------------------------------------

    def _reductions(self, asked: AnalysisTable, done: Analysed) -> list[tuple[str, Callable[[], Reduced]]]:
        analysis = find_analysis(asked.kind)

        def make() -> Reduced:
            datasets, inputs, simulated = [], [], False
            for other in asked.of:
                found = [one for one in self._done[other].reductions if _is_asked(one.sample, asked)]
                if not found:
                    raise DataError(f"'{other}' has given nothing")
                jsons = [one.outcome.json for one in found]
                simulated = any(one["simulated"] for one in jsons)
                columns = columns_of(analysis, jsons, asked.columns, f"'{other}'")
                datasets.append(analysis.dataset(columns, {}, name=other, simulated=simulated))
                inputs += [path for one in found for path in one.inputs]
            outcome = reduce_datasets(analysis, datasets, self._settings(asked, asked.kind, TOGETHER))
            outcome.provenance = {"results of": ", ".join(asked.of), "campaign": self._queue.id}
            return Reduced(TOGETHER, outcome, inputs=list(dict.fromkeys(inputs)))

        missing = [f"'{other}': {problem}" for other in asked.of for problem in self._done[other].problems]
        done.problems += missing
        return [(TOGETHER, make)]

    # -- settings ------------------------------------------------------------------------------------------------

    def _settings(self, asked: AnalysisTable, kind: str, sample: str) -> dict[str, Any]:
        analysis = find_analysis(kind)
        texts = {name: str(value) for name, value in asked.set.items()}

        def read(path: Path) -> tuple[Any, ...]:
            return tuple(datasets_of_run(analysis, read_run(self._file.path.parent / path)))

        settings = parse_settings(analysis.settings, texts, f"analysis '{kind}'", read)
        for name, source in asked.take.items():
            if takes_files(analysis.settings, name):
                settings[name] = self._datasets(analysis, source)
            else:
                settings[name] = self._taken(name, source, sample)
        return settings

    def _taken(self, setting: str, source: str, sample: str) -> dict[str, Any]:
        """Return what an item's runs, or an analysis, have found for the same sample.

        Of several it is the weighted mean; where they disagree, as at temperatures that differ, with the sigma of their
        scatter.
        """
        other, _, result = source.partition(".")
        if other in self._done:
            found = [one.outcome.json for one in self._done[other].reductions if one.sample in (sample, TOGETHER)]
        else:
            found = []
            for record in self._records_of(other):
                if sample in (_sample_of(record), TOGETHER):
                    content, problem = latest_results(record.folder.path)
                    if content is None:
                        raise DataError(f"take: {setting}: {problem or f'{record.folder.path} has no results'}")
                    found.append(content)
        if not found:
            raise DataError(f"take: {setting}: '{other}' has no results of {sample or 'all samples together'}")
        name, values = result or setting, []
        for one in found:
            value = value_in(one, name)
            if value is None or value["value"] is None:
                raise DataError(f"take: {setting}: {name} is not determined by '{other}'")
            values.append(Value(value["value"], value["sigma"], value["unit"]))
        together, flags = combined(name, values, values[0].unit)
        for flag in flags:
            self._news(f"take: {setting}: '{other}': {flag}")
        return together.to_json()

    def _datasets(self, analysis: Any, source: str) -> tuple[Any, ...]:
        """Return what an item's runs hold, of whatever sample: a setting compares with them."""
        found = [one for record in self._records_of(source) for one in datasets_of_run(analysis, record)]
        if not found:
            raise DataError(f"take: no run of '{source}' has finished")
        return tuple(found)

    def _records_of(self, item: str) -> list[RunRecord]:
        records = [self._record(job) for job in self._queue.jobs if job.item == item]
        return [record for record in records if record is not None]

    def _record(self, job: Any) -> RunRecord | None:
        """Return the record of a run that has finished, now or in a campaign before."""
        folder = self._queue.folder(job)
        if self._queue.state(job).status not in DONE or folder is None:
            return None
        if folder not in self._records:
            self._records[folder] = read_run(folder)
        return self._records[folder]

    # -- the files -----------------------------------------------------------------------------------------------

    def _store(self, done: Analysed) -> None:
        """Write JSON, table and reports; what earlier analyses of this campaign have written stays."""
        if not done.reductions:
            return
        for one in done.reductions:
            stem = f"{done.name}_{re.sub(r'[^A-Za-z0-9._+-]+', '-', one.sample)}" if one.sample else done.name
            one.page = write_once(self._folder, stem, ".html", "", "report", RunError)
            write_page(one.page, one.outcome)
        inputs = list(dict.fromkeys(path for one in done.reductions for path in one.inputs))
        rows = [(one.sample, part) for one in done.reductions for part in self._apart(one)]
        table = table_of([sample for sample, _ in rows], [part for _, part in rows])
        done.table = write_once(self._folder, done.name, ".csv", table, "table", RunError)
        content = {**done.to_json(), "provenance": made_of(inputs)}
        text = json.dumps({key: content[key] for key in content if key not in ("file", "table")}, indent=1)
        done.file = write_once(self._folder, done.name, ".json", text + "\n", "analysis", RunError)


def _sample_of(record: RunRecord) -> str:
    sample: Mapping[str, Any] = record.opened["sample"]
    return Sample(name=sample["name"], device=sample.get("device", "")).identity


def _is_asked(sample: str, asked: AnalysisTable) -> bool:
    return not asked.samples or any(fnmatchcase(sample, pattern) for pattern in asked.samples)
