"""The magnetisation of a thin film along the axis of the field, with hysteresis."""

from __future__ import annotations

import math

from sotlab.simulated.physics.magnet import Magnet

__all__ = ["FilmMagnetisation"]

#: A field that will move by less than this stands still [T].
STANDS_STILL_T = 1e-13


class FilmMagnetisation:
    """Follow a film in a magnet: ``m = tanh(p / w)``, where the play p follows the field but lags by the coercivity.

    On the major loop m changes its sign at the field -+ ``coercivity_T``. A film without history begins with p = 0.
    The film's anisotropy in the plane is left out: m lies along the field's axis, also when that turns.

    Parameters
    ----------
    magnet : Magnet
        Gives the field.
    coercivity_T, width_T : float
        Half width of the loop, and w [T].
    """

    def __init__(self, magnet: Magnet, coercivity_T: float, width_T: float) -> None:
        self._magnet, self._half_T, self._width_T = magnet, coercivity_T, width_T
        self._time_s, self._play_T = -math.inf, 0.0
        #: Since when the field is known to stand still [s], and m then.
        self.rests_from_s, self._at_rest = math.inf, 0.0

    def catch_up(self, t_s: float) -> None:
        """Keep the state at ``t_s``: called before the magnet is told anything new."""
        self._play_T, self._time_s = self._play(t_s), t_s
        self.rests_from_s = math.inf

    def component(self, t_s: float) -> float:
        """Return m along the field's positive direction, -1 to 1."""
        if t_s >= self.rests_from_s:
            return self._at_rest
        m = math.tanh(self._play(t_s) / self._width_T)
        if self._magnet.travel_T(t_s) < STANDS_STILL_T:
            self.rests_from_s, self._at_rest = t_s, m
        return m

    def _play(self, t_s: float) -> float:
        play_T = self._play_T
        turn_s = self._magnet.turn_s
        for time_s in (turn_s, t_s) if self._time_s < turn_s < t_s else (t_s,):
            field_T = self._magnet.field_T(time_s)
            play_T = min(max(play_T, field_T - self._half_T), field_T + self._half_T)
        return play_T
