"""Spectra of traces with their uncertainty; windows, echo guard; dynamic range and signal-to-noise as two numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import constants

from sotlab.analysis.thz.traces import Trace
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = [
    "LiveSpectrum",
    "Spectrum",
    "band_amplitude",
    "dynamic_range",
    "echo_delay_s",
    "guard_echo",
    "signal_to_noise",
    "spectrum",
    "window",
]


@dataclass(frozen=True)
class Spectrum:
    """The Fourier transform of a trace.

    Parameters
    ----------
    frequency_Hz : (F,) float
        Frequencies, ``spacing_Hz`` apart.
    field : (F,) complex
        F(f) = integral S exp(-2 pi i f t) dt [V s = V/Hz], with the trace's own delays as t.
    sigma : (F,) float
        Standard deviation of the real, and of the imaginary, part times sqrt 2: of |F - F_true|.
    resolution_Hz : float
        1/T of the window's length T: what can be told apart.
    spacing_Hz : float
        Distance of the points: smaller than ``resolution_Hz`` where zeros were padded, which only interpolates.
    flags : tuple of str
        What the reader must know.
    """

    frequency_Hz: np.ndarray
    field: np.ndarray
    sigma: np.ndarray
    resolution_Hz: float
    spacing_Hz: float
    flags: tuple[str, ...]

    @property
    def amplitude(self) -> np.ndarray:
        """|F| without the bias of noise, sqrt(max(|F|^2 - sigma^2, 0)) [V/Hz]."""
        return np.sqrt(np.maximum(self.power, 0))

    @property
    def power(self) -> np.ndarray:
        """|F|^2 - sigma^2: unbiased, negative where noise wills it [V^2/Hz^2]."""
        return np.abs(self.field) ** 2 - self.sigma**2

    @property
    def amplitude_sigma(self) -> np.ndarray:
        """Standard deviation of |F| [V/Hz]."""
        return self.sigma / np.sqrt(2)

    @property
    def phase(self) -> np.ndarray:
        """Phase of F [rad]; NaN where the amplitude is below 2 sigma."""
        return np.where(np.abs(self.field) > 2 * self.sigma, np.angle(self.field), np.nan)

    @property
    def phase_sigma(self) -> np.ndarray:
        """sigma/(sqrt 2 |F|) [rad]; NaN where the phase is."""
        strong = np.abs(self.field) > 2 * self.sigma
        return np.where(strong, self.sigma / (np.sqrt(2) * np.where(strong, np.abs(self.field), 1)), np.nan)


def window(points: int, *, edge: float = 0.1, kind: str = "tukey") -> np.ndarray:
    """Return a window (N,).

    Parameters
    ----------
    points : int
        Its length.
    edge : float
        Share of each end that "tukey" rises and falls over; 0 for none.
    kind : {"tukey", "hann", "boxcar"}
        Tukey's keeps pulse and absolute values; Hann's suppresses leakage, and costs resolution.
    """
    if kind == "boxcar" or (kind == "tukey" and edge <= 0):
        return np.ones(points)
    if kind not in ("tukey", "hann"):
        raise FitError(f"window: '{kind}' is not known; tukey, hann or boxcar")
    share = 0.5 if kind == "hann" else min(edge, 0.5)
    x = (np.arange(points) + 0.5) / points
    near = np.minimum(np.minimum(x, 1 - x) / share, 1)
    return np.sin(np.pi / 2 * near) ** 2


def paired_windows(points: int, late: float, *, edge: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return Tukey's windows of a trace that comes ``late`` steps after another, and of that: over what both have."""
    whole = points - abs(late)
    at = np.arange(points) + 0.5
    found = []
    for first in (max(late, 0.0), max(-late, 0.0)):
        x = (at - first) / whole
        found.append(np.sin(np.pi / 2 * np.clip(np.minimum(x, 1 - x) / max(min(edge, 0.5), 1e-9), 0, 1)) ** 2)
    return found[0], found[1]


def echo_delay_s(thickness_m: float, index: float) -> float:
    """Return the delay 2 n L/c [s] of the first echo of a plate: 10.6 ps for 500 um of ZnTe, 11.4 ps for Si."""
    return 2 * index * thickness_m / constants.c


def guard_echo(trace: Trace, echo_delay_s: float, *, guard_s: float = 0.5e-12) -> Trace:
    """Return the trace up to ``guard_s`` before the first echo of its main pulse."""
    peak = trace.delay_s[int(np.argmax(np.abs(trace.signal_V)))]
    return trace.cut(float(trace.delay_s[0]), float(peak) + echo_delay_s - guard_s)


