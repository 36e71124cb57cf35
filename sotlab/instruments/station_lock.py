"""Keeps two programs off one bench: a lock for each instrument's address, with a note of who has it and since when.

The locks are for this computer: two computers on one GPIB-LAN gateway do not see each other's.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from sotlab.errors import StationError

__all__ = ["StationLock", "this_program"]


class StationLock:
    """The locks of all addresses of one station.

    Parameters
    ----------
    station : str
        Name of the station file, for the note that others are shown.
    addresses : iterable of str
        VISA resource names.
    folder : Path, optional
        Where the lock files are: the same for every program on this computer.

    Raises
    ------
    StationError
        If another program, or another part of this one, has an address; it is named, with since when.
    """

    def __init__(self, station: str, addresses: Iterable[str], folder: Path | None = None) -> None:
        folder = Path(tempfile.gettempdir()) / "sotlab-locks" if folder is None else folder
        self._locks: list[FileLock] = []
        self._notes: list[Path] = []
        try:
            _make_shared(folder)
            for address in sorted({_canonical(address) for address in addresses}):
                self._take(station, address, folder)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give all addresses back."""
        for note in self._notes:
            note.unlink(missing_ok=True)
        for lock in self._locks:
            lock.release()
        self._locks, self._notes = [], []

    def _take(self, station: str, address: str, folder: Path) -> None:
        name = re.sub(r"[^A-Za-z0-9.]+", "-", address)
        lock, note = FileLock(folder / f"{name}.lock", timeout=0, mode=0o666), folder / f"{name}.json"
        try:
            lock.acquire()
        except Timeout:
            raise StationError(f"{station}: {address} is in use{_by_whom(note)}; stop that program first") from None
        except OSError as error:
            raise StationError(
                f"{station}: {folder / name}.lock cannot be locked ({error.strerror}); it keeps two programs off one"
                f" instrument"
            ) from error
        self._locks.append(lock)
        # Beside the lock, not in it: a locked file cannot be read on Windows.
        note.write_text(json.dumps({"pid": os.getpid(), "station": station, **this_program()}), encoding="utf-8")
        self._notes.append(note)


def this_program() -> dict[str, str]:
    """Return what others are told of this program: its command line, and that it has something since now."""
    return {
        "program": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _make_shared(folder: Path) -> None:
    """Make the folder of the locks, open to every user of this computer."""
    if not folder.is_dir():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)
        except OSError as error:
            raise StationError(
                f"the folder of the station's locks, {folder}, cannot be made: {error.strerror}"
            ) from error


def _canonical(address: str) -> str:
    return address.strip().upper()


def _by_whom(note: Path) -> str:
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
        return f" by {told['program']} (process {told['pid']}, {told['station']}) since {told['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # it has just been taken, or by a program that left no note
