"""The ST-FMR line: a symmetric and an antisymmetric Lorentzian on a straight baseline, fitted without a guess.

Four files share the work: :mod:`~sotlab.analysis.varpro` finds the line, :mod:`~sotlab.analysis.correlated` gives the
uncertainties, :mod:`~sotlab.analysis.rivals` what else would explain the data, and this one prepares what was measured
and says what may be believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from sotlab.analysis.correlated import CorrelatedNoise, correlated_covariance
from sotlab.analysis.rivals import deviance, deviance_of, polynomial_residual, step_deviance
from sotlab.analysis.rows import row_products
from sotlab.analysis.varpro import Lines, Spectra, fit_lines
from sotlab.errors import FitError

__all__ = ["PARAMETERS", "LineFit", "fit_lineshape", "lineshape"]

#: The order of the parameters in a covariance matrix.
PARAMETERS = ("v_sym", "v_asym", "field_res", "width", "offset", "slope")

MIN_POINTS = 10
MIN_FIELDS = 8
#: A sweep whose other sign of field takes up less than this part of it crosses zero by the gaussmeter's error only.
ZERO_CROSSING = 0.05
#: How often noise alone may pass for a line, at one place of the window; there are some hundred such places.
FALSE_ALARM = 1e-5
#: Noise is rough, however slow: a line that leaves less than this part of the data's variance is none of it. What such
#: a line leaves is the shape's own imperfection, smooth, with no degrees of freedom to speak of.
CLEAN = 1e-3
#: A line narrower than this (of half the window) that leaves less than that of the data's variance is no step.
NARROW, NEARLY_ALL = 0.15, 0.02
#: Spectra fitted in one go: more of them no longer fit into the processor's cache.
BATCH = 100


@dataclass(frozen=True)
class LineFit:
    """Fitted lines, one entry a spectrum; NaN where there is no line to be believed (see ``flags``).

    Each ``*_sigma`` is one standard deviation, corrected for residuals that are correlated in the order of
    measurement. Fields are magnitudes: ``field_sign`` tells on which side of zero the spectrum was measured.

    Parameters
    ----------
    v_sym, v_asym : (n,) float
        Symmetric and antisymmetric amplitude V_S, V_A [V].
    field_res : (n,) float
        Resonance field B0 > 0 [T].
    width : (n,) float
        Half width at half maximum W > 0 [T].
    offset, slope : (n,) float
        Baseline at the resonance field c [V], and its slope d against abs(B) [V/T].
    covariance : (n, 6, 6) float
        Covariance in the order of ``PARAMETERS``.
    rms : (n,) float
        Standard deviation of the noise, the six fitted parameters allowed for [V].
    lag1 : (n,) float
        Lag-1 autocorrelation of the noise in the order of measurement: that of the residuals, corrected for what the
        fit takes with it.
    points : (n,) int
        Points that were fitted.
    field_sign : (n,) float
        +1, or -1 for a spectrum at negative fields.
    flags : tuple of tuple of str
        For each spectrum what its reader must know.
    """

    v_sym: np.ndarray
    v_asym: np.ndarray
    field_res: np.ndarray
    width: np.ndarray
    offset: np.ndarray
    slope: np.ndarray
    v_sym_sigma: np.ndarray
    v_asym_sigma: np.ndarray
    field_res_sigma: np.ndarray
    width_sigma: np.ndarray
    offset_sigma: np.ndarray
    slope_sigma: np.ndarray
    covariance: np.ndarray
    rms: np.ndarray
    lag1: np.ndarray
    points: np.ndarray
    field_sign: np.ndarray
    flags: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        """Return the number of spectra."""
        return len(self.v_sym)

    @property
    def good(self) -> np.ndarray:
        """Return for each spectrum whether it has a line (n,) bool."""
        return np.isfinite(self.field_res)

    @property
    def noise_freedom(self) -> np.ndarray:
        """Return how many degrees of freedom the square of ``rms`` has as an estimate of the noise (n,).

        Those of residuals of first-order correlation, and that the correlation, too, is an estimate: its variance
        (1 - rho^2)/N moves ln (1 + rho)/(1 - rho), to which variances of slow parameters are proportional.
        """
        white = 1.0 - np.minimum(np.abs(np.nan_to_num(self.lag1)), 0.97) ** 2
        left = np.maximum(self.points - len(PARAMETERS), 1) * white / (2.0 - white)
        return 1.0 / (1.0 / left + 2.0 / (np.maximum(self.points, 1) * white))

    def model(self, field_T: np.ndarray) -> np.ndarray:
        """Return the fitted voltage (n, N) [V] at the fields ``field_T`` (N,) or (n, N) [T], signed as measured."""
        columns = [getattr(self, name)[:, None] for name in PARAMETERS]
        return lineshape(self.field_sign[:, None] * np.atleast_2d(field_T), *columns)


def lineshape(
    field_T: np.ndarray,
    v_sym: np.ndarray | float,
    v_asym: np.ndarray | float,
    field_res_T: np.ndarray | float,
    width_T: np.ndarray | float,
    offset_V: np.ndarray | float = 0.0,
    slope: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Return V = V_S W^2/(x^2 + W^2) + V_A W x/(x^2 + W^2) + c + d x [V], x = B - B0, W = half width at half maximum.

    Parameters
    ----------
    field_T : array of float
        Field B, taken as positive on the side of the resonance [T].
    v_sym, v_asym, offset_V : float or array
        V_S, V_A, c [V].
    field_res_T, width_T : float or array
        B0 and W (half width) [T].
    slope : float or array
        d [V/T].
    """
    x = np.asarray(field_T, float) - field_res_T
    return (v_sym * width_T**2 + v_asym * width_T * x) / (x * x + width_T**2) + offset_V + slope * x


