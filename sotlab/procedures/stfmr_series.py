"""Series of ST-FMR spectra in one run: what they have in common.

The next spectrum's window is predicted from the spectra so far: Kittel's formula with the magnetisation that their
lines give, and the width of the last. Until there is a line, the window is that of the expected magnetisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sotlab.analysis.kittel import fit_kittel, resonance_field_T
from sotlab.analysis.lineshape import fit_lineshape
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

__all__ = ["STFMRSeries", "expected_window_T"]

SIGNS = {"positive": (1.0,), "negative": (-1.0,), "both": (-1.0, 1.0)}


def expected_window_T(frequency_Hz: float, g: float, mu0_meff_T: float) -> tuple[float, float]:
    """Return a window [T] that holds the line although M_eff is only guessed: 0.5 to 1.7 of the field that it gives.

    The guess is the field for which f = (gamma/2pi) sqrt(B (B + mu0 M)).
    """
    guess_T = float(resonance_field_T(np.array([frequency_Hz]), mu0_meff_T, g=g)[0])
    return round(0.5 * guess_T, 4), round(1.7 * guess_T, 4)


class STFMRSeries(STFMRFieldSweep):
    """Spectra one after the other, each from below: a subclass says what changes between them in :meth:`series`.

    A spectrum of both signs of field is two windows. ``start``, ``stop`` are not used: the windows are predicted.
    """

    points = Integer("Points", default=61, minimum=8, maximum=100_000, description="In each window")
    reach = Quantity("Reach", "", default=8.0, minimum=2.0, maximum=100.0, description="Of a window, in half widths")
    signs = Choice("Signs", choices=list(SIGNS), default="positive", description="Of the field")
    expected_meff = Quantity(
        "Expected Meff", "T", default=1.0, minimum=-5.0, maximum=5.0, description="mu0*M_eff, for the first window"
    )

    def series(self) -> Sequence[Mapping[str, float]]:
        """Return what changes from spectrum to spectrum, as the plan calls it."""
        raise NotImplementedError

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the first spectrum's points."""
        first = self.series()[0]
        frequency_Hz = first.get("frequency_Hz", self.frequency)
        yield from self._spectrum(first, expected_window_T(frequency_Hz, self._g(), self.expected_meff))

    def refine(self, rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, float]]:
        """Yield the next spectrum's points, in the window that those so far predict."""
        series = self.series()
        done = len({self.told_by(row) for row in rows})
        if not rows or done >= len(series):
            return
        following = series[done]
        yield from self._spectrum(following, self._window_T(rows, following.get("frequency_Hz", self.frequency)))

    def _spectrum(self, settings: Mapping[str, float], window_T: tuple[float, float]) -> Iterable[Mapping[str, float]]:
        low_T, high_T = window_T
        for sign in SIGNS[self.signs]:
            for field_T in np.sort(sign * np.linspace(low_T, high_T, self.points)):
                yield {**settings, "field_T": float(field_T)}

    def _window_T(self, rows: Sequence[Mapping[str, Any]], frequency_Hz: float) -> tuple[float, float]:
        groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for row in rows:
            groups.setdefault((self.told_by(row), row["Field (T)"] > 0), []).append(row)
        fields, voltages = (
            [np.array([row[name] for row in group], float) for group in groups.values()]
            for name in ("Field (T)", "Voltage (V)")
        )
        fit = fit_lineshape(fields, voltages)
        if not fit.good.any():
            return expected_window_T(frequency_Hz, self._g(), self.expected_meff)
        at_Hz = np.array([group[0]["Frequency (Hz)"] for group in groups.values()])[fit.good]
        field_res_T = (fit.field_sign * fit.field_res)[fit.good]
        kittel = fit_kittel(at_Hz, field_res_T, fit.field_res_sigma[fit.good], g=self._g())
        if kittel.mu0_meff.value is None:
            return expected_window_T(frequency_Hz, self._g(), self.expected_meff)
        centre_T = float(resonance_field_T(np.array([frequency_Hz]), kittel.mu0_meff.value, g=self._g())[0])
        # The width grows with frequency, no faster than in proportion.
        width_T = float(fit.width[fit.good][-1] * max(1.0, frequency_Hz / at_Hz[-1]))
        return max(centre_T - self.reach * width_T, 0.0), centre_T + self.reach * width_T

    @staticmethod
    def told_by(row: Mapping[str, Any]) -> tuple[float, ...]:
        """Return what tells a row's spectrum from the others."""
        return tuple(float(row[name]) for name in ("Frequency (Hz)", "Power (dBm)", "Angle (deg)"))

    def _g(self) -> float:
        """Return the sample's g; before a station is open only the number of points is asked for."""
        return 2.0 if self.bench is None else self.the_sample().g

    @property
    def direction(self) -> float:
        """Each spectrum is measured upwards."""
        return 1.0
