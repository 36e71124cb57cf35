"""Odd and even part of a signal in the magnetic field, from scans at +B and -B."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from sotlab.analysis.thz.average import FEWEST, align, beyond_noise, phasors, taken_off, whole_shapes
from sotlab.analysis.thz.average import outliers as find_outliers
from sotlab.analysis.thz.ratio import BAND_HZ, FieldRatio, band_power, field_ratio
from sotlab.analysis.thz.traces import Trace, autocorrelation, slope_of
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["OddEven", "odd_even"]


@dataclass(frozen=True)
class OddEven:
    """The result of :func:`odd_even`.

    Parameters
    ----------
    odd, even : Trace
        (S(+B) - S(-B))/2 and (S(+B) + S(-B))/2.
    plus, minus : Trace
        The averages that they are made from.
    even_share : Value
        ||even||/||odd|| within the band, noise bias removed; None where nothing even stands out.
    upper_limit : float or None
        95 % limit of the share where nothing even stands out.
    polarity : FieldRatio
        S(+B) over S(-B): ratio -1 for a signal that is odd.
    correlation : float
        Of S(+B) with -S(-B) within the band: 1 for a signal that is odd.
    rejected : tuple of (str, str)
        Name and reason of each scan left out.
    flags : tuple of str
        What the reader must know.
    """

    odd: Trace
    even: Trace
    plus: Trace
    minus: Trace
    even_share: Value
    upper_limit: float | None
    polarity: FieldRatio
    correlation: float
    rejected: tuple[tuple[str, str], ...]
    flags: tuple[str, ...]


def odd_even(
    delay_s: np.ndarray,
    scans: np.ndarray,
    field_sign: np.ndarray,
    names: Sequence[str] = (),
    *,
    band_Hz: tuple[float, float] = BAND_HZ,
) -> OddEven:
    """Separate what is odd in the field from what is even, scan by scan aligned before it is subtracted.

    Jitter and a linear drift, of delay and amplitude, are taken off each scan. What differs between the polarities is
    not: an even part shaped like the odd one, or like its slope, looks exactly as such a difference, and an alignment
    of +B to -B would delete it. How well the scatter of the scans determines that difference is in the even part's
    noise (``modes``).

    Parameters
    ----------
    delay_s : (N,) float
        Regular delay axis [s].
    scans : (K, N) float
        Scans [V], in the order of measurement.
    field_sign : (K,) float
        Sign of the field in each; best interleaved.
    names : sequence of str, optional
        Names of the scans.
    band_Hz : (float, float)
        Where shares and correlations are taken.

    Raises
    ------
    FitError
        If one polarity has fewer than two scans.
    """
    scans = np.asarray(scans, float)
    sign = np.sign(np.asarray(field_sign, float))
    if scans.ndim != 2 or sign.shape != (len(scans),):
        raise FitError(f"odd/even: scans {scans.shape} and fields {sign.shape}; give one sign of the field a scan")
    labels = list(names) or [f"scan {k + 1}" for k in range(len(scans))]
    finite = np.isfinite(scans).all(axis=1) & (sign != 0)
    if min((finite & (sign > 0)).sum(), (finite & (sign < 0)).sum()) < 2:
        raise FitError("odd/even: two scans of each polarity are the least; scan +B and -B in turn")
    scans = np.where(finite[:, None], scans, 0.0)
    points = scans.shape[1]
    step = float(delay_s[-1] - delay_s[0]) / (points - 1)
    up, down = finite & (sign > 0), finite & (sign < 0)
    reference = (np.median(scans[up], axis=0) - np.median(scans[down], axis=0)) / 2
    found = align(scans * sign[:, None], step, reference)
    reasons = {int(k): "holds gaps, or has no field" for k in np.flatnonzero(~finite)}
    for side in (up, down):
        reasons |= find_outliers(found.delay_s, found.amplitude, found.misfit, side)
    kept = finite.copy()
    kept[list(reasons)] = False
    up, down = kept & (sign > 0), kept & (sign < 0)
    if min(up.sum(), down.sum()) < 2:
        raise FitError("odd/even: fewer than two scans of one polarity are alike; look at them one by one")

    order = np.linspace(-1, 1, len(scans))
    drift, delay_scatter, told = _without_polarity(found.delay_s, sign, order, kept)
    gain, gain_scatter, _ = _without_polarity(found.amplitude, sign, order, kept)
    spectra = np.asarray(fft.rfft(scans, axis=1))
    spectra *= phasors(np.nan_to_num(drift) / (points * step), spectra.shape[1])
    mean_gain = float(found.amplitude[kept].mean())
    level = np.asarray(fft.irfft(spectra, points, axis=1)) / (1 + gain / mean_gain)[:, None]
    # Scatter of amplitude and delay of whole scans, seen by the averages of either polarity.
    groups = []
    for side in (up, down):
        mean = level[side].mean(axis=0)
        residual = level[side] - mean
        groups.append((mean, residual, int(side.sum())))
    freedom = groups[0][2] + groups[1][2] - 2
    variance = np.asarray(sum((r**2).sum(axis=0) for _, r, _ in groups)) / freedom
    residuals = np.concatenate([r for _, r, _ in groups])
    safe = np.sqrt(np.maximum(variance, 1e-300))
    colour = autocorrelation(residuals[:64] / safe) if (variance > 0).all() else np.ones(1)
    # Amplitude and delay were taken off each scan, and their noise with them: it is in neither.
    odd_signal = (groups[0][0] - groups[1][0]) / 2
    shapes = whole_shapes(odd_signal, step)
    variance /= 1 - taken_off(shapes)
    noise = max(int(kept.sum()) - 3, 1), shapes, np.sqrt(variance), colour
    # What differs between the polarities is no scatter: an even part makes it.
    scatter = (float(np.std(gain[kept] / mean_gain, ddof=2)), float(np.std(drift[kept], ddof=2)))
    whole = [one / np.sqrt(kept.sum()) for one in beyond_noise(scatter, *noise)]
    scatter = (gain_scatter / mean_gain, delay_scatter)
    gain_apart, delay_apart = (told * one for one in beyond_noise(scatter, *noise))
    plus, minus = (
        Trace(delay_s, mean, np.sqrt(variance / n), colour, scans=n, name=name)
        for (mean, _, n), name in zip(groups, ("+B", "-B"), strict=True)
    )
    even_signal = (plus.signal_V + minus.signal_V) / 2
    sigma = np.hypot(plus.sigma_V, minus.sigma_V) / 2
    apart, in_odd = (
        np.stack([signal * gain_apart, slope_of(signal, step) * delay_apart]) for signal in (odd_signal, even_signal)
    )
    scans_in = int(kept.sum())
    odd = Trace(delay_s, odd_signal, sigma, colour, *whole, modes=in_odd, scans=scans_in, name="odd")
    even = Trace(delay_s, even_signal, sigma, colour, modes=apart, scans=scans_in, name="even")
    plus = Trace(delay_s, plus.signal_V, plus.sigma_V, colour, modes=apart, scans=plus.scans, name="+B")
    minus = Trace(delay_s, minus.signal_V, minus.sigma_V, colour, modes=apart, scans=minus.scans, name="-B")
    flags: list[str] = []
    if reasons:
        flags.append(f"{len(reasons)} of {len(scans)} scans left out: {', '.join(labels[k] for k in sorted(reasons))}")
    if min(up.sum(), down.sum()) < FEWEST:
        flags.append("odd, even: few scans of a polarity: their scatter says little of the noise")
    if _turns(sign[kept]) < kept.sum() / 4:
        flags.append("odd, even: +B and -B were not interleaved: a drift that is not linear looks even")
    share, limit = _share(odd, even, band_Hz, flags)
    polarity = field_ratio(plus, minus, band_Hz=band_Hz)
    return OddEven(
        odd,
        even,
        plus,
        minus,
        share,
        limit,
        polarity,
        _likeness(plus, minus, band_Hz),
        tuple((labels[k], why) for k, why in sorted(reasons.items())),
        tuple(flags),
    )


def _without_polarity(
    values: np.ndarray, sign: np.ndarray, order: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Return values less their mean and less what differs between the polarities, their scatter, and how well it tells.

    The scatter is that from scan to scan, which a slow drift does not enlarge, and the last the standard error of that
    difference over it: for scatter that is white, or that adds up to a random walk, whichever makes it larger. At
    + - - + both are the same.
    """
    design = np.stack([np.ones(kept.sum()), order[kept], sign[kept]])
    inverse = np.linalg.pinv(design)
    parameters = values[kept] @ inverse
    steps = np.diff(values[kept] - parameters @ design)
    count = design.shape[1]
    left = np.diff(np.eye(count) - design.T @ inverse.T, axis=0)
    at = (order[kept] - order[kept][0]) / max(float(order[1] - order[0]), 1e-12)
    walk = np.minimum(at[:, None], at[None, :])
    apart = inverse[:, 2]
    white = float(np.sum(left**2))
    if not white > 1e-9:
        return values - parameters[0] - sign * parameters[2], 0.0, float(np.linalg.norm(apart))
    walked = float(np.sum((left @ walk) * left))
    error2 = max(float(apart @ apart), float(apart @ walk @ apart) * white / walked if walked > 1e-9 else 0.0)
    return values - parameters[0] - sign * parameters[2], float(np.sqrt(steps @ steps / white)), float(np.sqrt(error2))


