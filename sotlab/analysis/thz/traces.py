"""A trace with its noise, and the way from irregular positions to a regular grid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import linalg

from sotlab.errors import FitError

__all__ = ["Trace", "TraceGrid", "autocorrelation", "noise_from_quiet", "slope_of", "variance_of"]

#: Steps of a delay axis that differ by more than this fraction are not regular.
REGULAR = 1e-3
#: Lags of an autocorrelation stop where so many in a row are within chance.
_WITHIN_CHANCE = 3
#: Steps beyond a grid's ends whose samples count too: without them its last values hang on hardly any.
_BEYOND = 4


@dataclass(frozen=True)
class Trace:
    """A trace on a regular delay axis, with all that is known of its noise.

    Parameters
    ----------
    delay_s : (N,) float
        Rising, regular delay axis [s].
    signal_V : (N,) float
        Signal [V].
    sigma_V : (N,) float
        Noise of each sample, one standard deviation [V].
    correlation : (L,) float
        Autocorrelation of noise/sigma at lags 0, 1, ...; (1,) for white noise. Beyond its end it is 0.
    amplitude_sigma : float
        Relative uncertainty of the trace as a whole: of its amplitude.
    delay_sigma_s : float
        Uncertainty of the trace as a whole: of its delay [s].
    modes : (M, N) float
        Further errors common to all samples: each as what one standard deviation of it adds to the trace [V].
    scans : int
        How many scans went in.
    name : str
        Where it comes from.
    flags : tuple of str
        What the reader must know.
    """

    delay_s: np.ndarray
    signal_V: np.ndarray
    sigma_V: np.ndarray
    correlation: np.ndarray = field(default_factory=lambda: np.ones(1))
    amplitude_sigma: float = 0.0
    delay_sigma_s: float = 0.0
    modes: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    scans: int = 1
    name: str = ""
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        delay, signal = np.asarray(self.delay_s, float), np.asarray(self.signal_V, float)
        sigma = np.broadcast_to(np.asarray(self.sigma_V, float), signal.shape)
        label = f"trace {self.name}".strip()
        if delay.ndim != 1 or delay.shape != signal.shape or len(delay) < 4:
            raise FitError(f"{label}: delays {delay.shape} and signals {signal.shape}; give one of each, 4 at least")
        if not (np.isfinite(delay).all() and np.isfinite(signal).all()):
            raise FitError(f"{label}: delays [s] and signals [V] must be finite; bring gaps onto a grid first")
        steps = np.diff(delay)
        if not (steps > 0).all() or np.ptp(steps) > REGULAR * steps.mean():
            raise FitError(
                f"{label}: the delay axis is not regular and rising (steps {steps.min():.4g} to {steps.max():.4g} s);"
                " bring it onto a grid first (TraceGrid)"
            )
        if not (np.isfinite(sigma).all() and (sigma >= 0).all()):
            raise FitError(f"{label}: sigmas [V] must be finite and not negative")
        for name, value in (("delay_s", delay), ("signal_V", signal), ("sigma_V", sigma)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "correlation", np.atleast_1d(np.asarray(self.correlation, float)))

    @property
    def step_s(self) -> float:
        """Step of the delay axis [s]."""
        return float((self.delay_s[-1] - self.delay_s[0]) / (len(self.delay_s) - 1))

    def cut(self, start_s: float, stop_s: float) -> Trace:
        """Return the part between two delays."""
        keep = (self.delay_s >= start_s) & (self.delay_s <= stop_s)
        if keep.sum() < 4:
            raise FitError(
                f"trace {self.name}: {start_s * 1e12:.3g} to {stop_s * 1e12:.3g} ps holds {keep.sum()} points, 4 are"
                " the least; widen the window"
            )
        modes = self.modes[:, keep] if len(self.modes) else self.modes
        return replace(
            self,
            delay_s=self.delay_s[keep],
            signal_V=self.signal_V[keep],
            sigma_V=self.sigma_V[keep],
            modes=modes,
        )

    def lags(self, first: np.ndarray) -> np.ndarray:
        """Return sum_i g_i g_{i+l} (l = 0, 1, ...) of a function times sigma, for the lags of the noise."""
        return _lags(first * self.sigma_V, len(self.correlation))

    def variance_of(self, functional: np.ndarray, *, common: bool = True) -> float:
        """Return the variance of sum_i h_i S_i under the noise of this trace.

        Parameters
        ----------
        functional : (N,) float
            The weights h.
        common : bool
            Whether the uncertainty of amplitude and delay of the whole counts too.
        """
        total = variance_of(functional, self.sigma_V, self.correlation)
        if common and self.amplitude_sigma:
            total += (self.amplitude_sigma * float(functional @ self.signal_V)) ** 2
        if common and self.delay_sigma_s:
            slope = slope_of(self.signal_V, self.step_s)
            total += (self.delay_sigma_s * float(functional @ slope)) ** 2
        if common and len(self.modes):
            total += float(np.sum((self.modes @ functional) ** 2))
        return float(total)


def variance_of(functional: np.ndarray, sigma_V: np.ndarray, correlation: np.ndarray) -> float:
    """Return the variance of sum_i h_i S_i under noise of this sigma (N,) and autocorrelation (L,)."""
    lags = _lags(functional * sigma_V, len(correlation))
    total = float(correlation[0] * lags[0] + 2 * correlation[1 : len(lags)] @ lags[1:])
    # A truncated, estimated autocorrelation may dip below what any noise can have.
    return max(total, 1e-3 * float(lags[0]))


def _lags(g: np.ndarray, most: int) -> np.ndarray:
    """Return sum_i g_i g_{i+l} for l = 0, 1, ... (L,), L = ``most`` at most."""
    count = min(most, len(g))
    if count == 1:
        return np.array([g @ g])
    spectrum = np.fft.rfft(g, len(g) + count)
    return np.fft.irfft(spectrum.real**2 + spectrum.imag**2, len(g) + count)[:count]


def autocorrelation(residual: np.ndarray, longest: int | None = None) -> np.ndarray:
    """Return the autocorrelation of noise (L,) from residuals, as far as it stands out of chance.

    Parameters
    ----------
    residual : (K, N) float
        Residuals of K scans, each over its sigma.
    longest : int, optional
        Most lags that are kept; N/4 if not given.
    """
    residual = np.atleast_2d(residual)
    k, n = residual.shape
    most = min(n // 4 if longest is None else longest, n - 1)
    size = 1 << int(np.ceil(np.log2(n + most + 1)))
    power = (np.abs(np.fft.rfft(residual, size, axis=1)) ** 2).mean(axis=0)
    lags = np.fft.irfft(power, size)[: most + 1] / (n - np.arange(most + 1))
    if lags[0] <= 0:
        return np.ones(1)
    found = lags / lags[0]
    chance = np.abs(found) < 2 / np.sqrt(k * n)
    end = most + 1
    for lag in range(1, most + 2 - _WITHIN_CHANCE):
        if chance[lag : lag + _WITHIN_CHANCE].all():
            end = lag
            break
    return found[:end]


def slope_of(signal_V: np.ndarray, step_s: float) -> np.ndarray:
    """Return dS/dt (..., N) [V/s] of band-limited signals.

    Differences of neighbours are too small by sin(x)/x with x = 2 pi f step: a quarter at 2 THz and 0.1 ps.
    """
    signal_V = np.asarray(signal_V, float)
    n = signal_V.shape[-1]
    rise = signal_V[..., -1:] - signal_V[..., :1]
    spectrum = np.fft.rfft(signal_V - rise * np.linspace(0, 1, n), axis=-1)
    factor = 2j * np.pi * np.fft.rfftfreq(n, step_s)
    if n % 2 == 0:
        factor[-1] = 0
    return np.fft.irfft(factor * spectrum, n, axis=-1) + rise / ((n - 1) * step_s)


def noise_from_quiet(trace: Trace, until_s: float) -> Trace:
    """Return the trace with the noise that its quiet part shows: the samples before ``until_s``, less a straight line.

    Raises
    ------
    FitError
        If there are fewer than 16 samples before.
    """
    quiet = trace.delay_s <= until_s
    count = int(quiet.sum())
    if count < 16:
        raise FitError(
            f"trace {trace.name}: {count} points before {until_s * 1e12:.3g} ps, 16 are the least that noise can be"
            " taken from; start the scan earlier, or repeat it"
        )
    x = np.linspace(-1, 1, count)
    line = np.stack([np.ones(count), x])
    y = trace.signal_V[quiet]
    residual = y - np.linalg.lstsq(line.T, y, rcond=None)[0] @ line
    coefficients, _ = _autoregression(residual)
    correlation = _correlation_of(coefficients)
    # Slow noise hides in the line taken off, and in few independent samples.
    slowness = 1 + 2 * float(np.sum(correlation[1:] ** 2))
    freedom = max(count - 2 * slowness, count / 2)
    sigma = np.sqrt(residual @ residual / freedom)
    return replace(trace, sigma_V=np.full(len(trace.delay_s), sigma), correlation=correlation)


def _autoregression(residual: np.ndarray, highest: int = 12) -> tuple[np.ndarray, float]:
    """Return coefficients (p,) and innovation variance of an autoregression, by Burg's method, p by Akaike's number."""
    n = len(residual)
    forward, backward = residual[1:].copy(), residual[:-1].copy()
    coefficients, variance = np.zeros(0), float(residual @ residual) / n
    best = (n * np.log(max(variance, 1e-300)), coefficients, variance)
    for order in range(1, min(highest, n // 8) + 1):
        power = float(forward @ forward + backward @ backward)
        if not power > 0:
            break
        k = 2 * float(forward @ backward) / power
        coefficients = np.append(coefficients - k * coefficients[::-1], k)
        variance *= 1 - k**2
        forward, backward = (forward - k * backward)[1:], (backward - k * forward)[:-1]
        score = n * np.log(max(variance, 1e-300)) + 2 * order
        if score < best[0] - 2:  # an order more must be worth it
            best = (score, coefficients, variance)
    return best[1], best[2]


def _correlation_of(coefficients: np.ndarray, longest: int = 4096) -> np.ndarray:
    """Return the autocorrelation of an autoregression, as far as it is above 1e-3."""
    p = len(coefficients)
    if p == 0:
        return np.ones(1)
    f = np.exp(-2j * np.pi * np.arange(longest + 1) / (2 * longest))
    response = 1 - sum(a * f ** (k + 1) for k, a in enumerate(coefficients))
    lags = np.fft.irfft(1 / np.abs(response) ** 2)[:longest]
    found = lags / lags[0]
    return found[: int(np.flatnonzero(np.abs(found) > 1e-3)[-1]) + 1]


class TraceGrid:
    """Brings samples at irregular positions onto a regular grid, as they come: least squares of a cubic spline.

    Samples may come in any order and number; only the normal equations are kept. A spline with knots at the grid
    follows frequencies up to about half of the grid's Nyquist frequency, and averages the noise of dense samples.

    Parameters
    ----------
    start_s, stop_s : float
        First and last delay of the grid.
    step_s : float
        Its step.
    """

    def __init__(self, start_s: float, stop_s: float, step_s: float) -> None:
        if not (step_s > 0 and stop_s > start_s):
            raise FitError(f"grid: {start_s} to {stop_s} s by {step_s} s is not possible; give a rising grid")
        self.points = round((stop_s - start_s) / step_s) + 1
        self.start_s, self.step_s = start_s, step_s
        self._cells = self.points - 1 + 2 * _BEYOND
        self._normal = np.zeros((4, self._cells + 3))  # upper band form for solveh_banded
        self._right = np.zeros(self._cells + 3)
        self._count = np.zeros(self._cells + 3)
        self._squares, self._samples = 0.0, 0

    @property
    def delay_s(self) -> np.ndarray:
        """The grid [s]."""
        return self.start_s + self.step_s * np.arange(self.points)

    def add(self, delay_s: np.ndarray, signal_V: np.ndarray) -> None:
        """Add samples at ``delay_s`` [s]; those far outside the grid, and those not finite, are left out."""
        x = (np.atleast_1d(np.asarray(delay_s, float)) - self.start_s) / self.step_s + _BEYOND
        y = np.atleast_1d(np.asarray(signal_V, float))
        keep = (x >= 0) & (x <= self._cells) & np.isfinite(y)
        x, y = x[keep], y[keep]
        cell = np.minimum(x.astype(int), self._cells - 1)
        basis = _cubic_basis(x - cell)
        size = self._cells + 3
        for a in range(4):
            self._right += np.bincount(cell + a, basis[a] * y, size)
            for b in range(a, 4):
                self._normal[3 - (b - a)] += np.bincount(cell + b, basis[a] * basis[b], size)
        self._count += np.bincount(np.round(x).astype(int), minlength=size)
        self._squares += float(y @ y)
        self._samples += len(y)

    def result(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return signal (N,) on the grid, its standard error per unit noise (N,), and the noise of a sample [V].

        Both arrays are NaN where the samples leave a gap. The noise is what the samples scatter around the spline,
        NaN unless there are more samples than knots.
        """
        normal = self._normal.copy()
        top = normal[3].max()
        if not top > 0:
            nothing = np.full(self.points, np.nan)
            return nothing, nothing.copy(), np.nan
        normal[3] += 1e-9 * top  # what no sample holds must not stop the rest; it is cut out below
        coefficients = np.asarray(linalg.solveh_banded(normal, self._right))
        signal = (coefficients[:-2] + 4 * coefficients[1:-1] + coefficients[2:]) / 6
        held = self._held()
        knots = int(held.sum()) + 2
        inside = slice(_BEYOND, _BEYOND + self.points)
        left = self._squares - float(coefficients @ self._right)
        noise = np.sqrt(max(left, 0.0) / (self._samples - knots)) if self._samples > 1.2 * knots else np.nan
        error = np.sqrt(np.maximum(self._variance(normal), 0))
        gaps = ~held[inside]
        return np.where(gaps, np.nan, signal[inside]), np.where(gaps, np.nan, error[inside]), float(noise)

    def _held(self) -> np.ndarray:
        """Return which grid points have samples near: within one step on one side at least, two on the other."""
        near = self._count[: self._cells + 1] > 0
        left, right = np.r_[True, near[:-1]], np.r_[near[1:], True]
        return near | (left & right)

    def _variance(self, normal: np.ndarray) -> np.ndarray:
        """Return variances of the grid values per unit variance of the samples, by a probe of local blocks."""
        # The inverse of a band matrix decays within a few knots: blocks of 24 with margins of 12 are exact to 1e-6.
        size, margin, block = normal.shape[1], 12, 24
        weights = np.array([1, 4, 1]) / 6
        points = self._cells + 1
        out = np.zeros(points)
        for first in range(0, points, block):
            last = min(first + block, points)
            low, high = max(first - margin, 0), min(last + 2 + margin, size)
            dense = np.zeros((high - low, high - low))
            for offset in range(4):
                diagonal = normal[3 - offset, low + offset : high]
                index = np.arange(len(diagonal))
                dense[index, index + offset] = diagonal
                dense[index + offset, index] = diagonal
            rows = np.zeros((last - first, high - low))
            index = np.arange(last - first)
            for j in range(3):
                rows[index, first - low + index + j] = weights[j]
            out[first:last] = np.einsum("ij,ji->i", rows, np.linalg.solve(dense, rows.T))
        return out


def _cubic_basis(u: np.ndarray) -> np.ndarray:
    """Return the four cubic B-splines (4, M) that a position u (0 to 1) within its cell meets."""
    v = 1 - u
    return np.stack([v**3, 3 * u**3 - 6 * u**2 + 4, 3 * v**3 - 6 * v**2 + 4, u**3]) / 6
