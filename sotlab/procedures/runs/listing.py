"""Runs as lines of text: a list, one run with where its results come from, the history of a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sotlab.units import as_typed, pretty

__all__ = ["describe", "history", "table"]

#: Events of a journal that a reader need not see: they say what is shown anyway.
DULL = ("run_open", "run_close", "made_safe", "fit", "drift_check")
#: Events that are shown of one run.
SHOWN = 40


def table(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one aligned line for each run."""
    cells = [_cells(run) for run in runs]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def history(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sample's runs with their notes, in the order in which they were measured."""
    lines: list[str] = []
    for line, run in zip(table(runs), runs, strict=True):
        lines.append(line)
        lines += [f"    {note['wall'][:16]} {note['author']}: {note['text']}" for note in run["notes"]]
    return lines


def describe(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that show a run as :func:`sotlab.procedures.runs.provenance.trace` tells it."""
    yield f"{told['run']} {told['procedure']}: {told['status']}{_mark(told)}"
    if told["problem"]:
        yield f"  ! {told['problem']}"
    yield from _line("folder", told["folder"])
    yield from _line("measured", " to ".join(filter(None, [told["started"], told["ended"]])), told["operator"])
    yield from _line("sample", told["sample"], told["device"])
    rows = told["rows"]
    yield from _line("rows", f"{rows['rows']} in {rows['file']}", rows["sha256"] and f"SHA-256 {rows['sha256']}")
    station = told["station"]
    yield from _line("station", station["name"], station["spec"])
    if isinstance(station["identities"], Mapping):
        for role, identity in station["identities"].items():
            yield f"    {role:<16} {identity}"
    for one in told["calibrations"]:
        yield from _line("calibrated", f"{one['role']}: {one.get('kind')}, {one.get('date')}, run {one.get('run')}")
    if isinstance(told["versions"], Mapping):
        yield from _line("versions", ", ".join(f"{name} {number}" for name, number in told["versions"].items()))
    yield from _line("code", _code(told["code"]))
    for name, entry in told["parameters"].items():
        yield f"    {name:<16} {_typed(entry)}"
    events = [event for event in told["events"] if event["event"] not in DULL]
    for event in events[:SHOWN]:
        rest = {key: value for key, value in event.items() if key not in ("event", "wall", "t")}
        yield f"  {str(event.get('wall', ''))[:19]} {event['event']} {_short(rest)}".rstrip()
    if len(events) > SHOWN:
        yield f"  ... and {len(events) - SHOWN} more in events.jsonl"
    for result in told["results"]:
        yield from _result(result)
    if told["tags"]:
        yield from _line("tags", " ".join(told["tags"]))
    for note in told["notes"]:
        yield f"  {note['wall'][:16]} {note['author']}: {note['text']}"


def _result(result: Mapping[str, Any]) -> Iterator[str]:
    if "problem" in result:
        yield f"  ! {result['problem']}"
        return
    yield f"  {result['file']}: {result['kind']}" + (f", made {result['made']}" if result["made"] else "")
    for name, value in result["results"].items():
        if isinstance(value, Mapping):
            yield f"    {name:<16} {_value(value)}"
    if result["rows_changed"]:
        yield "    ! the rows have changed since: analyse the run again"
    yield from _line("  from", ", ".join(map(str, result["inputs"])))
    yield from _line("  settings", _short(result["settings"]))
    yield from _line("  code", _code(result["code"]))
    for flag in result["flags"]:
        yield f"    ! {flag}"


def _cells(run: Mapping[str, Any]) -> list[str]:
    rows = "" if run["rows"] is None else str(run["rows"])
    results = ", ".join(f"{name} {_value(value)}" for name, value in run["results"].items())
    tags = " ".join(f"#{tag}" for tag in run["tags"])
    where = "/".join(filter(None, [run["sample"], run["device"]]))
    return [run["run"], run["status"], rows, run["procedure"], where, _mark(run).strip(), results, tags]


def _mark(run: Mapping[str, Any]) -> str:
    return {True: " SIMULATED"}.get(run["simulated"], "")


def _value(value: Mapping[str, Any]) -> str:
    number, sigma, unit = value.get("value"), value.get("sigma"), value.get("unit")
    if isinstance(number, bool) or not isinstance(number, int | float):
        return "-"
    return pretty(float(number), sigma if isinstance(sigma, float) else None, unit if isinstance(unit, str) else "")


def _typed(entry: Mapping[str, Any]) -> str:
    value = entry["value"]
    return as_typed(value, entry["unit"]) if isinstance(value, float | int) else str(value)


def _code(code: Any) -> str:
    told = code if isinstance(code, Mapping) else {}
    commit = told.get("commit")
    changed = ", with changes that are not committed" if told.get("dirty") is True else ""
    return f"commit {commit}{changed}" if commit else ""


def _short(fields: Any) -> str:
    return ", ".join(f"{key}={value}" for key, value in fields.items()) if isinstance(fields, Mapping) else ""


def _line(name: str, *parts: Any) -> Iterator[str]:
    text = ", ".join(str(part) for part in parts if part)
    if text:
        yield f"  {name:<11} {text}"
