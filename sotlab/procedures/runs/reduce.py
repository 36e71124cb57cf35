"""From runs, or from files measured elsewhere, to results: finds the analysis, feeds it, stores what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ValidationError

from sotlab.analysis.protocol import Analysis, reads_runs_for
from sotlab.analysis.values import LiveFit, Reduction, rows_of
from sotlab.errors import DataError, SotlabError, StationError, UsageError
from sotlab.instruments.installed import load_class
from sotlab.instruments.validation import explain
from sotlab.procedures.runs.dotthz import is_hdf5, read_dotthz_tables
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.foreign import ColumnSpec, read_table
from sotlab.procedures.runs.reader import RunRecord, read_run
from sotlab.procedures.runs.report import write_report
from sotlab.procedures.runs.scan import Scan
from sotlab.procedures.runs.settings import parse_settings
from sotlab.procedures.runs.tables import flags_of, row_label, value_names
from sotlab.units import pretty

__all__ = [
    "Outcome",
    "analysis_of",
    "datasets_of_run",
    "figures_of",
    "find_analysis",
    "live_reduction",
    "reduce_datasets",
    "reduce_files",
    "reduce_rows",
    "reduce_runs",
    "write_page",
]

GROUP = "sotlab.analyses"

#: A relative uncertainty below this is a rounding error.
NO_SHARE = 1e-6


@dataclass
class Outcome:
    """A reduction with what it was made from.

    Attributes
    ----------
    json : dict
        The reduction, as it is printed and stored.
    problems : list of str
        Inputs that could not be read: one line each, that names the file.
    provenance : dict of str to str
        Where the input comes from, for the report.
    """

    reduction: Reduction
    problems: list[str] = field(default_factory=list)
    provenance: dict[str, str] = field(default_factory=dict)
    json: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.json = self.reduction.to_json()


def find_analysis(kind: str) -> Analysis:
    """Return the analysis called ``kind``: an entry point, ``module:Class`` or ``file.py:Class``.

    Raises
    ------
    UsageError
        If there is none: those that there are, are named.
    """
    try:
        return load_class(GROUP, kind, "analysis")()
    except StationError as error:
        raise UsageError(str(error)) from error


def reduce_runs(folders: Sequence[RunFolder], settings: Mapping[str, Any] | None = None, kind: str = "") -> Outcome:
    """Reduce runs of one kind together, with the settings that they know of themselves.

    Parameters
    ----------
    folders : sequence of RunFolder
        The runs.
    settings : mapping, optional
        Settings that come before what the runs know.
    kind : str
        The analysis, if it is not the one that the runs are for.

    Raises
    ------
    DataError, RunError
        If a run cannot be read, or has no rows.
    UsageError
        If the runs are for different analyses, or disagree on a setting.
    """
    records = [read_run(folder.path) for folder in folders]
    analysis = find_analysis(kind or analysis_of(records[0])["kind"])
    datasets = [dataset for record in records for dataset in datasets_of_run(analysis, record)]
    said = dict(settings or {})
    outcome = reduce_datasets(analysis, datasets, _settings_of_runs(records, but=list(said)) | said, records=records)
    outcome.provenance = _provenance(records)
    return outcome


def reduce_files(
    kind: str,
    files: Sequence[Path],
    *,
    columns: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    report: Path | None = None,
) -> Outcome:
    """Reduce run folders and tables measured elsewhere, together.

    Parameters
    ----------
    kind : str
        The analysis.
    files : sequence of Path
        Run folders, or tables for which ``columns`` says what is what.
    columns : sequence of str
        ``ROLE=NAME[:UNIT]``.
    settings : mapping of str to str
        Settings of the analysis, as text with units; they come before what runs know of themselves.
    report : Path, optional
        Where to write a page with plots.

    Raises
    ------
    DataError
        If nothing could be read at all.
    UsageError
        If the analysis, a column or a setting does not exist.
    """
    analysis = find_analysis(kind)
    specs = [ColumnSpec.parse(text) for text in columns]
    files = [_run_of(path) or path for path in files]
    _check_roles(analysis, specs, tables=any(not path.is_dir() and not is_hdf5(path) for path in files))
    datasets: list[Any] = []
    records: list[RunRecord] = []
    problems: list[str] = []
    for path in files:
        try:
            datasets += _datasets(analysis, path, specs, records)
        except SotlabError as error:
            problems.append(str(error))
    if not datasets:
        raise DataError("; ".join(problems))
    said = parse_settings(
        analysis.settings,
        settings or {},
        f"analysis '{analysis.kind}'",
        lambda path: tuple(_datasets(analysis, _run_of(path) or path, specs, [])),
    )
    known = _settings_of_runs(records, but=list(said))
    outcome = reduce_datasets(analysis, datasets, known | said, problems, records)
    outcome.provenance = {"inputs": ", ".join(path.name for path in files)}
    if report is not None:
        write_page(report, outcome)
    return outcome


def reduce_rows(
    scan: Scan, rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], files: Mapping[str, Path]
) -> Reduction:
    """Reduce rows of a run that is still going on, for who must decide whether to measure more.

    Parameters
    ----------
    scan : Scan
        The run's procedure.
    rows : sequence of mapping
        Its rows.
    settings : mapping
        Of the analysis.
    files : mapping of str to Path
        Settings that are runs, or other files that the analysis reads.

    Raises
    ------
    SotlabError
        If they cannot be reduced, or a file cannot be read.
    """
    if scan.ANALYSIS is None:
        raise UsageError(f"{type(scan).__name__}: it names no analysis")
    mapping = {"kind": scan.ANALYSIS.kind, "columns": scan.ANALYSIS.columns, "axes": scan.ANALYSIS.axes}
    opened = {"analysis": mapping, "sample": scan.the_sample().model_dump(mode="json")}
    folder = RunFolder(Path("this run"), str(scan.run_id), type(scan).__name__)
    record = RunRecord(folder, opened, "running", pd.DataFrame(list(rows)))
    analysis = find_analysis(mapping["kind"])
    datasets = list(datasets_of_run(analysis, record))
    read = {name: tuple(_datasets(analysis, path, [], [])) for name, path in files.items()}
    return reduce_datasets(analysis, datasets, {**settings, **read}).reduction


def live_reduction(
    kind: str, settings: Callable[[], Mapping[str, Any]]
) -> Callable[[Mapping[str, np.ndarray]], LiveFit | None]:
    """Return what makes a fit of the rows so far, for :class:`sotlab.procedures.runs.live.LiveReduction`.

    Parameters
    ----------
    kind : str
        The analysis.
    settings : callable
        Returns what the run knows of the analysis' settings; asked once, when there are rows.
    """
    analysis = find_analysis(kind)
    known: list[BaseModel] = []

    def reduce(columns: Mapping[str, np.ndarray]) -> LiveFit | None:
        if not known:
            known.append(_validated(analysis, settings()))
        read = ~np.all([np.isnan(column) for column in columns.values()], axis=0)
        return analysis.live({role: column[read] for role, column in columns.items()}, known[0])

    return reduce


def figures_of(outcome: Outcome) -> list[tuple[str, Any]]:
    """Return (caption, figure) of the plots of a reduction; none for a kind that has no plots."""
    plots = next((entry.load() for entry in entry_points(group="sotlab.plots", name=outcome.json["kind"])), None)
    return plots(outcome.reduction.parts, outcome.json) if plots else []


def write_page(path: Path, outcome: Outcome) -> None:
    """Write the reduction as a page with values and plots.

    Raises
    ------
    RunError
        If it cannot be written.
    """
    result = outcome.json
    rows = rows_of(result)
    write_report(
        path,
        f"{find_analysis(result['kind']).title}: {', '.join(result['inputs'][:3])}{' …' * (len(result['inputs']) > 3)}",
        simulated=result["simulated"],
        tables=_tables(result),
        figures=figures_of(outcome),
        notes=[*result["flags"], *flags_of(rows)],
        provenance={**outcome.provenance, "reduced with": f"sotlab {version('sotlab')}"},
    )


def reduce_datasets(
    analysis: Analysis,
    datasets: list[Any],
    settings: Mapping[str, Any],
    problems: Sequence[str] = (),
    records: Sequence[RunRecord] = (),
) -> Outcome:
    """Reduce datasets of an analysis together; of what runs they are, says which of their points could not be read.

    Raises
    ------
    UsageError
        If a setting is missing or not allowed.
    """
    reduction = analysis.reduce(datasets, _validated(analysis, settings))
    for record in records:
        headers = _headers(analysis_of(record))
        if unread := int((~_was_read(record, headers)).sum()):
            reduction.flags.append(
                f"{record.folder.path.name}: {unread} of {len(record.rows)} points could not be read and are left out"
            )
    return Outcome(reduction, list(problems))


def _headers(mapping: Mapping[str, Any]) -> dict[str, str]:
    return {**mapping["columns"], **mapping["axes"]}


def _was_read(record: RunRecord, headers: Mapping[str, str]) -> np.ndarray:
    """Return which rows have numbers: not those of an overload that an interlock counts."""
    return ~np.asarray(record.rows[list(headers.values())].isna().all(axis=1))


def _validated(analysis: Analysis, settings: Mapping[str, Any]) -> BaseModel:
    try:
        return analysis.settings.model_validate(dict(settings))
    except ValidationError as error:
        lacking = [str(one["loc"][-1]) for one in error.errors(include_url=False) if one["type"] == "missing"]
        if lacking:
            asked = " ".join(f"--set {name}=..." for name in lacking)
            raise UsageError(f"analysis {analysis.kind}: {', '.join(lacking)} must be given, as {asked}") from error
        raise UsageError(explain(f"analysis {analysis.kind}", error)) from error


def _run_of(path: Path) -> Path | None:
    """Return the run folder that a data file lies in, if it does."""
    return path.parent if path.is_file() and (path.parent / "events.jsonl").is_file() else None


def _check_roles(analysis: Analysis, specs: Sequence[ColumnSpec], tables: bool) -> None:
    known = [*analysis.columns, *analysis.axes]
    for spec in specs:
        if spec.role not in known:
            raise UsageError(
                f"--column {spec.role}: the analysis '{analysis.kind}' has no such column; it has {', '.join(known)}"
            )
    missing = _missing(analysis, {spec.role for spec in specs})
    if tables and missing:
        raise UsageError(
            f"say which column of the tables is '{missing[0]}', as in --column {missing[0]}=1:UNIT"
            f"{_alternatives(analysis)}"
        )


def _missing(analysis: Analysis, roles: set[str]) -> list[str]:
    """Return what the alternative that comes nearest to the roles still lacks."""
    lacking = [[role for role in needed if role not in roles] for needed in analysis.required]
    return min(lacking, key=len, default=[])


def _alternatives(analysis: Analysis) -> str:
    if len(analysis.required) < 2:
        return ""
    return f"; the analysis '{analysis.kind}' needs {'; or '.join(', '.join(one) for one in analysis.required)}"


def _datasets(analysis: Analysis, path: Path, specs: Sequence[ColumnSpec], records: list[RunRecord]) -> list[Any]:
    """Return the datasets of a run folder or a table; the run is added to the records."""
    if not path.is_dir():
        return list(_datasets_of_file(analysis, path, specs))
    record = read_run(path)
    found = list(datasets_of_run(analysis, record))
    records.append(record)
    return found


def datasets_of_run(analysis: Analysis, record: RunRecord) -> Iterator[Any]:
    """Yield the datasets of a run for an analysis.

    Raises
    ------
    DataError
        If the run is for another analysis, or has not what that needs.
    """
    mapping = analysis_of(record)
    if not reads_runs_for(analysis, mapping["kind"]):
        raise DataError(
            f"{record.folder.path}: this run is for the analysis '{mapping['kind']}', not '{analysis.kind}'"
        )
    lacking = _missing(analysis, {*mapping["columns"], *mapping["axes"]})
    if lacking:
        raise DataError(f"{record.folder.path}: the procedure of this run does not say which column is '{lacking[0]}'")
    headers = _headers(mapping)
    missing = [header for header in headers.values() if header not in record.rows]
    if missing:
        raise DataError(f"{record.folder.data}: there is no column '{missing[0]}'")
    if record.rows.empty:
        raise DataError(f"{record.folder.data}: the run is {record.status} and has no rows")
    read = _was_read(record, headers)
    if not read.any():
        raise DataError(
            f"{record.folder.data}: none of the {len(read)} points could be read; see {record.folder.journal}"
        )
    axes = list(mapping["axes"])
    rows = record.rows.loc[read].rename(columns={header: role for role, header in headers.items()})
    # Rows are grouped by what stays the same along a dataset, in the order in which they were measured.
    beside = {"sample": record.opened.get("sample")} if getattr(analysis, "takes_sample", False) else {}
    for values, group in rows.groupby(axes, sort=False, dropna=False) if axes else [((), rows)]:
        yield analysis.dataset(
            {role: _samples(group[role].to_numpy(), record) for role in mapping["columns"]},
            {axis: float(value) for axis, value in zip(axes, values, strict=True)},  # type: ignore[arg-type]
            name=record.folder.path.name,
            simulated=record.simulated,
            **beside,
        )


def _samples(cells: np.ndarray, record: RunRecord) -> np.ndarray:
    """Return the numbers of cells; of arrays, or of cells that name some, all samples one after the other."""
    if cells.dtype != object:
        return cells.astype(float)
    try:
        arrays = [record.arrays[cell] if isinstance(cell, str) else cell for cell in cells]
    except KeyError as error:
        raise DataError(f"{record.folder.arrays}: there is no {error}, which a row names: damaged") from None
    return np.concatenate([np.asarray(array, float) for array in arrays])


def _datasets_of_file(analysis: Analysis, path: Path, specs: Sequence[ColumnSpec]) -> Iterator[Any]:
    if is_hdf5(path):
        if not {"delay", "signal"} <= set(analysis.columns):
            raise DataError(f"{path}: this is HDF5 (dotTHz?), which the analysis '{analysis.kind}' does not read")
        for name, table in read_dotthz_tables(path):
            yield analysis.dataset(table.columns, table.header, name=name, simulated=False)
        return
    units = {**analysis.columns, **analysis.axes}
    for table in read_table(path, specs, axes=analysis.axes, units=units):
        yield analysis.dataset(table.columns, table.header, name=path.name, simulated=False)


def analysis_of(record: RunRecord) -> dict[str, Any]:
    """Return what a run says of its analysis: kind, columns, axes, settings.

    Raises
    ------
    DataError
        If its procedure names none.
    """
    try:
        return record.opened["analysis"]
    except KeyError:
        raise DataError(f"{record.folder.path}: the procedure of this run names no analysis") from None


def _settings_of_runs(records: Iterable[RunRecord], but: Sequence[str] = ()) -> dict[str, Any]:
    """Return the settings that the runs know, but for some; those that disagree must be said by the user.

    A value that the user says comes before what a sample file knows of it at several temperatures, ``NAME_at``, too.
    """
    settings: dict[str, Any] = {}
    said = {*but, *(f"{name}_at" for name in but)}
    for record in records:
        for name, value in analysis_of(record)["settings"].items():
            if name not in said and settings.setdefault(name, value) != value:
                raise UsageError(
                    f"{record.folder.path}: the runs disagree on {name} ({settings[name]} and {value});"
                    f" reduce them apart, or give --set {name}=VALUE"
                )
    return settings


def _provenance(records: Sequence[RunRecord]) -> dict[str, str]:
    opened = records[0].opened
    return {
        "runs": ", ".join(record.folder.run_id for record in records),
        "status": ", ".join(sorted({record.status for record in records})),
        "sample": f"{opened['sample']['name']}: {opened['sample']['description']}",
        "station": f"{opened['station']['config']['station']['name']} ({opened['station']['spec']})",
        "operator": opened["operator"],
        "measured with": ", ".join(f"{name} {number}" for name, number in opened["versions"].items()),
    }


def _tables(result: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    results = [[name, pretty(v["value"], v["sigma"], v["unit"]), *_beside(v)] for name, v in result["results"].items()]
    with_truth = any("truth" in v for v in result["results"].values())
    tables = [("Results", ["", "value", *(["truth", "pull"] if with_truth else [])], results)]
    rows = rows_of(result)
    if rows:
        names = value_names(rows)
        first, labels = row_label(rows)
        cells = [[label, *(_shown(row.get(name)) for name in names)] for label, row in zip(labels, rows, strict=True)]
        tables.append(("Spectra" if "spectra" in result else "Scans", [first, *names], cells))
    budget = result.get("details", {}).get("budget")
    return [*tables, _budget(budget, result["results"])] if budget else tables


def _budget(
    budget: Mapping[str, Mapping[str, float]], results: Mapping[str, Any]
) -> tuple[str, list[str], list[list[str]]]:
    """Return the table of what each input alone would give, the inputs that matter most first."""
    shares = {
        name: {source: abs(part / results[name]["value"]) for source, part in parts.items()}
        for name, parts in budget.items()
        if results[name]["value"]
    }
    largest: dict[str, float] = {}
    for parts in shares.values():
        for source, share in parts.items():
            largest[source] = max(share, largest.get(source, 0.0))
    sources = sorted(largest, key=lambda source: -largest[source])
    cells = [
        [name, *(f"{100 * share:.2g}" if (share := parts.get(source, 0.0)) > NO_SHARE else "" for source in sources)]
        for name, parts in shares.items()
    ]
    return "Uncertainty budget: what each input alone would give, in % of the value", ["", *sources], cells


def _shown(value: Mapping[str, Any] | None) -> str:
    return "" if value is None else pretty(value["value"], value["sigma"], value["unit"])


def _beside(value: Mapping[str, Any]) -> list[str]:
    if "truth" not in value:
        return []
    pull = "" if value["pull"] is None else f"{value['pull']:+.2f}"
    return [pretty(value["truth"], None, value["unit"]), pull]
