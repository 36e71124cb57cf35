"""ST-FMR with points where they count: a coarse sweep, then two that are placed by what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.analysis.lineshape import LineFit, fit_lineshape
from sotlab.analysis.point_placement import place_points
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.stfmr_passes import STFMRPasses

__all__ = ["STFMRAdaptiveSweep"]

#: What sigma is asked of, and what it is relative to.
TARGETS = ("v_sym", "v_asym", "field_res", "width")
REFINEMENTS = 2


class STFMRAdaptiveSweep(STFMRPasses):
    """Sweep coarsely, then twice more through the line, until one value is known as well as is wanted.

    ``points`` is that of the coarse sweep, over the whole window. Refinements come in the direction of the first, from
    outside, so that all points lie on one branch of the yoke's loop. They lie where they tell most of the line, see
    :mod:`sotlab.analysis.point_placement`; the first takes half of those that seem to be needed, the second the rest.
    The run ends as soon as the sigma is reached, and after the second refinement in any case.

    Without a line in the coarse sweep, the first refinement halves its spacing over the whole window. Of two windows
    (``signs``) each has points of its own, and half of ``most``.
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
        stage = self.passes(rows)
        if stage >= REFINEMENTS:
            return
        windows_T = [tuple(sorted(window)) for window in self.windows_T()]
        used = max(len(rows) - self.points * self.repeats * len(windows_T), 0)
        most = (self.most - used) // len(windows_T)
        wanted_T = np.concatenate([self._in_window(rows, window_T, stage, most) for window_T in windows_T])
        for field_T in np.sort(wanted_T)[:: int(self.direction)]:
            yield {"field_T": float(field_T)}

    def _in_window(
        self, rows: Sequence[Mapping[str, Any]], window_T: tuple[float, ...], stage: int, most: int
    ) -> np.ndarray:
        """Return where a window is to be measured once more [T]."""
        inside = [row for row in rows if window_T[0] <= row["Field Set (T)"] <= window_T[1]]
        field_T, voltage_V, set_T = (
            np.array([row[name] for row in inside], float) for name in ("Field (T)", "Voltage (V)", "Field Set (T)")
        )
        fit = fit_lineshape([field_T], [voltage_V])
        if not fit.good[0]:
            coarse_T = np.unique(set_T)
            return 0.5 * (coarse_T[1:] + coarse_T[:-1]) if stage == 0 else np.empty(0)
        short = self._sigma(fit) / self.wanted
        if short <= 1.0:
            return np.empty(0)
        if most < 1:
            return np.empty(0)
        # The magnet is set as it was where the line was seen, whatever the probe said there.
        away_T = float(np.median(set_T - field_T))
        placed_T, left = place_points(fit, field_T, window_T[0] - away_T, window_T[1] - away_T, most)
        reached = np.flatnonzero(left[:, TARGETS.index(self.target)] <= short**-2)
        needed = int(reached[0]) + 1 if len(reached) else most
        count = needed if stage else min(max(needed // 2, 4), most)
        return np.clip(placed_T[:count] + away_T, window_T[0], window_T[1])

    def _sigma(self, fit: LineFit) -> float:
        sigma = float(getattr(fit, f"{self.target}_sigma")[0])
        value = fit.width[0] if self.target == "field_res" else getattr(fit, self.target)[0]
        return sigma / abs(float(value))
