"""A text file that is only appended to: flushed at each write, on the disk within a second."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from sotlab.errors import RunError

__all__ = ["DurableFile"]

#: At power loss, at most what was written in this time is lost [s].
SYNC_S = 0.8


class DurableFile:
    """Appends text, flushes each write to the operating system, and syncs to the disk within ``SYNC_S``.

    A ``flush`` survives the death of the process, an ``fsync`` the loss of power; the second is a thousand times
    dearer, so a thread of its own does it, while there is something to sync.

    Raises
    ------
    RunError
        From every method, if the file cannot be written: the message names it and the reason.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = open(path, "a", encoding="utf-8", newline="")
        except OSError as error:
            raise RunError(f"{path}: cannot be written: {error.strerror}") from error
        self._failure: OSError | None = None
        self._dirty = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._sync, name=f"sync {path.name}", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Append ``text`` and flush it."""
        if self._failure is not None:
            raise RunError(f"{self.path}: the disk refused what was written: {self._failure.strerror}")
        try:
            self._file.write(text)
            self._file.flush()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise RunError(f"{self.path}: cannot be written: {reason}; free the disk, or use another folder") from error
        self._dirty.set()

    def close(self) -> None:
        """Sync and close; a second call does nothing."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._dirty.set()
        self._thread.join()
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path}: cannot be closed: {error}") from error

    def _sync(self) -> None:
        while not self._closed.is_set():
            self._dirty.wait()
            if self._closed.wait(SYNC_S):
                return
            self._dirty.clear()
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                self._failure = error
                return
