"""The sample file: what the operator knows about the sample, with uncertainties, as TOML.

What a measurement is to find out does not stand here. Lengths are metres, g is dimensionless.
"""

from __future__ import annotations

from pathlib import Path

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tomlkit.exceptions import ParseError

from sotlab.errors import StationError
from sotlab.instruments.validation import explain

__all__ = ["Layer", "Sample"]


class Layer(BaseModel):
    """One layer of the stack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    material: str
    thickness_m: float = Field(gt=0.0, lt=1e-3)


class Sample(BaseModel):
    """A sample, as its file describes it.

    ``stack`` is in the order of growth, the first layer on the substrate; ``nm_side`` is +1 if the non-magnetic layer
    lies below the magnetic one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=60)
    description: str = ""
    nm_side: int | None = Field(default=None, ge=-1, le=1)
    g: float = Field(default=2.0, gt=0.5, lt=5.0)
    stack: list[Layer] = []
    strip_width_m: float | None = Field(default=None, gt=0.0)
    strip_length_m: float | None = Field(default=None, gt=0.0)

    @classmethod
    def load(cls, path: Path) -> Sample:
        """Read a sample file.

        Raises
        ------
        StationError
            If it cannot be read; the message names the file and the key.
        """
        try:
            data = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
        except OSError as error:
            raise StationError(
                f"{path}: the sample file cannot be read: {error.strerror}; see docs/station.md"
            ) from error
        except (ParseError, UnicodeDecodeError) as error:
            raise StationError(f"{path}: this is not TOML: {error}") from error
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise StationError(explain(path, error)) from error
