"""Run files of other programs as run folders: found, listed, analysed and passed on beside runs of our own.

The original file is kept in the folder with its checksum. No name in it is imported, nothing in it is run.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from pymeasure.experiment import Procedure

from sotlab.errors import DataError, RunError, UsageError
from sotlab.instruments.validation import explain
from sotlab.parameters import Metadata
from sotlab.procedures.runs.catalog import Catalog, index
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.foreign import ColumnSpec, read_table
from sotlab.procedures.runs.journal import Journal
from sotlab.procedures.runs.mapping import Mapping
from sotlab.procedures.runs.notes import operator
from sotlab.procedures.runs.provenance import code_state, sha256_of
from sotlab.procedures.runs.recorder import RunResults
from sotlab.procedures.runs.reduce import find_analysis
from sotlab.procedures.runs.run_data import split_label
from sotlab.procedures.runs.scan import SCHEMA
from sotlab.units import parse_quantity

__all__ = ["ORIGINAL", "ImportedTable", "import_file"]

#: Folder in the run's folder where the original file is kept.
ORIGINAL = "original"

#: Lines at the beginning of a file in which patterns are looked for.
HEADER_LINES = 1000

_MARKED = re.compile(r"SIMULATED\W*(true|yes|1)\b", re.IGNORECASE)


class ImportedTable(Procedure):
    """Stands for what another program measured; it cannot be run."""

    DATA_COLUMNS = ("Index",)  # each import has its own

    simulated: Any = Metadata("SIMULATED", default="unknown")
    run_id: Any = Metadata("Run", default="none")
    sample_name: Any = Metadata("Sample name", default="unknown")
    source: Any = Metadata("Imported from", default="unknown")
    original: Any = Metadata("Original file", default="unknown")
    original_sha256: Any = Metadata("Original SHA-256", default="unknown")
    schema: Any = Metadata("Schema", default=SCHEMA)
    version: Any = Metadata("sotlab version", default=version("sotlab"))


@dataclass(frozen=True)
class _Content:
    """What a file holds: columns by label, and what is the same for all rows as (label, value, unit) by name."""

    columns: dict[str, np.ndarray]
    constants: dict[str, tuple[str, float, str]]
    analysis: dict[str, Any] | None
    sample: str
    device: str
    operator: str
    measured: str
    simulated: bool


def import_file(path: Path, mapping_file: Path, out: Path, again: bool = False) -> Path:
    """Import a run file and return its run folder.

    Parameters
    ----------
    path : Path
        The file of another program: any text table.
    mapping_file : Path
        What stands where in it (:class:`sotlab.procedures.runs.mapping.Mapping`).
    out : Path
        The folder of runs.
    again : bool
        Import it even though it was imported before.

    Raises
    ------
    DataError
        If the file cannot be read, or lacks what the mapping says; nothing is left behind.
    UsageError
        If the mapping is wrong, or the file was imported before.
    RunError
        If the run folder cannot be written.
    """
    mapping = Mapping.load(mapping_file)
    content = _read(path, mapping)
    checksum = sha256_of(path)
    if not again:
        _check_new(path, checksum, out)
    folder = RunFolder.create(out, mapping.procedure, content.sample)
    try:
        _write(folder, path, checksum, mapping, mapping_file, content)
    except BaseException as error:
        shutil.rmtree(folder.path, ignore_errors=True)  # the original is where it was: half an import is of no use
        if isinstance(error, OSError):
            raise RunError(f"{folder.path}: cannot be written: {error.strerror}; free the disk") from error
        raise
    index(folder.path)
    return folder.path


def _read(path: Path, mapping: Mapping) -> _Content:
    analysis = find_analysis(mapping.analysis) if mapping.analysis else None
    roles: dict[str, str] = {} if analysis is None else {**analysis.columns, **analysis.axes}
    labels = {name: _label(name, entry.label, roles) for name, entry in {**mapping.columns, **mapping.header}.items()}
    _check_labels(mapping, labels, analysis)
    units = {name: split_label(label)[1] for name, label in labels.items()} | roles
    specs = [ColumnSpec(name, entry.column, entry.unit) for name, entry in mapping.columns.items()]
    unsaid = [] if analysis is None else [axis for axis in analysis.axes if axis not in labels]
    tables = read_table(path, specs, axes=unsaid, units=units)
    header = _header(path)
    constants = {
        name: (labels[name], rule.number(path, header, name, units[name]), units[name])
        for name, rule in mapping.header.items()
    }
    for axis, value in tables[0].header.items():  # what the file's own header says, as read_table understands it
        constants[axis] = (_label(axis, None, roles), value, roles[axis])
    columns = {labels[name]: tables[0].columns[name] for name in mapping.columns}
    return _Content(
        columns,
        constants,
        _analysis(mapping, analysis, {name: labels[name] for name in mapping.columns}, constants),
        mapping.sample.find(path, header, "sample"),
        mapping.device.find(path, header, "device"),
        mapping.operator.find(path, header, "operator"),
        mapping.measured.moment(path, header) if mapping.measured else "",
        mapping.simulated or any(_MARKED.search(line) for line in header),
    )


def _label(name: str, label: str | None, roles: MappingType[str, str]) -> str:
    unit = roles.get(name)
    if label is None:
        if unit is None:
            raise UsageError(
                f"mapping: '{name}' is no column of the analysis ({', '.join(roles) or 'none is named'}); give it a"
                f' label, as in label = "Temperature (K)"'
            )
        return f"{name.replace('_', ' ').capitalize()} ({unit})" if unit else name.replace("_", " ").capitalize()
    if unit is not None and split_label(label)[1] != unit:
        raise UsageError(f"mapping: '{name}': the label '{label}' must have the analysis' unit, ({unit})")
    return label


def _check_labels(mapping: Mapping, labels: MappingType[str, str], analysis: Any) -> None:
    for name in mapping.header:
        if name in mapping.columns:
            raise UsageError(f"mapping: '{name}' is a column and in [header]; say one")
    repeated = [label for label in labels.values() if list(labels.values()).count(label) > 1]
    if repeated:
        raise UsageError(f"mapping: two columns are called '{repeated[0]}'; give one another label")
    missing = [] if analysis is None else [name for name in analysis.columns if name not in mapping.columns]
    if missing:
        raise UsageError(f"mapping: [columns] does not say which column is '{missing[0]}'")
    try:
        Procedure.parse_columns(list(labels.values()))
    except ValueError as error:
        raise UsageError(f"mapping: {error}") from error


def _analysis(
    mapping: Mapping, analysis: Any, columns: MappingType[str, str], constants: MappingType[str, Any]
) -> dict[str, Any] | None:
    if analysis is None:
        if mapping.settings:
            raise UsageError('mapping: [settings] are those of an analysis; say which, as in analysis = "stfmr"')
        return None
    settings: dict[str, Any] = {}
    for name, given in mapping.settings.items():
        declared = analysis.settings.model_fields.get(name)
        if declared is not None and isinstance(given, str):
            settings[name] = parse_quantity(given, (declared.json_schema_extra or {}).get("unit"))
        else:
            settings[name] = given
    try:
        analysis.settings.model_validate(settings)
    except ValidationError as error:
        raise UsageError(explain(f"mapping: analysis {analysis.kind}", error, "settings")) from error
    labels = {**columns, **{name: label for name, (label, _, _) in constants.items()}}
    return {
        "kind": mapping.analysis,
        "columns": {role: labels[role] for role in analysis.columns},
        "axes": {axis: labels[axis] for axis in analysis.axes if axis in labels},
        "settings": settings,
    }


def _header(path: Path) -> list[str]:
    """Return the first lines of the file, as text in whichever encoding."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = raw.decode("utf-16", "replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
    return re.split(r"\r\n|\r|\n", text, maxsplit=HEADER_LINES)[:HEADER_LINES]


