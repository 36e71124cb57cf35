"""The field of a sample over that of a reference, with sign and delay; the power ratio, and its check by the square."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from sotlab.analysis.thz.spectrum import paired_windows, window
from sotlab.analysis.thz.traces import Trace
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["BAND_HZ", "FieldRatio", "band_power", "field_ratio", "peak_to_peak_ratio"]

#: Where ZnTe of 500 um and 100 fs pulses respond: ratios are taken in here.
BAND_HZ = (0.3e12, 2.5e12)
#: A signal must stand out of chance by this, over all delays tried, to be one: the chance of a false one is 1e-4.
FALSE_ALARM = 1e-4


@dataclass(frozen=True)
class FieldRatio:
    """The result of :func:`field_ratio`.

    Parameters
    ----------
    ratio : Value
        Field of the sample over that of the reference, with its sign; None where no signal stands out.
    delay : Value
        How much later the sample's trace is [s].
    power_ratio : Value
        Ratio of the powers within the band, the bias of noise removed from both.
    excess : Value
        power_ratio - ratio^2: 0 for spectra of one shape, positive for different ones, never less.
    upper_limit : float or None
        95 % limit of |ratio| where no signal stands out.
    shape : float
        Correlation of both fields within the band, at best delay, bias removed: 1 for one shape.
    flags : tuple of str
        What the reader must know.
    """

    ratio: Value
    delay: Value
    power_ratio: Value
    excess: Value
    upper_limit: float | None
    shape: float
    flags: tuple[str, ...]


class _Banded:
    """A windowed trace within a band: its spectrum, the bias of its power, and functions of its samples."""

    def __init__(self, trace: Trace, w: np.ndarray, use: np.ndarray) -> None:
        self.trace, self.w, self.use, self.size = trace, w, use, len(w)
        level = float(w @ trace.signal_V / w.sum())
        self.field = np.fft.rfft(w * (trace.signal_V - level))[use]
        self.power = float(np.sum(np.abs(self.field) ** 2))
        # Variance of F at each frequency, from the autocorrelation of w sigma.
        lags = trace.lags(w)
        kernel = np.zeros(self.size)
        kernel[: len(lags)] = trace.correlation[: len(lags)] * lags
        self.variance = np.maximum((2 * np.fft.rfft(kernel).real - kernel[0])[use], 1e-3 * lags[0])
        self.bias = float(self.variance.sum())
        self.clean = self.power - self.bias

    def functional(self, spectrum: np.ndarray) -> np.ndarray:
        """Return h (N,) for which sum_i h_i S_i = Re sum_f F conj(spectrum), within the band."""
        full = np.zeros(self.size // 2 + 1, complex)
        full[self.use] = spectrum
        full[1 : (self.size + 1) // 2] /= 2
        h = self.w * np.fft.irfft(full, self.size) * self.size
        # What the level taken off does to it; w is small at the ends and sums to the window's area.
        return h - self.w * (h.sum() / self.w.sum())


def field_ratio(
    sample: Trace,
    reference: Trace,
    *,
    band_Hz: tuple[float, float] = BAND_HZ,
    edge: float = 0.1,
    max_delay_s: float = 3e-12,
    same_delay: bool = False,
) -> FieldRatio:
    """Return the ratio r and delay d of S(t) = r R(t - d), from the fields within a band.

    r = Re sum X conj(R) e^{i w d} / (sum |R|^2 - sum sigma_R^2), at the d where its magnitude is largest: the noise of
    the reference, which makes a plain least-squares ratio too small, is taken off. Sigmas are propagated through all
    samples with their noise and its correlation. Unlike peak-to-peak values it knows the sign and uses every sample.

    Parameters
    ----------
    sample, reference : Trace
        Both on one grid, measured alike.
    band_Hz : (float, float)
        Frequencies used: where the detection responds, so that its response cancels.
    edge : float
        Share of the window's ends that is tapered.
    max_delay_s : float
        Delays tried, to both sides.
    same_delay : bool
        True if both traces have the same delay, as of films on one substrate in reflection: then it is not fitted.

    Raises
    ------
    FitError
        If the grids differ, or the reference has no signal.
    """
    if len(sample.delay_s) != len(reference.delay_s) or (
        np.abs(sample.delay_s - reference.delay_s).max() > 1e-3 * reference.step_s
    ):
        raise FitError("ratio: sample and reference are on different delays; bring both onto one grid (TraceGrid)")
    n, step = len(sample.delay_s), sample.step_s
    f = np.fft.rfftfreq(n, step)
    use = (f >= band_Hz[0]) & (f <= band_Hz[1])
    if use.sum() < 3:
        raise FitError(
            f"ratio: {use.sum()} frequencies between {band_Hz[0] / 1e12:.3g} and {band_Hz[1] / 1e12:.3g} THz, 3 are"
            f" the least; scan over more than the {n * step * 1e12:.3g} ps"
        )
    w = window(n, edge=edge)
    x, r = _Banded(sample, w, use), _Banded(reference, w, use)
    omega = 2 * np.pi * f[use]
    r_noise = np.sqrt(2 * np.sum(r.variance * np.abs(r.field) ** 2) + np.sum(r.variance**2))
    if r.clean < 5 * r_noise:
        raise FitError("ratio: the reference has no signal within the band; average more, or widen the band")
    product = x.field * np.conj(r.field)
    delay = 0.0 if same_delay else _best_delay(product, omega, use, n, step, max_delay_s)
    back = np.exp(1j * omega * delay)
    h_x = x.functional(r.field / back) / r.clean
    # Noise times noise: only counts where the sample has hardly any signal.
    crossed = float(np.sum(x.variance * r.variance)) / 2 / r.clean**2
    quiet = np.sqrt(sample.variance_of(h_x, common=False) + crossed)
    threshold = float(stats.norm.isf(FALSE_ALARM / 2))
    if not same_delay:
        # Noise passes a level u of its own so often over the delays, up or down (Rice): 2 T f_rms exp(-u^2/2).
        weight = x.variance * np.abs(r.field) ** 2
        crossings = 4 * max_delay_s * np.sqrt(float(weight @ f[use] ** 2) / float(weight.sum()))
        threshold = max(threshold, np.sqrt(2 * np.log(max(crossings / FALSE_ALARM, 1.0))))
    flags: list[str] = []
    if quiet > 0 and abs(float((product * back).real.sum())) < threshold * quiet * r.clean:
        return _no_signal(product, omega, r.clean, quiet, r, x, flags)

    if not same_delay:
        # The window must go with the pulse: the same part of both is seen.
        w_x, w_r = paired_windows(n, delay / step, edge=edge)
        x, r = _Banded(sample, w_x, use), _Banded(reference, w_r, use)
        product = x.field * np.conj(r.field)
        delay = _best_delay(product, omega, use, n, step, max_delay_s)
    back = np.exp(1j * omega * delay)
    turned = product * back
    overlap, curvature = float(turned.real.sum()), float(turned.real @ omega**2)
    norm = r.clean
    ratio = overlap / norm
    x_shape, r_shape = x.field * back, r.field / back
    h_x = x.functional(r_shape) / norm
    h_r = r.functional(x_shape - 2 * ratio * r.field) / norm
    variance = sample.variance_of(h_x) + reference.variance_of(h_r) + crossed
    sigma = float(np.sqrt(variance))

    if sample.scans == reference.scans == 1:
        # The noise of single scans is a guess, as from their quiet parts: if both leave less than that, less it is.
        expected = float(np.sum(x.variance + ratio**2 * r.variance)) * (1 - 1 / use.sum())
        left = float(np.sum(np.abs(x_shape - ratio * r.field) ** 2)) / expected if expected > 0 else 1.0
        if left < 1 - 3 / np.sqrt(use.sum()):
            less = [replace(one, sigma_V=one.sigma_V * np.sqrt(left)) for one in (sample, reference)]
            options = {"band_Hz": band_Hz, "edge": edge, "max_delay_s": max_delay_s, "same_delay": same_delay}
            found = field_ratio(*less, **options)
            flag = f"ratio: the traces agree within {np.sqrt(left):.2g} of the noise given: it is taken for less"
            return replace(found, flags=(flag, *found.flags))

    # The maximum over delays is too large by the half of the information it used: <w^2> var(d)/2.
    slope_x = x.functional(1j * omega * r_shape) / -curvature if not same_delay else np.zeros(n)
    slope_r = r.functional(-1j * omega * x_shape) / -curvature if not same_delay else np.zeros(n)
    var_delay = sample.variance_of(slope_x) + reference.variance_of(slope_r)
    own = sample.variance_of(slope_x, common=False) + reference.variance_of(slope_r, common=False)
    if not same_delay:
        ratio *= 1 - own * curvature / overlap / 2
    delay_value = Value(None, None, "s") if same_delay else Value.of(delay, np.sqrt(var_delay), "s")

    power = x.clean / norm
    p_x = x.functional(2 * x.field) / norm
    p_r = r.functional(-2 * power * r.field) / norm
    # var |F|^2 = 2 |F_true|^2 v + v^2, which with the measured |F|^2 = |F_true|^2 + v is 2 |F|^2 v - v^2.
    squares = float(np.sum(x.variance**2) + power**2 * np.sum(r.variance**2)) / norm**2
    first = sample.variance_of(p_x) + reference.variance_of(p_r)
    power_sigma = np.sqrt(max(first - squares, squares))
    # With spectra of one shape only noise times noise is left, and is counted twice in the first order as well.
    excess = power - ratio**2 + sample.variance_of(h_x, common=False) + reference.variance_of(h_r, common=False)
    e_x, e_r = p_x - 2 * ratio * h_x, p_r - 2 * ratio * h_r
    squares = float(np.sum((x.variance + ratio**2 * r.variance) ** 2)) / norm**2
    first = sample.variance_of(e_x) + reference.variance_of(e_r)
    excess_sigma = np.sqrt(max(first - squares, 0.8 * squares))
    shape = abs(overlap) / np.sqrt(max(x.clean, 1e-300) * norm)
    if excess > 3 * excess_sigma:
        flags.append(
            f"ratio: the spectra differ in shape (correlation {shape:.4f}): power_ratio is {excess:.2g} above the"
            " square; the ratio is the reference's share only, and depends on the band"
        )
    elif excess < -3 * excess_sigma:
        flags.append("power_ratio: below the square of the ratio, which no fields can be: noise given too large?")
    return FieldRatio(
        Value.of(ratio, sigma, ""),
        delay_value,
        Value.of(power, float(power_sigma), ""),
        Value.of(excess, float(excess_sigma), ""),
        None,
        float(shape),
        tuple(flags),
    )


def _best_delay(
    product: np.ndarray, omega: np.ndarray, use: np.ndarray, n: int, step: float, max_delay_s: float
) -> float:
    """Return the delay of the largest |Re sum X conj(R) e^{i w d}|."""
    fine = 8
    full = np.zeros(n * fine // 2 + 1, complex)
    full[np.flatnonzero(use)] = product
    curve = np.fft.irfft(full, n * fine)
    reach = min(int(max_delay_s / step * fine), n * fine // 2 - 1)
    index = np.arange(-reach, reach + 1)
    delay = float(index[int(np.argmax(np.abs(curve[index])))]) * step / fine
    for _ in range(4):
        turned = product * np.exp(1j * omega * delay)
        bend = float(np.real(turned) @ omega**2)
        if bend == 0:
            break
        delay += float(np.clip(-(np.imag(turned) @ omega) / bend, -step / fine, step / fine))
    return delay


def _no_signal(
    product: np.ndarray, omega: np.ndarray, norm: float, quiet: float, r: _Banded, x: _Banded, flags: list[str]
) -> FieldRatio:
    """Return a one-sided upper limit of |r| at the delay of the reference: what chance leaves so small once in 20."""
    at_zero = abs(float(np.real(product).sum()) / norm)
    limit = at_zero + 1.645 * quiet
    # The band's power limits what may stand at another delay.
    noise = np.sqrt(np.sum(x.variance**2) + 2 * np.sum(x.variance * np.abs(x.field) ** 2))
    by_power = float(np.sqrt(max(x.clean, 0) / norm + 1.645 * noise / norm))
    flags.append(
        f"ratio: no signal stands out: |ratio| < {limit:.2g} (95 %) at the reference's delay, < {by_power:.2g} at any;"
        " average more, or raise the fluence"
    )
    nothing = Value(None, None, "")
    return FieldRatio(nothing, Value(None, None, "s"), nothing, nothing, float(limit), 0.0, tuple(flags))


def peak_to_peak_ratio(sample: Trace, reference: Trace) -> float:
    """Return (max S - min S)/(max R - min R): biased by noise, without a sign; the control of :func:`field_ratio`."""
    return float(np.ptp(sample.signal_V) / np.ptp(reference.signal_V))


def band_power(
    trace: Trace, band_Hz: tuple[float, float] = BAND_HZ, *, edge: float = 0.1
) -> tuple[float, float, float]:
    """Return the power of a trace within a band, bias removed, its sigma, and the sigma it has without a signal.

    The power is sum |F|^2 of numpy's transform, of use in ratios of traces on one grid.
    """
    f = np.fft.rfftfreq(len(trace.delay_s), trace.step_s)
    use = (f >= band_Hz[0]) & (f <= band_Hz[1])
    w = window(len(trace.delay_s), edge=edge)
    banded = _Banded(trace, w, use)
    noise2 = float(np.sum(banded.variance**2))
    bias = 0.0
    if len(trace.modes):
        modes = np.abs(np.fft.rfft(w * trace.modes, axis=1)[:, use]) ** 2
        bias = float(modes.sum())
        noise2 += 2 * float(np.sum(modes.sum(axis=1) ** 2))
    first = trace.variance_of(banded.functional(2 * banded.field))
    return banded.clean - bias, float(np.sqrt(max(first - noise2, noise2))), float(np.sqrt(noise2))
