"""The noise of repeated scans: additive, multiplicative and timing jitter, by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sotlab.analysis.thz.average import Average, average_scans
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["NoiseFit", "fit_noise", "noise_of_average"]

_STEPS = 60
#: A component whose removal costs less than this in 2 ln L is not determined.
SIGNIFICANT = 6.6


@dataclass(frozen=True)
class NoiseFit:
    """The result of :func:`fit_noise`: sigma_k^2 = alpha^2 + beta^2 mu_k^2 + tau^2 (dmu/dt)_k^2 for a single scan.

    Parameters
    ----------
    noise_alpha : Value
        Additive noise [V].
    noise_beta : Value
        Multiplicative noise.
    noise_tau : Value
        Timing jitter from point to point [s]; that of whole scans is ``delay_jitter``.
    amplitude_jitter, delay_jitter : Value
        Scatter of amplitude (relative) and delay [s] of whole scans.
    variances : (3,) float
        alpha^2, beta^2, tau^2 as fitted, 0 at their limit: also of components not determined.
    sigma_V : (N,) float
        The model's standard deviation of a single scan.
    upper_limits : dict of str to float
        95 % limits of the components that are not determined.
    flags : tuple of str
        What the reader must know.
    """

    noise_alpha: Value
    noise_beta: Value
    noise_tau: Value
    amplitude_jitter: Value
    delay_jitter: Value
    variances: np.ndarray
    sigma_V: np.ndarray
    upper_limits: dict[str, float]
    flags: tuple[str, ...]


def fit_noise(delay_s: np.ndarray, scans: np.ndarray) -> NoiseFit:
    """Fit additive, multiplicative and jitter noise to repeated scans.

    Scans are aligned in delay and amplitude; the variances v_k that remain, with K - 1 degrees of freedom each, are
    fitted by maximum likelihood, sum_k (K-1)/2 (ln s_k + v_k/s_k). s_k is the model's variance as the alignment
    leaves it: what it takes off is allowed for, and so is the noise in the mean trace's square and slope.

    Parameters
    ----------
    delay_s : (N,) float
        Regular delay axis [s].
    scans : (K, N) float
        Scans [V], two or more.

    References
    ----------
    Mohtashemi, Westlund, Sahota, Lea, Bushfield, Mousavi, Dodge, Opt. Express 29, 4912 (2021).
    """
    return noise_of_average(average_scans(delay_s, scans))


def noise_of_average(average: Average) -> NoiseFit:
    """Fit the noise model to scans that were averaged; see :func:`fit_noise`."""
    trace = average.trace
    scans = trace.scans
    variance = average.variance_V2
    if not (variance > 0).all():
        raise FitError("noise: some delays have no scatter at all; is this one scan several times?")
    mu = trace.signal_V
    slope, gain = _slope(mu, trace.step_s, variance / scans)
    basis, _ = np.linalg.qr(np.stack([mu, slope], axis=1))
    square, slope2 = mu**2, slope**2
    regressors = np.stack([np.ones(len(mu)), square, slope2])
    # Scans that jitter as a whole carry their noise along: seen at fixed delays its profile is smeared by that.
    f = np.fft.rfftfreq(len(mu), trace.step_s)
    smear = np.exp(-((2 * np.pi * f * float(np.std(average.delay_s[average.kept]))) ** 2) / 2)
    design, fisher = regressors, np.zeros((3, 3))
    theta = np.array([np.median(variance), 0.0, 0.0])
    # The mean's own noise, and the alignment's share, depend on the answer: twice is enough, both are corrections.
    for _ in range(2):
        sigma2 = theta @ regressors
        regressors = np.stack(
            [
                np.ones(len(mu)),
                np.maximum(square - sigma2 / scans, 0),
                np.maximum(slope2 - gain * sigma2.mean() / scans, 0),
            ]
        )
        smeared = np.maximum(np.fft.irfft(np.fft.rfft(regressors, axis=1) * smear, len(mu), axis=1), 0)
        design = _after_alignment(smeared, basis)
        theta, fisher = _maximise(design, variance, scans - 1, theta)
    covariance = _covariance(design, theta, fisher, basis, scans - 1)
    values, limits, flags = _judge(design, variance, scans - 1, theta, covariance)
    kept = average.kept
    inside = 1 / np.sqrt(2 * max(scans - 1, 1))
    jitter = []
    for scatter, unit in ((np.std(average.amplitude[kept], ddof=1), ""), (np.std(average.delay_s[kept], ddof=1), "s")):
        jitter.append(Value.of(float(scatter), float(scatter * inside), unit))
    return NoiseFit(
        values[0],
        values[1],
        values[2],
        jitter[0],
        jitter[1],
        theta,
        np.sqrt(np.maximum(theta @ regressors, 0)),
        limits,
        tuple(flags),
    )


def _slope(mu: np.ndarray, step_s: float, variance: np.ndarray) -> tuple[np.ndarray, float]:
    """Return dmu/dt with noise suppressed where there is no signal, and its noise variance over that of mu."""
    n = len(mu)
    f = np.fft.rfftfreq(n, step_s)
    spectrum = np.fft.rfft(mu - np.linspace(mu[0], mu[-1], n))
    floor = variance.sum()
    power = np.abs(spectrum) ** 2
    smooth = np.convolve(power, np.ones(5) / 5, "same")
    window = np.maximum(smooth - 2 * floor, 0) / np.maximum(smooth, 1e-300)
    factor = 2j * np.pi * f * window
    if n % 2 == 0:
        factor[-1] = 0
    gain = 2 * float(np.sum(np.abs(factor) ** 2)) / n
    return np.fft.irfft(spectrum * factor, n) + (mu[-1] - mu[0]) / (n * step_s), gain


def _after_alignment(variances: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return the diagonals (P, N) of (1-H) diag(variance) (1-H) with H the projector on the basis (N, 2)."""
    first, second = basis.T
    pairs = np.stack([first * first, first * second, second * second])
    inner = variances @ pairs.T
    return variances * (1 - 2 * (pairs[0] + pairs[2])) + (inner * [1.0, 2.0, 1.0]) @ pairs


