"""A lock-in's detector: the filter cascade behind its mixer, with the noise that comes out of it.

The mixer has turned the signal at the detected harmonic into a phasor u (rms, relative to the reference); each of the n
poles of the low-pass filter follows the one before it::

    tau ds_k/dt = s_(k-1) - s_k,   s_0 = u + noise,   k = 1 ... n

Between two looks the state is propagated in closed form: the input as straight pieces, white noise by the covariance of
what it adds to the n states. So nothing depends on how often, or when, somebody looks.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from scipy.signal import lfilter
from scipy.special import gammainc

__all__ = ["InputNoise", "LockinInput", "RCCascade", "hum_phasor", "noise_bandwidth_Hz"]

#: Times [tau] before now at which a look asks first whether the input stands still.
_AGES = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0)
#: While it moves: the longest straight piece [tau], for the youngest part of the history and for the rest.
_PIECE, _OLD_PIECE = 1 / 16, 1 / 4
#: A straight piece is halved while its middle is off by more than this part of the largest input, so often at most.
_TOLERANCE, _MOST_HALVINGS = 2e-4, 10


class LockinInput(Protocol):
    """What is seen by the mixer: a function of time that knows what has moved since the last change."""

    def __call__(self, t_s: float, /) -> complex:
        """Return the rms phasor at the detected harmonic, relative to the reference [V]."""
        ...


@dataclass(frozen=True)
class InputNoise:
    """What disturbs a lock-in's input.

    Parameters
    ----------
    white_V_per_rtHz : float
        White noise, one-sided.
    corner_Hz : float
        Where 1/f noise is as large as the white noise: the density at f is ``white * sqrt(1 + corner / f)``.
    hum_V_rms, mains_Hz : float
        Pick-up of the mains. It comes through the filter as a beat at the difference of the frequencies.
    drift_V_per_s : float
        Slope of an offset of X that grows from time 0.
    """

    white_V_per_rtHz: float = 0.0
    corner_Hz: float = 0.0
    hum_V_rms: float = 0.0
    mains_Hz: float = 50.0
    drift_V_per_s: float = 0.0

    def density_V_per_rtHz(self, frequency_Hz: float) -> float:
        """Return the noise density at the detected frequency; over the filter's bandwidth it is taken as flat."""
        return self.white_V_per_rtHz * math.sqrt(1.0 + self.corner_Hz / frequency_Hz)


def noise_bandwidth_Hz(time_constant_s: float, poles: int) -> float:
    """Return the equivalent noise bandwidth of the cascade.

    ``binom(2n-2, n-1) / (2^(2n) tau)``: 1/4, 1/8, 3/32 and 5/64 over tau for one to four poles. The variance of X, and
    that of Y, is the squared one-sided density of the input times this.
    """
    return math.comb(2 * poles - 2, poles - 1) / 4**poles / time_constant_s


@lru_cache(maxsize=1024)
def _noise_factor(poles: int, theta: float) -> np.ndarray:
    """Return L with L L^T the covariance that white noise adds to the states during ``theta`` time constants.

    In units of density^2/tau: ``Q_ij = binom(m, i-1) 2^-(m+1) P(m+1, 2 theta) / 2`` with ``m = i + j - 2`` and P the
    regularised lower incomplete gamma function. Scaled to a unit diagonal first, since for short steps the entries
    differ by many powers of theta.
    """
    i = np.arange(poles)
    order = i[:, None] + i[None, :]
    binomial = np.array([[math.comb(a + b, a) for b in range(poles)] for a in range(poles)], dtype=float)
    covariance = binomial * 0.5 ** (order + 2) * gammainc(order + 1, 2.0 * theta)
    scale = np.sqrt(np.diag(covariance))
    if np.any(scale == 0.0):  # too short to add anything that a float can hold
        return np.zeros((poles, poles))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    return scale[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))


def _transition(poles: int, theta: float) -> list[float]:
    """Return ``exp(-theta) theta^k / k!``: what a state receives after ``theta`` from that k poles before it."""
    row = [math.exp(-theta)]
    for k in range(1, poles):
        row.append(row[-1] * theta / k)
    return row


def _each(density: complex | np.ndarray, pieces: int) -> complex | np.ndarray:
    """Return a density that holds for each piece of each sample."""
    return np.repeat(density, pieces) if isinstance(density, np.ndarray) else density


