"""Models by name: finds them, reads their settings, and stores what they say."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from sotlab.analysis.models.chunks import Work
from sotlab.analysis.models.model import Array, Model, ModelResult
from sotlab.analysis.values import Value, plain
from sotlab.errors import RunError, StationError, UsageError
from sotlab.instruments.installed import load_class
from sotlab.instruments.validation import explain
from sotlab.procedures.runs.settings import parse_settings, unit_of

__all__ = ["compute_model", "describe_models", "find_model", "write_model"]

GROUP = "sotlab.models"


def find_model(name: str) -> Model:
    """Return the model called ``name``: an entry point, ``module:Class`` or ``file.py:Class``.

    Raises
    ------
    UsageError
        If there is none: those that there are, are named.
    """
    try:
        return load_class(GROUP, name, "model")()
    except StationError as error:
        raise UsageError(str(error)) from error


def compute_model(
    name: str, settings: Mapping[str, str], work: Work | None = None, kept_in: Path | None = None
) -> ModelResult:
    """Compute the model ``name`` with settings given as text with units, lists with commas.

    Parameters
    ----------
    name : str
        The model.
    settings : mapping of str to str
        Its settings; the others have their defaults.
    work : Work, optional
        Executor, progress, cancelling.
    kept_in : Path, optional
        A folder of :func:`write_model`: what it has for the same settings and version is read, not computed again.

    Raises
    ------
    UsageError
        If there is no such model or setting, or a value is not allowed.
    """
    model = find_model(name)
    parsed = parse_settings(model.settings, settings, f"model '{name}'")
    try:
        chosen = model.settings.model_validate(parsed)
    except ValidationError as error:
        raise UsageError(explain(f"model {name}", error)) from error
    kept = _read_model(kept_in, model.name, plain(chosen.model_dump())) if kept_in is not None else None
    return kept or model.run(chosen, work or Work())


def describe_models() -> list[dict[str, Any]]:
    """Return every installed model with its settings, their units and defaults."""
    described = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        model = find_model(entry.name)
        settings = [
            {
                "name": key,
                "default": each.default,
                "unit": unit_of(each),
                "description": each.description or "",
            }
            for key, each in model.settings.model_fields.items()
        ]
        described.append({"name": entry.name, "title": model.title, "settings": settings})
    return described


def write_model(folder: Path, result: ModelResult) -> list[Path]:
    """Write values, settings and flags as ``NAME-KEY.json`` and arrays as ``NAME-KEY.npz``; return both.

    KEY stands for the settings, so that a folder keeps the results of several.

    Raises
    ------
    RunError
        If they cannot be written.
    """
    text, arrays = _files(folder, result.model, plain(result.settings))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        told = {**result.to_json(with_arrays=False), "version": version("sotlab")}
        told["arrays"] = {name: {"unit": array.unit, "axes": list(array.axes)} for name, array in result.arrays.items()}
        text.write_text(json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        np.savez_compressed(arrays, allow_pickle=False, **{name: each.values for name, each in result.arrays.items()})
    except OSError as error:
        raise RunError(f"{folder}: the model's result cannot be written: {error.strerror}") from error
    return [text, arrays]


def _read_model(folder: Path, name: str, settings: dict[str, Any]) -> ModelResult | None:
    """Return what :func:`write_model` wrote for the same settings and version; None if there is no such thing."""
    text, arrays_file = _files(folder, name, settings)
    try:
        told = json.loads(text.read_text(encoding="utf-8"))
        if (told["settings"], told["version"], told["schema"]) != (settings, version("sotlab"), ModelResult.schema):
            return None
        with np.load(arrays_file, allow_pickle=False) as stored:
            arrays = {
                key: Array(stored[key], each["unit"], tuple(each["axes"])) for key, each in told["arrays"].items()
            }
        values = {key: Value(**value) for key, value in told["results"].items()}
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None  # not there, or torn: it is computed again
    return ModelResult(name, values, arrays, told["flags"], told["settings"])


def _files(folder: Path, name: str, settings: dict[str, Any]) -> tuple[Path, Path]:
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    return folder / f"{name}-{key}.json", folder / f"{name}-{key}.npz"
