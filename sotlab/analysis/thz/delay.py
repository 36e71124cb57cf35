"""Delay from stage position; lag of the detection and backlash of the stage from forward and backward passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import constants

from sotlab.analysis.thz.spectrum import paired_windows
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["LagFit", "PassPair", "delay_s", "filter_response", "fit_lag", "position_m", "undo_filter"]

#: A lag that is not known to this part of the whole split is not told from the backlash.
SEPARATED = 0.5
#: Below this transmission of the detection at the band's end its inverse is mostly noise.
LOWEST_RESPONSE = 0.05
_STEPS = 30


@dataclass(frozen=True)
class PassPair:
    """A forward and a backward pass over the same delays, both on the same rising grid of apparent delay.

    Parameters
    ----------
    forward, backward : (N,) float
        Signals [V], with the delay axis made from the stage's reading.
    step_s : float
        Step of the grid [s].
    rate : float
        Seconds of delay per second of time, positive: 2 v/c for a retroreflector.
    sigma_V : float or (N,) float
        Noise of each sample of either, one standard deviation [V].
    """

    forward: np.ndarray
    backward: np.ndarray
    step_s: float
    rate: float
    sigma_V: float | np.ndarray


@dataclass(frozen=True)
class LagFit:
    """The result of :func:`fit_lag`.

    Parameters
    ----------
    lag_s : Value
        Time constant of each pole of the detection [s of time]; the delay axis lags by poles*rate*lag_s.
    backlash_s : Value
        Apparent delay of the forward pass minus that of the backward pass, without the detection's lag [s of delay].
    split_s : tuple of Value
        The whole forward-backward split of each pair [s of delay], at the centre of its spectrum.
    residual_s : Value
        What is left of the split after the fit [s of delay], weighted over the pairs.
    covariance : (2, 2) float
        Of lag_s and backlash_s.
    flags : tuple of str
        What the reader must know.
    """

    lag_s: Value
    backlash_s: Value
    split_s: tuple[Value, ...]
    residual_s: Value
    covariance: np.ndarray
    flags: tuple[str, ...]


def delay_s(
    position_m: np.ndarray, *, passes: int = 1, sign: int = 1, zero_position_m: float = 0.0, index: float = 1.0
) -> np.ndarray:
    """Return the delay t = sign 2 N n (x - x0)/c [s], with the exact c.

    Parameters
    ----------
    position_m : (N,) float
        Stage position x.
    passes : int
        How often the beam goes to the stage and back, N: 1 for one retroreflector, 2 for one passed twice.
    sign : int
        +1 if a larger position samples a later part of the terahertz trace, -1 if an earlier one.
    zero_position_m : float
        Position x0 at zero delay.
    index : float
        Group index n of what the beam runs through; 1.00027 for air.

    Raises
    ------
    FitError
        If the number of passes, the sign or the index makes no sense.
    """
    return _per_metre(passes, sign, index) * (np.asarray(position_m, float) - zero_position_m)


def position_m(
    delay_s: np.ndarray | float,
    *,
    passes: int = 1,
    sign: int = 1,
    zero_position_m: float = 0.0,
    index: float = 1.0,
) -> np.ndarray:
    """Return the stage position [m] of a delay: the inverse of :func:`delay_s`."""
    return np.asarray(delay_s, float) / _per_metre(passes, sign, index) + zero_position_m


def _per_metre(passes: int, sign: int, index: float) -> float:
    if passes < 1 or int(passes) != passes:
        raise FitError(f"delay axis: {passes} passes are not possible; 1 for a retroreflector, 2 for one passed twice")
    if sign not in (1, -1):
        raise FitError(f"delay axis: sign {sign} is not allowed; give +1 or -1")
    if not (np.isfinite(index) and index >= 1):
        raise FitError(f"delay axis: an index of {index} is not possible; 1 for vacuum, 1.00027 for air")
    return sign * 2 * passes * index / constants.c


def filter_response(frequency_Hz: np.ndarray, rate: float, time_constant_s: float, poles: int) -> np.ndarray:
    """Return H = (1 + 2 pi i f rate tau)^-poles, a lock-in's low pass as it acts on the spectrum of a moving scan.

    Parameters
    ----------
    frequency_Hz : (F,) float
        Terahertz frequency f.
    rate : float
        Seconds of delay per second of time; negative for a backward pass, where H lags the other way.
    time_constant_s : float
        Time constant tau of each pole [s of time].
    poles : int
        Poles of the low pass: 1 to 4 for 6 to 24 dB/oct.
    """
    return (1 + 2j * np.pi * np.asarray(frequency_Hz, float) * rate * time_constant_s) ** -int(poles)


def undo_filter(
    signal: np.ndarray, step_s: float, rate: float, time_constant_s: float, poles: int, *, band_end_Hz: float
) -> np.ndarray:
    """Return the trace before the low pass of the detection, with nothing above ``band_end_Hz`` amplified.

    Within the band the spectrum is divided by :func:`filter_response`; above it only its phase is taken off.

    Parameters
    ----------
    signal : (..., N) float
        Traces on a rising grid of delay, also of backward passes.
    step_s, rate, time_constant_s, poles
        As in :func:`filter_response`; the rate is negative for a backward pass.
    band_end_Hz : float
        End of the band that is wanted.

    Raises
    ------
    FitError
        If the low pass leaves less than 5 % of the amplitude at the end of the band.
    """
    left = float(abs(filter_response(np.array(band_end_Hz), rate, time_constant_s, poles)))
    if left < LOWEST_RESPONSE:
        raise FitError(
            f"delay scan: the low pass leaves {left:.1%} at {band_end_Hz / 1e12:.3g} THz, 5 % is the least that can be"
            " undone; scan more slowly, or with a shorter time constant"
        )
    n = np.shape(signal)[-1]
    # The start is repeated before itself, so that a lag does not draw the end of the trace around to its start.
    pad = n // 4
    padded = np.concatenate([np.repeat(signal[..., :1], pad, -1), signal, np.repeat(signal[..., -1:], pad, -1)], -1)
    f = np.fft.rfftfreq(padded.shape[-1], step_s)
    response = filter_response(f, rate, time_constant_s, poles)
    within = 1 / (1 + (f / band_end_Hz) ** 16)
    inverse = np.exp(-1j * np.angle(response)) * (within / np.abs(response) + 1 - within)
    return np.fft.irfft(np.fft.rfft(padded, axis=-1) * inverse, padded.shape[-1], axis=-1)[..., pad : pad + n]


def fit_lag(
    pairs: Sequence[PassPair],
    *,
    poles: int = 1,
    band_Hz: tuple[float, float] = (0.2e12, 3e12),
    time_constant_s: float | None = None,
) -> LagFit:
    """Fit lag and backlash to forward and backward passes over the same delays.

    The phase between the two is arg(F/B) = -2 poles arctan(2 pi f rate tau) - 2 pi f b: with one speed tau and b are
    told apart only by the curvature of the first; with two speeds by the rate.

    Parameters
    ----------
    pairs : sequence of PassPair
        One or more, at one or more speeds.
    poles : int
        Poles of the detection's low pass.
    band_Hz : (float, float)
        Frequencies used.
    time_constant_s : float, optional
        The time constant, if it is known: then only the backlash is fitted.

    Raises
    ------
    FitError
        If there are no pairs, or no signal within the band.
    """
    if not pairs:
        raise FitError("lag: there is no pair of a forward and a backward pass; scan both ways over the same delays")
    bins = [_cross(pair, band_Hz) for pair in pairs]
    omega = np.concatenate([b[0] for b in bins])
    cross = np.concatenate([b[1] for b in bins])
    weight = np.concatenate([b[2] for b in bins])  # inverse variance of the phase
    rate = np.concatenate([np.full(len(b[0]), pair.rate) for b, pair in zip(bins, pairs, strict=True)])
    splits, starts = [], []
    for frequency, product, inverse_variance, *_ in bins:
        split = _group_delay(frequency, product)
        for _ in range(4):
            phase = np.angle(product * np.exp(1j * frequency * split))
            split -= np.sum(inverse_variance * frequency * phase) / np.sum(inverse_variance * frequency**2)
        starts.append(split)
        splits.append(Value.of(split, float(np.sum(inverse_variance * frequency**2)) ** -0.5, "s"))

    known = time_constant_s is not None
    tau = float(time_constant_s) if known else max(starts[0] / (2 * poles * pairs[0].rate), 0.0) / 2
    free = [1] if known else [0, 1]
    backlash = float(np.mean([s - 2 * poles * p.rate * tau for s, p in zip(starts, pairs, strict=True)]))
    normal = np.eye(2)
    for _ in range(_STEPS):
        turn = omega * rate * tau
        model = -2 * poles * np.arctan(turn) - omega * backlash
        residual = np.angle(cross * np.exp(-1j * model))
        jacobian = np.stack([-2 * poles * omega * rate / (1 + turn**2), -omega])[free]
        normal = (jacobian * weight) @ jacobian.T
        scale = np.sqrt(np.diag(normal))
        inverse = np.linalg.pinv(normal / np.outer(scale, scale), rcond=1e-12) / np.outer(scale, scale)
        step = inverse @ (jacobian @ (weight * residual))
        if not known:
            tau += step[0]
        backlash += step[-1]
        if np.all(np.abs(step) <= 1e-6 * np.sqrt(np.diag(inverse))):
            break
    model = -2 * poles * np.arctan(omega * rate * tau) - omega * backlash
    residual = np.angle(cross * np.exp(-1j * model))
    norm = float(np.sum(weight * omega**2))
    left = Value.of(-float(np.sum(weight * omega * residual)) / norm, norm**-0.5, "s")

    covariance = np.zeros((2, 2))
    covariance[np.ix_(free, free)] = _covariance(inverse @ (jacobian * weight), pairs, bins)
    flags: list[str] = []
    lag, gap = Value.of(tau, covariance[0, 0] ** 0.5, "s"), Value.of(backlash, covariance[1, 1] ** 0.5, "s")
    if not known:
        whole = max(abs(v.value or 0.0) / (2 * poles * p.rate) for v, p in zip(splits, pairs, strict=True))
        if covariance[0, 0] ** 0.5 > SEPARATED * whole:
            lag, gap = Value(None, None, "s"), Value(None, None, "s")
            flags.append(
                "lag, backlash: not determined one by one, only their sum (split): scan both ways at a second speed,"
                " or give the time constant"
            )
        elif tau < -3 * covariance[0, 0] ** 0.5:
            flags.append("lag: negative, which no low pass is; check which pass is the forward one")
    freedom = len(omega) - len(free)
    chi2 = float(np.sum(weight * residual**2)) / max(freedom, 1)
    if freedom > 5 and chi2 > 1 + 5 * np.sqrt(2 / freedom):
        flags.append(
            f"lag: the passes differ by more than lag and backlash (chi2_red {chi2:.2g}): sigmas are too small; other"
            " number of poles, drift between the passes, or too little noise given"
        )
    return LagFit(lag, gap, tuple(splits), left, covariance, tuple(flags))


class _Cross(NamedTuple):
    """Angular frequencies, F conj(B), the inverse variance of its phase, F and B, and the windows of both."""

    omega: np.ndarray
    product: np.ndarray
    inverse_variance: np.ndarray
    spectra: tuple[np.ndarray, np.ndarray]
    windows: tuple[np.ndarray, np.ndarray]


def _cross(pair: PassPair, band_Hz: tuple[float, float]) -> _Cross:
    """Return what a pair says within the band."""
    forward, backward = np.asarray(pair.forward, float), np.asarray(pair.backward, float)
    if forward.shape != backward.shape or forward.ndim != 1:
        raise FitError(f"lag: passes of {forward.shape} and {backward.shape} points; bring both onto one grid")
    if not pair.rate > 0:
        raise FitError(f"lag: a rate of {pair.rate} s/s is not possible; give the forward pass' rate, 2 v/c")
    if not np.any(np.square(pair.sigma_V) > 0):
        raise FitError(f"lag: a noise of {pair.sigma_V} V is not possible; give the sigma of a sample")
    n = len(forward)
    f = np.fft.rfftfreq(n, pair.step_s)
    use = (f >= band_Hz[0]) & (f <= band_Hz[1]) & (f > 0)
    omega = 2 * np.pi * f[use]
    late = 0.0
    for again in (True, False):  # the window must go with the pulse: the same part of both is seen
        windows = paired_windows(n, late / pair.step_s)
        first, second = (
            np.fft.rfft(w * (one - w @ one / w.sum()))[use] for w, one in zip(windows, (forward, backward), strict=True)
        )
        variance1, variance2 = (float(np.sum(w**2 * np.square(pair.sigma_V))) for w in windows)
        power1 = np.maximum(np.abs(first) ** 2 - variance1, 0)
        power2 = np.maximum(np.abs(second) ** 2 - variance2, 0)
        strong = (power1 > 9 * variance1) & (power2 > 9 * variance2)
        if strong.sum() < 3:
            raise FitError("lag: no signal within the band; scan over the pulse, or average more")
        if again:
            late = _group_delay(omega[strong], (first * np.conj(second))[strong])
            late = float(np.clip(late, -n * pair.step_s / 4, n * pair.step_s / 4))
    inverse_variance = 1 / (variance1 / (2 * power1[strong]) + variance2 / (2 * power2[strong]))
    return _Cross(
        omega[strong], (first * np.conj(second))[strong], inverse_variance, (first[strong], second[strong]), windows
    )


def _covariance(gain: np.ndarray, pairs: Sequence[PassPair], bins: Sequence[_Cross]) -> np.ndarray:
    """Return the covariance (P, P) of parameters that are ``gain`` (P, bins) times the phases, sample by sample.

    Noise that is larger where the signal is steep, as jitter is, turns the phases of many bins together.
    """
    total, at = np.zeros((len(gain), len(gain))), 0
    for pair, cross in zip(pairs, bins, strict=True):
        own = gain[:, at : at + len(cross.omega)]
        at += len(cross.omega)
        waves = np.exp(-1j * np.outer(cross.omega, pair.step_s * np.arange(len(pair.forward))))
        for spectrum, w in zip(cross.spectra, cross.windows, strict=True):  # a phase turns by Im(noise/spectrum)
            per_sample = w * np.imag((own / spectrum) @ waves)
            total += (per_sample * np.square(pair.sigma_V)) @ per_sample.T
    return total


def _group_delay(omega: np.ndarray, cross: np.ndarray) -> float:
    """Return the delay of F behind B from the slope of the phase: not ambiguous by whole periods."""
    spacing = np.diff(omega)
    least = spacing.min()
    near = spacing < 1.5 * least  # neighbours only, where a weak bin was left out between
    return float(-np.angle(np.sum((cross[1:] * np.conj(cross[:-1]))[near])) / least)
