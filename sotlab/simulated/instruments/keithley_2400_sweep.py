"""Sweeps of the 2400's source: stairs and lists of levels, one for each operation that ``TRIGger:COUNt`` asks for.

Source memory sweeps are not modelled, so refused with an error; ranging is always the best for the whole sweep.
"""

from __future__ import annotations

import math

import numpy as np

from sotlab.simulated.device import command, query, setting
from sotlab.simulated.instruments.keithley_2400_source import MANUAL, RANGES_A, RANGES_V, Source2400, fitting
from sotlab.simulated.scpi import Choice, Number, ScpiError

__all__ = ["Sweep2400"]

SWEEP = f"{MANUAL}, table 18-7, p. 18-18"
LEVELS = f"{MANUAL}, p. 18-84"
MOST_A, MOST_V, MOST_POINTS = 1.05, 210.0, 2500
#: Most values that one command may carry (the manual's own limit was not seen).
MOST_VALUES = 100


def _scientific(value: float) -> str:
    return f"{value:.6E}"


def _list(unit: str, most: float) -> tuple[Number, ...]:
    return tuple(Number(unit, -most, most, optional=i > 0) for i in range(MOST_VALUES))


class Sweep2400(Source2400):
    """A source that goes through levels."""

    mode_A = setting("[SOURce#]:CURRent:MODE", Choice("FIXed", "SWEep", "LIST"), default="FIX", source=SWEEP)
    mode_V = setting("[SOURce#]:VOLTage:MODE", Choice("FIXed", "SWEep", "LIST"), default="FIX", source=SWEEP)
    start_A = setting(
        "[SOURce#]:CURRent:STARt", unit="A", default=0.0, minimum=-MOST_A, maximum=MOST_A, reply=_scientific,
        source=LEVELS,
    )  # fmt: skip
    stop_A = setting(
        "[SOURce#]:CURRent:STOP", unit="A", default=0.0, minimum=-MOST_A, maximum=MOST_A, reply=_scientific,
        source=LEVELS,
    )  # fmt: skip
    start_V = setting(
        "[SOURce#]:VOLTage:STARt", unit="V", default=0.0, minimum=-MOST_V, maximum=MOST_V, reply=_scientific,
        source=LEVELS,
    )  # fmt: skip
    stop_V = setting(
        "[SOURce#]:VOLTage:STOP", unit="V", default=0.0, minimum=-MOST_V, maximum=MOST_V, reply=_scientific,
        source=LEVELS,
    )  # fmt: skip
    sweep_points = setting(
        "[SOURce#]:SWEep:POINts", default=2500, minimum=2, maximum=MOST_POINTS, integer=True, source=SWEEP
    )
    sweep_spacing = setting("[SOURce#]:SWEep:SPACing", Choice("LINear", "LOGarithmic"), default="LIN", source=SWEEP)
    sweep_direction = setting("[SOURce#]:SWEep:DIRection", Choice("UP", "DOWn"), default="UP", source=SWEEP)
    sweep_ranging = setting("[SOURce#]:SWEep:RANGing", Choice("BEST"), default="BEST", source=SWEEP)
    sweep_abort = setting("[SOURce#]:SWEep:CABort", Choice("NEVer", "EARLy", "LATE"), default="NEV", source=SWEEP)

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self._lists: dict[str, list[float]] = {"CURR": [], "VOLT": []}

    def reset(self) -> None:
        """Set the defaults; the lists go."""
        super().reset()
        self._lists = {"CURR": [], "VOLT": []}

    def sweep_levels(self) -> list[float]:
        """Return the levels of the source in use, none while it is fixed.

        Raises
        ------
        ScpiError
            -221 for a logarithmic sweep through zero and for a list without values (the code is unverified).
        """
        sourced = self.source_function
        mode = self.mode_A if sourced == "CURR" else self.mode_V
        if mode == "FIX":
            return []
        if mode == "LIST":
            if not self._lists[sourced]:
                raise ScpiError(-221)
            return list(self._lists[sourced])
        start, stop = (self.start_A, self.stop_A) if sourced == "CURR" else (self.start_V, self.stop_V)
        if self.sweep_spacing == "LIN":
            levels = np.linspace(start, stop, self.sweep_points)
        elif start * stop <= 0.0:
            raise ScpiError(-221)
        else:
            levels = math.copysign(1.0, start) * np.geomspace(abs(start), abs(stop), self.sweep_points)
        return levels.tolist() if self.sweep_direction == "UP" else levels[::-1].tolist()

    def begin_sweep(self) -> list[float]:
        """Return the levels, after choosing the range that takes them all; none while the source is fixed."""
        levels = self.sweep_levels()
        if not levels:
            return []
        self.before_change()
        largest = max(map(abs, levels))
        if self.source_function == "CURR":
            self.source_auto_A, self.source_range_A = False, fitting(RANGES_A, largest)
        else:
            self.source_auto_V, self.source_range_V = False, fitting(RANGES_V, largest)
        return levels

    def go_to(self, level: float) -> bool:
        """Source a level of the sweep, and return whether to go on: early and late abort are one here."""
        if self.source_function == "CURR":
            self.level_A = level
        else:
            self.level_V = level
        self._drive()
        return self.sweep_abort == "NEV" or not self._in_compliance()

    def _spread(self, quantity: str, centre: float, span: float) -> None:
        """Set start and stop around a centre; -222 if one of them cannot be reached (the code is unverified)."""
        start, stop = centre - span / 2.0, centre + span / 2.0
        if max(abs(start), abs(stop)) > (MOST_A if quantity == "A" else MOST_V):
            raise ScpiError(-222)
        setattr(self, f"start_{quantity}", start)
        setattr(self, f"stop_{quantity}", stop)

    @command("[SOURce#]:CURRent:CENTer", Number("A"), source=LEVELS)
    def set_centre_A(self, centre_A: float) -> None:
        """Set the centre of the sweep; the span stays."""
        self._spread("A", centre_A, self.stop_A - self.start_A)

    @query("[SOURce#]:CURRent:CENTer", source=LEVELS)
    def centre_A(self) -> str:
        """Return the centre of the sweep."""
        return _scientific((self.start_A + self.stop_A) / 2.0)

    @command("[SOURce#]:CURRent:SPAN", Number("A"), source=LEVELS)
    def set_span_A(self, span_A: float) -> None:
        """Set the span from start to stop; the centre stays."""
        self._spread("A", (self.start_A + self.stop_A) / 2.0, span_A)

    @query("[SOURce#]:CURRent:SPAN", source=LEVELS)
    def span_A(self) -> str:
        """Return the span from start to stop."""
        return _scientific(self.stop_A - self.start_A)

    @command("[SOURce#]:VOLTage:CENTer", Number("V"), source=LEVELS)
    def set_centre_V(self, centre_V: float) -> None:
        """Set the centre of the sweep; the span stays."""
        self._spread("V", centre_V, self.stop_V - self.start_V)

    @query("[SOURce#]:VOLTage:CENTer", source=LEVELS)
    def centre_V(self) -> str:
        """Return the centre of the sweep."""
        return _scientific((self.start_V + self.stop_V) / 2.0)

    @command("[SOURce#]:VOLTage:SPAN", Number("V"), source=LEVELS)
    def set_span_V(self, span_V: float) -> None:
        """Set the span from start to stop; the centre stays."""
        self._spread("V", (self.start_V + self.stop_V) / 2.0, span_V)

    @query("[SOURce#]:VOLTage:SPAN", source=LEVELS)
    def span_V(self) -> str:
        """Return the span from start to stop."""
        return _scientific(self.stop_V - self.start_V)

    @command("[SOURce#]:LIST:CURRent", *_list("A", MOST_A), source=SWEEP)
    def set_currents(self, *levels_A: float) -> None:
        """Set the list of currents [A]."""
        self._lists["CURR"] = list(levels_A)

    @command("[SOURce#]:LIST:VOLTage", *_list("V", MOST_V), source=SWEEP)
    def set_voltages(self, *levels_V: float) -> None:
        """Set the list of voltages [V]."""
        self._lists["VOLT"] = list(levels_V)

    @command("[SOURce#]:LIST:CURRent:APPend", *_list("A", MOST_A), source=SWEEP)
    def append_currents(self, *levels_A: float) -> None:
        """Add to the list of currents."""
        self._append("CURR", levels_A)

    @command("[SOURce#]:LIST:VOLTage:APPend", *_list("V", MOST_V), source=SWEEP)
    def append_voltages(self, *levels_V: float) -> None:
        """Add to the list of voltages."""
        self._append("VOLT", levels_V)

    def _append(self, sourced: str, levels: tuple[float, ...]) -> None:
        if len(self._lists[sourced]) + len(levels) > MOST_POINTS:
            raise ScpiError(-222)
        self._lists[sourced] += levels

    @query("[SOURce#]:LIST:CURRent", source=SWEEP)
    def currents(self) -> str:
        """Return the list of currents."""
        return ",".join(map(_scientific, self._lists["CURR"]))

    @query("[SOURce#]:LIST:VOLTage", source=SWEEP)
    def voltages(self) -> str:
        """Return the list of voltages."""
        return ",".join(map(_scientific, self._lists["VOLT"]))

    @query("[SOURce#]:LIST:CURRent:POINts", source=SWEEP)
    def current_points(self) -> int:
        """Return how many currents are listed."""
        return len(self._lists["CURR"])

    @query("[SOURce#]:LIST:VOLTage:POINts", source=SWEEP)
    def voltage_points(self) -> int:
        """Return how many voltages are listed."""
        return len(self._lists["VOLT"])
