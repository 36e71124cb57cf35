"""ST-FMR with points where they count: a coarse sweep, then two that are placed by what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.analysis.lineshape import MIN_POINTS, LineFit, fit_lineshape
from sotlab.analysis.point_placement import lines_seen, place_points
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.stfmr_passes import STFMRPasses

__all__ = ["STFMRAdaptiveSweep"]

#: What sigma may be asked of; "line" is all of these.
VALUES = ("v_sym", "v_asym", "field_res", "width")
REFINEMENTS = 2
#: How much values count for the choice of points that are not asked for: they keep the line from being told by a few
#: fields alone, where it could be mistaken for another shape.
ASIDE = 0.3


class STFMRAdaptiveSweep(STFMRPasses):
    """Sweep coarsely, then twice more through the line, until what is asked for is known as well as is wanted.

    ``points`` is that of the coarse sweep, over the whole window: it has to show where the line is, no more; one point
    in a width and a half does at a tenth of noise. Refinements come in the direction of the first, from
    outside, so that all points lie on one branch of the yoke's loop. They lie where they tell most of the target, see
    :mod:`sotlab.analysis.point_placement`; the first takes half of those that seem to be needed, the second the rest.
    The run ends as soon as the sigma is reached, and after the second refinement in any case.

    Without a line in the coarse sweep, the first refinement halves its spacing over the whole window. Of two windows
    (``signs``) each has points of its own, and half of ``most``.
    """

    points = Integer("Points", default=25, minimum=12, maximum=100_000, description="Of the coarse sweep")
    target = Choice("Target", choices=[*VALUES, "line"], default="v_sym", description="What is to be known; line: all")
    wanted = Quantity(
        "Wanted sigma", "", default=0.03, minimum=1e-6, maximum=1.0,
        description="Of the target, relative to its value, field_res to the width; line: amplitudes to both together",
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
        known = np.isfinite(field_T) & np.isfinite(voltage_V)
        seen = lines_seen(field_T[known], voltage_V[known]) if known.sum() >= MIN_POINTS else None
        if seen is None or not (fit.good[0] or seen.certain):
            return self._between(set_T, most) if stage == 0 else np.empty(0)
        asked = range(len(VALUES)) if self.target == "line" else [VALUES.index(self.target)]
        # Points few and far between may show a line whose fit is not believed yet: nothing is known well enough then.
        short = self._relative_sigmas(fit)[asked] / self.wanted if fit.good[0] else np.array([np.inf])
        if (short <= 1.0).all() or most < 1:
            return np.empty(0)
        # The magnet is set as it was where the line was seen, whatever the probe said there.
        away_T = float(np.median((set_T - field_T)[known]))
        weights = np.full(len(VALUES), ASIDE)
        weights[asked] = 1.0
        placed_T, left = place_points(seen, field_T[known], window_T[0] - away_T, window_T[1] - away_T, most, weights)
        reached = np.flatnonzero((left[:, asked] <= short**-2).all(axis=1))
        needed = int(reached[0]) + 1 if len(reached) else most
        count = needed if stage else min(max(needed // 2, 4), most)
        return np.clip(placed_T[:count] + away_T, window_T[0], window_T[1])

    @staticmethod
    def _between(set_T: np.ndarray, most: int) -> np.ndarray:
        """Return the fields halfway between those that were set, or so many of them, evenly [T]."""
        coarse_T = np.unique(set_T)
        between_T = 0.5 * (coarse_T[1:] + coarse_T[:-1])
        return between_T[np.linspace(0, len(between_T) - 1, min(most, len(between_T))).round().astype(int)]

    def _relative_sigmas(self, fit: LineFit) -> np.ndarray:
        """Return sigma of each of the four values over what it is relative to."""
        sigma, value = (np.array([float(getattr(fit, name + end)[0]) for name in VALUES]) for end in ("_sigma", ""))
        if self.target == "line":
            value[:2] = np.hypot(*value[:2])
        value[2] = value[3]
        return sigma / np.abs(value)
