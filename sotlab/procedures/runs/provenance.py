"""Where a result comes from: rows, calibrations, versions, station, and the state of the code."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sotlab.errors import RunError
from sotlab.procedures.runs.catalog import index
from sotlab.procedures.runs.facts import Quantity, at, read_events, read_facts
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.notes import operator
from sotlab.procedures.runs.stored_results import load_results, results_files, store_results

__all__ = ["code_state", "describe_input", "keep_results", "loaded_code", "made_of", "sha256_of", "trace"]

PACKAGES = ("sotlab", "pymeasure", "numpy", "scipy", "pandas")
#: A git that waits for anything is not waited for [s].
GIT_S = 5.0


def keep_results(inputs: Sequence[Path], reduction: Mapping[str, Any]) -> list[Path]:
    """Store a reduction in the folder of each run that it was made from, beside what is there.

    Parameters
    ----------
    inputs : sequence of Path
        The run folders and other files that were reduced; only run folders keep the results.
    reduction : mapping
        The reduction as JSON has it; ``provenance`` is added.

    Returns
    -------
    list of Path
        The files written: ``results.json`` in a run that had none, ``results-2.json`` in one that had.

    Raises
    ------
    RunError
        If an input cannot be read any more, or a file cannot be written.
    """
    provenance = made_of(inputs)
    written = []
    for path in inputs:
        if path.is_dir():
            written.append(store_results(path, {**reduction, "provenance": provenance}))
            index(path)
    return written


def made_of(inputs: Sequence[Path]) -> dict[str, Any]:
    """Return when, by whom, with which code and of what a reduction is made now.

    Raises
    ------
    RunError
        If an input cannot be read.
    """
    return {
        "made": datetime.now().astimezone().isoformat(timespec="seconds"),
        "by": operator(),
        "versions": _versions(),
        "code": loaded_code(),
        "inputs": [describe_input(path) for path in inputs],
    }


def describe_input(path: Path) -> dict[str, Any]:
    """Return what an input of an analysis is, so that it can be told whether it has changed since.

    For a run: its rows with their checksum, station, sample, calibrations, versions and code; for any other file its
    checksum.

    Raises
    ------
    RunError
        If it cannot be read.
    """
    if not path.is_dir():
        return {"file": path.name, "sha256": sha256_of(path)}
    folder, facts, opened = RunFolder.open(path), read_facts(path), _opened(path)
    return {
        "run": facts.run,
        "folder": path.resolve().name,
        "procedure": _text(opened.get("procedure")) or facts.procedure,
        "status": facts.status,
        "sample": facts.sample,
        "device": facts.device,
        "simulated": facts.simulated,
        "rows": {
            "file": folder.data.name,
            "rows": facts.rows,
            "sha256": sha256_of(folder.data) if folder.data.exists() else None,
        },
        "station": {
            "name": facts.station,
            "spec": _text(at(opened, "station", "spec")),
            "sha256": _digest(at(opened, "station", "config")),
            "identities": at(opened, "station", "identities") or {},
        },
        "calibrations": calibrations_of(opened),
        "versions": opened.get("versions") or {},
        "code": opened.get("code"),
        "resumed": [
            {name: event.get(name) for name in ("wall", "rows", "operator", "versions", "code")}
            for event in _events_of(path)
            if event["event"] == "run_resume"
        ],
    }


def trace(path: Path) -> dict[str, Any]:
    """Return all that is known of a run and of each of its results; what is damaged is said so.

    Each file of results has ``rows_changed``: True if the run's rows are no longer those that it was made from, None
    if it does not say which those were.

    Raises
    ------
    RunError
        If ``path`` is no run folder.
    """
    facts = read_facts(path)
    described = describe_input(path)
    results = []
    for file in results_files(path):
        try:
            content = load_results(file)
        except RunError as error:
            results.append({"file": file.name, "problem": str(error)})
            continue
        results.append(_result(file, content, facts.run, described["rows"]["sha256"]))
    return {
        **described,
        "folder": str(path),
        "operator": facts.operator,
        "started": facts.started,
        "ended": facts.ended,
        "problem": facts.problem or None,
        "parameters": {name: _parameter(quantity) for name, quantity in facts.parameters.items()},
        "tags": list(facts.tags),
        "notes": [vars(note) for note in facts.notes],
        "events": _events(path),
        "results": results,
    }


def calibrations_of(opened: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the calibrations that a run was measured with, each whole, with its role and checksum."""
    found = at(opened, "station", "calibrations")
    listed: list[dict[str, Any]] = []
    for role, entries in found.items() if isinstance(found, Mapping) else ():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping):
                listed.append({**entry, "role": role, "sha256": _digest(entry)})
    return listed


