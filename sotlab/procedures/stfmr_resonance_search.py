"""The resonance of a device of which nothing is known: looked for over the whole field, then followed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.analysis.kittel import fit_kittel
from sotlab.analysis.lineshape import LineFit, fit_lineshape
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.stfmr_frequency_series import STFMRFrequencySeries
from sotlab.procedures.stfmr_passes import STFMRPasses

__all__ = ["STFMRResonanceSearch"]

#: How often the spacing of the points is halved before a frequency is given up.
DENSEST = 3


class STFMRResonanceSearch(STFMRPasses, STFMRFrequencySeries):
    """Look for the line over the whole range of field, coarsely at first, then twice as densely and so on.

    A line is what the analysis takes for one: it explains the data better than a straight line, a step or a
    polynomial, and has three points within it. Where it is found it is measured again in a window of its own; then
    it is followed to the other frequencies by Kittel's formula, which a line of anything else would not obey. At a
    frequency without a line the search goes on at the next one.

    At the end a window for each frequency, and the mu0*M_eff to be expected, are told and stand in the journal
    (``proposal``).
    """

    frequency = Quantity("Frequency", "Hz", default=6e9, minimum=1e6, maximum=120e9, description="The first")
    frequency_stop = Quantity("Last frequency", "Hz", default=9e9, minimum=1e6, maximum=120e9)
    frequencies = Integer("Frequencies", default=3, minimum=2, maximum=1000)
    start = Quantity("Start", "T", default=5e-3, minimum=0.0, maximum=20.0, description="Of the field that is searched")
    stop = Quantity("Stop", "T", default=0.35, minimum=0.0, maximum=20.0)
    points = Integer(
        "Points", default=71, minimum=16, maximum=100_000, description="Of the first pass, and of a window"
    )

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the first pass over the whole range."""
        yield from self._whole(self.series()[0])

    def refine(self, rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, float]]:
        """Yield the next pass at this frequency, or the first at the next one; nothing when all are through."""
        if not rows:
            return
        groups: dict[tuple[float, ...], list[Mapping[str, Any]]] = {}
        for row in rows:
            groups.setdefault(self.told_by(row), []).append(row)
        *earlier, here = groups.values()
        known = any(_line(group).good[0] for group in earlier)
        if not known:
            further = self._further(here)
            if further is not None:
                for field_T in further:
                    yield {"frequency_Hz": float(here[0]["Frequency (Hz)"]), "field_T": float(field_T)}
                return
        if len(groups) == len(self.series()):
            self._propose(list(groups.values()))
            return
        following = self.series()[len(groups)]
        if known or _line(here).good[0]:
            yield from self._spectrum(following, self._window_T(rows, following["frequency_Hz"]))
        else:
            yield from self._whole(following)

    def _whole(self, settings: Mapping[str, float]) -> Iterable[Mapping[str, float]]:
        for field_T in np.linspace(min(self.start, self.stop), max(self.start, self.stop), self.points):
            yield {**settings, "field_T": float(field_T)}

    def _further(self, here: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
        """Return the fields of another pass at a frequency where the line is looked for; None if there is no need."""
        fit, set_T = _line(here), np.unique([row["Field Set (T)"] for row in here])
        if not fit.good[0]:
            return None if self.passes(here) >= DENSEST else 0.5 * (set_T[1:] + set_T[:-1])
        low_T, high_T = self._window_of(fit)
        if np.count_nonzero((set_T > low_T) & (set_T < high_T)) >= self.points:
            return None
        return np.linspace(low_T, high_T, self.points)

    def _window_of(self, fit: LineFit) -> tuple[float, float]:
        """Return a line's window, within what is searched [T]."""
        centre_T, half_T = float(fit.field_res[0]), self.reach * float(fit.width[0])
        low_T, high_T = sorted((self.start, self.stop))
        return max(centre_T - half_T, low_T), min(centre_T + half_T, high_T)

    def _propose(self, groups: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        """Tell where the lines are, and which windows they want."""
        found = [(float(group[0]["Frequency (Hz)"]), fit) for group in groups if (fit := _line(group)).good[0]]
        if not found:
            self.tell("proposal", text=f"no line from {self.start:g} to {self.stop:g} T at any of the frequencies")
            return
        frequency_Hz = np.array([f for f, _ in found])
        lines_T = np.array([(fit.field_res[0], fit.field_res_sigma[0]) for _, fit in found])
        meff = fit_kittel(frequency_Hz, lines_T[:, 0], lines_T[:, 1], g=self._g()).mu0_meff.value
        windows = {f: self._window_of(fit) for f, fit in found}
        text = "; ".join(f"{f / 1e9:g} GHz: {low:.4g} to {high:.4g} T" for f, (low, high) in windows.items())
        expected = "" if meff is None else f"; expected_meff {meff:.3g} T"
        self.tell(
            "proposal",
            text=f"windows for {text}{expected}",
            windows=[[f, low, high] for f, (low, high) in windows.items()],
            expected_meff_T=meff,
        )


def _line(rows: Sequence[Mapping[str, Any]]) -> LineFit:
    """Return the line in the rows of one frequency."""
    field_T, voltage_V = (np.array([row[name] for row in rows], float) for name in ("Field (T)", "Voltage (V)"))
    return fit_lineshape([field_T], [voltage_V])
