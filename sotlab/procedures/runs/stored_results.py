"""The results of a run beside one another: ``results.json``, then ``results-2.json`` and on; none is written over."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sotlab.errors import RunError

__all__ = ["latest_results", "load_results", "results_files", "store_results"]

_NAME = re.compile(r"results(?:-(\d{1,9}))?\.json")


def store_results(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write results under the next free name and return where: the first time ``results.json``.

    Parameters
    ----------
    folder : Path
        The run's folder.
    content : mapping
        The reduction as JSON has it, with its provenance (:func:`sotlab.procedures.runs.provenance.of_results`).

    Raises
    ------
    RunError
        If it cannot be written.
    """
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    there = results_files(folder)
    number = _number(there[-1]) + 1 if there else 1
    while True:
        path = folder / (f"results-{number}.json" if number > 1 else "results.json")
        try:
            with path.open("x", encoding="utf-8") as file:  # two analyses at once take two names
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            number += 1
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink()  # what was written of them is no results
            raise RunError(f"{path}: the results cannot be written: {error.strerror}") from error
        else:
            return path


def results_files(folder: Path) -> list[Path]:
    """Return the files of results, oldest first."""
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(found, key=_number)


def load_results(path: Path) -> dict[str, Any]:
    """Read a file of results.

    Raises
    ------
    RunError
        If it cannot be read, or is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path}: the results cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise RunError(f"{path}: the results are damaged; analyse the run again") from None
    if not isinstance(content, dict) or not isinstance(content.get("results"), dict):
        raise RunError(f"{path}: the results are damaged; analyse the run again")
    return content


def latest_results(folder: Path) -> tuple[dict[str, Any] | None, str]:
    """Return the newest results that can be read, or None, and what is wrong with newer ones, if anything."""
    problem = ""
    for path in reversed(results_files(folder)):
        try:
            return load_results(path), problem
        except RunError as error:
            problem = problem or str(error)
    return None, problem


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match and match[1] else 1
