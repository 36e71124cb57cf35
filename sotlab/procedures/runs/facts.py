"""What is told of a run in a list: read from its folder alone, whatever state that is in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sotlab.errors import RunError
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.notes import Note, read_notes
from sotlab.procedures.runs.stored_results import latest_results

__all__ = ["DAMAGED", "INTERRUPTED", "Quantity", "RunFacts", "at", "read_events", "read_facts", "status_of"]

INTERRUPTED = "interrupted"
DAMAGED = "damaged"
#: Numbers that no parameter has and no database takes.
MOST = 2**63
#: Events after which a run is under way again.
BEGINNINGS = ("run_open", "run_resume")


@dataclass(frozen=True)
class Quantity:
    """A parameter or a result; what is no number has its text."""

    value: float | int | None
    sigma: float | None = None
    unit: str = ""
    text: str = ""


@dataclass(frozen=True)
class RunFacts:
    """A run as a list shows it.

    Attributes
    ----------
    status : str
        ``finished``, ``aborted``, ``failed``; ``interrupted`` if its journal has no end; ``damaged`` if the journal
        cannot be read.
    started, ended : str
        Local time with its offset; empty if not known.
    rows : int or None
        Rows in the data file.
    problem : str
        What is wrong with the run or its files, on one line; empty if nothing is.
    """

    run: str
    folder: Path
    procedure: str
    status: str
    sample: str = ""
    device: str = ""
    operator: str = ""
    station: str = ""
    simulated: bool | None = None
    started: str = ""
    ended: str = ""
    rows: int | None = None
    problem: str = ""
    description: str = ""
    parameters: Mapping[str, Quantity] = field(default_factory=dict)
    results: Mapping[str, Quantity] = field(default_factory=dict)
    tags: Sequence[str] = ()
    notes: Sequence[Note] = ()


def read_facts(path: Path) -> RunFacts:
    """Read what is told of a run; damage is told of, never raised.

    Raises
    ------
    RunError
        If ``path`` is no run folder at all.
    """
    folder = RunFolder.open(path)
    problems: list[str] = []
    try:
        notes = read_notes(folder.path)
        tags, told = notes.tags, notes.notes
        problems += notes.problems
    except RunError as error:
        tags, told = (), ()
        problems.append(str(error))
    results, complaint = latest_results(folder.path)
    problems += [complaint] if complaint else []
    common: dict[str, Any] = {
        "run": folder.run_id,
        "folder": folder.path,
        "procedure": folder.procedure,
        "started": _time_of(folder.run_id),
        "tags": tags,
        "notes": told,
        "results": dict(_results(results)),
    }
    try:
        events = read_events(folder)
    except RunError as error:
        return RunFacts(status=DAMAGED, problem="; ".join([str(error), *problems]), **common)
    opened = next((event for event in events if event["event"] == "run_open"), None)
    if opened is None:
        problems.insert(0, f"{folder.journal}: the run ended before it began: its journal has no run_open")
        return RunFacts(status=INTERRUPTED, problem="; ".join(problems), **common)
    closed = _last_close(events)
    if closed and closed.get("error"):
        problems.insert(0, str(closed["error"]))
    parameters = dict(_parameters(opened, events))
    device = at(opened, "sample", "device") or (parameters["device"].text if "device" in parameters else "")
    common |= {"started": _text(opened.get("measured") or opened.get("wall")) or common["started"]}
    return RunFacts(
        status=status_of(events),
        sample=_text(at(opened, "sample", "name")),
        description=_text(at(opened, "sample", "description")),
        device=_text(device),
        operator=_text(opened.get("operator")),
        station=_text(at(opened, "station", "config", "station", "name") or at(opened, "station", "spec")),
        simulated=opened.get("simulated") is True,
        ended=_text(closed.get("wall")) if closed else "",
        rows=_rows(folder, closed),
        problem=" ".join("; ".join(problems).split()),
        parameters=parameters,
        **common,
    )


def read_events(folder: RunFolder) -> list[dict[str, Any]]:
    """Return the journal's lines.

    Raises
    ------
    RunError
        If it cannot be read or is damaged.
    """
    from sotlab.procedures.runs.journal import read_journal  # which imports numpy: a list must not wait for it

    return read_journal(folder.journal)


def status_of(events: Sequence[Mapping[str, Any]]) -> str:
    """Return how a run ended: as its last ``run_close`` says, ``interrupted`` if it began again and has no further."""
    closed = _last_close(events)
    return (_text(closed.get("exit_status")) or DAMAGED) if closed else INTERRUPTED


def at(tree: Any, *keys: str) -> Any:
    """Return what stands below ``keys`` in a tree of dictionaries; None where there is nothing."""
    for key in keys:
        if not isinstance(tree, Mapping):
            return None
        tree = tree.get(key)
    return tree


def _last_close(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    ends = (event for event in reversed(events) if event["event"] in (*BEGINNINGS, "run_close"))
    last = next(ends, None)
    return last if last is not None and last["event"] == "run_close" else None


def _parameters(opened: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Quantity]]:
    """Yield the parameters; one that was changed in mid-run as it was at the end."""
    changed = {str(event.get("name")): event.get("new") for event in events if event["event"] == "parameter_changed"}
    entries = opened.get("parameters")
    for name, entry in entries.items() if isinstance(entries, Mapping) else ():
        if isinstance(entry, Mapping):
            value = changed.get(name, entry.get("value"))
            yield name, Quantity(_number(value), None, _text(entry.get("unit")), _text(value))


def _results(results: Any) -> Iterator[tuple[str, Quantity]]:
    entries = at(results, "results")
    for name, entry in entries.items() if isinstance(entries, Mapping) else ():
        if isinstance(entry, Mapping):
            yield name, Quantity(_number(entry.get("value")), _number(entry.get("sigma")), _text(entry.get("unit")))


def _rows(folder: RunFolder, closed: Mapping[str, Any] | None) -> int | None:
    """Return the rows as the journal's end has them; if there is none, those in the file without a torn last one."""
    if closed is not None and type(closed.get("rows")) is int:
        return closed["rows"]
    try:
        with folder.data.open("rb") as file:
            lines = sum(1 for line in file if not line.startswith(b"#") and line.endswith(b"\n"))
    except OSError:
        return 0
    return max(lines - 1, 0)  # the first is the column labels


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, float) or abs(value) < MOST else None


def _text(value: Any) -> str:
    """Return a value as text that any database and terminal takes."""
    return "" if value is None else str(value).encode("utf-8", "replace").decode("utf-8")


def _time_of(run_id: str) -> str:
    digits = re.match(r"(\d{8}-\d{6})", run_id)
    try:
        return datetime.strptime(digits[1], "%Y%m%d-%H%M%S").astimezone().isoformat() if digits else ""
    except (ValueError, OverflowError, OSError):  # no such day
        return ""