@functools.cache
def loaded_code() -> dict[str, Any]:
    """Return :func:`code_state` as it was when this program first asked: that is the code which it runs."""
    return code_state()


def code_state() -> dict[str, Any]:
    """Return the version of sotlab and, where it runs from a checkout, the commit and whether files were changed.

    ``commit`` and ``dirty`` are None where there is no checkout, or no git to ask.
    """
    package = Path(__file__).resolve().parents[2]
    state: dict[str, Any] = {"sotlab": version("sotlab"), "commit": None, "dirty": None}
    # A virtual environment may lie inside somebody else's repository: that the file is tracked shows whose it is.
    if _git(package, "ls-files", "--error-unmatch", "clock.py") is None:
        return state
    commit, changes = _git(package, "rev-parse", "HEAD"), _git(package, "status", "--porcelain", "--", ".")
    return state | {"commit": commit, "dirty": None if changes is None else bool(changes)}


def sha256_of(path: Path) -> str:
    """Return a file's checksum.

    Raises
    ------
    RunError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from error


def _result(file: Path, content: Mapping[str, Any], run: str, rows_sha256: str | None) -> dict[str, Any]:
    inputs = at(content, "provenance", "inputs")
    inputs = [one for one in inputs if isinstance(one, Mapping)] if isinstance(inputs, list) else []
    then = next((at(one, "rows", "sha256") for one in inputs if one.get("run") == run), None)
    return {
        "file": file.name,
        "kind": _text(content.get("kind")),
        "results": content["results"],
        "flags": content.get("flags") or [],
        "settings": content.get("settings") or {},
        "made": _text(at(content, "provenance", "made")),
        "code": at(content, "provenance", "code"),
        "versions": at(content, "provenance", "versions"),
        "inputs": [_text(one.get("run") or one.get("file")) for one in inputs] or content.get("inputs") or [],
        "rows_changed": None if then is None else then != rows_sha256,
    }


def _events(path: Path) -> list[dict[str, Any]]:
    """Return what happened in the run, without the long lists of its plan."""
    return [
        {
            key: value
            for key, value in event.items()
            if not isinstance(value, dict | list) or event["event"] != "run_open"
        }
        for event in _events_of(path)
        if event["event"] != "plan_extend"
    ]


def _opened(path: Path) -> Mapping[str, Any]:
    return next((event for event in _events_of(path) if event["event"] == "run_open"), {})


def _events_of(path: Path) -> list[dict[str, Any]]:
    """Return the journal's lines; none if it is damaged, which :func:`read_facts` says."""
    try:
        return read_events(RunFolder.open(path))
    except RunError:
        return []


def _parameter(quantity: Quantity) -> dict[str, Any]:
    return {"value": quantity.text if quantity.value is None else quantity.value, "unit": quantity.unit}


def _versions() -> dict[str, str]:
    versions = {"python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _digest(tree: Any) -> str | None:
    """Return the checksum of a tree of plain values, however its keys are ordered."""
    if tree is None:
        return None
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _git(folder: Path, *arguments: str) -> str | None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=GIT_S,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
