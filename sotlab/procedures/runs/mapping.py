"""The mapping file: what stands where in the run files of another program, as TOML. See docs/runs.md."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from tomlkit.exceptions import ParseError

from sotlab.errors import DataError, UsageError
from sotlab.instruments.validation import explain
from sotlab.units import parse_quantity

__all__ = ["DateRule", "HeaderRule", "MappedColumn", "Mapping", "TextRule"]

#: Longest line of a header in which a pattern is looked for: a pattern that backtracks must not take for ever.
LONGEST_LINE = 2000


class MappedColumn(BaseModel):
    """A column of the table: its name or 1-based number, its unit there, and its label in the run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: int | str
    unit: str | None = None
    #: Name with unit in the run, as ``Temperature (K)``; columns of the analysis have one already.
    label: str | None = Field(default=None, pattern=r"^[^,#\n\"()]+ \([^\s,#\"]+\)$")


class TextRule(BaseModel):
    """A text: the same for all files, or what a pattern finds in a header line or in the file's name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: str | None = None
    pattern: str | None = None
    file_name: str | None = None

    @field_validator("pattern", "file_name")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"this is no regular expression: {error}") from None
            if groups != 1:
                raise ValueError("the pattern must have one group in round brackets, which is what is taken")
        return pattern

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("value", "pattern", "file_name") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of value, pattern, file_name; given: {', '.join(given) or 'none'}")
        return self

    def find(self, path: Path, header: list[str], what: str) -> str:
        """Return the text.

        Raises
        ------
        DataError
            If the pattern finds nothing, or different things in different lines.
        """
        if self.value is not None:
            return self.value
        where, lines = ("its name", [path.name]) if self.file_name else ("its header", header)
        pattern = re.compile(self.file_name or self.pattern or "")
        matches = (pattern.search(line[:LONGEST_LINE]) for line in lines)
        found = {match[1].strip() for match in matches if match and match[1] and match[1].strip()}
        if not found:
            raise DataError(f"{path}: {what}: '{pattern.pattern}' finds nothing in {where}")
        if len(found) > 1:
            raise DataError(f"{path}: {what}: '{pattern.pattern}' finds different texts in {where}: {sorted(found)}")
        return found.pop()


class HeaderRule(TextRule):
    """A number that is the same for all rows, with its unit and, unless the analysis has one, its label in the run."""

    unit: str | None = None
    label: str | None = Field(default=None, pattern=r"^[^,#\n\"()]+ \([^\s,#\"]+\)$")

    def number(self, path: Path, header: list[str], name: str, unit: str) -> float:
        """Return the number in ``unit``.

        Raises
        ------
        DataError
            If it is not found, or is none.
        UsageError
            If its unit is not said or does not fit.
        """
        text = self.find(path, header, name)
        if re.fullmatch(r"\s*[-+]?[\d.]+(?:[eE][-+]?\d+)?\s*", text):
            if self.unit is None:
                raise UsageError(f"[header] {name}: '{text}' has no unit; say which, as in unit = \"GHz\"")
            text = f"{text} {self.unit}"
        try:
            return parse_quantity(text, unit)
        except UsageError as error:
            raise DataError(f"{path}: {name}: {error}") from error


class DateRule(TextRule):
    """When the file was measured."""

    #: As Python's strptime takes it; ISO 8601 without.
    format: str | None = None

    def moment(self, path: Path, header: list[str]) -> str:
        """Return it as local time with its offset.

        Raises
        ------
        DataError
            If it is not found, or is no date.
        """
        text = self.find(path, header, "measured")
        try:
            moment = datetime.strptime(text, self.format) if self.format else datetime.fromisoformat(text)
            return moment.astimezone().isoformat(timespec="seconds")
        except (ValueError, OverflowError, OSError):
            form = f"of the form '{self.format}'" if self.format else "ISO 8601; say its format"
            raise DataError(f"{path}: measured: '{text}' is no date {form}") from None


class Mapping(BaseModel):
    """A mapping file.

    ``columns`` and ``header`` are named by the roles of the analysis, as ``field`` and ``frequency`` are of ``stfmr``;
    what has another name needs a ``label``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    procedure: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9.+-]*$", max_length=60)
    analysis: str = ""
    sample: TextRule
    device: TextRule = TextRule(value="")
    operator: TextRule = TextRule(value="")
    #: Which program, instrument or laboratory the files come from.
    source: str = Field(min_length=1)
    measured: DateRule | None = None
    #: True if the files hold simulated data.
    simulated: bool = False
    columns: dict[str, MappedColumn] = Field(min_length=1)
    header: dict[str, HeaderRule] = {}
    #: Of the analysis, with units.
    settings: dict[str, str | float | int] = {}

    @field_validator("sample", "device", "operator", "measured", mode="before")
    @classmethod
    def _plain(cls, given: Any) -> Any:
        return {"value": given} if isinstance(given, str) else given

    @field_validator("columns", mode="before")
    @classmethod
    def _plain_columns(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: {"column": entry} if isinstance(entry, int | str) else entry for name, entry in given.items()}

    @classmethod
    def load(cls, path: Path) -> Mapping:
        """Read a mapping file.

        Raises
        ------
        UsageError
            If it cannot be read; the message names the file and the key.
        """
        try:
            data = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
        except OSError as error:
            raise UsageError(f"{path}: the mapping file cannot be read: {error.strerror}; see docs/runs.md") from error
        except (ParseError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(f"{path}: this is not TOML: {error}") from error
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise UsageError(explain(path, error)) from error