class RCCascade:
    """n equal RC low passes with white noise at their input, in closed form.

    Parameters
    ----------
    rng : numpy.random.Generator
        The stream that the noise is drawn from.
    time_constant_s : float
        tau of each pole.
    poles : int
        1 to 4: 6, 12, 18 or 24 dB per octave.

    Notes
    -----
    History older than ``16 + 4 n`` time constants is left out: what it could add is below 1e-8 of it.
    """

    def __init__(self, rng: np.random.Generator, time_constant_s: float = 0.1, poles: int = 2):
        self._rng = rng
        self.time_constant_s, self.poles = time_constant_s, poles
        self.time_s = 0.0
        self._state: list[complex] = [0j] * 4  # the filters beyond the poles in use are kept at the last one's output

    @property
    def output(self) -> complex:
        """The filtered phasor X + iY [V]."""
        return self._state[self.poles - 1]

    @property
    def stages(self) -> list[complex]:
        """The phasor behind each pole [V]."""
        return self._state[: self.poles]

    def set_filter(self, time_constant_s: float, poles: int) -> None:
        """Change the filter; the poles keep what they hold, those that are added start with the output."""
        output = self.output
        self._state[self.poles :] = [output] * (4 - self.poles)
        self.time_constant_s, self.poles = time_constant_s, poles

    def settle(self, t_s: float, value_V: complex) -> None:
        """Let the filter be as after a long time with this input."""
        self.time_s, self._state = t_s, [value_V] * 4

    def advance(
        self,
        t_s: float,
        input_V: LockinInput,
        density_V_per_rtHz: float = 0.0,
        signal_density_V_per_rtHz: complex = 0j,
    ) -> float:
        """Go on to ``t_s`` with an input that may move, and return the largest input on the way [V].

        Parameters
        ----------
        t_s : float
            Not before the last time.
        input_V : callable
            The input as a function of time, valid from the last time on.
        density_V_per_rtHz : float
            One-sided density of the white noise at the input.
        signal_density_V_per_rtHz : complex
            Of noise that rides on the signal, as that of its amplitude: along this phasor, with this density.
        """
        tau, n = self.time_constant_s, self.poles
        start_s = max(self.time_s, t_s - (16 + 4 * n) * tau)
        self.time_s = t_s
        span = (t_s - start_s) / tau
        if span <= 0.0:
            return abs(input_V(t_s))
        peak = 0.0
        for a, b, u_a, u_b in self._pieces(input_V, t_s, span):
            self._step(a - b, u_a, u_b)
            peak = max(peak, abs(u_a), abs(u_b))
        if not (density_V_per_rtHz or signal_density_V_per_rtHz):
            return peak
        # Spans that differ by less than this have covariances that do: rounded, they are found in the cache.
        factor = _noise_factor(n, float(f"{span:.9g}"))
        if density_V_per_rtHz > 0.0:
            drawn = factor @ self._rng.standard_normal((n, 2)) * (density_V_per_rtHz / math.sqrt(tau))
            for k, (x, y) in enumerate(drawn.tolist()):
                self._state[k] += complex(x, y)
        if signal_density_V_per_rtHz:
            along = signal_density_V_per_rtHz / math.sqrt(tau)
            for k, amount in enumerate((factor @ self._rng.standard_normal(n)).tolist()):
                self._state[k] += amount * along
        return peak

    def record(
        self,
        times_s: np.ndarray,
        input_V: LockinInput,
        density_V_per_rtHz: float | np.ndarray = 0.0,
        signal_density_V_per_rtHz: complex | np.ndarray = 0j,
    ) -> tuple[np.ndarray, float]:
        """Go on through many times at equal distances, and return the output at each of them.

        Parameters
        ----------
        times_s : (N,) float
            At equal distances; the first one is that far after the last time, too.
        input_V, density_V_per_rtHz, signal_density_V_per_rtHz
            As in :meth:`advance`; a density may be given for each time.

        Returns
        -------
        output_V : (N,) complex
            X + iY, with the joint statistics of one filter that was looked at N times.
        peak_V : float
            The largest input on the way.
        """
        n, tau = self.poles, self.time_constant_s
        theta = (times_s[-1] - self.time_s) / len(times_s) / tau
        inputs = np.array([input_V(t) for t in (self.time_s, *times_s.tolist())])
        pieces = 1
        if np.any(inputs != inputs[0]):  # it moves: straight pieces that are short beside the time constant
            pieces = max(1, min(32, math.ceil(theta / _PIECE)))
        if pieces > 1:
            fine_s = self.time_s + (times_s[-1] - self.time_s) * np.arange(len(times_s) * pieces + 1) / (
                len(times_s) * pieces
            )
            inputs = np.array([input_V(t) for t in fine_s.tolist()])
        h = theta / pieces
        row, before = _transition(n, h), list(self._state)
        slope = np.diff(inputs) / h
        # The state that a ramp drags behind it, at the start and at the end of each piece.
        lag = np.arange(1, n + 1)[:, None] * slope[None, :]
        added = (inputs[1:] - lag).astype(complex)
        for k in range(n):
            for j in range(k + 1):
                added[k] -= row[k - j] * (inputs[:-1] - lag[j])
        # Noise is independent in each piece, so that the sum over a sample's pieces has the covariance of the whole.
        if np.any(density_V_per_rtHz):
            factor = _noise_factor(n, float(f"{h:.9g}")) / math.sqrt(tau)
            drawn = self._rng.standard_normal((added.shape[1], n, 2))
            added += factor @ (drawn[..., 0] + 1j * drawn[..., 1]).T * _each(density_V_per_rtHz, pieces)
        if np.any(signal_density_V_per_rtHz):
            factor = _noise_factor(n, float(f"{h:.9g}")) / math.sqrt(tau)
            drawn = self._rng.standard_normal((added.shape[1], n))
            added += factor @ drawn.T * _each(signal_density_V_per_rtHz, pieces)
        states: list[np.ndarray] = []
        for k in range(n):
            drive = added[k]
            for j in range(k):
                drive = drive + row[k - j] * np.concatenate(([before[j]], states[j][:-1]))
            states.append(lfilter([1.0], [1.0, -row[0]], drive, zi=[row[0] * before[k]])[0])
            self._state[k] = complex(states[k][-1])
        self.time_s = float(times_s[-1])
        return states[-1][pieces - 1 :: pieces], float(np.max(np.abs(inputs)))

    def _step(self, theta: float, u_a: complex, u_b: complex) -> None:
        """Propagate through ``theta`` time constants while the input goes straight from ``u_a`` to ``u_b``."""
        n, state = self.poles, self._state
        row = _transition(n, theta)
        slope = (u_b - u_a) / theta
        away = [state[k] - (u_a - (k + 1) * slope) for k in range(n)]
        for k in range(n):
            state[k] = u_b - (k + 1) * slope + sum(row[k - j] * away[j] for j in range(k + 1))

    def _pieces(self, input_V: LockinInput, t_s: float, span: float) -> list[tuple[float, float, complex, complex]]:
        """Cut the history into pieces that are straight enough: ages at both ends [tau] and the input there."""
        tau = self.time_constant_s

        def at(age: float) -> complex:
            return complex(input_V(t_s - age * tau))

        ages = [age for age in _AGES if age < 0.999 * span] + [span]
        values = [at(age) for age in ages]
        if all(value == values[0] for value in values):
            return [(span, 0.0, values[0], values[0])]
        tolerance = _TOLERANCE * max(map(abs, values))
        pieces: list[tuple[float, float, complex, complex]] = []

        def add(old: float, young: float, u_old: complex, u_young: complex, halvings: int) -> None:
            middle = (old + young) / 2
            longest = _PIECE if middle < 2 + 2 * self.poles else _OLD_PIECE
            u_middle = at(middle)
            bent = abs(u_middle - (u_old + u_young) / 2) > tolerance
            if old - young > longest or (bent and halvings < _MOST_HALVINGS):
                add(old, middle, u_old, u_middle, halvings + 1)
                add(middle, young, u_middle, u_young, halvings + 1)
            else:
                pieces.append((old, middle, u_old, u_middle))
                pieces.append((middle, young, u_middle, u_young))

        for i in range(len(ages) - 1, 0, -1):
            add(ages[i], ages[i - 1], values[i], values[i - 1], 0)
        return pieces


def hum_phasor(
    noise: InputNoise, frequency_Hz: float, time_constant_s: float, poles: int
) -> Callable[[float], complex]:
    """Return what the mains adds to the output, as a function of time [V rms].

    ``hum exp(i w t) / (1 + i w tau)^n`` with w the difference of mains and detected frequency, once it is settled. It
    is added behind the filter, so that a fast beat does not have to be followed step by step.
    """
    omega = 2.0 * math.pi * (noise.mains_Hz - frequency_Hz)
    amplitude = noise.hum_V_rms / (1.0 + 1j * omega * time_constant_s) ** poles
    return lambda t_s: amplitude * cmath.exp(1j * omega * t_s)
