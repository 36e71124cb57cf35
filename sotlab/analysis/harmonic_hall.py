"""What the geometries of the harmonic Hall measurement share: the linear fit of R_2w and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sotlab.analysis.hall_signals import TERMS, UNITS
from sotlab.analysis.joint import SMALLEST_UNIQUE, JointFit, fit_joint, number, propagated, spread
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = [
    "FittedReadings",
    "HarmonicHallResult",
    "SecondHarmonic",
    "checked_readings",
    "fit_second_harmonic",
    "not_determined",
    "scans_of",
]

#: Beyond so many sigmas it is said that the data contradict a value taken from elsewhere, or one left out.
CONTRADICTION = 2.5
#: An artefact must stand out by so many: each of several is looked for in each measurement.
SIGNIFICANT = 3.5
#: Parts of R_1w in R_2w below this are fitted and not told: a known resistor does not know them better.
SMALL_LEAK = 2e-6


@dataclass(frozen=True)
class FittedReadings:
    """What was fitted, point by point, and the fit there; after opposite fields were paired, the pairs.

    Parameters
    ----------
    field_T, angle_rad : (N,) float
        Field and its angle.
    r_1w_ohm, r_2w_ohm : (N,) float
        Readings.
    model_1w_ohm, model_2w_ohm : (N,) float
        The fit; NaN where there was no reading.
    """

    field_T: np.ndarray
    angle_rad: np.ndarray
    r_1w_ohm: np.ndarray
    r_2w_ohm: np.ndarray
    model_1w_ohm: np.ndarray
    model_2w_ohm: np.ndarray


@dataclass(frozen=True)
class HarmonicHallResult:
    """What a harmonic Hall measurement says.

    Parameters
    ----------
    results : dict of str to Value
        `r_a`, `r_p` (half swings) [ohm], `b_k`, `mu0_meff`, `b_dl`, `b_fl` (the Oersted field in it) [T], `r_ane`
        [ohm], `r_one` [ohm/T], `angle_offset` [rad]. What the data do not determine is None and has a flag.
    scans : list of dict
        What belongs to the scan at one field each.
    flags : tuple of str
        What the reader must know.
    covariance : (4, 4) float
        Covariance of `b_dl`, `b_fl`, `r_ane`, `r_one`, in this order; NaN where one is not determined.
    method : str
        The geometry and form.
    fitted : tuple of FittedReadings
        For plots: of all angle scans together, or of each sweep.
    """

    results: dict[str, Value]
    scans: list[dict[str, Any]] = field(default_factory=list)
    flags: tuple[str, ...] = ()
    covariance: np.ndarray = field(default_factory=lambda: np.full((4, 4), np.nan))
    method: str = ""
    fitted: tuple[FittedReadings, ...] = ()


@dataclass(frozen=True)
class SecondHarmonic:
    """The linear fit of R_2w.

    Parameters
    ----------
    fit : JointFit
        The fit; its covariance contains the inputs'.
    values : dict of str to Value
        The parameters of `TERMS`, None where not determined or not fitted; known ones as given.
    flags : list of str
        Why, and what would help.
    covariance : (4, 4) float
        Covariance of `TERMS`.
    """

    fit: JointFit
    values: dict[str, Value]
    flags: list[str]
    covariance: np.ndarray


def not_determined(name: str, reason: str) -> str:
    """Return the flag of a value that is not given."""
    return f"{name}: not determined: {reason}"


def checked_readings(who: str, *columns: np.ndarray) -> list[np.ndarray]:
    """Return the columns as arrays of one length.

    Raises
    ------
    FitError
        If their lengths differ or there are none.
    """
    arrays = [np.atleast_1d(np.asarray(column, float)) for column in columns]
    if len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1 or not len(arrays[0]):
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise FitError(f"{who}: fields, angles and readings have the shapes {shapes}; give one of each a point")
    return arrays


def scans_of(field_T: np.ndarray) -> np.ndarray:
    """Return the number (N,) of each point's scan: points whose fields agree to 0.1 % of the largest are one scan."""
    step = 1e-3 * np.nanmax(np.abs(field_T), initial=0.0)
    if step == 0:
        return np.zeros(len(field_T), int)
    _, number = np.unique(np.round(np.nan_to_num(field_T) / step), return_inverse=True)
    return number.ravel()


