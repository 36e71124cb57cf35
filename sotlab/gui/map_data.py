"""Rows of a map as they are measured, and their image; steps may be uneven, and rows of different reach."""

from __future__ import annotations

import numpy as np

__all__ = ["MapData"]

#: So many pixels an image has at most along each axis, unless it is a plain grid with more.
MOST = 512
#: Steps that are equal up to this part of the range are taken to be even.
EVEN = 1e-3


class MapData:
    """Values over two axes: of each row its positions and values, and the row's line of the image.

    A row is drawn anew only when it has new points; the others keep their line of the image, unless the range grows.

    Attributes
    ----------
    levels : (float, float)
        The lowest and the highest value; (inf, -inf) as long as there is none.
    """

    def __init__(self) -> None:
        self.rows: dict[float, tuple[np.ndarray, np.ndarray]] = {}
        self.levels = np.inf, -np.inf
        self._steps: dict[float, float] = {}
        self._changed: set[float] = set()
        self._longest = 0
        self._range = np.inf, -np.inf
        self._grid = np.empty(0)
        self._drawn_ys = np.empty(0)
        self._image = np.empty((0, 0))

    def add(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
        """Add points in the order in which they were measured."""
        there = np.isfinite(x) & np.isfinite(y)
        x, y, z = x[there], y[there], z[there]
        if not len(x):
            return
        edges = np.flatnonzero(np.diff(y)) + 1
        for part_x, part_y, part_z in zip(*(np.split(values, edges) for values in (x, y, z)), strict=True):
            key = float(part_y[0])
            if key in self.rows:
                old_x, old_z = self.rows[key]
                part_x, part_z = np.concatenate([old_x, part_x]), np.concatenate([old_z, part_z])
            self.rows[key] = part_x, part_z
            self._changed.add(key)
            self._longest = max(self._longest, len(part_x))
        z = z[np.isfinite(z)]
        if len(z):
            self.levels = min(self.levels[0], float(z.min())), max(self.levels[1], float(z.max()))

    @property
    def ys(self) -> np.ndarray:
        """Where the rows are, in order."""
        return np.array(sorted(self.rows))

    def row(self, y: float) -> tuple[np.ndarray, np.ndarray]:
        """Return positions and values of a row, in order of position."""
        x, z = self.rows[y]
        order = np.argsort(x, kind="stable")
        return x[order], z[order]

    def column(self, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Return where the rows are, and the value of each at the pixel of ``x``; nan where it does not reach."""
        if not len(self._grid):
            return self.ys, np.full(len(self.rows), np.nan)
        return self._drawn_ys, self._image[:, int(np.argmin(np.abs(self._grid - x)))].copy()

    def image(self) -> tuple[np.ndarray, tuple[float, float, float, float]] | None:
        """Return the image, a line for each row and nan where nothing was measured, and (left, bottom, width, height).

        None as long as there are not two points in a row.
        """
        if self._longest < 2:
            return None
        self._draw_lines()
        ys, lines = self._drawn_ys, self._image
        left, right = self._grid[0], self._grid[-1]
        half = 0.5 * (right - left) / max(len(self._grid) - 1, 1)
        if len(ys) == 1:
            height = abs(ys[0]) * 0.1 or 1.0
            return lines, (left - half, ys[0] - 0.5 * height, right - left + 2 * half, height)
        steps = np.diff(ys)
        if np.ptp(steps) > EVEN * (ys[-1] - ys[0]):
            count = int(min(MOST, np.ceil((ys[-1] - ys[0]) / steps.min()) + 1))
            at = np.linspace(ys[0], ys[-1], count)
            lines = lines[np.clip(np.searchsorted(0.5 * (ys[1:] + ys[:-1]), at), 0, len(ys) - 1)]
            ys = at
        step = (ys[-1] - ys[0]) / (len(ys) - 1)
        return lines, (left - half, ys[0] - 0.5 * step, right - left + 2 * half, ys[-1] - ys[0] + step)

    def _step(self) -> float:
        """Return the usual step of a row."""
        steps = sorted(step for step in self._steps.values() if step > 0.0)
        return steps[len(steps) // 2] if steps else 1.0

    def _draw_lines(self) -> None:
        """Draw the rows that have new points; all of them if the grid has to change."""
        low, high = self._range
        for y in self._changed:
            x, _ = self.rows[y]
            first, last = float(x.min()), float(x.max())
            low, high = min(low, first), max(high, last)
            self._steps[y] = (last - first) / max(len(x) - 1, 1)
        if low >= high:
            high = low + (abs(low) * 1e-6 or 1.0)
        most = max(MOST, self._longest) if len(self.rows) > 1 else MOST
        count = max(int(min(most, round((high - low) / self._step()) + 1)), 2)
        # Readings scatter, and the step of a row under way changes a little: the grid stays until it matters.
        pixel = (high - low) / count
        stays = len(self._grid) > 0 and abs(count - len(self._grid)) <= 0.05 * count
        if not (stays and self._grid[0] - low <= pixel and high - self._grid[-1] <= pixel):
            self._grid = np.linspace(low, high, count)
            self._drawn_ys, self._image = np.empty(0), np.empty((0, count))
            self._changed = set(self.rows)
        self._range = low, high
        if len(self._drawn_ys) < len(self.rows):
            ys = self.ys
            image = np.full((len(ys), len(self._grid)), np.nan)
            image[np.searchsorted(ys, self._drawn_ys)] = self._image
            self._drawn_ys, self._image = ys, image
        for y in self._changed:
            self._image[np.searchsorted(self._drawn_ys, y)] = self._line(y)
        self._changed = set()

    def _line(self, y: float) -> np.ndarray:
        """Return a row at the pixels: the value of the nearest point, nan in gaps and beyond half a step outside."""
        x, z = self.row(y)
        if len(x) == 1:
            line = np.full(len(self._grid), np.nan)
            line[int(np.argmin(np.abs(self._grid - x[0])))] = z[0]
            return line
        nearest = np.searchsorted(0.5 * (x[1:] + x[:-1]), self._grid)
        line = z[nearest]
        step = (x[-1] - x[0]) / (len(x) - 1)
        pixel = (self._grid[-1] - self._grid[0]) / max(len(self._grid) - 1, 1)
        edge = 0.51 * max(step, pixel)
        line[np.abs(self._grid - x[nearest]) > max(1.5 * step, edge)] = np.nan  # a gap in the row
        line[(self._grid < x[0] - edge) | (self._grid > x[-1] + edge)] = np.nan
        return line
