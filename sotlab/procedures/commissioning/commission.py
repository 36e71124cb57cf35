"""Commissioning: all checks that the station has the roles for, in order, each with its number and its verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

from sotlab.errors import DataError, InstrumentError, LimitError, OperatorError, UsageError
from sotlab.instruments.station import Station
from sotlab.procedures.commissioning.check import Check, Finding, verdict_on
from sotlab.procedures.commissioning.record import Outcome, Record
from sotlab.procedures.runs.installed import find_class, make_procedure
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.run import Run

__all__ = ["Commissioning", "checks_of", "commission"]

GROUP = "sotlab.checks"


@dataclass(frozen=True)
class Commissioning:
    """What came of it; ``aborted`` if somebody stopped it: then there is no record worth to be kept."""

    record: Record
    aborted: bool = False


def checks_of(station: Station) -> list[Check]:
    """Return the checks that are installed and those that the station file names, in order, with its parameters.

    Raises
    ------
    UsageError
        If a table ``[commissioning.<check>]`` is of no check, or says what the check does not take.
    """
    tables = station.config.commissioning
    installed = [entry.name for entry in entry_points(group=GROUP)]
    checks = []
    for name in [*installed, *(name for name in tables if name not in installed)]:
        where = f"{station.path.name}: [commissioning.{name}]"
        try:
            check_class = find_class(GROUP, name, "check", Check, station.path.parent)
            checks.append(make_procedure(check_class, {**tables.get(name, {}), "station": station.spec}))
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error
    return sorted(checks, key=lambda check: (check.ORDER, check.NAME))


def commission(station: Station, out: Path, follow: Callable[[Run], None]) -> Commissioning:
    """Do the checks in order, each a run of its own, and return all verdicts.

    A check whose role is missing is left out, and so is all after a gate that does not pass; both are told, neither
    passes.

    Parameters
    ----------
    station : Station
        Open; roles are opened as they are needed.
    out : Path
        Folder of runs.
    follow : callable
        Starts a run and returns when it has ended.
    """
    outcomes: list[Outcome] = []
    shut: Outcome | None = None
    aborted = False
    for check in checks_of(station):
        outcome = Outcome(check.NAME, check.TITLE, check.UNIT, list(check.ROLES))
        missing = [role for role in check.ROLES if role not in station]
        if not check.enabled:
            outcomes.append(replace(outcome, reason=f"left out in {station.path.name}"))
        elif missing:
            outcomes.append(replace(outcome, reason=f"the station has no role '{missing[0]}'"))
        elif shut is not None:
            reason = f"not measured: {shut.check} did not pass"
            outcomes.append(replace(outcome, verdict="not_determined", reason=reason))
        else:
            outcome, aborted = _do(check, outcome, station, out, follow)
            if aborted:
                break
            outcomes.append(outcome)
            if check.GATE and outcome.verdict != "pass":
                shut = outcome
    record = Record(
        station=station.config.station.name,
        date=datetime.now().astimezone(),
        sotlab=version("sotlab"),
        simulated=station.simulated,
        checks=outcomes,
    )
    return Commissioning(record, aborted)


def _do(
    check: Check, outcome: Outcome, station: Station, out: Path, follow: Callable[[Run], None]
) -> tuple[Outcome, bool]:
    """Return the outcome of one check, and whether it was stopped."""
    try:
        for role in check.ROLES:
            station.open_role(role)
        check.use(station)
        run = Run(check, out, check.the_sample().name)
        follow(run)
        outcome = replace(outcome, run=run.folder.run_id, instruments=_instruments(check, station))
        if run.status == "Aborted":
            return outcome, True
        run.raise_error()
        finding = check.evaluate(read_run(run.folder.path).rows)
    except (LimitError, OperatorError, DataError) as error:  # it could not be measured, or the rows do not tell
        return replace(outcome, verdict="not_determined", reason=str(error)), False
    except InstrumentError as error:  # an instrument that does not do what it is asked is no bench to measure on
        return replace(outcome, verdict="fail", reason=str(error)), False
    return _judged(check, outcome, finding, station), False


def _judged(check: Check, outcome: Outcome, finding: Finding, station: Station) -> Outcome:
    low, high = check.limits(station)
    return replace(
        outcome,
        value=finding.value,
        sigma=finding.sigma,
        low=low if math.isfinite(low) else None,
        high=high if math.isfinite(high) else None,
        verdict=verdict_on(finding, low, high),
        reason=finding.note,
    )


def _instruments(check: Check, station: Station) -> dict[str, Any]:
    return {role: station.identities[role] for role in check.ROLES if role in station.identities}