def _turns(sign: np.ndarray) -> int:
    return int(np.count_nonzero(np.diff(sign)))


def _share(odd: Trace, even: Trace, band_Hz: tuple[float, float], flags: list[str]) -> tuple[Value, float | None]:
    """Return ||even||/||odd|| within the band, or its upper limit."""
    strong, strong_sigma, _ = band_power(odd, band_Hz)
    weak, weak_sigma, noise = band_power(even, band_Hz)
    if strong < 5 * strong_sigma:
        raise FitError("odd/even: nothing odd stands out within the band; is the film magnetised, the beam open?")
    share2 = weak / strong
    if weak < 4 * noise:
        limit = float(np.sqrt(max(share2, 0) + 1.645 * noise / strong))
        flags.append(f"even: nothing stands out: share below {limit:.2g} (95 %); more scans would tell")
        return Value(None, None, ""), limit
    share = float(np.sqrt(share2))
    return Value.of(share, share / 2 * np.hypot(weak_sigma / weak, strong_sigma / strong), ""), None


def _likeness(plus: Trace, minus: Trace, band_Hz: tuple[float, float]) -> float:
    f = np.fft.rfftfreq(len(plus.delay_s), plus.step_s)
    use = (f >= band_Hz[0]) & (f <= band_Hz[1])
    first, second = np.fft.rfft(plus.signal_V)[use], np.fft.rfft(minus.signal_V)[use]
    strength = band_power(plus, band_Hz, edge=0.0)[0] * band_power(minus, band_Hz, edge=0.0)[0]
    return float(-(first @ np.conj(second)).real / np.sqrt(max(strength, 1e-300)))
