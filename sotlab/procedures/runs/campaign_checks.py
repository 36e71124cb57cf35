"""What of a campaign's analyses can be known before the first run: kinds, settings, columns, and what is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sotlab.analysis.protocol import reads_runs_for
from sotlab.errors import PlanError, SotlabError, UsageError
from sotlab.procedures.runs.campaign_file import CampaignFile
from sotlab.procedures.runs.reduce import find_analysis
from sotlab.procedures.runs.settings import parse_settings

__all__ = ["check_analyses", "takes_files"]


def takes_files(settings: Any, name: str) -> bool:
    """Return whether a setting of an analysis takes what is read from files."""
    extra = settings.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("files"))


def _found(kind: str, where: str) -> Any:
    try:
        return find_analysis(kind)
    except SotlabError as error:
        raise PlanError(f"{where} kind: {error}") from error


def check_analyses(file: CampaignFile, kinds: Mapping[str, str | None]) -> None:
    """Check the analyses of a campaign.

    Parameters
    ----------
    file : CampaignFile
        The campaign.
    kinds : mapping of str to str or None
        The analysis of each item's runs; None of those that have none.

    Raises
    ------
    PlanError
        If one cannot be: file, table and key are named.
    """
    known = dict(kinds)
    for name, asked in file.analyses.items():
        where = f"{file.path.name}: [analyses.{name}]"
        of_runs = [other in file.items for other in asked.of]
        if any(of_runs) and not all(of_runs):
            raise PlanError(f"{where} of: runs and results are not reduced together; name items or analyses, not both")
        found = {known[other] for other in asked.of}
        if any(of_runs):
            if None in found or len(found) > 1:
                of = ", ".join(f"{other} {known[other] or 'none'}" for other in asked.of)
                raise PlanError(f"{where} of: the runs must be for one analysis; they are for: {of}")
            of_the_runs = found.pop() or ""
            if asked.kind and not reads_runs_for(_found(asked.kind, where), of_the_runs):
                raise PlanError(f"{where} kind: the runs are for the analysis '{of_the_runs}', not '{asked.kind}'")
            if asked.columns:
                raise PlanError(f"{where} columns: runs say themselves which of their columns are which; leave it out")
            kind = asked.kind or of_the_runs
        elif not asked.kind:
            raise PlanError(f'{where} kind: name the analysis, as in kind = "thickness"')
        else:
            kind = asked.kind
        try:
            analysis = find_analysis(kind)
            parse_settings(
                analysis.settings, {key: str(value) for key, value in asked.set.items()}, f"analysis '{kind}'"
            )
            for setting in asked.take:
                if setting not in analysis.settings.model_fields:
                    names = ", ".join(analysis.settings.model_fields)
                    raise UsageError(f"take: the analysis '{kind}' has no setting '{setting}'; it has {names}")
            unknown = [role for role in asked.columns if role not in analysis.columns]
            if unknown:
                raise UsageError(
                    f"columns: there is no column '{unknown[0]}'; there are: {', '.join(analysis.columns)}"
                )
        except SotlabError as error:
            raise PlanError(f"{where}: {error}") from error
        known[name] = kind
