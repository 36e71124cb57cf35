"""ST-FMR with points where they count: a coarse sweep, then two that are placed by what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.analysis.lineshape import LineFit, fit_lineshape
from sotlab.analysis.point_placement import place_points
from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.runs.plan import Point
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

__all__ = ["STFMRAdaptiveSweep"]

#: What sigma is asked of, and what it is relative to.
TARGETS = ("v_sym", "v_asym", "field_res", "width")
REFINEMENTS = 2


class STFMRAdaptiveSweep(STFMRFieldSweep):
    """Sweep coarsely, then twice more through the line, until one value is known as well as is wanted.

    ``points`` is that of the coarse sweep, over the whole window. Refinements come in the direction of the first, from
    outside, so that all points lie on one branch of the yoke's loop. They lie where they tell most of the line, see
    :mod:`sotlab.analysis.point_placement`; the first takes half of those that seem to be needed, the second the rest.
    The run ends as soon as the sigma is reached, and after the second refinement in any case.

    Without a line in the coarse sweep, the first refinement halves its spacing over the whole window.
    """

    points = Integer("Points", default=61, minimum=12, maximum=100_000, description="Of the coarse sweep")
    target = Choice("Target", choices=list(TARGETS), default="v_sym", description="What is to be known")
    wanted = Quantity(
        "Wanted sigma", "", default=0.03, minimum=1e-6, maximum=1.0,
        description="Of the target, relative to its value; of field_res to the width",
    )  # fmt: skip
    most = Integer("Most points", default=200, minimum=12, maximum=1_000_000, description="Of all refinements together")

    def refine(self, rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, float]]:
        """Yield the points of the next refinement; none when the sigma is reached."""
        if not rows:
            return
        stage, used = self._stage(rows)
        if stage >= REFINEMENTS:
            return
        field_T, voltage_V, set_T = (
            np.array([row[name] for row in rows], float) for name in ("Field (T)", "Voltage (V)", "Field Set (T)")
        )
        fit = fit_lineshape([field_T], [voltage_V])
        if not fit.good[0]:
            if stage == 0:
                coarse_T = np.unique(set_T)
                yield from self._along(0.5 * (coarse_T[1:] + coarse_T[:-1]))
            return
        short = self._sigma(fit) / self.wanted
        if short <= 1.0:
            return
        most = self.most - used
        if most < 1:
            return
        # The magnet is set as it was where the line was seen, whatever the probe said there.
        away_T = float(np.median(set_T - field_T))
        low_T, high_T = sorted((self.start, self.stop))
        placed_T, left = place_points(fit, field_T, low_T - away_T, high_T - away_T, most)
        reached = np.flatnonzero(left[:, TARGETS.index(self.target)] <= short**-2)
        needed = int(reached[0]) + 1 if len(reached) else most
        count = needed if stage else min(max(needed // 2, 4), most)
        yield from self._along(np.clip(placed_T[:count] + away_T, low_T, high_T))

    def _along(self, field_T: np.ndarray) -> Iterable[Mapping[str, float]]:
        ordered = np.sort(field_T) if self.stop >= self.start else np.sort(field_T)[::-1]
        for one in ordered:
            yield {"field_T": float(one)}

    def _sigma(self, fit: LineFit) -> float:
        sigma = float(getattr(fit, f"{self.target}_sigma")[0])
        value = fit.width[0] if self.target == "field_res" else getattr(fit, self.target)[0]
        return sigma / abs(float(value))

    def _stage(self, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
        """Return how many refinements there were, and their points: each begins where the field turns back."""
        direction = 1.0 if self.stop >= self.start else -1.0
        by_plan = sorted(rows, key=lambda row: int(row["Index"]))
        steps = direction * np.diff([row["Field Set (T)"] for row in by_plan])
        return int(np.count_nonzero(steps < 0)), max(len(rows) - self.points * self.repeats, 0)

    def prepare(self, bench: Station) -> None:
        """Nothing is set yet, and nowhere has been gone."""
        super().prepare(bench)
        self._last_T: float | None = None

    def apply(self, point: Point, bench: Station) -> None:
        """Ramp to the field; a refinement begins outside, as the coarse sweep did."""
        direction = 1.0 if self.stop >= self.start else -1.0
        if self._last_T is not None and direction * (point.settings["field_T"] - self._last_T) < 0:
            bench["field"].ramp_to(self._run_up_T(point), self.should_stop)
        super().apply(point, bench)
        self._last_T = point.settings["field_T"]
