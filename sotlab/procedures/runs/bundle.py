"""Bundles runs for a deposit: raw files, calibrations, versions, tables of runs and panels, checksums, a README."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sotlab.errors import RunError, SotlabError
from sotlab.instruments.calibration import Calibration
from sotlab.procedures.runs.bundle_readme import readme
from sotlab.procedures.runs.export_tables import CSV
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.panels import panels_of
from sotlab.procedures.runs.provenance import calibrations_of, code_state, sha256_of, trace
from sotlab.procedures.runs.reduce import Outcome, reduce_runs, write_page
from sotlab.procedures.runs.run_data import RunData, load_run
from sotlab.procedures.runs.stored_results import store_results

__all__ = ["MANIFEST", "Contents", "make_bundle"]

MANIFEST = "manifest-sha256.txt"


@dataclass
class Contents:
    """What a bundle holds, for its README.

    Attributes
    ----------
    traces : list of dict
        As :func:`sotlab.procedures.runs.provenance.trace` tells each run.
    runs : list of RunData
        Those whose rows can be read.
    outcomes : dict of str to Outcome
        By analysis and sample: its runs, reduced together.
    panels : list of (file, what it shows)
    problems : list of str
        What could not be taken in, and why.
    """

    title: str
    code: dict[str, Any] = field(default_factory=code_state)
    traces: list[dict[str, Any]] = field(default_factory=list)
    runs: list[RunData] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    panels: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def make_bundle(folders: Sequence[Path], target: Path, title: str = "") -> Contents:
    """Write a bundle of runs: a folder, or a zip file if ``target`` ends so.

    ``raw/`` has the runs' folders as they are, ``tables/`` the rows of each as plain CSV, ``calibrations/`` what the
    station used, ``results/`` the runs of one analysis and sample reduced together, with a report and a CSV for each
    of its panels; ``provenance.json``, ``README.md`` and ``manifest-sha256.txt`` tell of all.

    Raises
    ------
    RunError
        If the target is there already, a folder is no run, or the bundle cannot be written.
    """
    target = target.absolute()
    if target.exists():
        raise RunError(f"{target}: is there already; name another with --out")
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        raise RunError(f"{next(name for name in names if names.count(name) > 1)}: this run is named twice")
    work = target.parent / f".{secrets.token_hex(4)}"
    contents = Contents(title or (target.stem if target.suffix == ".zip" else target.name))
    try:
        work.mkdir(parents=True)
        _fill(work, folders, contents)
        (work / "README.md").write_text(readme(contents), encoding="utf-8")
        _write_manifest(work)
        if target.suffix.lower() == ".zip":
            _zip(work, target)
        else:
            os.replace(work, target)
    except OSError as error:
        raise RunError(f"{target}: the bundle cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return contents


def _fill(work: Path, folders: Sequence[Path], contents: Contents) -> None:
    for part in ("raw", "tables", "calibrations", "results"):
        (work / part).mkdir()
    calibrations: dict[str, Calibration | dict[str, Any]] = {}
    for folder in folders:
        contents.traces.append(trace(folder))
        _copy(folder, work / "raw" / folder.resolve().name)
        try:
            run = load_run(folder)
        except SotlabError as error:
            contents.problems.append(str(error))
            continue
        contents.runs.append(run)
        CSV.write(work / "tables" / f"{run.name}.csv", run)
        calibrations |= {one["sha256"]: one for one in calibrations_of(run.opened)}
    for one in calibrations.values():
        _write_calibration(work / "calibrations", dict(one), contents)
    _reduce(work / "results", folders, contents)
    text = json.dumps({"code": contents.code, "runs": contents.traces}, ensure_ascii=False, indent=1, default=str)
    (work / "provenance.json").write_text(text + "\n", encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    """Copy a run's files as they are; a link could lead anywhere and is left out, as are locks and the like."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def _write_calibration(folder: Path, one: dict[str, Any], contents: Contents) -> None:
    checksum = one.pop("sha256")
    try:
        Calibration.model_validate(one).write(folder)
    except ValidationError:  # of another version: kept as the run has it
        (folder / f"calibration-{checksum[:12]}.json").write_text(json.dumps(one, indent=1) + "\n", encoding="utf-8")
        contents.problems.append(f"calibration-{checksum[:12]}.json is of another version than this sotlab reads")


def _reduce(results: Path, folders: Sequence[Path], contents: Contents) -> None:
    """Reduce the runs of one analysis and sample together, and write results, report and panels."""
    by_name = {folder.resolve().name: folder for folder in folders}
    groups: dict[tuple[str, ...], list[RunFolder]] = {}
    for run in contents.runs:
        analysis = run.opened.get("analysis")
        if isinstance(analysis, dict) and run.rows:
            of = (str(analysis.get("kind")), run.about["sample"], run.about["device"])
            groups.setdefault(of, []).append(RunFolder.open(by_name[run.name]))
    for number, ((kind, *sample), runs) in enumerate(groups.items(), start=1):
        name = " ".join(filter(None, [kind, *sample]))
        try:
            outcome = reduce_runs(runs)
        except SotlabError as error:
            contents.problems.append(f"{name}: not reduced: {error}")
            continue
        folder = results / f"{number:02d}-{_file_name(name)}"
        folder.mkdir()
        store_results(folder, outcome.json)
        write_page(folder / "report.html", outcome)
        contents.outcomes[name] = outcome
        _write_panels(folder, kind, outcome, contents)


def _write_panels(folder: Path, kind: str, outcome: Outcome, contents: Contents) -> None:
    plots = next((entry.load() for entry in entry_points(group="sotlab.plots", name=kind)), None)
    drawn = plots(outcome.reduction.parts, outcome.json) if plots else []
    number = 0
    for caption, figure in drawn:
        for panel in panels_of(figure):
            number += 1
            path = folder / f"panel-{number:03d}-{_file_name(caption)}.csv"
            panel.write(path, f"SIMULATED: {outcome.json['simulated']}; {caption}")
            contents.panels.append((f"results/{folder.name}/{path.name}", f"{caption}: {panel.title}".rstrip(": ")))


def _write_manifest(work: Path) -> None:
    """Write the checksum of every file, as ``sha256sum -c`` takes it."""
    files = sorted(path for path in work.rglob("*") if path.is_file())
    lines = [f"{sha256_of(path)}  {path.relative_to(work).as_posix()}\n" for path in files]
    (work / MANIFEST).write_text("".join(lines), encoding="utf-8", newline="\n")


def _zip(work: Path, target: Path) -> None:
    partial = target.parent / f".{secrets.token_hex(4)}.zip"
    try:
        with zipfile.ZipFile(partial, "x", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(work.rglob("*")):
                if path.is_file():
                    archive.write(path, f"{target.stem}/{path.relative_to(work).as_posix()}")
        os.replace(partial, target)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[:60]
