"""What people add to a run later: notes and tags, in ``notes.jsonl`` of its folder, which is only appended to."""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sotlab.errors import RunError, UsageError

__all__ = ["FILE", "Note", "Notes", "add_note", "add_tags", "operator", "read_notes", "remove_tags"]

FILE = "notes.jsonl"
LONGEST_TAG = 60


@dataclass(frozen=True)
class Note:
    """One note: when [local time with its offset], by whom, and what."""

    wall: str
    author: str
    text: str


@dataclass(frozen=True)
class Notes:
    """The notes and tags of a run; ``problems`` has a line for each damaged line of the file."""

    notes: tuple[Note, ...] = ()
    tags: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def add_note(folder: Path, text: str) -> None:
    """Append a note.

    Raises
    ------
    UsageError
        If it is empty.
    RunError
        If it cannot be written.
    """
    if not text.strip():
        raise UsageError("the note is empty; write what is to be remembered of the run")
    _append(folder, [{"event": "note", "text": text.strip()}])


def add_tags(folder: Path, tags: Iterable[str]) -> None:
    """Append tags.

    Raises
    ------
    UsageError
        If one is not a word.
    RunError
        If they cannot be written.
    """
    _append(folder, [{"event": "tag", "tag": _checked(tag)} for tag in tags])


def remove_tags(folder: Path, tags: Iterable[str]) -> None:
    """Take tags away; that they once were there stays in the file.

    Raises
    ------
    UsageError
        If the run has no such tag: those that it has, are named.
    RunError
        If it cannot be written.
    """
    there, tags = read_notes(folder).tags, list(tags)
    for tag in tags:
        if tag not in there:
            raise UsageError(f"{folder.name}: there is no tag '{tag}'; there are: {', '.join(there) or 'none'}")
    _append(folder, [{"event": "untag", "tag": tag} for tag in tags])


def read_notes(folder: Path) -> Notes:
    """Read the notes; a damaged line is left out and told of.

    Raises
    ------
    RunError
        If the file cannot be read.
    """
    path = folder / FILE
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return Notes()
    except OSError as error:
        raise RunError(f"{path}: the notes cannot be read: {error.strerror}") from error
    notes: list[Note] = []
    tags: dict[str, None] = {}
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        entry = _parsed(line)
        match entry:
            case {"event": "note", "text": str(text)}:
                notes.append(Note(str(entry.get("wall", "")), str(entry.get("author", "")), text))
            case {"event": "tag", "tag": str(tag)}:
                tags[tag] = None
            case {"event": "untag", "tag": str(tag)}:
                tags.pop(tag, None)
            case _:
                problems.append(f"{path}: line {number} of the notes is damaged and left out")
    return Notes(tuple(notes), tuple(tags), tuple(problems))


def operator() -> str:
    """Return who is logged in; empty where the system does not know."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, as in a bare container
        return ""


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _checked(tag: str) -> str:
    if not re.fullmatch(r"[^\s,=]+", tag) or len(tag) > LONGEST_TAG:
        raise UsageError(f"tag '{tag}': a tag is one word of at most {LONGEST_TAG} letters, without ',' and '='")
    return tag


def _append(folder: Path, entries: Iterable[dict[str, str]]) -> None:
    """Append lines in one write and bring them to the disk; a torn last line is ended first, lest it swallow ours."""
    common = {"wall": datetime.now().astimezone().isoformat(timespec="seconds"), "author": operator()}
    text = "".join(json.dumps(entry | common, ensure_ascii=False) + "\n" for entry in entries)
    path = folder / FILE
    try:
        with path.open("a+b") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    text = "\n" + text
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RunError(f"{path}: the notes cannot be written: {error.strerror}") from error