def _check_new(path: Path, checksum: str, out: Path) -> None:
    if not out.is_dir():
        return
    with Catalog(out) as catalog:
        catalog.refresh()
        found = catalog.select(
            "folder IN (SELECT folder FROM quantities WHERE name = 'original_sha256' AND text = ?)", [checksum], 1
        )
    if found:
        raise DataError(f"{path}: was imported already, as {found[0]['folder']}; say --again to import it once more")


def _write(
    folder: RunFolder, path: Path, checksum: str, mapping: Mapping, mapping_file: Path, content: _Content
) -> None:
    kept = folder.path / ORIGINAL
    kept.mkdir()
    shutil.copyfile(path, kept / path.name)
    if sha256_of(kept / path.name) != checksum:
        raise DataError(f"{path}: changed while it was copied; import it when it is whole")
    shutil.copyfile(mapping_file, kept / "mapping.toml" if path.name != "mapping.toml" else kept / "mapping-.toml")
    rows = _write_rows(folder, path, checksum, mapping, content)
    journal = Journal(folder.journal, lambda: 0.0)
    try:
        journal.write("run_open", **_opened(folder, path, checksum, mapping, content))
        journal.write("run_close", exit_status="finished", rows=rows, error=None, unsafe=None)
    finally:
        journal.close()


def _write_rows(folder: RunFolder, path: Path, checksum: str, mapping: Mapping, content: _Content) -> int:
    columns = content.columns | {label: None for label, _, _ in content.constants.values()}
    procedure: Any = ImportedTable()
    procedure.DATA_COLUMNS = ["Index", "Repeat", *columns]
    procedure.simulated = str(content.simulated)
    procedure.run_id, procedure.sample_name = folder.run_id, _one_line(content.sample)
    procedure.source, procedure.original = _one_line(mapping.source), _one_line(path.name)
    procedure.original_sha256 = checksum
    procedure.evaluate_metadata()
    results = RunResults(procedure, folder.data, folder.arrays)
    constants = {label: value for label, value, _ in content.constants.values()}
    try:
        for k, values in enumerate(zip(*(column.tolist() for column in content.columns.values()), strict=True)):
            results.write_row({"Index": k, "Repeat": 0, **dict(zip(content.columns, values, strict=True)), **constants})
    finally:
        results.close()
    return results.rows


def _opened(folder: RunFolder, path: Path, checksum: str, mapping: Mapping, content: _Content) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        name: {"name": split_label(label)[0], "value": value, "unit": unit}
        for name, (label, value, unit) in content.constants.items()
    }
    for name, value in (("source", mapping.source), ("original", path.name), ("original_sha256", checksum)):
        parameters[name] = {"name": name, "value": value, "unit": None}
    opened: dict[str, Any] = {
        "schema": SCHEMA,
        "run": folder.run_id,
        "procedure": mapping.procedure,
        "versions": {"sotlab": version("sotlab")},
        "code": code_state(),
        "parameters": parameters,
        "columns": ["Index", "Repeat", *content.columns, *(label for label, _, _ in content.constants.values())],
        "operator": content.operator,
        "simulated": content.simulated,
        "station": {"spec": "imported", "config": {"station": {"name": mapping.source}}, "identities": {}},
        "sample": {"name": content.sample, "description": "", "device": content.device},
        "imported": {
            "by": operator(),
            "file": f"{ORIGINAL}/{path.name}",
            "sha256": checksum,
            "mapping": mapping.model_dump(mode="json"),
        },
    }
    if content.measured:
        opened["measured"] = content.measured
    if content.analysis is not None:
        opened["analysis"] = content.analysis
    return opened


def _one_line(text: str) -> str:
    return " ".join(text.split())
