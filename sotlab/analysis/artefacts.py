"""What imitates a torque in ST-FMR, and whether it is there: phase errors, heating, a wrong current, anisotropy of R.

The rectified voltage of a torque is proportional to the power, and its effective field per current does not depend on
the frequency. A phase error psi between current and torque mixes the line's two parts, V_S' = V_S cos psi - V_A
sin psi; it grows with the frequency as a delay does. Spin pumping and the resonant Nernst effect have the angular form
of the damping-like torque in this geometry, so that no angle series tells them from it; their part of V_S grows with
the frequency otherwise than the torque's does.

References
----------
Karimeddiny et al., Phys. Rev. Appl. 14, 024024 (2020), for the artefacts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sotlab.analysis.joint import fit_joint, number, spread
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = [
    "Check",
    "closure",
    "fit_magnetoresistance",
    "frequency_trend",
    "phase_bias",
    "power_linearity",
]

#: Beyond so many sigmas a check has found something.
FOUND = 3.0
#: The same for the closure of two calibrations: false alarms of 2.8 %, which leaves room for sigmas that are estimates.
CLOSED = 2.2
#: A linear fit of a worse condition than this has covariances that are noise of the arithmetic.
WELL_CONDITIONED = 1e6


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Parameters
    ----------
    results : dict of str to Value
        What was found.
    z : float
        By how many sigmas it differs from what it should be.
    flags : tuple of str
        What the reader must know; none where all is well.
    """

    results: dict[str, Value]
    z: float
    flags: tuple[str, ...] = field(default=())


def power_linearity(power_W: np.ndarray, amplitude_V: np.ndarray, sigma_V: np.ndarray) -> Check:
    """Fit V = k P (1 + q P) to the amplitudes of one line at several powers.

    Parameters
    ----------
    power_W, amplitude_V, sigma_V : (n,) float
        Powers, V_S or V_A, and standard deviations.

    Returns
    -------
    Check
        `per_power` k, the limit of low power [V/W]; `nonlinearity` q times the largest power: what is missing or too
        much there.

    Raises
    ------
    FitError
        For fewer than three powers, or numbers that cannot be.
    """
    p, v, sigma = _arrays("power linearity", power_W, amplitude_V, sigma_V)
    if len(np.unique(p)) < 3 or np.any(p <= 0):
        raise FitError(f"power linearity: {len(np.unique(p))} powers; three above 0 W are needed")
    x = p / p.max()
    (linear, bent), covariance = _weighted(np.stack([x, x**2]), v, sigma)
    q = bent / linear
    slope = np.array([-q / linear, 1 / linear])
    sigma_q = float(np.sqrt(slope @ covariance @ slope))
    results = {
        "per_power": Value.of(linear / p.max(), float(np.sqrt(covariance[0, 0])) / p.max(), "V/W"),
        "nonlinearity": Value.of(q, sigma_q, ""),
    }
    z = bent / float(np.sqrt(covariance[1, 1]))
    if abs(z) <= FOUND:
        return Check(results, float(z))
    flag = (
        f"the signal is not proportional to the power: {100 * q:+.2g} % at the largest ({abs(z):.1f} sigma); use less"
    )
    return Check(results, float(z), (flag,))


def frequency_trend(frequency_Hz: np.ndarray, value: np.ndarray, sigma: np.ndarray, *, name: str) -> Check:
    """Fit a straight line over the frequency to what should not depend on it.

    Parameters
    ----------
    frequency_Hz, value, sigma : (n,) float
        Frequencies, and an effective field at each with its standard deviation.
    name : str
        Its name, for the flag.

    Returns
    -------
    Check
        `trend`: relative change over the range of the frequencies.

    Raises
    ------
    FitError
        For fewer than three frequencies, or numbers that cannot be.
    """
    f, y, sigma = _arrays("frequency trend", frequency_Hz, value, sigma)
    if len(np.unique(f)) < 3:
        raise FitError(f"frequency trend: {len(np.unique(f))} frequencies; three are needed")
    x = (f - np.average(f, weights=sigma**-2)) / np.ptp(f)
    (mean, slope), covariance = _weighted(np.stack([np.ones_like(x), x]), y, sigma)
    error = float(np.sqrt(covariance[1, 1]))
    z = slope / error
    results = {"trend": Value.of(slope / mean, error / abs(mean), "")}
    if abs(z) <= FOUND:
        return Check(results, float(z))
    flag = (
        f"{name}: changes by {100 * slope / mean:+.2g} % from {f.min() / 1e9:.3g} to {f.max() / 1e9:.3g} GHz"
        f" ({abs(z):.1f} sigma): a phase error, spin pumping, or a current that is not known at all frequencies"
    )
    return Check(results, float(z), (flag,))


def phase_bias(v_sym: Value, v_asym: Value, phase_sigma_rad: float) -> Value:
    """Return V_S with the sigma that an unknown phase between current and torque gives it: V_A sin psi.

    Parameters
    ----------
    v_sym, v_asym : Value
        The line's amplitudes [V].
    phase_sigma_rad : float
        How well the phase is known to be zero, one standard deviation; 5 deg are 9 % of V_A.
    """
    mixed = abs(number(v_asym)) * np.sin(min(abs(phase_sigma_rad), np.pi / 2))
    return Value.of(number(v_sym), float(np.hypot(spread(v_sym), mixed)), v_sym.unit)