def spectrum(
    trace: Trace,
    *,
    edge: float = 0.1,
    kind: str = "tukey",
    zero_pad: float = 1.0,
    max_Hz: float | None = None,
    baseline: bool = True,
    echoes_s: tuple[float, ...] = (),
) -> Spectrum:
    """Return the spectrum of a trace with its uncertainty.

    sigma_F^2 = dt^2 sum_ij w_i w_j C_ij exp(-2 pi i f (t_i - t_j)); with white noise dt^2 sum w^2 sigma^2.

    Parameters
    ----------
    trace : Trace
        A regular trace.
    edge, kind
        As in :func:`window`.
    zero_pad : float
        How many times as long the trace is made by zeros: interpolates, resolves nothing more.
    max_Hz : float, optional
        Highest frequency returned.
    baseline : bool
        Whether the window's mean level is taken off before.
    echoes_s : tuple of float
        Delays of echoes behind the main pulse; a flag says if one lies within the window.
    """
    if zero_pad < 1:
        raise FitError(f"spectrum: zero padding by {zero_pad} would cut the trace; 1 for none, 4 for a smooth curve")
    n, step = len(trace.delay_s), trace.step_s
    w = window(n, edge=edge, kind=kind)
    # A level between the window's ends only; what is taken off has as good as no noise.
    level = float(w @ trace.signal_V / w.sum()) if baseline else 0.0
    size = max(int(np.ceil(n * zero_pad)), n)
    f = np.fft.rfftfreq(size, step)
    field = np.fft.rfft(w * (trace.signal_V - level), size) * step * np.exp(-2j * np.pi * f * trace.delay_s[0])
    lags = trace.lags(w)
    correlation = trace.correlation[: len(lags)]
    if len(lags) == 1:
        variance = np.full(len(f), lags[0] * correlation[0])
    else:
        kernel = np.zeros(size)
        kernel[: len(lags)] = correlation * lags
        variance = 2 * np.fft.rfft(kernel, size).real - correlation[0] * lags[0]
        variance = np.maximum(variance, 1e-3 * lags[0])
    common = np.abs(field) ** 2 * (trace.amplitude_sigma**2 + (2 * np.pi * f * trace.delay_sigma_s) ** 2)
    if len(trace.modes):
        common += (np.abs(np.fft.rfft(w * trace.modes, size, axis=1)) ** 2).sum(axis=0) * step**2
    keep = f <= (max_Hz if max_Hz is not None else np.inf)
    flags = []
    resolution = 1 / (n * step)
    spacing = 1 / (size * step)
    if zero_pad > 1:
        flags.append(
            f"zeros padded: points every {spacing / 1e9:.3g} GHz, but nothing closer than {resolution / 1e9:.3g} GHz is"
            " told apart"
        )
    peak = trace.delay_s[int(np.argmax(np.abs(trace.signal_V)))]
    flags += [
        f"the window holds the echo {echo * 1e12:.3g} ps after the pulse: fringes every {1e-9 / echo:.3g} GHz; end it"
        " before"
        for echo in echoes_s
        if peak + echo < trace.delay_s[-1]
    ]
    return Spectrum(f[keep], field[keep], np.sqrt(variance * step**2 + common)[keep], resolution, spacing, tuple(flags))


def band_amplitude(found: Spectrum, band_Hz: tuple[float, float]) -> Value:
    """Return the root of the power within a band, sqrt(2 integral (|F|^2 - sigma^2) df) [V sqrt(s)], bias removed."""
    use = (found.frequency_Hz >= band_Hz[0]) & (found.frequency_Hz <= band_Hz[1])
    power = 2 * found.spacing_Hz * float(found.power[use].sum())
    # Neighbouring points of a padded spectrum say the same: their noise adds up in amplitude.
    alike = max(found.resolution_Hz / found.spacing_Hz, 1)
    terms = 2 * np.abs(found.field[use]) ** 2 * found.sigma[use] ** 2 + found.sigma[use] ** 4
    sigma = 2 * found.spacing_Hz * float(np.sqrt(alike * terms.sum()))
    if power <= 2 * sigma:
        return Value(None, None, "V*s**0.5")
    return Value.of(np.sqrt(power), sigma / (2 * np.sqrt(power)), "V*s**0.5")


