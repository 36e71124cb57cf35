"""The queue's file: a campaign as ``sotlab campaign`` takes it, edited item by item; comments are kept."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from sotlab.errors import PlanError, RunError
from sotlab.instruments.station_file import VIRTUAL
from sotlab.procedures.runs.campaign_file import CampaignFile
from sotlab.procedures.runs.jobs import Job, list_jobs

__all__ = ["AS_QUEUE", "QueueFile"]

#: What an item without a policy of its own does.
AS_QUEUE = "as the queue"

NEW = """\
# The queue of the operator's window; sotlab campaign does the same with it. docs/campaigns.md describes the file.

[campaign]
on_failure = "skip"
"""


class QueueFile:
    """A campaign file that is changed by one item at a time.

    Each change is checked as a whole, procedures, parameters and their limits, before it takes the file's place; what
    is refused leaves the file as it was.

    Parameters
    ----------
    path : Path
        Where it is; made with the first item if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> tuple[CampaignFile | None, list[Job]]:
        """Return the campaign and its runs; None and none if there is no item.

        Raises
        ------
        PlanError
            If the file is wrong: file, table and key are named.
        """
        if not self.path.is_file() or not self._document().get("items"):
            return None, []
        file = CampaignFile.load(self.path)
        return file, list_jobs(file)

    def add(
        self,
        procedure: str,
        values: Mapping[str, str],
        station: str,
        sample: str = "",
        device: str = "",
        loops: Sequence[Mapping[str, Sequence[Any]]] = (),
    ) -> str:
        """Add a run as it was typed, or with ``loops`` every combination, behind the others; return its item's name."""
        name = ""

        def change(document: Any) -> None:
            nonlocal name
            name = _new_name(document, procedure)
            item = tomlkit.table()
            item.add("procedure", procedure)
            if values:
                given = tomlkit.inline_table()
                given.update(values)
                item.add("set", given)
            item.add("stations", station if station.startswith(VIRTUAL) else str(Path(station).resolve()))
            if sample:
                item.add("samples", str(Path(sample).resolve()))
            if device:
                item.add("devices", device)
            if loops:
                loop = tomlkit.inline_table()
                for axis in loops:
                    loop.update(axis)
                item.add("loop", loop)
            _items(document).append(name, item)

        self._change(change)
        return name

    def repeat(self, name: str) -> str:
        """Add an item that is the same as another one, behind the others, and return its name."""
        new = ""

        def change(document: Any) -> None:
            nonlocal new
            item = _items(document)[name]
            new = _new_name(document, re.sub(r"-\d+$", "", name))
            _items(document).append(new, tomlkit.parse(tomlkit.dumps({"x": item.unwrap()}))["x"])

        self._change(change)
        return new

    def move(self, name: str, by: int) -> None:
        """Move an item so many places, up if ``by`` is negative; at either end it stays."""

        def change(document: Any) -> None:
            items = _items(document)
            order = list(items)
            at = order.index(name)
            order.insert(max(0, min(len(order) - 1, at + by)), order.pop(at))
            moved = tomlkit.table(is_super_table=True)
            for one in order:
                moved.append(one, items[one])
            document["items"] = moved

        self._change(change)

    def remove(self, name: str) -> None:
        """Take an item out."""
        self._change(lambda document: _items(document).remove(name))

    def set_policy(self, policy: str, name: str = "") -> None:
        """Say what is done when a run fails: of one item, or of all that say nothing themselves."""

        def change(document: Any) -> None:
            table = _items(document)[name] if name else document.setdefault("campaign", tomlkit.table())
            if policy == AS_QUEUE:
                table.pop("on_failure", None)
            else:
                table["on_failure"] = policy

        self._change(change)

    def policy(self, name: str = "") -> str:
        """Return what :meth:`set_policy` has set."""
        document = self._document()
        if name:
            return str(document["items"][name].get("on_failure", AS_QUEUE))
        return str(document.get("campaign", {}).get("on_failure", "skip"))

    def conditions(self, name: str) -> Mapping[str, Any]:
        """Return an item, with ``after`` and ``start_when`` if it has any."""
        return self._document()["items"][name].unwrap()

    def set_conditions(self, name: str, after: Sequence[str], when: Mapping[str, Any]) -> None:
        """Say after which items, and when, an item begins; what is empty is taken out."""

        def change(document: Any) -> None:
            item = _items(document)[name]
            for key, value in (("after", list(after)), ("start_when", dict(when))):
                if not value:
                    item.pop(key, None)
                elif isinstance(value, dict):
                    table = tomlkit.inline_table()
                    table.update(value)
                    item[key] = table
                else:
                    item[key] = value

        self._change(change)

    def save_as(self, path: Path) -> None:
        """Write a copy, comments and all; paths of stations and samples in it stay as they are.

        Raises
        ------
        RunError
            If it cannot be written.
        """
        self._write(path, tomlkit.dumps(self._document()))

    def _document(self) -> Any:
        if not self.path.is_file():
            return tomlkit.parse(NEW)
        try:
            return tomlkit.parse(self.path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, TOMLKitError) as error:
            raise PlanError(f"campaign file '{self.path}' cannot be read: {error}") from error

    def _change(self, change: Callable[[Any], None]) -> None:
        document = self._document()
        change(document)
        part = self.path.with_name(f"{self.path.stem}.part.toml")
        self._write(part, tomlkit.dumps(document))
        try:
            if document.get("items"):
                list_jobs(CampaignFile.load(part))
            os.replace(part, self.path)
        except PlanError as error:
            raise PlanError(str(error).replace(part.name, self.path.name)) from error
        finally:
            part.unlink(missing_ok=True)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise RunError(f"{path}: the queue cannot be written: {error.strerror}") from error


def _items(document: Any) -> Any:
    if "items" not in document:
        document["items"] = tomlkit.table(is_super_table=True)
    return document["items"]


def _new_name(document: Any, stem: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9._+-]+", "-", stem)[:50]
    taken = document.get("items", {})
    return next(name for k in range(1, len(taken) + 2) if (name := f"{stem}-{k}") not in taken)