def fit_second_harmonic(
    columns_of: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    nuisance: Mapping[str, np.ndarray],
    r_2w_ohm: np.ndarray,
    inputs: np.ndarray,
    inputs_covariance: np.ndarray,
    known: Mapping[str, Value],
    *,
    who: str,
    needed: Callable[[str], str],
    sequence: np.ndarray | None = None,
) -> SecondHarmonic:
    """Fit R_2w by the terms that are not known, refuse what cannot be told apart, and carry the inputs' sigmas.

    Parameters
    ----------
    columns_of : callable
        From the values of the inputs (I,) to the columns of the terms that take part.
    nuisance : mapping of str to (N,) float
        Columns that belong to no result: offsets, and what leaks in.
    r_2w_ohm : (N,) float
        The readings.
    inputs : (I,) float
        What the columns are made of, as R_A and the anisotropy field.
    inputs_covariance : (I, I) float
        Their covariance.
    known : mapping of str to Value
        Terms measured in another geometry. What they add is taken away, and their sigmas are carried.
    who : str
        What is fitted.
    needed : callable
        From a term's name to the words that say what would determine it.
    sequence : (N,) int, optional
        Where this changes, the noise is not correlated across.
    """
    nominal = np.asarray(inputs, float)
    columns = dict(columns_of(nominal))
    wrong = [name for name in known if name not in TERMS]
    if wrong:
        raise FitError(f"{who}: '{wrong[0]}' cannot be known beforehand; allowed are {', '.join(TERMS)}")
    known = {name: value for name, value in known.items() if value.value is not None and name in columns}
    free = [name for name in columns if name not in known]

    def rest(all_columns: Mapping[str, np.ndarray], shift: np.ndarray) -> np.ndarray:
        taken = np.array(r_2w_ohm, float)
        for (name, value), more in zip(known.items(), shift, strict=True):
            taken = taken - (value.value + more) * all_columns[name]
        return taken

    no_shift = np.zeros(len(known))
    fit = fit_joint(
        {name: columns[name] for name in free} | dict(nuisance), rest(columns, no_shift), who=who, sequence=sequence
    )
    good = np.isfinite(r_2w_ohm)
    own = np.stack([np.broadcast_to(column, good.shape) for column in nuisance.values()]) if nuisance else None

    def solved(point: np.ndarray) -> np.ndarray:
        """Return the free terms' values for other inputs and other known values."""
        now = columns_of(point[: len(nominal)])
        design = np.stack([now[name] for name in free])
        if own is not None:
            design = np.vstack([design, own])
        y = rest(now, point[len(nominal) :])
        usable = good & np.isfinite(design).all(axis=0) & np.isfinite(y)
        norm = np.linalg.norm(design[:, usable], axis=1)
        norm[norm == 0] = 1.0
        return (np.linalg.lstsq((design[:, usable] / norm[:, None]).T, y[usable], rcond=1e-12)[0] / norm)[: len(free)]

    uncertain = np.diag(np.concatenate([np.zeros(len(nominal)), [spread(v) ** 2 for v in known.values()]]))
    uncertain[: len(nominal), : len(nominal)] = inputs_covariance
    carried = propagated(solved, np.concatenate([nominal, no_shift]), uncertain)
    covariance = fit.covariance.copy()
    if carried is not None:
        covariance[: len(free), : len(free)] += carried
    fit = replace(fit, covariance=covariance)

    flags = []
    values = {name: Value(None, None, UNITS[name]) for name in TERMS}
    values |= {name: Value.of(number(known[name]), spread(known[name]), UNITS[name]) for name in known}
    full = np.full((len(TERMS), len(TERMS)), np.nan)
    given = []
    for name in free:
        unique = fit.unique_part(name)
        if unique < SMALLEST_UNIQUE:
            flags.append(
                not_determined(
                    name,
                    f"the other terms imitate {100 * (1 - unique**2):.4g} % of it (its own part is {100 * unique:.2g}"
                    f" %, {100 * SMALLEST_UNIQUE:g} % are needed); {needed(name)}",
                )
            )
            continue
        values[name] = fit.value(name, UNITS[name])
        given.append(name)
        if abs(number(values[name])) < spread(values[name]):
            flags.append(f"{name}: zero within its sigma")
    for a in given:
        for b in given:
            row, column = TERMS.index(a), TERMS.index(b)
            full[row, column] = fit.covariance[fit.names.index(a), fit.names.index(b)]
    flags += _contradictions(columns, nuisance, r_2w_ohm, known, fit, free, who, sequence)
    return SecondHarmonic(fit, values, flags, full)


def _contradictions(
    columns: Mapping[str, np.ndarray],
    nuisance: Mapping[str, np.ndarray],
    r_2w_ohm: np.ndarray,
    known: Mapping[str, Value],
    fit: JointFit,
    free: Sequence[str],
    who: str,
    sequence: np.ndarray | None,
) -> list[str]:
    """Return a flag for each known term that the data want to be another, with what that would do to the others."""
    flags = []
    for name, value in known.items():
        rest = np.array(r_2w_ohm, float)
        for other, its in known.items():
            if other != name:
                rest = rest - its.value * columns[other]
        loose = fit_joint({n: columns[n] for n in (*free, name)} | dict(nuisance), rest, who=who, sequence=sequence)
        away = loose[name] - number(value)
        sigmas = abs(away) / np.hypot(loose.sigma(name), spread(value))
        if sigmas > CONTRADICTION:
            moved = ", ".join(
                f"{other} from {fit[other]:.4g} to {loose[other]:.4g} {UNITS[other]}"
                for other in free
                if other in TERMS
            )
            said = "left out" if not value.value and not value.sigma else f"taken as {value.value:.4g} {UNITS[name]}"
            flags.append(
                f"{name}: {said}, but these data want {loose[name]:.3g} +- {loose.sigma(name):.2g} {UNITS[name]}"
                f" ({sigmas:.1f} sigma), which would move {moved}"
            )
    return flags
