"""Parameters of a procedure: PyMeasure's, with units typed as people say them, finite limits and full precision.

PyMeasure's own ``FloatParameter`` writes six digits (9.123456789 GHz is reloaded 3.2 kHz off), refuses values above
1e9 and knows one spelling of one unit. The classes here change that and stay PyMeasure parameters: its window, its
file header and its ``Results.load`` work with them.

The ``name`` of a parameter is part of the file's schema and frozen; ``label`` is what a window shows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pymeasure.experiment import BooleanParameter as _BooleanParameter
from pymeasure.experiment import FloatParameter as _FloatParameter
from pymeasure.experiment import IntegerParameter as _IntegerParameter
from pymeasure.experiment import ListParameter as _ListParameter
from pymeasure.experiment import Metadata, Parameter

from sotlab.errors import UsageError
from sotlab.units import as_typed, exact, parse_quantity

__all__ = ["Choice", "Flag", "Integer", "Metadata", "Parameter", "Quantity", "Text"]


class Quantity(_FloatParameter):
    """A number with a unit, finite limits and a default.

    Parameters
    ----------
    name : str
        Frozen name, as it stands in the file's header.
    units : str or None
        The unit in which the code gets the value (SI, dBm, dB or deg); people may type any that fits.
    default, minimum, maximum : float
        In ``units``. All are needed: a parameter without limits is one that nobody thought about.

    Raises
    ------
    UsageError
        When a value is set that is no number, has an unfitting unit or lies outside the limits.
    """

    if TYPE_CHECKING:  # on an instance of a procedure PyMeasure puts the value in the parameter's place

        def __get__(self, instance: object, owner: type | None = None) -> float: ...
        def __set__(self, instance: object, value: float | str) -> None: ...

    def __init__(
        self, name: str, units: str | None, *, default: float, minimum: float, maximum: float, **kwargs: Any
    ) -> None:
        if not (math.isfinite(minimum) and math.isfinite(maximum) and minimum <= default <= maximum):
            raise ValueError(f"parameter '{name}': needs finite minimum <= default <= maximum")
        super().__init__(name, units=units, minimum=minimum, maximum=maximum, default=default, **kwargs)

    def convert(self, value: Any) -> float:
        """Return ``value`` in the parameter's unit."""
        if isinstance(value, str):
            number = parse_quantity(value, self.units)
        else:
            try:
                number = float(value)
            except (TypeError, ValueError):
                raise UsageError(f"{self.name}: {value!r} is not a number") from None
        if not self.minimum <= number <= self.maximum:  # nan fails too
            raise UsageError(
                f"{self.name}: {as_typed(number, self.units)} asked, allowed {as_typed(self.minimum, self.units)}"
                f" to {as_typed(self.maximum, self.units)}"
            )
        return number

    def __str__(self) -> str:
        """Return all digits, so that what is read back is what was used."""
        return "" if self._value is None else exact(self._value, self.units)


class Integer(_IntegerParameter):
    """A whole number with limits and a default."""

    if TYPE_CHECKING:  # on an instance of a procedure PyMeasure puts the value in the parameter's place

        def __get__(self, instance: object, owner: type | None = None) -> int: ...
        def __set__(self, instance: object, value: int | str) -> None: ...

    def __init__(self, name: str, *, default: int, minimum: int, maximum: int, **kwargs: Any) -> None:
        super().__init__(name, minimum=minimum, maximum=maximum, default=default, **kwargs)

    def convert(self, value: Any) -> int:
        """Return ``value`` as an int; 3.0 is one, 3.5 is not."""
        try:
            number = float(parse_quantity(value, None) if isinstance(value, str) else value)
        except (TypeError, ValueError):
            raise UsageError(f"{self.name}: {value!r} is not a whole number") from None
        if not (math.isfinite(number) and number.is_integer()):
            raise UsageError(f"{self.name}: {value!r} is not a whole number")
        if not self.minimum <= number <= self.maximum:
            raise UsageError(f"{self.name}: {int(number)} asked, allowed {self.minimum} to {self.maximum}")
        return int(number)


class Flag(_BooleanParameter):
    """Yes or no."""

    if TYPE_CHECKING:  # on an instance of a procedure PyMeasure puts the value in the parameter's place

        def __get__(self, instance: object, owner: type | None = None) -> bool: ...
        def __set__(self, instance: object, value: bool | str) -> None: ...

    def convert(self, value: Any) -> bool:
        """Return ``value`` as a bool."""
        text = str(value).strip().lower()
        if text in ("true", "yes", "on", "1", "1.0"):
            return True
        if text in ("false", "no", "off", "0", "0.0"):
            return False
        raise UsageError(f"{self.name}: {value!r} is neither yes nor no")


class Choice(_ListParameter):
    """One of a few words."""

    if TYPE_CHECKING:  # on an instance of a procedure PyMeasure puts the value in the parameter's place

        def __get__(self, instance: object, owner: type | None = None) -> str: ...
        def __set__(self, instance: object, value: str) -> None: ...

    def convert(self, value: Any) -> Any:
        """Return the choice whose text is ``value``."""
        try:
            return super().convert(value)
        except (ValueError, KeyError):
            raise UsageError(f"{self.name}: '{value}' asked, allowed {', '.join(map(str, self.choices))}") from None


class Text(Parameter):
    """A line of text: a name, a path, an address."""

    if TYPE_CHECKING:  # on an instance of a procedure PyMeasure puts the value in the parameter's place

        def __get__(self, instance: object, owner: type | None = None) -> str: ...
        def __set__(self, instance: object, value: str | str) -> None: ...

    def convert(self, value: Any) -> str:
        """Return ``value`` as one line of text."""
        text = str(value)
        if "\n" in text or "\r" in text:
            raise UsageError(f"{self.name}: must be one line of text")
        return text