def fit_lineshape(field_T: np.ndarray | Sequence[np.ndarray], voltage_V: np.ndarray | Sequence[np.ndarray]) -> LineFit:
    """Fit V = V_S W^2/(x^2 + W^2) + V_A W x/(x^2 + W^2) + c + d x to one spectrum or many, without a guess.

    Parameters
    ----------
    field_T : (N,) or (n, N) float, or n arrays of any lengths
        Field mu0*H [T] in the order of measurement, in any order and with repeats; NaN for a gap. One axis (N,)
        serves all spectra.
    voltage_V : (N,) or (n, N) float, or n arrays of any lengths
        Rectified voltage [V]; NaN for a gap.

    Returns
    -------
    LineFit
        One entry a spectrum. What is not a line, or is not held by the window, is NaN with a flag that says why.

    Raises
    ------
    FitError
        If fields and voltages do not fit each other in shape, or are not numbers.

    Notes
    -----
    Spectra at negative fields are fitted against abs(B). A line V_S, V_A that stems from torques along y changes sign
    with B: such a spectrum gives -V_S, -V_A of its partner at positive fields; the part that stays is of another
    origin. A spectrum with both signs of field has two resonances and is refused: fit its two sides separately.

    W is the half width at half maximum. The sigmas hold for noise that is correlated in the order given as behind a
    filter of one to four poles; under white noise they equal the usual ones.

    References
    ----------
    Liu et al., Phys. Rev. Lett. 106, 036601 (2011), for the line; :mod:`sotlab.analysis.varpro` for the method.

    Examples
    --------
    >>> import numpy as np
    >>> field = np.linspace(0.02, 0.12, 101)
    >>> fit = fit_lineshape(field, lineshape(field, 2e-6, -1e-6, 0.07, 0.004))
    >>> round(float(fit.field_res[0]), 6), round(float(fit.width[0]), 6)
    (0.07, 0.004)
    """
    fields, voltages = _as_lists(field_T, voltage_V)
    _keep_memory()
    results: list[_Batch] = []
    order = sorted(range(len(voltages)), key=lambda k: len(voltages[k]))  # like lengths together: little padding
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        results.append(_fit_batch([fields[k] for k in chosen], [voltages[k] for k in chosen]))
    back = np.argsort(order) if len(order) > 1 else [0]

    def gathered(name: str) -> np.ndarray:
        if len(order) == 1:
            return getattr(results[0], name)
        return np.concatenate([getattr(batch, name) for batch in results])[back]

    values, covariance = gathered("values"), gathered("covariance")
    sigmas = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    flags = [flag for batch in results for flag in batch.flags]
    return LineFit(
        **dict(zip(PARAMETERS, values.T, strict=True)),
        **{f"{name}_sigma": sigma for name, sigma in zip(PARAMETERS, sigmas.T, strict=True)},
        covariance=covariance,
        rms=gathered("rms"),
        lag1=gathered("lag1"),
        points=gathered("points"),
        field_sign=gathered("field_sign"),
        flags=tuple(tuple(flags[k]) for k in back),
    )


