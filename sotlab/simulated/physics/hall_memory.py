"""Which well the magnetisation of a Hall cross is in: it is followed through field, temperature and current."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable

from sotlab.simulated.physics.equilibrium import Vector
from sotlab.simulated.physics.hall import next_well
from sotlab.simulated.physics.hall_sample import HallFilm
from sotlab.simulated.physics.transport import Waveform

__all__ = ["WellMemory"]

#: A path in field is followed in steps of this share of the coercive field, but not of less than so much [T] ...
_STEP_SHARE, _SHORTEST_STEP_T = 0.01, 1e-5
#: ... after so many equal parts of the time, each halved so often at most.
_PARTS, _MOST_HALVINGS = 16, 14
#: Switches that are remembered: lock-ins look back.
_REMEMBERED = 512


class WellMemory:
    """Follow the well of m; times must not run backwards, but may be looked back at.

    Parameters
    ----------
    field_T : callable
        The field in the sample's frame, as a function of time [T].
    state : callable
        Film and current, as functions of time.
    """

    def __init__(self, field_T: Callable[[float], Vector], state: Callable[[float], tuple[HallFilm, Waveform]]) -> None:
        self._field_T, self._state = field_T, state
        self._time_s, self._reached = 0.0, ((0.0, 0.0, 0.0), state(0.0)[0])
        self._switches: list[tuple[float, int]] = [(-math.inf, 1)]  # when m came into which well

    def well(self, t_s: float) -> int:
        """Return the well of m at a time up to which it was followed."""
        if t_s >= self._switches[-1][0]:
            return self._switches[-1][1]
        return self._switches[bisect_right(self._switches, t_s, key=lambda switch: switch[0]) - 1][1]

    def follow(self, t_s: float, settled_s: float) -> None:
        """Let m go with field and temperature up to ``t_s``; the field stands still from ``settled_s`` on."""
        start_s = self._time_s
        if t_s <= start_s:
            return
        self._time_s = t_s
        moving_s = max(min(t_s, settled_s) - start_s, 0.0)
        times_s = [start_s + moving_s * (i + 1) / _PARTS for i in range(_PARTS)] if moving_s else []
        before_s, (before_T, film) = start_s, self._reached
        for now_s in (*times_s, t_s):
            after_T, now = self._field_T(now_s), self._state(now_s)[0]
            if after_T != before_T:
                self._walk(before_s, now_s, before_T, after_T, 0)
            elif now is not film:
                self.look(now_s)
            before_s, before_T, film = now_s, after_T, now
        self._reached = before_T, film

    def look(self, t_s: float) -> None:
        """Let m switch if the fields at ``t_s``, of the whole period of a current, make it."""
        film, current = self._state(t_s)
        field_T, well = self._field_T(t_s), self._switches[-1][1]
        before = well
        for level in (1.0, -1.0) if current.amplitude else (0.0,):
            well = next_well(film, field_T, current.offset + level * current.amplitude, well)
        if well != before:
            self._switches = [*self._switches[-_REMEMBERED:], (t_s, well)]

    def _walk(self, a_s: float, b_s: float, a_T: Vector, b_T: Vector, halvings: int) -> None:
        """Follow m from one field to another, in steps that are small where it might switch."""
        film, current = self._state(b_s)
        spin, well = film.spin, self._switches[-1][1]
        travel_T = math.dist(a_T, b_T)
        opposing_T = max(-well * sum(x * e for x, e in zip(f, spin.easy_axis, strict=True)) for f in (a_T, b_T))
        # The current's push on walls is at most pi/2 of its damping-like field.
        pushing_T = 2.0 * (abs(film.dl_T_per_A) + abs(film.in_plane_T_per_A)) * current.peak
        if opposing_T + travel_T + pushing_T <= 0.0:
            return  # all the way the field holds m where it is
        easy_T = spin.b_k_T if spin.b_k_T > 0.0 else spin.b_u_T
        if travel_T > max(_STEP_SHARE * min(spin.b_c_T, easy_T), _SHORTEST_STEP_T) and halvings < _MOST_HALVINGS:
            middle_s = (a_s + b_s) / 2
            middle_T = self._field_T(middle_s)
            self._walk(a_s, middle_s, a_T, middle_T, halvings + 1)
            self._walk(middle_s, b_s, middle_T, b_T, halvings + 1)
        else:
            self.look(b_s)
