"""A film on its sources: what flows, how warm it gets, and what kills it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sotlab.simulated.physics.circuit import Flow, Ports, Source, flows, solve
from sotlab.simulated.physics.film import Film

__all__ = ["DrivenFilm", "State", "Surroundings", "forced_V"]

#: The film's temperature is iterated until it changes by less than this [K], so often at most.
_STILL_K, _MOST_ROUNDS = 1e-6, 60
#: States that are kept until something changes.
_KEPT = 16


@dataclass(frozen=True)
class Surroundings:
    """What the film is exposed to."""

    bath_K: float
    normal_T: float
    magnetisation_rad: float


@dataclass(frozen=True)
class State:
    """What the circuit does at a moment."""

    film_K: float
    ports: Ports
    flows: Mapping[str, Flow]


class DrivenFilm:
    """A film in its circuit; it takes the temperature that its heating leads to at once.

    Parameters
    ----------
    film : Film
    closed : iterable of int
        Relays that are closed at the beginning, see :func:`sotlab.simulated.physics.circuit.solve`.
    """

    def __init__(self, film: Film, closed: Iterable[int]) -> None:
        self.film, self.closed = film, tuple(closed)
        self.sources: Mapping[str, Source] = {}
        self.died_s: float | None = None
        self._open_contacts: frozenset[int] = frozenset()
        self._solved: dict[Any, State] = {}

    def drive(self, name: str, source: Source) -> None:
        """Take over what a source does."""
        self.sources = {**self.sources, name: source}
        self._solved.clear()

    def switch(self, closed: Iterable[int]) -> None:
        """Take over which relays are closed."""
        self.closed = tuple(closed)
        self._solved.clear()

    def open_contact(self, contact: int) -> None:
        """Break a contact."""
        self._open_contacts |= {contact}
        self._solved.clear()

    def die(self, t_s: float) -> None:
        """Let the film die, if it has not yet."""
        if self.died_s is None:
            self.died_s = t_s
            self._solved.clear()

    def active(self, t_s: float) -> tuple[str, ...]:
        """Return the sources whose waves have begun and are not over."""
        return tuple(name for name, one in self.sources.items() if one.wave.start_s <= t_s < one.wave.stop_s)

    def changes(self, start_s: float, stop_s: float) -> bool:
        """Return whether a wave begins or ends in a window."""
        return self.active(start_s) != self.active(stop_s)

    def state(self, t_s: float, around: Surroundings) -> State:
        """Return what the circuit does at a bench time; too high a current or temperature kills the film."""
        key = around, self.active(t_s)
        found = self._solved.get(key)
        if found is None:
            found = self._solve(t_s, around)
            too_much = found.ports.share * _peak_A(found, t_s) > self.film.most_A or found.film_K > self.film.most_K
            if self.died_s is None and too_much:
                self.die(t_s)
                found = self._solve(t_s, around)
            if len(self._solved) >= _KEPT:
                self._solved.clear()
            self._solved[key] = found
        return found

    def _solve(self, t_s: float, around: Surroundings) -> State:
        """Find the temperature at which the film's heat is the power that flows into it there."""
        film, film_K = self.film, around.bath_K
        factor = 1.0 if self.died_s is None else film.dead_ratio
        for _ in range(_MOST_ROUNDS):
            resistances = film.resistances(film_K, around.normal_T, around.magnetisation_rad)
            ports = solve(film, resistances, self.closed, self._open_contacts, factor)
            found = flows(self.sources, ports.input_ohm, t_s)
            heated_K = around.bath_K
            if self.died_s is None:
                heated_K += film.heating_K_per_W * ports.film_ohm * _mean_square(found, t_s)
            heated_K = min(heated_K, 2.0 * film.most_K)  # a film that runs away is at its end before
            if abs(heated_K - film_K) < _STILL_K:
                break
            film_K = heated_K
        return State(film_K, ports, found)


def forced_V(state: State, start_s: float, stop_s: float) -> float:
    """Return the mean voltage from I- to I+ over a window [V]."""
    return state.ports.input_ohm * sum(flow.port.mean(start_s, stop_s) for flow in state.flows.values())


def _peak_A(state: State, t_s: float) -> float:
    ports = [flow.port for flow in state.flows.values()]
    return sum(wave.peak for wave in ports if wave.start_s <= t_s < wave.stop_s)


def _mean_square(found: Mapping[str, Flow], t_s: float) -> float:
    """Return the mean square of the current that flows [A^2]; waves of different sources are taken as independent."""
    mean_A, alternating_A2 = 0.0, 0.0
    for flow in found.values():
        wave = flow.port
        if wave.peak and wave.start_s <= t_s < wave.stop_s:
            mean_A += wave.dc
            alternating_A2 += max(wave.rms**2 - wave.dc**2, 0.0)
    return mean_A**2 + alternating_A2
