"""Turns what pydantic found wrong in a file into one line."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

__all__ = ["explain"]


def explain(path: Path | str, error: ValidationError, table: str = "") -> str:
    """Return one line that names the file, the table, the key, what stands there and what is wrong with it."""
    first = error.errors(include_url=False)[0]
    keys = [str(part) for part in first["loc"]]
    where = ".".join([*([table] if table else []), *keys[:-1]])
    key = keys[-1] if keys else ""
    given = "" if first["type"] == "missing" else f" (given: {first['input']!r})"
    more = f"; {error.error_count() - 1} more like it" if error.error_count() > 1 else ""
    at = f"[{where}] {key}" if where else key
    return f"{path}: {at}: {first['msg']}{given}{more}"
