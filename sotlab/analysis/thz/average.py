"""Repeated scans: delay and amplitude of each, their robust average, and the scans that are left out, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from sotlab.analysis.thz.traces import Trace, autocorrelation, variance_of
from sotlab.errors import FitError

__all__ = [
    "Alignment",
    "Average",
    "RunningAverage",
    "align",
    "average_scans",
    "beyond_noise",
    "outliers",
    "phasors",
    "taken_off",
]

#: The band used for alignment holds this share of the strongest bin's power or more.
_STRONG = 1e-3
#: Scans further out than so many robust standard deviations are left out; chance does that once in 10^8 scans.
OUTLIER = 6.0
#: Fewer scans than this do not say what is usual.
FEWEST = 5
#: Scans that the autocorrelation of the noise is taken from, at most.
_FOR_CORRELATION = 64


@dataclass(frozen=True)
class Alignment:
    """Delay and amplitude of scans against a reference.

    Parameters
    ----------
    delay_s, amplitude : (K,) float
        How much later, and how many times as large, each scan is.
    misfit : (K,) float
        Power that is left, over all frequencies, divided by the median over scans.
    """

    delay_s: np.ndarray
    amplitude: np.ndarray
    misfit: np.ndarray


@dataclass(frozen=True)
class Average:
    """The average of repeated scans.

    Parameters
    ----------
    trace : Trace
        The average, at the mean delay and amplitude of the scans kept, with its noise from their scatter.
    delay_s, amplitude : (K,) float
        Of each scan, relative to the average; of rejected ones too.
    rejected : tuple of (str, str)
        Name and reason of each scan left out.
    kept : (K,) bool
        Which scans went in.
    variance_V2 : (N,) float
        Variance of a single scan at each delay, after alignment [V^2].
    flags : tuple of str
        What the reader must know.
    """

    trace: Trace
    delay_s: np.ndarray
    amplitude: np.ndarray
    rejected: tuple[tuple[str, str], ...]
    kept: np.ndarray
    variance_V2: np.ndarray
    flags: tuple[str, ...]


def phasors(turns: np.ndarray, count: int, *, scale: np.ndarray | None = None) -> np.ndarray:
    """Return exp(2 pi i m turns) (K, count) for m = 0, 1, ..., times a scale, by products of two short tables."""
    turns = np.atleast_1d(np.asarray(turns, float))
    inner = max(int(np.sqrt(count)), 1)
    outer = -(-count // inner)
    fine = np.exp(2j * np.pi * turns[:, None] * np.arange(inner))
    coarse = np.exp(2j * np.pi * turns[:, None] * (inner * np.arange(outer)))
    if scale is not None:
        coarse *= scale[:, None]
    return (coarse[:, :, None] * fine[:, None, :]).reshape(len(turns), outer * inner)[:, :count]


def align(scans: np.ndarray, step_s: float, reference: np.ndarray, *, max_delay_s: float | None = None) -> Alignment:
    """Return delay and amplitude of each scan against a reference.

    Minimises sum_f |X_k - a_k R exp(-i w d_k)|^2 over the bins with signal: with phi_k the phase of X_k/R that is
    d_k = -sum P w phi_k / sum P w^2, P = |R|^2, iterated. All scans at once.

    Parameters
    ----------
    scans : (K, N) float
        Scans on one grid.
    step_s : float
        Its step.
    reference : (N,) float
        What they are compared with; without noise of its own, or much less than they have.
    max_delay_s : float, optional
        Delays beyond are not believed; a quarter of the trace if not given.

    References
    ----------
    Mohtashemi et al., Opt. Express 29, 4912 (2021), for amplitude and delay of each scan as parameters.
    """
    scans = np.asarray(scans, float)
    spectra = np.asarray(fft.rfft(scans, axis=1))
    shift, amplitude, left = _align(spectra, np.asarray(fft.rfft(reference)), scans.shape[1], step_s, _power(spectra))
    limit = max_delay_s if max_delay_s is not None else scans.shape[1] * step_s / 4
    return Alignment(np.where(np.abs(shift) <= limit, shift, np.nan), amplitude, _relative(left))


def _power(spectra: np.ndarray) -> np.ndarray:
    """Return the power of spectra (K,) without their level."""
    real = spectra[:, 1:].view(float)
    return np.einsum("kf,kf->k", real, real)


def _relative(power: np.ndarray) -> np.ndarray:
    typical = _middle(power[None])[0]
    return power / typical if typical > 0 else np.ones(len(power))


def _align(
    spectra: np.ndarray,
    reference: np.ndarray,
    points: int,
    step_s: float,
    power: np.ndarray,
    start_s: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return delay, amplitude, and the power that is left, from a start if there is one."""
    first, stop = _band(reference)
    r = reference[first:stop]
    length = points * step_s
    per_bin = 2 * np.pi / length
    weight = np.abs(r) ** 2
    total, slope2 = float(weight.sum()), float(weight @ (per_bin * np.arange(first, stop)) ** 2)
    inner = max(int(np.sqrt(len(r))), 1)
    product = np.zeros((len(spectra), -(-len(r) // inner) * inner), complex)
    np.multiply(spectra[:, first:stop], np.conj(r), out=product[:, : len(r)])
    steps, delay = 1, start_s
    if delay is None:
        # The slope of the phase from bin to bin is not ambiguous by periods, and does not care for a sign.
        turn = np.einsum("kf,kf->k", product[:, 1:], np.conj(product[:, :-1]))
        steps, delay = 3, -np.angle(turn) / per_bin
    amplitude = np.ones(len(spectra))
    # A step of more than half a period of the mean frequency would leave the linear range.
    reach = np.pi / 2 / np.sqrt(slope2 / total)
    for _ in range(steps):
        plain, sloped = _turned(product, delay / length, first, inner)
        amplitude = plain / total
        safe = np.where(np.abs(amplitude) > 1e-12, amplitude, 1e-12)
        delay = delay + np.clip(-per_bin * sloped / (safe * slope2), -reach, reach)
    return delay, amplitude, np.maximum(power - amplitude**2 * total, 0)


def _turned(product: np.ndarray, turns: np.ndarray, first: int, inner: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Re sum_m z_m (K,) and Im sum_m m z_m (K,) of z_m = p_m exp(2 pi i m turns), m = first, first + 1, ...

    By the two short tables that make the phasors, which are never written out.
    """
    count = product.shape[1] // inner
    within, block = np.arange(inner), first + inner * np.arange(count)
    fine = np.exp(2j * np.pi * turns[:, None] * within)
    coarse = np.exp(2j * np.pi * turns[:, None] * block)
    sums = product.reshape(len(product), count, inner) @ np.stack([fine, within * fine], axis=2)
    plain, sloped = sums[:, :, 0], block * sums[:, :, 0] + sums[:, :, 1]
    return np.einsum("kb,kb->k", coarse, plain).real, np.einsum("kb,kb->k", coarse, sloped).imag


def average_scans(
    delay_s: np.ndarray,
    scans: np.ndarray,
    names: Sequence[str] = (),
    *,
    max_delay_s: float | None = None,
    aligned: bool = True,
) -> Average:
    """Align repeated scans in delay and amplitude, leave out those that do not belong, and average the rest.

    Parameters
    ----------
    delay_s : (N,) float
        Regular delay axis [s].
    scans : (K, N) float
        Scans [V].
    names : sequence of str, optional
        Names of the scans; "scan 1", ... if not given.
    max_delay_s : float, optional
        Delays beyond are not believed.
    aligned : bool
        False for scans without a signal to align them by: then they are averaged as they are.

    Returns
    -------
    Average
        Its trace's sigma is that of the mean; the mean delay's and amplitude's own uncertainty, from what they scatter
        over the scans beyond that noise, stand beside it as ``amplitude_sigma`` and ``delay_sigma_s``.

    Raises
    ------
    FitError
        If there are fewer than two scans, or none is left.
    """
    scans = np.asarray(scans, float)
    if scans.ndim != 2 or len(scans) < 2:
        raise FitError(f"average: scans of shape {scans.shape}; two or more are needed to know their noise")
    count, points = scans.shape
    labels = list(names) or [f"scan {k + 1}" for k in range(count)]
    if len(labels) != count:
        raise FitError(f"average: {len(labels)} names for {count} scans; give one each")
    step_s = float(delay_s[-1] - delay_s[0]) / (points - 1)
    reasons: dict[int, str] = {}
    finite = np.asarray(np.isfinite(scans).all(axis=1))
    if not finite.all():
        reasons |= {int(k): "holds gaps" for k in np.flatnonzero(~finite)}
        scans = np.where(finite[:, None], scans, 0.0)
    if finite.sum() < 2:
        raise FitError("average: fewer than two scans are without gaps")
    kept = finite.copy()
    spectra = np.asarray(fft.rfft(scans, axis=1))
    few = np.flatnonzero(finite)[:: max(int(finite.sum()) // 15, 1)]
    reference = np.asarray(fft.rfft(np.sort(scans[few], axis=0)[len(few) // 2]))
    shift, amplitude = np.zeros(count), np.ones(count)
    if aligned:
        limit = max_delay_s if max_delay_s is not None else points * step_s / 4
        power = _power(spectra)
        for start in (True, False):
            shift, amplitude, left = _align(spectra, reference, points, step_s, power, None if start else shift)
            misfit = _relative(left)
            out = outliers(np.where(np.abs(shift) <= limit, shift, np.nan), amplitude, misfit, finite)
            kept = finite.copy()
            kept[list(out)] = False
            if kept.sum() < 2:
                raise FitError("average: fewer than two scans are alike; look at them one by one")
            # Delay and amplitude are counted from their mean over the kept scans: so is the average.
            shift = shift - shift[kept].mean()
            amplitude = amplitude / amplitude[kept].mean()
            # On the way the band is enough; in the end all frequencies are turned.
            stop = _band(reference)[1] if start else spectra.shape[1]
            turn = phasors(shift / (points * step_s), stop, scale=np.where(kept, amplitude, 0.0))
            new = np.einsum("kf,kf->f", turn, spectra[:, :stop]) / float(amplitude[kept] @ amplitude[kept])
            reference = np.concatenate([new, reference[stop:]])
        # The average is brought to each scan, not the scan to the average: a shift smears noise over its neighbours.
        np.conjugate(turn, out=turn)
        turn *= -reference
        turn += spectra
        residual = np.asarray(fft.irfft(turn, points, axis=1))
        # So does the average, which is made of shifted scans: what they leave in the mean, unshifted, puts it right.
        rest = np.einsum("k,kn->n", kept / kept.sum(), residual)
        residual -= rest
        reference = reference + np.asarray(fft.rfft(rest))
    else:
        out = outliers(shift, amplitude, _relative(_power(spectra - reference)), finite)
        kept = finite.copy()
        kept[list(out)] = False
        if kept.sum() < 2:
            raise FitError("average: fewer than two scans are alike; look at them one by one")
        reference = spectra[kept].mean(axis=0)
        residual = scans - np.asarray(fft.irfft(reference, points))
    reasons |= out
    mean = np.asarray(fft.irfft(reference, points))
    number = int(kept.sum())
    residual = residual if number == count else residual[kept]
    variance = np.einsum("kn,kn->n", residual, residual) / (number - 1)
    correlation = _correlation(residual[:_FOR_CORRELATION], variance)
    noise, excess = variance, (0.0, 0.0)
    if aligned:
        shapes = whole_shapes(mean, step_s)
        noise = variance / (1 - taken_off(shapes))
        scatter = np.std([amplitude[kept], shift[kept]], axis=1, ddof=1)
        excess = beyond_noise((scatter[0], scatter[1]), number - 1, shapes, np.sqrt(noise), correlation)
    flags = []
    if reasons:
        flags.append(f"{len(reasons)} of {count} scans left out: {', '.join(labels[k] for k in sorted(reasons))}")
    if number < FEWEST:
        flags.append(f"only {number} scans: their scatter says little of the noise, and no scan can be told an outlier")
    inside = np.sqrt(number)
    trace = Trace(
        np.asarray(delay_s, float),
        mean,
        np.sqrt(noise / number),
        correlation,
        amplitude_sigma=excess[0] / inside,
        delay_sigma_s=excess[1] / inside,
        scans=number,
    )
    rejected = tuple((labels[k], why) for k, why in sorted(reasons.items()))
    return Average(trace, shift, amplitude, rejected, kept, variance, tuple(flags))


def beyond_noise(
    scatter: tuple[float, float], freedom: int, shapes: np.ndarray, sigma_V: np.ndarray, correlation: np.ndarray
) -> tuple[float, float]:
    """Return how much amplitude (relative) and delay [s] of whole scans scatter beyond what noise of the samples does.

    That is in the trace's sigma, and would be counted twice. What chance may add counts only where it stands out of it
    by one standard deviation: to leave out what is negative alone would make all sigmas too large.

    Parameters
    ----------
    scatter : (float, float)
        Standard deviations of the amplitudes, relative, and of the delays [s] of scans.
    freedom : int
        Degrees of freedom of both.
    shapes : (2, N) float
        Of :func:`whole_shapes`.
    sigma_V, correlation : (N,) and (L,) float
        Noise of the samples of a single scan [V], and its autocorrelation.
    """
    found = []
    for one, shape in zip(scatter, shapes, strict=True):
        power = float(shape @ shape)
        noise2 = variance_of(shape, sigma_V, correlation) / power**2 if power > 0 else 0.0
        stands_out = one**2 > noise2 * (1 + np.sqrt(2 / freedom))
        found.append(float(np.sqrt(one**2 - noise2)) if stands_out else 0.0)
    return found[0], found[1]


def taken_off(shapes: np.ndarray) -> np.ndarray:
    """Return which share (N,) of each sample's variance goes with the amplitude and the delay taken off each scan."""
    mean, slope = shapes
    power = float(mean @ mean)
    rest = slope - mean * (float(mean @ slope) / power)
    return np.minimum(mean**2 / power + rest**2 / max(float(rest @ rest), 1e-300), 0.9)


def whole_shapes(mean: np.ndarray, step_s: float) -> np.ndarray:
    """Return the mean and its slope [V/s] (2, N), as the alignment sees them: within its band."""
    spectrum = np.asarray(fft.rfft(mean))
    first, stop = _band(spectrum)
    spectrum[:first], spectrum[stop:] = 0, 0
    turn = 2j * np.pi * np.arange(len(spectrum)) / (len(mean) * step_s)
    return np.asarray(fft.irfft(np.stack([spectrum, turn * spectrum]), len(mean), axis=1))


def _band(reference: np.ndarray) -> tuple[int, int]:
    """Return first and stop of the contiguous bins around the strongest that hold signal."""
    power = np.abs(reference) ** 2
    power[0] = 0.0
    peak = int(power.argmax())
    if not power[peak] > 0:
        raise FitError("align: the reference is zero; there is nothing to align to")
    floor = max(_STRONG * float(power[peak]), 9 * float(_middle(power[None, -max(len(power) // 4, 1) :])[0]))
    weak = power < floor
    weak[peak] = False
    # A dip of a few bins, as a water line, does not end the band.
    so_far = np.concatenate([[0], np.cumsum(weak)])
    run = so_far[6:] - so_far[:-6] == 6
    below = np.flatnonzero(run[: max(peak - 5, 0)])
    above = np.flatnonzero(run[peak + 1 :]) + peak + 1
    first = int(below[-1]) + 6 if len(below) else 1
    stop = int(above[0]) if len(above) else len(power)
    first = min(max(first, 1), len(power) - 2)
    return first, min(max(stop, first + 2), len(power))


def outliers(shift: np.ndarray, amplitude: np.ndarray, misfit: np.ndarray, finite: np.ndarray) -> dict[int, str]:
    """Return the scans that do not belong, with the reason."""
    out = {int(k): "no delay found in which it fits the others" for k in np.flatnonzero(finite & ~np.isfinite(shift))}
    good = finite & np.isfinite(shift)
    if good.sum() < FEWEST:
        return out
    values = np.stack([np.log(np.maximum(misfit, 1e-12)), amplitude, shift * 1e15])
    used = values[:, good]
    centre = _middle(used)
    spread = 1.4826 * _middle(np.abs(used - centre[:, None]))
    # Of few scans the spread itself is uncertain, by about 1/sqrt(K) of itself.
    limit = OUTLIER * spread * (1 + 4 / np.sqrt(good.sum()))
    off = values - centre[:, None]
    far = (np.abs(off) > limit[:, None]) & (spread > 0)[:, None] & good
    far[0] &= off[0] > np.log(1.3)
    for k in np.flatnonzero(far.any(axis=0)):
        if far[0, k]:
            out[int(k)] = f"noise {np.sqrt(np.exp(off[0, k])):.2g} times the others'"
        elif far[1, k]:
            out[int(k)] = f"amplitude {amplitude[k] / centre[1]:.3g} of the others'"
        else:
            out[int(k)] = f"delay {off[2, k]:+.3g} fs from the others'"
    return out


def _middle(rows: np.ndarray) -> np.ndarray:
    """Return the (upper) median of each row: many times as fast as numpy's for a few numbers."""
    return np.partition(rows, rows.shape[1] // 2, axis=1)[:, rows.shape[1] // 2]


def _correlation(residual: np.ndarray, variance: np.ndarray) -> np.ndarray:
    sigma = np.sqrt(variance)
    if not (sigma > 0).all() or len(residual) < 2:
        return np.ones(1)
    return autocorrelation(residual / sigma)


class RunningAverage:
    """The average of scans as they come: one alignment and one update a scan, nothing else is kept.

    Each scan is aligned to the average so far; one that lies further out than ``OUTLIER`` standard deviations of
    those before it is named in ``rejected`` and not added. The delays drawn on are those of the average so far.

    Parameters
    ----------
    delay_s : (N,) float
        Regular delay axis [s].
    """

    def __init__(self, delay_s: np.ndarray) -> None:
        self.delay_s = np.asarray(delay_s, float)
        self.step_s = float(self.delay_s[-1] - self.delay_s[0]) / (len(self.delay_s) - 1)
        self.rejected: list[tuple[str, str]] = []
        self.scans = 0
        self._sum = np.zeros(len(self.delay_s) // 2 + 1, complex)
        self._m2 = np.zeros(len(self.delay_s))
        self._mean = np.zeros(len(self.delay_s))
        # Welford's sums of log misfit, amplitude and delay [fs]: count is ``scans``.
        self._moments = np.zeros((2, 3))

    def add(self, scan: np.ndarray, name: str = "") -> bool:
        """Add a scan; return whether it was kept."""
        scan = np.asarray(scan, float)
        name = name or f"scan {self.scans + len(self.rejected) + 1}"
        if scan.shape != self.delay_s.shape or not np.isfinite(scan).all():
            self.rejected.append((name, "holds gaps, or has another number of points"))
            return False
        points = len(scan)
        spectrum = np.asarray(fft.rfft(scan))
        shift, amplitude = 0.0, 1.0
        if self.scans:
            reference = self._sum / self.scans
            found = _align(spectrum[None], reference, points, self.step_s, np.zeros(1))
            shift, amplitude = float(found[0][0]), float(found[1][0])
            if abs(shift) > points * self.step_s / 4:
                self.rejected.append((name, "no delay found in which it fits the others"))
                return False
            if why := self._odd(scan, amplitude, shift):
                self.rejected.append((name, why))
                return False
        self.scans += 1
        turned = spectrum * phasors(np.array([shift / (points * self.step_s)]), len(spectrum))[0]
        if self.scans > 1 and amplitude:
            turned /= amplitude
        self._sum += turned
        level = np.asarray(fft.irfft(turned, points))
        off = level - self._mean
        self._mean += off / self.scans
        self._m2 += off * (level - self._mean)
        return True

    def _odd(self, scan: np.ndarray, amplitude: float, shift: float) -> str:
        # The noise power of the scan, less what the average explains.
        explained = amplitude**2 * float(self._mean @ self._mean)
        left = np.log(max(float(scan @ scan) - explained, 1e-300))
        values = np.array([left, amplitude, shift * 1e15])
        mean, m2 = self._moments
        count = self.scans - 1  # scans compared before
        if count >= FEWEST:
            sigma = np.sqrt(m2 / (count - 1))
            limit = OUTLIER * sigma * (1 + 4 / np.sqrt(count))
            far = np.abs(values - mean) > limit
            if far[0] and left > mean[0] + np.log(1.3):
                return f"noise {np.sqrt(np.exp(left - mean[0])):.2g} times the others'"
            if far[1]:
                return f"amplitude {amplitude / mean[1]:.3g} of the others'"
            if far[2]:
                return f"delay {values[2] - mean[2]:+.3g} fs from the others'"
        off = values - mean
        self._moments[0] += off / (count + 1)
        self._moments[1] += off * (values - self._moments[0])
        return ""

    def trace(self) -> Trace:
        """Return the average so far, with its noise once there are two scans."""
        if not self.scans:
            raise FitError("average: no scan was kept yet")
        sigma = np.sqrt(self._m2 / max(self.scans - 1, 1) / self.scans) if self.scans > 1 else np.zeros_like(self._m2)
        compared = self.scans - 1
        spread = np.sqrt(self._moments[1] / max(compared - 1, 1)) / np.sqrt(self.scans)
        flags = () if self.scans >= FEWEST else (f"only {self.scans} scans: their scatter says little of the noise",)
        return Trace(
            self.delay_s,
            self._mean.copy(),
            sigma,
            amplitude_sigma=float(spread[1]),
            delay_sigma_s=float(spread[2]) * 1e-15,
            scans=self.scans,
            flags=flags,
        )
