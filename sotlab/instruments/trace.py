"""All traffic of a station with its instruments, as a file that can be read, searched and replayed.

One JSON object a line: ``{"t": bench time [s], "wall": UTC, "role", "resource", "direction", "text" or "base64"}`` with
the direction ``open`` (the text is what ends a reply), ``write``, ``read`` or ``error``. A message as text stands
without what ends it, one as bytes as it came. The virtual lab replays such a file: ``TRACE.jsonl@sotlab``.
"""

from __future__ import annotations

import base64
import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from sotlab.errors import StationError

__all__ = ["Trace"]


class Trace:
    """An open trace file; lines of several threads do not mix.

    Parameters
    ----------
    path : Path
        The file; it is begun anew.

    Raises
    ------
    StationError
        If it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self._file: IO[str] = path.open("w", encoding="utf-8")
        except OSError as error:
            raise StationError(f"trace file '{path}' cannot be written: {error.strerror}") from error

    def write(self, time_s: float, role: str, resource: str, direction: str, content: str | bytes) -> None:
        """Write one message, flushed, so that a killed program leaves what it said."""
        entry: dict[str, Any] = {
            "t": round(time_s, 6),
            "wall": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "role": role,
            "resource": resource,
            "direction": direction,
        }
        if isinstance(content, bytes):
            entry["base64"] = base64.b64encode(content).decode("ascii")
        else:
            entry["text"] = content
        with self._lock:
            self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
