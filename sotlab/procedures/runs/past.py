"""What has been measured of a run that is resumed, and whether it can still be gone on with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sotlab.errors import RunError
from sotlab.procedures.runs.plan import Point, plan_as_columns

__all__ = ["Past", "differences"]

#: What of a station's snapshot must be as it was.
COMPARED = ("config", "identities", "calibrations", "simulated")

#: So many differences are named in a message; all of them stand in the journal.
NAMED = 3


@dataclass(frozen=True)
class Past:
    """The recorded part of a run.

    Parameters
    ----------
    rows : sequence of dict
        The rows, in the order in which they were measured.
    skipped : frozenset of int
        Planned points that were left out on request.
    extensions : sequence of dict
        The batches that ``refine`` had added, as they stand in the journal.
    plan, station : dict or None
        The plan and the station as the journal has them; None for a run that begins.
    accept : bool
        Go on although the station is not what it was.
    """

    rows: Sequence[Mapping[str, Any]] = ()
    skipped: frozenset[int] = frozenset()
    extensions: Sequence[Mapping[str, Any]] = ()
    plan: Mapping[str, Any] | None = None
    station: Mapping[str, Any] | None = None
    accept: bool = False
    changed: list[str] = field(default_factory=list)

    @property
    def elapsed_s(self) -> float:
        """Time of the last row [s]."""
        return float(self.rows[-1]["Time (s)"]) if self.rows else 0.0

    def check(self, planned: Sequence[Point], station: Mapping[str, Any]) -> None:
        """Compare plan and station with what they were; what differs is kept in ``changed``.

        Raises
        ------
        RunError
            If the plan is another one, or the station is and that was not accepted.
        """
        if self.plan is None or self.station is None:
            return
        if any(self.plan.get(name) != value for name, value in plan_as_columns(planned).items()):
            raise RunError(
                f"the plan has {len(planned)} points now and is not the one that was begun"
                f" ({len(self.plan.get('index', ()))} points): the procedure or its parameters changed; start a new run"
            )
        # Where the file lies is no matter: a bench is what is on it.
        before, now = ({name: tree.get(name) for name in COMPARED} for tree in (self.station, station))
        self.changed.extend(differences(before, now))
        if self.changed and not self.accept:
            more = f" and {len(self.changed) - NAMED} more" if len(self.changed) > NAMED else ""
            raise RunError(
                f"the station is not what it was: {'; '.join(self.changed[:NAMED])}{more}. Put it right, or go on all"
                f" the same with --accept; the differences then stand in the journal"
            )


def differences(before: Any, now: Any, where: str = "") -> Iterator[str]:
    """Yield what differs between two trees of dictionaries and lists, a line each: where, what was, what is."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(key for key in now if key not in before)]:
            inner = f"{where}.{key}" if where else str(key)
            if key not in now:
                yield f"{inner} is gone (it was {_short(before[key])})"
            elif key not in before:
                yield f"{inner} is new ({_short(now[key])})"
            else:
                yield from differences(before[key], now[key], inner)
    elif isinstance(before, list | tuple) and isinstance(now, list | tuple) and len(before) == len(now):
        for number, pair in enumerate(zip(before, now, strict=True)):
            yield from differences(*pair, f"{where}[{number}]")
    elif before != now and not (isinstance(before, list | tuple) and list(before) == now):
        yield f"{where} was {_short(before)} and is {_short(now)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
