"""A motorised axis: trapezoidal velocity profile, a lagging servo, backlash, ends of travel."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

__all__ = ["Axis"]

#: Pieces of motion that are remembered: several moves may be planned ahead of the present.
REMEMBERED = 64


@dataclass(frozen=True)
class Piece:
    """A stretch of constant acceleration; the servo's position obeys ``dx/dt = (c - x) / tau``.

    With ``c = c0 + v0 t + a t^2 / 2`` it is ``x = c - tau c' + tau^2 a + K exp(-t / tau)``.
    """

    start_s: float
    position: float
    velocity: float
    acceleration: float
    followed: float  # x at the start
    carried: float  # the carriage at the start
    stuck: bool = False  # the motor does not move, whatever the servo wants

    def command(self, t_s: float) -> tuple[float, float]:
        """Return the commanded position and velocity."""
        dt = t_s - self.start_s
        return self.position + (self.velocity + self.acceleration * dt / 2) * dt, self.velocity + self.acceleration * dt

    def servo(self, t_s: float, tau_s: float) -> float:
        """Return the position of the motor."""
        if self.stuck:
            return self.followed
        lag = tau_s * self.velocity - tau_s**2 * self.acceleration
        transient = (self.followed - self.position + lag) * math.exp(-(t_s - self.start_s) / tau_s)
        position, velocity = self.command(t_s)
        return position - tau_s * velocity + tau_s**2 * self.acceleration + transient


class Axis:
    """Follow one axis of a stage; positions are in its own unit u, m for a linear and deg for a rotary axis.

    A move accelerates, cruises and decelerates: v rises to at most ``velocity``, for a short way to
    ``sqrt(2 d / (1/a + 1/b))``, with a, b the acceleration and deceleration. The motor follows with the time constant
    of its servo; the carriage follows the motor through the backlash (a play operator of half its width). The state is
    known in closed form at any time; commands may lie ahead of the present, but each after the one before.

    Parameters
    ----------
    lower, upper : float
        Ends of the travel [u].
    tau_s : float
        Time constant of the servo [s].
    backlash : float
        Way that the motor makes when it turns round before the carriage moves [u].
    window : float
        The move is done when the motor is nearer than this to its target [u].
    resolution : float
        Step of the encoder [u].
    noise : float
        Rms jitter of the encoder's reading [u].
    readings : numpy.random.Generator or None
        Draws the jitter; without it there is none.
    start : float
        Where it stands at first [u].
    """

    def __init__(
        self,
        lower: float,
        upper: float,
        *,
        tau_s: float = 0.01,
        backlash: float = 0.0,
        window: float = 1e-7,
        resolution: float = 1e-7,
        noise: float = 0.0,
        readings: np.random.Generator | None = None,
        start: float = 0.0,
    ) -> None:
        self.lower, self.upper, self.window, self.resolution = lower, upper, window, resolution
        self._tau_s, self._half_play = tau_s, backlash / 2
        self._noise, self._readings = noise, readings
        self._pieces = [Piece(-1e-9, start, 0.0, 0.0, start, start)]
        self._stuck = -math.inf, -math.inf  # from when until when

    def move(
        self, t_s: float, target: float, velocity: float, acceleration: float, deceleration: float | None = None
    ) -> float:
        """Go to ``target``, from any speed, and return when the axis will have settled there [s].

        Parameters
        ----------
        t_s : float
            Bench time of the start [s].
        target : float
            Where to go; clipped to the ends of travel [u].
        velocity, acceleration, deceleration : float
            Above 0 [u/s, u/s^2]; the deceleration is the acceleration if not given.
        """
        target = min(max(target, self.lower), self.upper)
        a, b = acceleration, acceleration if deceleration is None else deceleration
        start, v0 = self._command(t_s)
        way = target - (start + v0 * abs(v0) / (2 * b))  # beyond the point where it could stop
        side = math.copysign(1.0, way)
        ahead = side * (target - start)
        peak = min(velocity, math.sqrt(max(ahead + v0 * v0 / (2 * a), 0.0) / (0.5 / a + 0.5 / b)))
        change = side * peak - v0
        rising = math.copysign(a if change * side >= 0 else b, change)
        first_s = abs(change / rising)
        cruise = ahead - side * (v0 + side * peak) / 2 * first_s - peak * peak / (2 * b)
        cruise_s = max(cruise, 0.0) / peak if peak > 0.0 else 0.0
        self._add(t_s, rising)
        self._add(t_s + first_s, 0.0)
        self._add(t_s + first_s + cruise_s, -side * b)
        return self._rest(t_s + first_s + cruise_s + peak / b, target)

    def stop(self, t_s: float, deceleration: float) -> float:
        """Decelerate to rest and return when the axis will have settled [s]."""
        start, v0 = self._command(t_s)
        self._add(t_s, -math.copysign(deceleration, v0) if v0 else 0.0)
        return self._rest(t_s + abs(v0) / deceleration, start + v0 * abs(v0) / (2 * deceleration))

    def stall(self, t_s: float, for_s: float) -> None:
        """Let the motor stick for a while; then the servo brings it to where it is told to be.

        Parameters
        ----------
        t_s, for_s : float
            Bench time of the beginning, and how long; finite [s].
        """
        self._stuck = t_s, t_s + for_s
        planned = [piece for piece in self._pieces if piece.start_s > t_s]
        self._append(t_s, *self._command(t_s), self._piece(t_s).acceleration)
        for piece in planned:
            self._append(piece.start_s, piece.position, piece.velocity, piece.acceleration)
        self._release(math.inf)

    def position(self, t_s: float) -> float:
        """Return where the motor is, by its encoder without jitter [u]."""
        return self._piece(t_s).servo(t_s, self._tau_s)

    def reading(self, t_s: float) -> float:
        """Return what the encoder says, in its steps and with its jitter [u]."""
        jitter = 0.0 if self._readings is None else self._noise * float(self._readings.standard_normal())
        return round((self.position(t_s) + jitter) / self.resolution) * self.resolution

    def carriage(self, t_s: float) -> float:
        """Return where the carriage is: what the experiment sees [u]."""
        piece = self._piece(t_s)
        return self._carry(piece, t_s)

    def target(self, t_s: float) -> float:
        """Return where the servo is told to be [u]."""
        return self._command(t_s)[0]

    def velocity(self, t_s: float) -> float:
        """Return the commanded velocity [u/s]."""
        return self._command(t_s)[1]

    @property
    def rests_from_s(self) -> float:
        """When the last command ends, with nothing left of it that a float could hold [s]."""
        return self._pieces[-1].start_s + 40.0 * self._tau_s

    def settled_s(self) -> float:
        """Return when the last command ends with the axis at rest [s]."""
        last = self._pieces[-1]
        error = abs(last.followed - last.position)
        return last.start_s + (self._tau_s * math.log(error / self.window) if error > self.window else 0.0)

    def _command(self, t_s: float) -> tuple[float, float]:
        return self._piece(t_s).command(t_s)

    def _piece(self, t_s: float) -> Piece:
        if t_s >= self._pieces[-1].start_s:  # at rest, most often
            return self._pieces[-1]
        index = bisect_right(self._pieces, t_s, key=lambda piece: piece.start_s)
        return self._pieces[max(index - 1, 0)]

    def _carry(self, piece: Piece, t_s: float) -> float:
        carried = piece.carried
        turn_s = piece.start_s - piece.velocity / piece.acceleration if piece.acceleration else math.inf
        for time_s in (turn_s, t_s) if piece.start_s < turn_s < t_s else (t_s,):
            motor = piece.servo(time_s, self._tau_s)
            carried = min(max(carried, motor - self._half_play), motor + self._half_play)
        return carried

    def _add(self, t_s: float, acceleration: float, position: float | None = None) -> None:
        commanded, velocity = self._command(t_s)
        if position is not None:  # at rest there, free of rounding errors
            commanded, velocity = position, 0.0
        self._append(t_s, commanded, velocity, acceleration)

    def _append(self, t_s: float, commanded: float, velocity: float, acceleration: float) -> None:
        """Let a piece begin at ``t_s``; what was to begin then or later is dropped."""
        self._pieces = [piece for piece in self._pieces if piece.start_s < t_s][-REMEMBERED:]
        self._release(t_s)
        before = self._pieces[-1]
        followed, carried = before.servo(t_s, self._tau_s), self._carry(before, t_s)
        stuck = self._stuck[0] <= t_s < self._stuck[1]
        self._pieces.append(Piece(t_s, commanded, velocity, acceleration, followed, carried, stuck))

    def _release(self, before_s: float) -> None:
        """If the motor sticks at the end of the plan but comes free before a time, begin a piece there."""
        last, free_s = self._pieces[-1], self._stuck[1]
        if last.stuck and free_s < before_s:
            self._append(free_s, *last.command(free_s), last.acceleration)

    def _rest(self, t_s: float, target: float) -> float:
        self._add(t_s, 0.0, target)
        self._release(math.inf)
        return self.settled_s()