def fit_magnetoresistance(
    angle_rad: np.ndarray, resistance_ohm: np.ndarray, sigma_ohm: np.ndarray | None = None
) -> Check:
    """Fit R = R_0 + dR cos^2(phi + phi_0) to a strip's resistance against the field's angle.

    Parameters
    ----------
    angle_rad, resistance_ohm : (n,) float
        Angle from the current as it was read, and resistance; in the order of measurement.
    sigma_ohm : (n,) float, optional
        Standard deviations; without them the scatter says, correlated as it may be.

    Returns
    -------
    Check
        `resistance_0` and `delta_resistance` (parallel minus transverse) [ohm], `angle_offset` phi_0 [rad], to be
        added to the angles; z of a part in 4 phi, as of magnetisation that lags behind the field.

    Raises
    ------
    FitError
        For fewer than five angles.
    """
    phi, r, sigma = _arrays(
        "R(phi)", angle_rad, resistance_ohm, np.ones_like(resistance_ohm) if sigma_ohm is None else sigma_ohm
    )
    if len(np.unique(np.round(phi, 6))) < 5:
        raise FitError(f"R(phi): {len(np.unique(np.round(phi, 6)))} angles; five are needed")
    design = np.stack([np.ones_like(phi), np.cos(2 * phi), np.sin(2 * phi)])
    if sigma_ohm is None:
        fit = fit_joint(dict(zip(("mean", "cos", "sin"), design, strict=True)), r, who="R(phi)")
        values, covariance, sigma = fit.values, fit.covariance, np.full_like(r, fit.noise)
    else:
        values, covariance = _weighted(design, r, sigma)
    mean, c, s = values
    size = float(np.hypot(c, s))
    # cos 2(phi + phi_0) has the parts cos 2phi_0 and -sin 2phi_0. dR > 0 or < 0 is told by which offset is the smaller.
    turn = -1.0 if c < 0 else 1.0
    offset = float(np.arctan2(-s * turn, c * turn) / 2)
    delta = 2 * turn * size
    by = np.array([[0, 2 * turn * c / size, 2 * turn * s / size], [0, s / size**2 / 2, -c / size**2 / 2]])
    base = np.array([1, -turn * c / size, -turn * s / size])  # R_0 = mean - dR/2
    errors = np.sqrt(np.diag(by @ covariance @ by.T))
    results = {
        "resistance_0": Value.of(mean - delta / 2, float(np.sqrt(base @ covariance @ base)), "ohm"),
        "delta_resistance": Value.of(delta, float(errors[0]), "ohm"),
        "angle_offset": Value.of(offset, float(errors[1]), "rad"),
    }
    flags = []
    if size < FOUND * float(np.sqrt(max(covariance[1, 1], covariance[2, 2]))):
        results["angle_offset"] = Value(None, None, "rad")
        flags.append("angle_offset: not determined: R does not depend on the angle beyond its noise")
    z = 0.0
    with_four = np.vstack([design, np.cos(4 * phi), np.sin(4 * phi)])
    # Angles of a small arc do not tell the harmonics from each other.
    if len(r) > 7 and np.linalg.cond(with_four) < WELL_CONDITIONED:
        four, of_four = _weighted(with_four, r, sigma)
        wald = four[3:] @ np.linalg.solve(of_four[3:, 3:], four[3:])
        z = float(np.sqrt(wald))
        part = float(np.hypot(*four[3:]) / size)
        if z > FOUND + 0.7 and part > 0.02:
            flags.append(
                f"delta_resistance: R(phi) has a part in 4 phi, {100 * part:.2g} % of that in 2 phi: the magnetisation"
                " does not follow the field; use a larger one"
            )
    return Check(results, z, tuple(flags))


def closure(ratio: Value, names: tuple[str, str] = ("one calibration", "the other")) -> Check:
    """Say whether two calibrations of the same microwave current agree.

    Parameters
    ----------
    ratio : Value
        Current by the first over that by the second, as :func:`~sotlab.analysis.rf_current.current_ratio` gives it: its
        sigma has those of both.
    names : tuple of str
        What they are called.

    Returns
    -------
    Check
        `ratio`. z is that of its logarithm; beyond 2.2 there is a flag: one comparison in 36 has one though nothing is
        wrong. An error of 0.7 dB is seen in 95 % of all laboratories if the ratio's relative sigma is below 2.1 %.

    Raises
    ------
    FitError
        If the ratio is not above 0, or exact.
    """
    if ratio.value is None or not ratio.value > 0:
        raise FitError(f"closure: a ratio of currents of {ratio.value} is not possible; it must be above 0")
    if not ratio.sigma:
        raise FitError("closure: the ratio of the currents has no sigma; there is nothing to compare by")
    z = float(np.log(ratio.value)) / (ratio.sigma / ratio.value)
    if abs(z) <= CLOSED:
        return Check({"ratio": ratio}, z)
    flag = (
        f"current: {names[0]} and {names[1]} differ by {20 * np.log10(ratio.value):+.2f} dB ({abs(z):.1f} sigma): an"
        f" efficiency from them differs by {100 * abs(ratio.value**2 - 1):.2g} %; find the error before either is used"
    )
    return Check({"ratio": ratio}, z, (flag,))


def _arrays(who: str, *columns: np.ndarray) -> list[np.ndarray]:
    arrays = [np.atleast_1d(np.asarray(one, float)) for one in columns]
    if len({one.shape for one in arrays}) != 1 or not all(np.isfinite(one).all() for one in arrays):
        raise FitError(f"{who}: give finite numbers, one of each for a reading")
    if np.any(arrays[-1] <= 0):
        raise FitError(f"{who}: sigmas must be above 0")
    return arrays


def _weighted(design: np.ndarray, y: np.ndarray, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values and covariance of a weighted linear fit; rows of ``design`` (P, n) are the functions."""
    scaled = design / sigma
    size = np.linalg.norm(scaled, axis=1)
    size[size == 0] = 1.0
    inverse = np.linalg.inv((scaled / size[:, None]) @ (scaled / size[:, None]).T) / np.outer(size, size)
    return inverse @ (scaled @ (y / sigma)), inverse