def dynamic_range(found: Spectrum, floor_Hz: tuple[float, float], dark: Spectrum | None = None) -> Value:
    """Return max|F| over the noise floor: the root of the mean |F|^2 above the cut-off, or in a dark scan.

    Not the signal-to-noise ratio, which tells how well an amplitude repeats: :func:`signal_to_noise`.

    Parameters
    ----------
    found : Spectrum
        The spectrum.
    floor_Hz : (float, float)
        Where there is no signal: above the detection's cut-off. With a dark scan, where its floor is taken.
    dark : Spectrum, optional
        A scan with the beam blocked, under the same window.

    References
    ----------
    Naftaly and Dudley, Opt. Lett. 34, 1213 (2009).
    """
    source = dark if dark is not None else found
    use = (source.frequency_Hz >= floor_Hz[0]) & (source.frequency_Hz <= floor_Hz[1])
    count = use.sum() * source.spacing_Hz / max(source.resolution_Hz, source.spacing_Hz)
    if count < 4:
        raise FitError(
            f"dynamic range: {floor_Hz[0] / 1e12:.3g} to {floor_Hz[1] / 1e12:.3g} THz holds {count:.0f} independent"
            " points, 4 are the least; choose a wider part without signal"
        )
    floor2 = float(np.mean(np.abs(source.field[use]) ** 2))
    k = int(np.argmax(np.abs(found.field)))
    top = float(np.abs(found.field[k]))
    if not floor2 > 0:
        raise FitError("dynamic range: the floor is zero; these are not measured data")
    # |F|^2 of noise is exponentially distributed: its mean over n has 1/sqrt n, the root's half of that.
    relative = np.hypot(0.5 / np.sqrt(count), found.amplitude_sigma[k] / top)
    return Value.of(top / np.sqrt(floor2), top / np.sqrt(floor2) * relative, "")


def signal_to_noise(trace: Trace, band_Hz: tuple[float, float] | None = None) -> Value:
    """Return mean|F| over the standard deviation of |F| of a single scan, at the strongest frequency.

    Counts what the repeats show: additive and multiplicative noise, and the jitter of whole scans' amplitude.

    Parameters
    ----------
    trace : Trace
        An average of two scans or more.
    band_Hz : (float, float), optional
        Where the strongest frequency is looked for.
    """
    if trace.scans < 2:
        return Value(None, None, "")
    found = spectrum(trace)
    use = np.ones(len(found.field), bool)
    if band_Hz is not None:
        use = (found.frequency_Hz >= band_Hz[0]) & (found.frequency_Hz <= band_Hz[1])
    k = int(np.argmax(np.where(use, found.amplitude, 0)))
    top = float(found.amplitude[k])
    # A delay turns the phase of F and leaves |F|; half of the rest is in the direction of F.
    jitter = top * trace.amplitude_sigma
    turn = (top * 2 * np.pi * found.frequency_Hz[k] * trace.delay_sigma_s) ** 2
    noise2 = max(float(found.sigma[k]) ** 2 - jitter**2 - turn, 0) / 2 + jitter**2
    if not noise2 > 0:
        return Value(None, None, "")
    ratio = top / np.sqrt(noise2 * trace.scans)
    return Value.of(ratio, ratio / np.sqrt(2 * (trace.scans - 1)), "")


class LiveSpectrum:
    """The Fourier transform of a trace as it comes, at delays that need not be regular: trapezium rule, exact phases.

    Each new point adds its trapezium with the point before it; a few microseconds a point for 500 frequencies.

    Parameters
    ----------
    stop_Hz : float
        Highest frequency.
    points : int
        Number of frequencies from 0.
    """

    def __init__(self, stop_Hz: float = 5e12, points: int = 501) -> None:
        self.spacing_Hz = stop_Hz / (points - 1)
        self.frequency_Hz = self.spacing_Hz * np.arange(points)
        self.field = np.zeros(points, complex)
        self._fine = max(int(np.sqrt(points)), 1)
        outer = -(-points // self._fine)
        self._angles = (
            -2j * np.pi * self.spacing_Hz * np.concatenate([np.arange(self._fine), self._fine * np.arange(outer)])
        )
        self._term: np.ndarray | None = None
        self._last_s = self._first_s = 0.0

    def add(self, delay_s: float, signal_V: float) -> None:
        """Add one point; delays run in one direction."""
        table = np.exp(self._angles * delay_s)
        term = np.multiply.outer(signal_V * table[self._fine :], table[: self._fine]).ravel()[: len(self.field)]
        if self._term is None:
            self._first_s = delay_s
        else:
            self.field += (abs(delay_s - self._last_s) / 2) * (term + self._term)
        self._term, self._last_s = term, delay_s

    def extend(self, delay_s: np.ndarray, signal_V: np.ndarray) -> None:
        """Add several points, as a chunk of a buffer."""
        for one, value in zip(np.asarray(delay_s, float), np.asarray(signal_V, float), strict=True):
            self.add(float(one), float(value))

    @property
    def resolution_Hz(self) -> float:
        """1/T of what has been scanned; infinite before the second point."""
        length = abs(self._last_s - self._first_s)
        return 1 / length if length > 0 else float("inf")
