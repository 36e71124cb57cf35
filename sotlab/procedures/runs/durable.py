"""A file that is only appended to: each write is with the operating system, and on the disk within a second."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from sotlab.errors import RunError

__all__ = ["DurableFile"]

#: At power loss, at most what was written in this time is lost [s].
SYNC_S = 0.8


class DurableFile:
    """Appends whole records, hands each to the operating system at once, and syncs to the disk within ``SYNC_S``.

    What the operating system has survives the death of the process; the loss of power only what was synced, which is a
    thousand times dearer: so a thread of its own does it, while there is something to sync.

    Raises
    ------
    RunError
        From every method, if the file cannot be written: the message names it and the reason. A record that did not
        fit on the disk is taken back, so that the file ends with the last whole one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Unbuffered: nothing of a record can wait in this process, or go to the disk after the record failed.
            self._file = open(path, "ab", buffering=0)
        except OSError as error:
            raise RunError(f"{path}: cannot be written: {error.strerror}") from error
        self.size = self._file.seek(0, os.SEEK_END)
        self._failure: OSError | None = None
        self._dirty = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._sync, name=f"sync {path.name}", daemon=True)
        self._thread.start()

    def write(self, record: str | bytes) -> None:
        """Append one record."""
        if self._failure is not None:
            raise RunError(f"{self.path}: the disk refused what was written: {self._failure.strerror}")
        data = record.encode() if isinstance(record, str) else record
        written = 0
        try:
            while written < len(data):  # a disk that fills takes a part
                written += self._file.write(data[written:] if written else data)
        except (OSError, ValueError) as error:
            self._take_back()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise RunError(f"{self.path}: cannot be written: {reason}; free the disk, or use another folder") from error
        self.size += len(data)
        self._dirty.set()

    def close(self) -> None:
        """Sync and close; a second call does nothing."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._dirty.set()
        self._thread.join()
        try:
            os.fsync(self._file.fileno())
            self._file.close()
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path}: cannot be closed: {error}") from error

    def _take_back(self) -> None:
        try:
            self._file.truncate(self.size)
        except (OSError, ValueError):
            pass  # the reader leaves out a torn record all the same

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
