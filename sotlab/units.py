"""Units: what people type, and what the code works in (SI; only dBm, dB and deg stay).

A field is always mu0*H in tesla, so Oe, G and A/m convert to T; magnetisations in emu/cm**3 convert to A/m.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from sotlab.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["as_typed", "convert", "exact", "factor", "parse_quantity", "prefixed", "pretty", "split_quantity"]

Number = TypeVar("Number", float, "np.ndarray")

#: Units that are no multiples of an SI unit, or that instruments speak: taken as they are.
_KEPT = {"dbm": "dBm", "db": "dB", "deg": "deg", "degree": "deg", "degrees": "deg", "°": "deg"}

#: Field units that mean mu0*H: the factor to tesla.
_MU0_H = {"Oe": 1e-4, "kOe": 0.1, "mOe": 1e-7, "G": 1e-4, "kG": 0.1, "mG": 1e-7}
_MU0 = 1.25663706127e-6  # CODATA 2022 [N/A**2]

_NUMBER = re.compile(r"\s*(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>.*?)\s*$")


def split_quantity(text: str) -> tuple[str, str]:
    """Split "10 mT" into its number and its unit, both as text.

    Raises
    ------
    UsageError
        If the text does not begin with a number.
    """
    match = _NUMBER.match(text)
    if match is None:
        raise UsageError(f"'{text}' is not a number with a unit; write it as in '10 mT' or '7 GHz'")
    return match["number"], match["unit"]


def parse_quantity(text: str, unit: str | None) -> float:
    """Return the value of "10 mT" in ``unit``; a bare number is taken to be in ``unit`` already.

    The decimal digits are kept: "9.123456789 GHz" is 9123456789.0 Hz exactly.

    Parameters
    ----------
    text : str
        A number with or without a unit.
    unit : str or None
        The unit wanted; None for a plain number.

    Raises
    ------
    UsageError
        If the text is not a number, or its unit does not fit.
    """
    number, given = split_quantity(text)
    try:
        value = Decimal(number)
    except InvalidOperation:
        raise UsageError(f"'{text}' is not a number with a unit; write it as in '10 mT'") from None
    if given:
        if unit is None:
            raise UsageError(f"'{text}' has the unit '{given}', but a plain number is wanted")
        # 15 digits of the factor are exact for every decimal prefix, which a binary float is not.
        value *= Decimal(f"{factor(given, unit):.15g}")
    return float(value)


def convert(value: Number, from_unit: str, to_unit: str) -> Number:
    """Convert a number or an array from one unit to another.

    Raises
    ------
    UsageError
        If a unit is unknown, or the two do not fit each other.
    """
    return value * factor(from_unit, to_unit)


@lru_cache(maxsize=256)
def factor(from_unit: str, to_unit: str) -> float:
    """Return by what a value in ``from_unit`` is multiplied to be in ``to_unit``.

    Raises
    ------
    UsageError
        If a unit is unknown, or the two do not fit each other.
    """
    if from_unit == to_unit:
        return 1.0
    kept_from, kept_to = _KEPT.get(from_unit.lower()), _KEPT.get(to_unit.lower())
    if kept_from is not None and kept_from == kept_to:
        return 1.0
    if to_unit == "T":
        if from_unit in _MU0_H:
            return _MU0_H[from_unit]
        if _same_dimension(from_unit, "A/m"):
            return _pint_factor(from_unit, "A/m") * _MU0
    if kept_from in ("dBm", "dB") or kept_to in ("dBm", "dB"):
        raise UsageError(f"the unit '{from_unit}' does not fit '{to_unit}'; give the value in {to_unit}")
    return _pint_factor(from_unit, to_unit)


def _pint_factor(from_unit: str, to_unit: str) -> float:
    registry, errors = _pint()
    source, target = _spelling(from_unit), _spelling(to_unit)
    for given, spelt in ((from_unit, source), (to_unit, target)):
        try:
            registry.Unit(spelt)
        except Exception:
            raise UsageError(f"'{given}' is not a unit that is known here; examples: mT, GHz, uV, ohm, nm") from None
    try:
        return registry.Quantity(1.0, source).m_as(target)
    except errors.DimensionalityError:
        raise UsageError(f"the unit '{from_unit}' does not fit '{to_unit}'; give the value in {to_unit}") from None


def _same_dimension(unit: str, other: str) -> bool:
    registry, _ = _pint()
    try:
        return registry.Unit(_spelling(unit)).is_compatible_with(registry.Unit(other))
    except Exception:
        return False


def _spelling(unit: str) -> str:
    """Spell a unit as pint does: Ohm -> ohm, emu/cc -> 1e3 A/m, the micro sign, a middle dot, a power."""
    text = unit.strip().replace("µ", "u").replace("μ", "u").replace("Ω", "ohm").replace("·", "*").replace("^", "**")
    text = re.sub(r"[Oo][Hh][Mm]s?", "ohm", text)
    return re.sub(r"\bcc\b", "cm**3", text)


@lru_cache(maxsize=1)
def _pint():
    """Import pint when it is first needed: it takes a third of a second."""
    import pint
    import pint.errors

    registry = pint.get_application_registry()
    if "emu" not in registry:
        registry.define("emu = 1e-3 * ampere * meter ** 2")
    return registry, pint.errors


_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_NO_PREFIX = ("", "dBm", "dB", "deg", "1")


def prefixed(value: float, unit: str) -> tuple[float, str]:
    """Return a factor and a unit in which ``value`` is a number between 1 and 1000: (1e3, "mT") for 0.045 T."""
    if unit in _NO_PREFIX or "/" in unit or "*" in unit or value == 0.0 or not math.isfinite(value):
        return 1.0, unit
    exponent = 3 * math.floor(math.log10(abs(value)) / 3 + 1e-9)
    exponent = min(max(exponent, -15), 12)
    return 10.0**-exponent, _PREFIXES[exponent] + unit


def exact(value: float | int, unit: str | None) -> str:
    """Return a number with all its digits and its unit, in which it is read back exactly: ``9123456789.0 Hz``."""
    text = repr(float(value)) if isinstance(value, float) else repr(value)
    return f"{text} {unit}" if unit else text


def as_typed(value: float | int, unit: str | None) -> str:
    """Return a number as people would type it, yet exactly: ``7 GHz``; all digits where that is not exact."""
    if not unit or not math.isfinite(value):
        return exact(value, unit)
    factor_, short = prefixed(float(value), unit)
    text = f"{(Decimal(repr(float(value))) * Decimal(f'{factor_:.0e}')).normalize():f} {short}"
    return text if parse_quantity(text, unit) == value else exact(value, unit)


def pretty(value: float | None, sigma: float | None, unit: str) -> str:
    """Return ``49.23 ± 0.11 mT``: two digits of sigma, and as many of the value as those allow; ``-`` for None.

    The larger of both decides on the prefix: what is 0 within its sigma reads ``0.0 ± 5.1 mT``.
    """
    if value is None:
        return "-"
    size = max(abs(value), sigma if sigma and math.isfinite(sigma) else 0.0)
    factor_, shown = prefixed(size, unit)
    tail = f" {shown}" if shown not in ("", "1") else ""
    if sigma is None or not math.isfinite(sigma) or sigma <= 0.0:
        return f"{value * factor_:.6g}{tail}"
    if factor_ == 1.0 and unit not in ("dBm", "dB", "deg") and not 1e-3 <= size < 1e6:
        exponent = math.floor(math.log10(size))  # no prefix made it a readable number
        value, sigma, tail = value / 10.0**exponent, sigma / 10.0**exponent, f"e{exponent}{tail}"
        decimals = max(0, 1 - math.floor(math.log10(sigma)))
        return f"({value:.{decimals}f} ± {sigma:.{decimals}f}){tail}"
    decimals = max(0, 1 - math.floor(math.log10(sigma * factor_)))
    return f"{value * factor_:.{decimals}f} ± {sigma * factor_:.{decimals}f}{tail}"
