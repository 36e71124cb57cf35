"""Presets: parameters that were found good, by name, for each procedure; a TOML file beside the runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from sotlab.errors import RunError

__all__ = ["Presets"]

NEW = """\
# Presets of the operator's window: [procedure."name"], values as they are typed. A campaign's set = { ... } takes them.
"""


class Presets:
    """Reads and writes them; each call looks at the file anew, which several windows and an editor may change.

    Parameters
    ----------
    path : Path
        The file; made with the first preset.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self, procedure: str) -> list[str]:
        """Return the presets of a procedure."""
        return list(self._document().get(procedure, {}))

    def load(self, procedure: str, name: str) -> dict[str, str]:
        """Return a preset's values, as they were typed."""
        return {key: str(value) for key, value in self._document()[procedure][name].items()}

    def save(self, procedure: str, name: str, values: Mapping[str, str]) -> None:
        """Write a preset; one of the same name is replaced."""
        document = self._document()
        table = document.setdefault(procedure, tomlkit.table(is_super_table=True))
        preset = tomlkit.table()
        preset.update(values)
        table[name] = preset
        self._write(document)

    def remove(self, procedure: str, name: str) -> None:
        """Take a preset out."""
        document = self._document()
        document[procedure].remove(name)
        self._write(document)

    def _document(self) -> Any:
        if not self.path.is_file():
            return tomlkit.parse(NEW)
        try:
            return tomlkit.parse(self.path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, TOMLKitError) as error:
            raise RunError(f"{self.path}: the presets cannot be read: {error}") from error

    def _write(self, document: Any) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(tomlkit.dumps(document), encoding="utf-8")
        except OSError as error:
            raise RunError(f"{self.path}: the presets cannot be written: {error.strerror}") from error
