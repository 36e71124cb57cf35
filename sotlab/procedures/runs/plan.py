"""The plan of a scan: its points, the order in which they are measured, and the way back to one of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sotlab.errors import PlanError

__all__ = ["ORDERS", "Point", "in_order", "number", "plan_as_columns", "turning_points"]

#: Most rows that one plan may have: it is held in memory and written to the journal before the first is measured.
MOST_POINTS = 1_000_000

#: In which order the points of a plan are measured; the first is the one that it is written in.
ORDERS = ("as planned", "up and down", "interleaved", "random")


@dataclass(frozen=True)
class Point:
    """One planned point: where it is in the plan, which repeat of its setting, and the setting."""

    index: int
    settings: Mapping[str, float]
    repeat: int = 0


def number(settings: Iterable[Mapping[str, float]], first_index: int = 0, repeats: int = 1) -> list[Point]:
    """Return settings as numbered points, each ``repeats`` times in succession.

    Raises
    ------
    PlanError
        If they are more than a plan may have.
    """
    points: list[Point] = []
    for k, setting in enumerate(settings):
        if len(points) + repeats > MOST_POINTS:
            raise PlanError(f"the plan has more than {MOST_POINTS} rows; split it into runs")
        points += [Point(first_index + k, dict(setting), repeat) for repeat in range(repeats)]
    return points


def in_order(points: Sequence[Point], order: str, seed: int) -> list[Point]:
    """Return numbered points in one of :data:`ORDERS`; their numbers stay those of the plan.

    ``interleaved`` is every other point and then those between, so that drift shows as a split of neighbours.
    ``up and down`` goes there and back: the repeats of the way back follow those of the way there.
    """
    if order == "up and down":
        repeats = 1 + max((point.repeat for point in points), default=0)
        back = [Point(point.index, point.settings, 2 * repeats - 1 - point.repeat) for point in reversed(points)]
        return [*points, *back]
    if order == "as planned":
        return list(points)
    by_index: dict[int, list[Point]] = {}
    for point in points:
        by_index.setdefault(point.index, []).append(point)
    indices = list(by_index)
    if order == "random":
        random.Random(seed).shuffle(indices)
    else:
        indices = indices[::2] + indices[1::2]
    return [point for index in indices for point in by_index[index]]


def turning_points(points: Sequence[Point], axis: str) -> list[Point]:
    """Return the points at which ``axis`` turns back on the way through ``points``.

    Who comes to the first point as the plan does and then visits these has the same history as the scan had: a magnet
    is then on the same branch of its loop.
    """
    turns: list[Point] = []
    direction = 0.0
    for before, point in pairwise(points):
        step = point.settings[axis] - before.settings[axis]
        if step * direction < 0.0:
            turns.append(before)
        direction = step or direction
    return turns


def plan_as_columns(points: Sequence[Point]) -> dict[str, Any]:
    """Return a plan as one list per setting, which is a tenth of the size of one object per point."""
    names = list(points[0].settings) if points else []
    return {
        "index": [point.index for point in points],
        "repeat": [point.repeat for point in points],
        "settings": {name: [point.settings[name] for point in points] for name in names},
    }
