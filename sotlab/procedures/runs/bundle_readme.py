"""The README of a bundle: what is in it, columns with units, results, how to read and check it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sotlab.units import pretty

if TYPE_CHECKING:
    from sotlab.procedures.runs.bundle import Contents

__all__ = ["readme"]

FILES = """| | |
|---|---|
| `raw/` | the folder of each run as it was recorded: rows (`*.csv`), journal (`events.jsonl`), arrays, notes, results |
| `tables/` | the rows of each run as plain CSV; lines that begin with `#` say what the run is |
| `calibrations/` | the calibrations that the station used |
| `results/` | by analysis and sample: `results.json`, `report.html`, and a CSV for each panel of its plots |
| `provenance.json` | of each run: parameters, station, instruments, versions, code; what each result was made from |
| `manifest-sha256.txt` | the SHA-256 of every other file |
"""

CONVENTIONS = """SI units; a column's label carries its unit. A field is mu0*H in tesla. Widths are half widths at half
maximum. Currents are peak amplitudes, readings of lock-in amplifiers rms, unless a label says otherwise. A sigma is one
standard uncertainty; a result that the data do not determine has no value, and a flag says why."""

READING = """`sha256sum -c manifest-sha256.txt` checks the files. The tables, in Python:

    import pandas
    rows = pandas.read_csv("tables/NAME.csv", comment="#")
"""


def readme(contents: Contents) -> str:
    """Return the text, as Markdown."""
    return "\n".join(_lines(contents)) + "\n"


def _lines(contents: Contents) -> Iterator[str]:
    told = contents.traces
    yield f"# {contents.title}\n"
    marks = {row["run"]: row["simulated"] for row in told}
    made_up = [run for run, mark in marks.items() if mark]
    if made_up:
        yield f"**SIMULATED**: {len(made_up)} of {len(told)} runs come from a virtual bench, not from a sample.\n"
    commit = contents.code["commit"]
    code = f" (commit {commit}{', with changes' * bool(contents.code['dirty'])})" if commit else ""
    yield f"Bundled on {datetime.now().astimezone():%Y-%m-%d} with sotlab {contents.code['sotlab']}{code}.\n"
    yield "## Runs\n"
    heads = ["run", "procedure", "sample", "device", "measured", "rows", "state", "SIMULATED"]
    yield from _table(
        heads,
        [
            [
                row["run"],
                str(row["procedure"]).rpartition(".")[2],
                row["sample"],
                row["device"],
                str(row["started"])[:19],
                row["rows"]["rows"],
                row["status"],
                {True: "yes", False: "no"}.get(row["simulated"], "unknown"),
            ]
            for row in told
        ],
    )
    yield f"\n## Files\n\n{FILES}"
    yield "## Columns\n"
    yield CONVENTIONS + "\n"
    columns: dict[tuple[str, str], set[str]] = {}
    for run in contents.runs:
        for column in run.columns:
            columns.setdefault((column.name, column.unit), set()).add(run.about["procedure"].rpartition(".")[2])
    yield from _table(["column", "unit", "of"], [[*key, ", ".join(sorted(of))] for key, of in columns.items()])
    for what, outcome in contents.outcomes.items():
        yield from _results(what, outcome.json)
    if contents.panels:
        yield "\n## Panels\n"
        yield from _table(["file", "shows"], [list(panel) for panel in contents.panels])
    yield "\n## Measured with\n"
    versions = {_versions(row["versions"]) for row in told}
    yield from [f"* {line}" for line in sorted(versions) if line]
    if contents.problems:
        yield "\n## Left out\n"
        yield from [f"* {problem}" for problem in contents.problems]
    yield f"\n## How to read it\n\n{READING}"


def _results(what: str, reduction: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n## Results: {what}\n"
    rows = [[name, pretty(v["value"], v["sigma"], v["unit"])] for name, v in reduction["results"].items()]
    yield from _table(["", "value"], rows)
    yield ""
    yield from [f"* {flag}" for flag in reduction["flags"]]


def _versions(versions: Any) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items()) if isinstance(versions, Mapping) else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(str("" if cell is None else cell).replace("|", "\\|") for cell in row) + " |"