@lru_cache(maxsize=1)
def _keep_memory() -> None:
    """Let the C library keep the few MB of a batch for the next one.

    glibc hands freed memory back to the system at once and has it zeroed again when it is next asked for, which takes
    as long as the fits themselves. Once a larger block has been freed, it keeps up to twice as much. The block is
    never touched, so it costs nothing; other C libraries take no notice.
    """
    np.empty(8 << 20, np.uint8)


@dataclass
class _Batch:
    """The results of one batch, as arrays over its spectra."""

    values: np.ndarray
    covariance: np.ndarray
    rms: np.ndarray
    lag1: np.ndarray
    points: np.ndarray
    field_sign: np.ndarray
    flags: list[list[str]] = field(default_factory=list)


def _as_lists(field_T, voltage_V) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
    """Return one field and one voltage array a spectrum, of equal lengths."""
    try:
        if _is_flat(voltage_V):
            voltage_V = [voltage_V]
        voltages = [np.asarray(one, float) for one in voltage_V]
        if _is_flat(field_T):
            fields = [np.asarray(field_T, float)] * len(voltages)
        else:
            fields = [np.asarray(one, float) for one in field_T]
    except (TypeError, ValueError):
        raise FitError("line shape: fields and voltages must be arrays of numbers, in T and V") from None
    if not voltages:
        raise FitError("line shape: no spectrum given; give at least one array of voltages in V")
    if len(fields) != len(voltages):
        raise FitError(f"line shape: {len(fields)} field axes for {len(voltages)} spectra; give one axis, or one each")
    for k, (b, v) in enumerate(zip(fields, voltages, strict=True)):
        if b.ndim != 1 or b.shape != v.shape:
            raise FitError(f"line shape: spectrum {k + 1} has fields {b.shape} and voltages {v.shape}; give one each")
    return fields, voltages


def _is_flat(item) -> bool:
    """Return whether an array or sequence holds plain numbers, not further arrays."""
    if isinstance(item, np.ndarray) and item.dtype != object:
        return item.ndim == 1
    return len(item) == 0 or np.ndim(item[0]) == 0


def _fit_batch(fields: Sequence[np.ndarray], voltages: Sequence[np.ndarray]) -> _Batch:
    count = len(voltages)
    shared = all(b is fields[0] for b in fields)
    b, v = _padded(fields), _padded(voltages)
    mask = np.isfinite(b) & np.isfinite(v)
    whole = bool(mask.all())
    shared = shared and (whole or bool((mask == mask[0]).all()))
    points = mask.sum(axis=1)
    flags: list[list[str]] = [[] for _ in range(count)]
    for k, length in enumerate(map(len, voltages)):
        if points[k] < length:
            flags[k].append(f"{length - points[k]} of {length} points are not numbers: left out")
    result = _Batch(
        values=np.full((count, 6), np.nan),
        covariance=np.full((count, 6, 6), np.nan),
        rms=np.full(count, np.nan),
        lag1=np.full(count, np.nan),
        points=points,
        field_sign=np.ones(count),
        flags=flags,
    )
    if not whole:
        b, v = np.where(mask, b, 0.0), np.where(mask, v, 0.0)
    alike = count if shared else 1  # what is said of the first field axis holds for all
    first = slice(0, 1 if shared else count)
    signs, refused = _sides(b[first], mask[first], points[first])
    result.field_sign, refused = np.repeat(signs, alike), refused * alike
    for k, reason in enumerate(refused):
        if reason:
            flags[k].append(reason)
    usable = np.array([reason is None for reason in refused])
    if usable.any():
        everything = usable.all()
        rows = slice(None) if everything else usable
        _fit_usable(result, np.arange(count)[rows], b[rows], v[rows], mask[rows], shared)
    return result


