"""Calibrations: what was measured of an instrument once, dated, with uncertainties, as TOML files beside the station.

A calibration is of one kind, for one role. Its file is written by ``sotlab station calibrate`` and never over another;
the station file names those in use in its table ``[calibrations]``, and each run keeps them whole in its journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

import tomlkit
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from tomlkit.exceptions import ParseError

from sotlab.errors import StationError
from sotlab.instruments.validation import explain
from sotlab.instruments.write_once import write_once

__all__ = ["SCHEMA", "CalibratedValue", "Calibration", "check_kinds"]

#: Version of what stands in a calibration file.
SCHEMA = 1


class CalibratedValue(BaseModel):
    """A value with its standard uncertainty, which is the same unit's."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    value: float
    sigma: float = Field(ge=0.0)
    unit: str


class Calibration(BaseModel):
    """One calibration, as its file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: Literal[1] = SCHEMA
    #: What was calibrated: ``coil``, ``gaussmeter_zero``, ``probe_ratio``, ...
    kind: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
    #: For which role of the station.
    role: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=40)
    #: When it was measured, with its time zone.
    date: AwareDatetime
    #: The run it was measured in, and with which version of sotlab.
    run: str
    sotlab: str = ""
    #: Whether anything in that run was simulated.
    simulated: bool
    #: The identity of the calibrated instrument; empty if it has none.
    instrument: str = ""
    #: The sample that it holds for, where it is one of instrument and sample together.
    sample: str = ""
    values: dict[str, CalibratedValue]
    #: The measured points: a list of numbers for each column, whose name carries its unit.
    points: dict[str, list[float]] = {}
    notes: list[str] = []

    _file: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _columns_of_one_length(self) -> Calibration:
        lengths = {name: len(column) for name, column in self.points.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the columns of points differ in length: {lengths}")
        return self

    @property
    def where(self) -> str:
        """The file's name for messages; kind and role before there is a file."""
        return self._file or f"{self.kind} of {self.role}"

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a calibration file.

        Raises
        ------
        StationError
            If it cannot be read, or is damaged; the message names the file and the key.
        """
        try:
            data = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
        except OSError as error:
            raise StationError(
                f"{path}: the calibration cannot be read: {error.strerror}; correct [calibrations] in the station file"
            ) from error
        except (ParseError, UnicodeDecodeError) as error:
            raise StationError(f"{path}: this is not TOML: {error}") from error
        try:
            return cls.model_validate(data).named(path.name)
        except ValidationError as error:
            raise StationError(explain(path, error)) from error

    def named(self, file: str) -> Calibration:
        """Let messages name the file; return the calibration itself."""
        self._file = file
        return self

    def write(self, folder: Path) -> Path:
        """Write ``<kind>-<role>-<date>-<time>.toml`` into a folder, which is made, and return where it is.

        A second one within a second gets a number behind its name; nothing is ever written over.

        Raises
        ------
        StationError
            If it cannot be written.
        """
        stem = f"{self.kind}-{self.role}-{self.date:%Y%m%d-%H%M%S}"
        return write_once(folder, stem, ".toml", self._as_toml(), "calibration", StationError)

    def _as_toml(self) -> str:
        document = tomlkit.document()
        document.add(
            tomlkit.comment(f"Calibration '{self.kind}' of the role '{self.role}'. Written once; do not edit.")
        )
        if self.simulated:
            document.add(tomlkit.comment("SIMULATED: measured on a virtual bench, not on an instrument."))
        content = self.model_dump()
        if self.sample:
            document.add("sample", tomlkit.item(self.sample))
        for key in ("schema_version", "kind", "role", "date", "run", "sotlab", "simulated", "instrument", "notes"):
            document.add(key, tomlkit.item(content[key]))
        for key in ("values", "points"):
            document.add(key, tomlkit.item(content[key]))
        return tomlkit.dumps(document)

    def value(self, name: str, unit: str) -> tuple[float, float]:
        """Return a value and its sigma.

        Raises
        ------
        StationError
            If it is missing, or has another unit.
        """
        found = self.values.get(name)
        if found is None:
            known = ", ".join(self.values) or "none"
            raise StationError(f"{self.where}: [values] has no '{name}'; it has: {known}. Calibrate anew")
        if found.unit != unit:
            raise StationError(f"{self.where}: [values.{name}] unit is '{found.unit}', '{unit}' is needed")
        return found.value, found.sigma

    def column(self, name: str) -> list[float]:
        """Return a column of the measured points.

        Raises
        ------
        StationError
            If it is missing or empty.
        """
        if not self.points.get(name):
            raise StationError(f"{self.where}: [points] has no '{name}'; calibrate anew")
        return self.points[name]

    def check_instrument(self, role: str, identity: str) -> None:
        """Raise StationError if it was measured with another instrument than the one that answers as ``role``.

        Maker, model and serial number count; a new firmware is the same instrument.
        """
        if self.instrument and _serial(self.instrument) != _serial(identity):
            raise StationError(
                f"{self.where}: this calibration is of '{self.instrument}', but '{identity}' is the {role} now; take"
                f" it out of [calibrations] in the station file, or calibrate anew"
            )

    def age_days(self, now: datetime | None = None) -> float:
        """Return how old it is [d]; negative if it is dated in the future."""
        return ((now or datetime.now().astimezone()) - self.date).total_seconds() / 86400.0


def _serial(identity: str) -> list[str]:
    return [part.strip().casefold() for part in identity.split(",")[:3]]


def check_kinds(role: str, taken: Iterable[str], calibrations: Iterable[Calibration]) -> Mapping[str, Calibration]:
    """Return the calibrations of a role by kind.

    Raises
    ------
    StationError
        If one is of another role or of a kind that the driver does not take, or two are of one kind.
    """
    kinds, found = sorted(taken), dict[str, Calibration]()
    for calibration in calibrations:
        if calibration.role != role:
            raise StationError(
                f"{calibration.where}: this calibration is of the role '{calibration.role}', not '{role}'; correct"
                f" [calibrations] in the station file"
            )
        if calibration.kind not in kinds:
            raise StationError(
                f"{calibration.where}: a calibration '{calibration.kind}' is nothing that the driver of '{role}' takes;"
                f" it takes: {', '.join(kinds) or 'none'}"
            )
        if calibration.kind in found:
            raise StationError(
                f"{calibration.where}: '{role}' has two calibrations '{calibration.kind}', the other is"
                f" {found[calibration.kind].where}; leave one in [calibrations]"
            )
        found[calibration.kind] = calibration
    return found
