"""A mark beside the station file while outputs may be on: what is found there later was left by a program that died.

It is a file, not a lock: it outlives the program and the loss of power, and tells the next one to make safe first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sotlab.errors import StationError
from sotlab.instruments.station_lock import this_program

__all__ = ["UseMark"]


class UseMark:
    """The mark of one station.

    Parameters
    ----------
    station : Path
        The station file.
    """

    def __init__(self, station: Path) -> None:
        self.path = station.with_name(f".{station.name}.in-use")

    def read(self) -> dict[str, Any] | None:
        """Return what was left (``roles``, ``since``, ``program``, ``run``), None if nothing was."""
        try:
            told = json.loads(self.path.read_text(encoding="utf-8"))
            return {"roles": [str(role) for role in told["roles"]], **told}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return {"roles": None, "since": "unknown", "program": "unknown", "run": ""}  # torn: all that there are

    def set(self, roles: Iterable[str], run: str) -> None:
        """Say that the outputs of ``roles`` may be on from now on.

        Raises
        ------
        StationError
            If the mark cannot be written: after a loss of power nobody would know.
        """
        mark = {"roles": list(roles), "run": run, **this_program()}
        try:
            with open(self.path, "w", encoding="utf-8") as file:
                file.write(json.dumps(mark))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StationError(
                f"{self.path}: the mark that outputs are on cannot be written ({error.strerror}); without it nobody"
                f" would make them safe after a loss of power. Make the station file's folder writable"
            ) from error

    def clear(self) -> None:
        """Say that all outputs are in their safe state."""
        self.path.unlink(missing_ok=True)