def _maximise(
    design: np.ndarray, variance: np.ndarray, freedom: int, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return non-negative theta (P,) of s = theta @ design that maximises the likelihood, and Fisher's matrix."""
    unit = float(np.median(variance))
    largest = design.max(axis=1)
    scale = 1 / np.where(largest > 0, largest, 1.0)
    x, v = design * scale[:, None], variance / unit
    theta = start / (scale * unit)
    if not theta.any():
        theta[0] = 1.0
    s = np.maximum(theta @ x, 1e-6)
    cost = float(np.sum(np.log(s) + v / s))
    for _ in range(_STEPS):
        weighted = x / s**2
        gradient = weighted @ (v - s)
        # At the limit 0 a component stays there while the likelihood falls away from it; so does one that is 0 at
        # every delay, as without a signal.
        index = np.flatnonzero((largest > 0) & ((theta > 0) | (gradient > 0)))
        normal = weighted[index] @ x[index].T
        normal[np.diag_indices(len(index))] *= 1 + 1e-10
        step = np.zeros(len(theta))
        step[index] = np.linalg.solve(normal, gradient[index])
        gained = 0.0
        for shrink in (1.0, 0.3, 0.1, 0.03, 0.01):
            new = np.maximum(theta + shrink * step, 0)
            s_new = np.maximum(new @ x, 1e-6)
            gained = cost - float(np.sum(np.log(s_new) + v / s_new))
            if gained > 0:
                theta, s, cost = new, s_new, cost - gained
                break
        if gained < 1e-5:  # of 2 ln L/freedom
            break
    s = np.maximum(theta @ x, 1e-6)
    normal = (x / s**2) @ x.T * (freedom / 2)
    scale = scale * unit
    return theta * scale, normal / np.outer(scale, scale)


def _covariance(
    design: np.ndarray, theta: np.ndarray, fisher: np.ndarray, basis: np.ndarray, freedom: int
) -> np.ndarray:
    """Return the covariance of theta: F^-1 B F^-1, since the alignment ties the residuals of a scan together.

    Residuals have the covariance C = (1-H) S (1-H), variances that of 2 C_ij^2/freedom; off its diagonal C is a sum of
    six products of functions of i and of j, so that no matrix of N by N is needed.
    """
    s = theta @ design
    y = design / s**2
    carried = s[:, None] * basis
    first = np.concatenate([-carried, -basis, basis @ (basis.T @ carried)], axis=1)
    second = np.concatenate([basis, carried, basis], axis=1)
    left = (first[:, :, None] * first[:, None, :]).reshape(len(s), -1)
    right = (second[:, :, None] * second[:, None, :]).reshape(len(s), -1)
    own = np.einsum("na,na->n", first, second) ** 2
    spread = (y @ left) @ (y @ right).T + (y * (s**2 - own)) @ y.T
    scale = np.sqrt(np.where(np.diag(fisher) > 0, np.diag(fisher), 1.0))
    inverse = np.linalg.pinv(fisher / np.outer(scale, scale)) / np.outer(scale, scale)
    return inverse @ spread @ inverse * (freedom / 2)


def _judge(
    design: np.ndarray, variance: np.ndarray, freedom: int, theta: np.ndarray, covariance: np.ndarray
) -> tuple[list[Value], dict[str, float], list[str]]:
    """Return alpha, beta, tau as values, None where the data do not tell them from 0."""

    def cost(parameters: np.ndarray, rows: np.ndarray) -> float:
        s = np.maximum(parameters @ rows, 1e-12 * np.median(variance))
        return freedom * float(np.sum(np.log(s) + variance / s))

    units = ("V", "", "s")
    names = ("noise_alpha", "noise_beta", "noise_tau")
    best = cost(theta, design)
    values, limits, flags = [], {}, []
    for k, (name, unit) in enumerate(zip(names, units, strict=True)):
        if not design[k].any():
            flags.append(f"{name}: not determined: there is no signal that would tell")
            values.append(Value(None, None, unit))
            continue
        error = float(np.sqrt(covariance[k, k]))
        others = [j for j in range(3) if j != k]
        clear = theta[k] > 6 * error  # then there is no need to try without
        if not clear and theta[k] > 0:
            without, _ = _maximise(design[others], variance, freedom, theta[others])
            clear = cost(without, design[others]) - best > SIGNIFICANT
        if clear:
            root = float(np.sqrt(theta[k]))
            values.append(Value.of(root, error / (2 * root), unit))
            continue
        limits[name] = float(np.sqrt(theta[k] + 1.645 * error))
        what = "more scans, or a stronger signal" if k else "a part of the trace without signal"
        flags.append(
            f"{name}: not determined, below {limits[name]:.2g} {unit}".rstrip() + f" (95 %); {what} would tell"
        )
        values.append(Value(None, None, unit))
    return values, limits, flags
