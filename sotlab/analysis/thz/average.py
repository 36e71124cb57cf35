"""Repeated scans: delay and amplitude of each, their robust average, and the scans that are left out, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from sotlab.analysis.thz.traces import Trace, autocorrelation
from sotlab.errors import FitError

__all__ = ["Alignment", "Average", "RunningAverage", "align", "average_scans", "outliers", "phasors"]

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


def phasors(turns: np.ndarray, count: int, first: int = 0) -> np.ndarray:
    """Return exp(2 pi i m turns) (K, count) for m = first, first + 1, ..., by products of two short tables."""
    turns = np.atleast_1d(np.asarray(turns, float))
    inner = max(int(np.sqrt(count)), 1)
    outer = -(-count // inner)
    fine = np.exp(2j * np.pi * turns[:, None] * np.arange(inner))
    coarse = np.exp(2j * np.pi * turns[:, None] * (first + inner * np.arange(outer)))
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
    spectra = np.asarray(fft.rfft(np.asarray(scans, float), axis=1))
    return _align(spectra, np.asarray(fft.rfft(reference)), np.shape(scans)[1], step_s, max_delay_s)


def _align(
    spectra: np.ndarray, reference: np.ndarray, points: int, step_s: float, max_delay_s: float | None
) -> Alignment:
    first, stop = _band(reference)
    r = reference[first:stop]
    omega = 2 * np.pi * np.arange(first, stop) / (points * step_s)
    power = np.abs(r) ** 2
    product = spectra[:, first:stop] * np.conj(r)
    total, slope2 = power.sum(), power @ omega**2
    # The slope of the phase from bin to bin is not ambiguous by periods, and does not care for a sign.
    delay = -np.angle(np.einsum("kf,kf->k", product[:, 1:], np.conj(product[:, :-1]))) * points * step_s / (2 * np.pi)
    amplitude = np.ones(len(spectra))
    for _ in range(3):
        turned = phasors(delay / (points * step_s), stop - first, first)
        turned *= product
        amplitude = turned.real.sum(axis=1) / total
        safe = np.where(np.abs(amplitude) > 1e-12, amplitude, 1e-12)
        step = -(turned.imag @ omega) / (safe * slope2)
        # A step of more than half a period of the mean frequency would leave the linear range.
        reach = np.pi / 2 / np.sqrt(slope2 / total)
        delay = delay + np.clip(step, -reach, reach)
    limit = max_delay_s if max_delay_s is not None else points * step_s / 4
    delay = np.where(np.abs(delay) <= limit, delay, np.nan)
    all_power = np.einsum("kf,kf->k", spectra[:, 1:], np.conj(spectra[:, 1:])).real
    left = np.maximum(all_power - amplitude**2 * total, 0)
    typical = np.median(left)
    return Alignment(delay, amplitude, left / typical if typical > 0 else np.ones(len(left)))


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
        Its trace's sigma is that of the mean; the mean delay's and amplitude's own uncertainty, from their scatter
        over the scans, stand beside it as ``amplitude_sigma`` and ``delay_sigma_s``.

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
    finite = np.isfinite(scans).all(axis=1)
    if not finite.all():
        reasons |= {int(k): "holds gaps" for k in np.flatnonzero(~finite)}
        scans = np.where(finite[:, None], scans, 0.0)
    if finite.sum() < 2:
        raise FitError("average: fewer than two scans are without gaps")
    kept = finite.copy()
    spectra = np.asarray(fft.rfft(scans, axis=1))
    few = np.flatnonzero(finite)[:: max(int(finite.sum()) // 15, 1)]
    reference = np.asarray(fft.rfft(np.median(scans[few], axis=0)))
    shift, amplitude, misfit = np.zeros(count), np.ones(count), np.ones(count)
    turned = spectra
    for _ in range(2 if aligned else 1):
        if aligned:
            found = _align(spectra, reference, points, step_s, max_delay_s)
            shift, amplitude, misfit = found.delay_s, found.amplitude, found.misfit
        else:
            power = np.einsum("kf,kf->k", spectra[:, 1:] - reference[1:], np.conj(spectra[:, 1:] - reference[1:])).real
            misfit = power / max(np.median(power), 1e-300)
        kept = finite.copy()
        for k, why in outliers(shift, amplitude, misfit, finite).items():
            reasons[k] = why
            kept[k] = False
        if kept.sum() < 2:
            raise FitError("average: fewer than two scans are alike; look at them one by one")
        if not aligned:
            reference = spectra[kept].mean(axis=0)
            break
        # Delay and amplitude are counted from their mean over the kept scans: so is the average.
        shift = shift - shift[kept].mean()
        amplitude = amplitude / amplitude[kept].mean()
        turned = phasors(np.nan_to_num(shift) / (points * step_s), spectra.shape[1])
        turned *= spectra
        weight = np.where(kept, amplitude, 0.0)
        reference = (weight @ turned) / (weight @ amplitude)
    reasons = {k: why for k, why in reasons.items() if not kept[k]}
    mean = np.asarray(fft.irfft(reference, points))
    turned -= amplitude[:, None] * reference
    residual = np.asarray(fft.irfft(turned, points, axis=1))
    number = int(kept.sum())
    variance = np.einsum("k,kn,kn->n", kept.astype(float), residual, residual) / (number - 1)
    correlation = _correlation(residual[kept][:_FOR_CORRELATION], variance)
    # Two parameters a scan were fitted: part of the noise went into them.
    flags = []
    if reasons:
        flags.append(f"{len(reasons)} of {count} scans left out: {', '.join(labels[k] for k in sorted(reasons))}")
    if number < FEWEST:
        flags.append(f"only {number} scans: their scatter says little of the noise, and no scan can be told an outlier")
    inside = np.sqrt(number)
    trace = Trace(
        np.asarray(delay_s, float),
        mean,
        np.sqrt(variance / number),
        correlation,
        float(np.std(amplitude[kept], ddof=1) / inside) if aligned else 0.0,
        float(np.std(shift[kept], ddof=1) / inside) if aligned else 0.0,
        number,
    )
    rejected = tuple((labels[k], why) for k, why in sorted(reasons.items()))
    return Average(trace, shift, amplitude, rejected, kept, variance, tuple(flags))


def _band(reference: np.ndarray) -> tuple[int, int]:
    """Return first and stop of the contiguous bins around the strongest that hold signal."""
    power = np.abs(reference) ** 2
    power[0] = 0.0
    peak = int(power.argmax())
    if not power[peak] > 0:
        raise FitError("align: the reference is zero; there is nothing to align to")
    floor = max(_STRONG * power[peak], 9 * float(np.median(power[-len(power) // 4 :])))
    weak = power < floor
    weak[peak] = False
    # A dip of a few bins, as a water line, does not end the band.
    run = np.convolve(weak, np.ones(6), "valid") == 6
    below = np.flatnonzero(run[: max(peak - 5, 0)])
    above = np.flatnonzero(run[peak + 1 :]) + peak + 1
    first = int(below[-1]) + 6 if len(below) else 1
    stop = int(above[0]) if len(above) else len(power)
    return max(first, 1), max(stop, first + 2)


def outliers(shift: np.ndarray, amplitude: np.ndarray, misfit: np.ndarray, finite: np.ndarray) -> dict[int, str]:
    """Return the scans that do not belong, with the reason."""
    out = {int(k): "no delay found in which it fits the others" for k in np.flatnonzero(finite & ~np.isfinite(shift))}
    good = finite & np.isfinite(shift)
    if good.sum() < FEWEST:
        return out
    for values, name in (
        (np.log(np.maximum(misfit, 1e-12)), "noise {:.2g} times the others'"),
        (amplitude, "amplitude {:.3g} of the others'"),
        (shift * 1e15, "delay {:+.3g} fs from the others'"),
    ):
        centre = np.median(values[good])
        spread = 1.4826 * np.median(np.abs(values[good] - centre))
        if spread <= 0:
            continue
        # Of few scans the spread itself is uncertain, by about 1/sqrt(K) of itself.
        limit = OUTLIER * spread * (1 + 4 / np.sqrt(good.sum()))
        far = good & (np.abs(values - centre) > limit)
        if "noise" in name:
            far &= values > centre + np.log(1.3)
            for k in np.flatnonzero(far):
                out.setdefault(int(k), name.format(np.sqrt(np.exp(values[k] - centre))))
        elif "amplitude" in name:
            for k in np.flatnonzero(far):
                out.setdefault(int(k), name.format(values[k] / centre))
        else:
            for k in np.flatnonzero(far):
                out.setdefault(int(k), name.format(values[k] - centre))
    return out


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
            found = _align(spectrum[None], self._sum / self.scans, points, self.step_s, None)
            shift, amplitude = float(found.delay_s[0]), float(found.amplitude[0])
            if not np.isfinite(shift):
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
            self.delay_s, self._mean.copy(), sigma, np.ones(1), float(spread[1]), float(spread[2]) * 1e-15, self.scans,
            flags=flags,
        )  # fmt: skip
