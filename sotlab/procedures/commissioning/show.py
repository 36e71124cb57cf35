"""A commissioning as lines of text, one or two a check."""

from __future__ import annotations

from sotlab.procedures.commissioning.record import Outcome, Record
from sotlab.units import pretty

__all__ = ["lines_of"]

WORDS = {"pass": "pass", "fail": "FAIL", "not_determined": "?", "left_out": "-"}


def lines_of(record: Record) -> list[str]:
    """Return what is shown of a commissioning."""
    lines = []
    width = max(len(outcome.check) for outcome in record.checks)
    for outcome in record.checks:
        lines.append(f"{WORDS[outcome.verdict]:<5} {outcome.check:<{width}}  {_numbers(outcome)}".rstrip())
        if outcome.reason and outcome.value is not None:
            lines.append(f"{'':<{7 + width}} {outcome.reason}")
    return lines


def _numbers(outcome: Outcome) -> str:
    if outcome.value is None:
        verb = "left out: " if outcome.verdict == "left_out" else ""
        return f"{verb}{outcome.reason}"
    low, high = (None if limit is None else _short(limit, None, outcome.unit) for limit in (outcome.low, outcome.high))
    allowed = f"allowed {low} to {high}" if low and high else f"allowed up to {high}" if high else f"at least {low}"
    since = ""
    if outcome.last is not None and outcome.change is not None:
        since = f"; {outcome.change:+.1f} sigma since {outcome.last['date'][:10]}"
    return f"{_short(outcome.value, outcome.sigma, outcome.unit)}, {allowed}{since}"


def _short(value: float, sigma: float | None, unit: str) -> str:
    """Return a number as text; one of a unit that takes no prefix, as T/s, with its exponent."""
    if "/" not in unit:
        return pretty(value, sigma, unit)
    return f"{value:.2g} {unit}" if sigma is None else f"({value:.2g} ± {sigma:.2g}) {unit}"