def _padded(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return arrays of different lengths as one (n, N), NaN where there is nothing."""
    longest = max(1, *map(len, arrays))
    if all(len(one) == longest for one in arrays):
        return np.array(arrays)
    padded = np.full((len(arrays), longest), np.nan)
    for row, one in zip(padded, arrays, strict=True):
        row[: len(one)] = one
    return padded


def _sides(b: np.ndarray, mask: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, list[str | None]]:
    """Return on which side of zero each spectrum lies, and why it cannot be fitted, if so."""
    top, bottom = b.max(axis=1), -b.min(axis=1)  # masked points are 0 and count for neither
    sign = np.where(top >= bottom, 1.0, -1.0)
    smaller, larger = np.minimum(top, bottom), np.maximum(top, bottom)
    ordered = np.sort(np.where(mask, b, np.inf), axis=1)
    distinct = 1 + (ordered[:, 1:] > ordered[:, :-1]).sum(axis=1) - (points < b.shape[1])
    refused: list[str | None] = [None] * len(b)
    for k in np.flatnonzero((points < MIN_POINTS) | (distinct < MIN_FIELDS) | (smaller > ZERO_CROSSING * larger)):
        if points[k] < MIN_POINTS or distinct[k] < MIN_FIELDS:
            fields = distinct[k] if points[k] else 0
            refused[k] = (
                f"too few points: {points[k]} at {fields} different fields; "
                f"needed are {MIN_POINTS} at {MIN_FIELDS} different fields"
            )
        else:
            refused[k] = (
                f"fields of both signs, {-bottom[k]:.4g} to {top[k]:.4g} T, hold two resonances; fit each alone"
            )
    return sign, refused


def _fit_usable(
    result: _Batch, index: np.ndarray, b: np.ndarray, v: np.ndarray, mask: np.ndarray, shared: bool
) -> None:
    """Fit the spectra and write them into the rows ``index`` of ``result``."""
    b = b * result.field_sign[index, None]
    low = b.min(axis=1, where=mask, initial=np.inf)
    high = b.max(axis=1, where=mask, initial=-np.inf)
    centre, half = (low + high) / 2, (high - low) / 2
    weight = mask.astype(float)
    u = (b - centre[:, None]) / half[:, None] * weight
    points = weight.sum(axis=1)
    mean = v.sum(axis=1) / points
    y = (v - mean[:, None]) * weight
    scale = np.sqrt(row_products(y, y) / points)
    scale[scale == 0] = 1.0
    y /= scale[:, None]
    spectra = Spectra.of(u, y, weight, shared)
    lines = fit_lines(spectra)

    noise = correlated_covariance(lines.jacobian, lines.residual, weight)
    grown = noise.covariance * _second_order(lines, noise)[:, None, None]
    values, covariance = _parameters(spectra, lines, grown)
    # Back to T and V. Amplitudes and offset scale with the voltage, the slope with voltage over field.
    units = np.stack([scale, scale, half, half, scale, scale / half], axis=1)
    values *= units
    values[:, 2] += centre
    values[:, 4] += mean
    covariance *= units[:, :, None] * units[:, None, :]
    reasons = _refusals(spectra, lines, noise)
    good = np.array([reason == "" for reason in reasons])
    result.rms[index], result.lag1[index] = noise.sigma * scale, noise.rho
    result.values[index[good]] = values[good]
    result.covariance[index[good]] = covariance[good]
    for k, reason in zip(index, reasons, strict=True):
        if reason:
            result.flags[k].append(reason)


#: Rows: PARAMETERS; columns: what is fitted, the baseline's coefficients, s, a, b0, w. The baseline's rows are open.
_PARAMETERS_BY_FITTED = np.eye(6, 6, 2)


def _parameters(spectra: Spectra, lines: Lines, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values (K, 6) and covariance (K, 6, 6) in the order of PARAMETERS, in scaled units.

    The baseline was fitted as coefficients k of the orthonormal vectors 1/sqrt(n) and (u - mean)/norm.
    """
    points = spectra.points
    mean_u = spectra.u.sum(axis=1) / points
    norm = np.sqrt(row_products(spectra.u, spectra.u) - points * mean_u**2)
    slope, away, per_root = lines.baseline[1] / norm, (lines.b0 - mean_u) / norm, 1 / np.sqrt(points)
    offset = lines.baseline[0] * per_root + lines.baseline[1] * away
    values = np.array([lines.s, lines.a, lines.b0, lines.w, offset, slope]).T
    derivative = np.array([_PARAMETERS_BY_FITTED] * len(values))
    derivative[:, 4, 0], derivative[:, 4, 1], derivative[:, 4, 4], derivative[:, 5, 1] = per_root, away, slope, 1 / norm
    return values, derivative @ covariance @ derivative.transpose(0, 2, 1)


def _second_order(lines: Lines, noise: CorrelatedNoise) -> np.ndarray:
    """Return the factor (K,) on variances that a weak line needs.

    The derivatives are those of the fitted line, whose amplitude and width are off by the very errors in question. To
    the second order the variance grows by a multiple of the amplitude's relative variance; the multiple is from the
    coverage that benchmarks/lineshape_coverage.py prints.
    """
    relative = (noise.covariance[:, 2, 2] + noise.covariance[:, 3, 3]) / (lines.s**2 + lines.a**2 + 1e-300)
    return 1 + 2 * np.minimum(relative, 0.5)


def _refusals(spectra: Spectra, lines: Lines, noise: CorrelatedNoise) -> list[str]:
    """Return for each spectrum the first reason why its line is not to be believed; "" if there is none.

    A line must (1) stand out of the correlated noise, by Wald's test of V_S = V_A = 0 with the few degrees of freedom
    that slow noise leaves, or leave next to nothing of the data, and explain them better than a straight line does,
    (2) lie in the window with a half
    width on either side, (3) be sampled by at least three different fields within its half widths, (4) not be as wide
    as the window, and (5) explain the data better than a smooth step or a polynomial with as many parameters.
    """
    points, total = spectra.points, spectra.total
    own = deviance_of(np.maximum(lines.rss, 1e-28 * points), noise.lag1, points)
    clean = (lines.rss < CLEAN * total) & (total > 1e-12 * points)  # of the unit rms, before the baseline went
    weak = ~(_significant(spectra, lines, noise) | clean) | (deviance(spectra.y, points) - own < 4 * np.log(points))
    outside = np.abs(lines.b0) + lines.w > 1
    near = spectra.mask * (np.abs(spectra.u - lines.b0[:, None]) <= lines.w[:, None])
    narrow = near.sum(axis=1) < 3
    wide = lines.w > 2 / 3
    correlated = noise.lag1 > 3 / np.sqrt(points)
    step, polynomial = np.zeros(len(points), bool), np.zeros(len(points), bool)
    lasting = ~(weak | outside | narrow | wide)  # what is refused already needs no other reason
    # Nor does what a narrow line leaves next to nothing of: no step comes near it.
    left = np.flatnonzero(lasting & (correlated | (lines.w > NARROW) | (lines.rss > NEARLY_ALL * total)))
    if len(left):
        misfit = (correlated | (lines.w > 0.3))[left]
        # The line has a parameter more than the step: Bayes' information criterion asks it to earn that.
        step[left] = step_deviance(spectra.take(left), lines.rss[left], misfit) - own[left] < np.log(points[left])
    # A narrow line with white residuals is out of a polynomial's reach.
    doubtful = np.flatnonzero(lasting & (correlated | (lines.w > 0.2)))
    if len(doubtful):
        residual = polynomial_residual(spectra.take(doubtful))
        polynomial[doubtful] = deviance(residual, points[doubtful]) < own[doubtful]
    causes = (
        (weak, "no line: a straight line with correlated noise explains the data as well"),
        (outside, "line not enclosed: the resonance lies outside the window or within a half width of its edge"),
        (narrow, "line not resolved: fewer than three points within its half widths"),
        (wide, "line not enclosed: its half width exceeds a third of the window"),
        (step, "no line: a smooth step explains the data as well"),
        (polynomial, "no line: a polynomial baseline explains the data as well"),
    )
    return [next((reason for mask, reason in causes if mask[k]), "") for k in range(len(points))]


def _significant(spectra: Spectra, lines: Lines, noise: CorrelatedNoise) -> np.ndarray:
    """Return whether V_S and V_A differ from zero, by an F test with the degrees of freedom that the noise leaves.

    What looks like noise behind several poles may be drift as well: the line must stand out of that, too.
    """
    covariance, freedom = noise.covariance[:, 2:4, 2:4], noise.freedom
    drift = np.flatnonzero(noise.filtered > 0)
    if len(drift):
        parts = lines.jacobian[:, drift], lines.residual[drift], spectra.mask[drift]
        slowest = correlated_covariance(*parts, poles=1)
        covariance, freedom = covariance.copy(), freedom.copy()
        covariance[drift], freedom[drift] = slowest.covariance[:, 2:4, 2:4], slowest.freedom
    ss, sa, aa = covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1]
    wald = (aa * lines.s**2 - 2 * sa * lines.s * lines.a + ss * lines.a**2) / np.maximum(ss * aa - sa * sa, 1e-300)
    # The tail of F(2, nu) in closed form.
    tail = (1 + wald / freedom) ** (-freedom / 2)
    return tail < FALSE_ALARM
