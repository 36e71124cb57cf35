"""Keeps a calibration: its file and its plot beside the station file, and the line by which the station uses it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError

from sotlab.errors import StationError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.instruments.station_file import VIRTUAL, CalibrationEntry, StationConfig
from sotlab.instruments.validation import explain
from sotlab.procedures.calibrations.base import CalibrationScan, calibration_of
from sotlab.procedures.runs.reader import RunRecord

__all__ = ["Kept", "check_usable", "folder_of", "keep", "recall", "use"]

FOLDER = "calibrations"


@dataclass(frozen=True)
class Kept:
    """A calibration with its files, and how the station file names it."""

    calibration: Calibration
    file: Path
    plot: Path
    entries: list[CalibrationEntry]

    @property
    def line(self) -> str:
        """The line for ``[calibrations]`` in the station file."""
        return f"{self.calibration.role} = {_item(self.entries).as_string()}"

    def as_json(self) -> dict[str, Any]:
        """Return what there is to tell."""
        content = self.calibration.model_dump(
            mode="json", include={"kind", "role", "date", "simulated", "values", "notes"}
        )
        return {**content, "file": str(self.file), "plot": str(self.plot), "line": self.line}


def keep(scan: CalibrationScan, record: RunRecord, station: Station) -> Kept:
    """Write file and plot of a finished run into ``calibrations`` beside the station file.

    A shipped virtual station has no folder of its own: theirs is the working directory's.

    Raises
    ------
    SotlabError
        If the run does not determine the calibration, or a file cannot be written.
    """
    from sotlab.procedures.calibrations.plot import write_plot

    calibration = calibration_of(scan, record)
    folder = folder_of(station)
    file = calibration.write(folder)
    write_plot(file.with_suffix(".png"), scan, calibration)
    scan.write_beside(file.with_suffix(""), record.rows)
    return Kept(calibration, file, file.with_suffix(".png"), _entries(calibration, f"{FOLDER}/{file.name}", station))


def recall(scan: CalibrationScan, record: RunRecord, station: Station) -> None:
    """Let an open station use the calibration of a finished run, until it is closed.

    Raises
    ------
    SotlabError
        If the run does not determine it, or the driver makes no use of it.
    """
    station.take(calibration_of(scan, record))


def folder_of(station: Station) -> Path:
    """Return where a station's calibrations belong: beside its file; of a shipped one, in the working folder."""
    return (Path() if station.spec.startswith(VIRTUAL) else station.path.parent) / FOLDER


def check_usable(station: Station) -> None:
    """Raise StationError if the station file is none that could be edited."""
    if station.spec.startswith(VIRTUAL):
        raise StationError(f"--use: '{station.spec}' is shipped with sotlab and not edited; copy its file and use that")
    if not os.access(station.path, os.W_OK):
        raise StationError(f"--use: {station.path} cannot be written")


def use(kept: Kept, station: Station) -> None:
    """Let the station file name a calibration from now on; comments and all else in it stay.

    Raises
    ------
    StationError
        If the file cannot be edited; it is then as it was.
    """
    path = station.path
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
        if "calibrations" not in document:
            document["calibrations"] = tomlkit.table()
        table: Any = document["calibrations"]
        table[kept.calibration.role] = _item(kept.entries)
        StationConfig.model_validate(document.unwrap())
        beside = path.with_name(f"{path.name}.new")
        beside.write_text(tomlkit.dumps(document), encoding="utf-8")
        os.replace(beside, path)
    except ValidationError as error:
        raise StationError(f"--use: {explain(path, error)}") from error
    except OSError as error:
        raise StationError(f"--use: {path} cannot be edited: {error.strerror}") from error


def _entries(calibration: Calibration, file: str, station: Station) -> list[CalibrationEntry]:
    """Return what the station file is to say of the role: the new one in place of the one of its kind."""
    entries, replaced = [], False
    for entry, known in zip(
        station.config.calibrations.get(calibration.role, []),
        station.calibrations.get(calibration.role, []),
        strict=True,
    ):
        same = known.kind == calibration.kind
        replaced |= same
        entries.append(entry.model_copy(update={"file": file}) if same else entry)
    return entries if replaced else [*entries, CalibrationEntry(file=file)]


def _item(entries: list[CalibrationEntry]) -> Any:
    """Return the entries as TOML: one file name where that is all."""
    items = [entry.file if entry.max_age_days is None else entry.model_dump() for entry in entries]
    only = items[0] if len(items) == 1 else None
    if isinstance(only, str):
        return tomlkit.item(only)
    array = tomlkit.array()
    for item in items:
        array.append(_inline(item) if isinstance(item, Mapping) else item)
    return _inline(only) if isinstance(only, Mapping) else array


def _inline(table: Mapping[str, Any]) -> Any:
    inline = tomlkit.inline_table()
    inline.update(table)
    return inline
