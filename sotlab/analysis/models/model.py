"""What a model is to who asks for it by name: settings, and a result of values and arrays with units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, get_origin

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sotlab.analysis.models.chunks import Work
from sotlab.analysis.values import Value, plain

__all__ = ["Array", "Model", "ModelResult", "ModelSettings", "computed", "quantity"]


class ModelSettings(BaseModel):
    """Base of what a model is told; a list may be given as text with commas: "0.07,0.15"."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        lists = {name for name, each in cls.model_fields.items() if get_origin(each.annotation) is tuple}
        return {name: _as_tuple(value) if name in lists else value for name, value in given.items()}


def quantity(default: Any, unit: str, description: str, **limits: Any) -> Any:
    """Return a field of settings that has a unit."""
    return Field(default=default, description=description, json_schema_extra={"unit": unit}, **limits)


@dataclass(frozen=True)
class Array:
    """An array of a model's result.

    Parameters
    ----------
    values : array
        The numbers.
    unit : str
        Their unit, "" for plain numbers.
    axes : tuple of str
        The arrays that say what its axes are; empty for such an array itself.
    """

    values: np.ndarray
    unit: str
    axes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return ``{"unit", "axes", "values"}`` in plain Python types."""
        return {"unit": self.unit, "axes": list(self.axes), "values": plain(self.values)}


@dataclass(frozen=True)
class ModelResult:
    """What a model says.

    Parameters
    ----------
    model : str
        Its name.
    results : dict of str to Value
        Single values; their sigma is None, since a model is computed, not measured.
    arrays : dict of str to Array
        Curves and maps.
    flags : list of str
        What the reader must know: conventions, and what the paper leaves open.
    settings : dict
        What it was told, defaults included: the key by which a caller may keep results.
    """

    model: str
    results: dict[str, Value]
    arrays: dict[str, Array] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    schema: ClassVar[int] = 1

    def to_json(self, with_arrays: bool = True) -> dict[str, Any]:
        """Return the result in plain Python types."""
        told: dict[str, Any] = {
            "model": self.model,
            "schema": self.schema,
            "results": {name: value.to_json() for name, value in self.results.items()},
            "flags": list(self.flags),
            "settings": plain(self.settings),
        }
        if with_arrays:
            told["arrays"] = {name: array.to_json() for name, array in self.arrays.items()}
        return told


class Model(Protocol):
    """A model as it is found by name, through an entry point of ``sotlab.models``."""

    name: ClassVar[str]
    title: ClassVar[str]
    settings: ClassVar[type[ModelSettings]]

    def run(self, settings: Any, work: Work) -> ModelResult:
        """Compute the model."""
        ...


def computed(value: float, unit: str) -> Value:
    """Return a value that was computed, not measured: without a sigma."""
    return Value(float(value), None, unit)


def _as_tuple(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part for part in value.split(",") if part.strip())
    return (value,) if isinstance(value, int | float) else value
