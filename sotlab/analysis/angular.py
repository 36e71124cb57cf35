"""Which torques act: their dependence on the angle of the field in the plane.

With phi from the current to the field, m along the field and p the direction of the spins' polarisation, effective
fields B_FL p + B_DL (m x p) drive m by a part along the normal and a part in the plane across m::

    h_n = sin 2phi [B_DL,y cos phi - B_DL,x sin phi + B_FL,z]        from V_S
    h_p = sin 2phi [B_FL,y cos phi - B_FL,x sin phi - B_DL,z]        from V_A

sin 2phi is that of the rectification by the anisotropic magnetoresistance. A field that points the other way is phi +
pi: the terms in y and x are odd in the field, those in z even.

References
----------
Karube et al., Phys. Rev. Appl. 13, 024009 (2020), and MacNeill et al., Nat. Phys. 13, 300 (2017), for the forms;
Burnham and Anderson, Sociol. Methods Res. 33, 261 (2004), for the weights of models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from sotlab.analysis.joint import SMALLEST_UNIQUE, unique_parts
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["MODELS", "TERMS", "AngularFit", "AngularModel", "fit_angular"]

#: The components, in the order of all arrays; the first three show in V_S, the others in V_A.
TERMS = ("b_dl_y", "b_dl_x", "b_fl_z", "b_fl_y", "b_fl_x", "b_dl_z")
#: Directions of spin polarisation that are compared, the simplest first.
MODELS = ("y", "xy", "yz", "xyz")
#: A scatter that chance gives less often than this is taken for real, and the sigmas grow with it.
CHANCE = 0.01
#: The offset angle is fitted if so much of its effect is its own, and no torque's.
OFFSET_UNIQUE = 0.2
_STEPS = 30


@dataclass(frozen=True)
class AngularModel:
    """One model's fit.

    Parameters
    ----------
    name : str
        Directions of polarisation that take part, as "yz".
    terms : tuple of str
        Its components, of ``TERMS``.
    values : (P,) float
        Their values [T].
    covariance : (P, P) float
        Their covariance, that of the offset angle in it.
    gain : (P, 2n) float
        What the values are of the fields that were put in, h_n of all spectra and then h_p: values = gain @ fields.
    offset : Value
        What must be added to the angles [rad].
    chi2 : float
        By the sigmas as given.
    criterion : float
        Akaike's: only differences between models count, and the smallest is best.
    """

    name: str
    terms: tuple[str, ...]
    values: np.ndarray
    covariance: np.ndarray
    gain: np.ndarray
    offset: Value
    chi2: float
    criterion: float

    def expected(self, azimuth_rad: np.ndarray) -> np.ndarray:
        """Return h_n and h_p (2, n) [T] of the model at the angles ``azimuth_rad`` (n,)."""
        columns = _columns(azimuth_rad + (self.offset.value or 0.0))
        h = np.zeros((2, len(azimuth_rad)))
        for term, value in zip(self.terms, self.values, strict=True):
            h[0 if term in TERMS[:3] else 1] += value * columns[term]
        return h

    def value(self, term: str) -> Value:
        """Return a component [T], None where the model has it not."""
        if term not in self.terms:
            return Value(None, None, "T")
        k = self.terms.index(term)
        return Value.of(float(self.values[k]), float(np.sqrt(self.covariance[k, k])), "T")


@dataclass(frozen=True)
class AngularFit:
    """The result of :func:`fit_angular`.

    Parameters
    ----------
    full : AngularModel
        With all components that the data can tell apart.
    best : AngularModel
        What Akaike's criterion prefers.
    models : list of AngularModel
        All that the data can tell apart.
    weights : dict of str to float
        Evidence for each of them: Akaike's weights, which add up to 1.
    scatter : float
        By how much the sigmas were multiplied because the data scatter more than they say; 1 if they do not.
    flags : tuple of str
        What the reader must know.
    """

    full: AngularModel
    best: AngularModel
    models: list[AngularModel]
    weights: dict[str, float]
    scatter: float
    flags: tuple[str, ...] = field(default=())


def fit_angular(
    normal_T: np.ndarray,
    in_plane_T: np.ndarray,
    covariance_T2: np.ndarray,
    azimuth_rad: np.ndarray,
    *,
    offset_sigma_rad: float | None = None,
    models: Sequence[str] = MODELS,
    refined: Callable[[np.ndarray], np.ndarray] | None = None,
) -> AngularFit:
    """Fit the components of the torques to the drives h_n and h_p of spectra at one or several angles.

    Parameters
    ----------
    normal_T, in_plane_T : (n,) float
        h_n and h_p, the sin 2phi of the rectification in them.
    covariance_T2 : (2n, 2n) float
        Covariance of h_n of all spectra and then h_p.
    azimuth_rad : (n,) float
        Angle from the current to the field's direction (pi more for a negative field).
    offset_sigma_rad : float, optional
        How well the rotator's zero is known, one standard deviation: a datum of the fit. None leaves it free where
        there are enough directions, and takes it for exact elsewhere.
    models : sequence of str
        The models to compare.
    refined : callable, optional
        From the drives (2, n) that a first fit expects to their covariance, where that depends on them.

    Raises
    ------
    FitError
        If there are no data, or the angles determine no component at all.
    """
    h = np.concatenate([np.asarray(normal_T, float), np.asarray(in_plane_T, float)])
    phi = np.asarray(azimuth_rad, float)
    covariance = np.asarray(covariance_T2, float)
    if h.ndim != 1 or h.shape != (2 * len(phi),) or covariance.shape != (len(h), len(h)) or not len(h):
        raise FitError("angular fit: give h_n, h_p and an angle for each spectrum, and the covariance of all")
    if not (np.isfinite(h).all() and np.isfinite(phi).all() and np.isfinite(covariance).all()):
        raise FitError("angular fit: fields [T], covariances and angles must be finite; leave out what is not")
    unknown = [name for name in models if name not in MODELS]
    if unknown or not models:
        raise FitError(f"angular fit: model '{''.join(unknown[:1])}' is not known; allowed are {', '.join(MODELS)}")
    free = offset_sigma_rad is None and _offset_shows(phi)
    prior = np.inf if free else offset_sigma_rad or 0.0
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    if refined is not None:
        rough = next((found for name in models[::-1] if (found := _fit(name, h, whiten, phi, prior))), None)
        if rough is not None:
            whiten = np.linalg.inv(np.linalg.cholesky(refined(rough.expected(phi))))
    fits = [found for name in models if (found := _fit(name, h, whiten, phi, prior)) is not None]
    if not fits:
        degrees = ", ".join(f"{angle:.3g}" for angle in np.unique(np.round(np.degrees(phi), 6))[:4])
        raise FitError(
            f"angular fit: at {degrees} deg there is no signal or no telling torques apart; measure at 45 deg"
        )
    full = fits[-1]
    freedom = 2 * len(phi) - len(full.terms) - (prior == np.inf)
    scatter2, flags = 1.0, []
    if freedom > 0 and special.chdtrc(freedom, full.chi2) < CHANCE:
        scatter2 = full.chi2 / freedom
        flags.append(
            f"torques scatter between spectra {np.sqrt(scatter2):.2g} times as much as their sigmas say: enlarged"
        )
    judged = [_judged(one, scatter2, prior) for one in fits]
    lowest = min(one.criterion for one in judged)
    likelihood = np.array([np.exp(-(one.criterion - lowest) / 2) for one in judged])
    weights = {one.name: float(w) for one, w in zip(judged, likelihood / likelihood.sum(), strict=True)}
    best = min(judged, key=lambda one: one.criterion)
    return AngularFit(judged[-1], best, judged, weights, float(np.sqrt(scatter2)), tuple(flags))


def _offset_shows(phi: np.ndarray) -> bool:
    """Return whether the rotator's zero shows in what torques along y give, whatever others act."""
    if _axes(phi) < 3:
        return False
    alike = np.eye(2 * len(phi))
    by_offset = _by_offset(("b_dl_y", "b_fl_y"), alike, phi, np.ones(2))
    jacobian = np.column_stack([_design(TERMS, alike, phi), by_offset])
    return bool(unique_parts(jacobian.T)[-1] > OFFSET_UNIQUE)


def _axes(phi: np.ndarray) -> int:
    """Return along how many axes the field was, to a millionth of a radian."""
    double = np.round(np.exp(2j * phi), 6) + 0.0
    return len(set(zip(double.real.tolist(), double.imag.tolist(), strict=True)))


def _by_offset(terms: Sequence[str], whiten: np.ndarray, phi: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the derivative (2n,) of the whitened drives by the offset angle."""
    s, c, s2, c2 = np.sin(phi), np.cos(phi), np.sin(2 * phi), np.cos(2 * phi)
    columns = _by_term(2 * c2 * c - s2 * s, -2 * c2 * s - s2 * c, 2 * c2)
    return whiten @ _assembled(terms, columns, len(phi)) @ values


def _columns(phi: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a component of 1 T adds to h_n or h_p."""
    double = np.sin(2 * phi)
    double[np.abs(double) < 1e-9] = 0.0  # along the axes there is no signal, not one of the rounding
    return _by_term(double * np.cos(phi), -double * np.sin(phi), double)


def _by_term(along_y: np.ndarray, along_x: np.ndarray, double: np.ndarray) -> dict[str, np.ndarray]:
    """Return what belongs to each component, of the forms of y, x and z."""
    return {
        "b_dl_y": along_y,
        "b_dl_x": along_x,
        "b_fl_z": double,
        "b_fl_y": along_y,
        "b_fl_x": along_x,
        "b_dl_z": -double,
    }


def _design(terms: Sequence[str], whiten: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Return the whitened design (2n, P)."""
    return whiten @ _assembled(terms, _columns(phi), len(phi))


def _assembled(terms: Sequence[str], columns: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """Return a matrix (2 count, P) whose columns stand in the half, h_n or h_p, that they show in."""
    design = np.zeros((2, count, len(terms)))
    for k, term in enumerate(terms):
        design[0 if term in TERMS[:3] else 1, :, k] = columns[term]
    return design.reshape(2 * count, len(terms))


def _fit(name: str, h: np.ndarray, whiten: np.ndarray, phi: np.ndarray, prior: float) -> AngularModel | None:
    """Fit one model, or return None if the angles do not tell its components apart."""
    terms = tuple(term for term in TERMS if term[-1] in name)
    if "x" in name and _axes(phi) < 2:
        return None
    if unique_parts(_design(terms, whiten, phi).T).min() < SMALLEST_UNIQUE:
        return None
    y = whiten @ h

    def solved(offset: float) -> tuple[np.ndarray, np.ndarray, float]:
        design = _design(terms, whiten, phi + offset)
        values = np.linalg.lstsq(design, y, rcond=None)[0]
        rest = y - design @ values
        return design, values, float(rest @ rest + ((offset / prior) ** 2 if 0 < prior < np.inf else 0.0))

    offset, inverse = 0.0, np.zeros((1, 1))
    design, values, chi2 = solved(offset)
    for _ in range(_STEPS if prior > 0 else 0):
        jacobian = np.column_stack([design, _by_offset(terms, whiten, phi + offset, values)])
        normal = jacobian.T @ jacobian
        normal[-1, -1] += prior**-2
        gradient = jacobian.T @ (y - design @ values)
        gradient[-1] -= offset * prior**-2
        scale = np.sqrt(np.diag(normal))
        scale[scale == 0] = 1.0
        try:
            inverse = np.linalg.inv(normal / np.outer(scale, scale)) / np.outer(scale, scale)
        except np.linalg.LinAlgError:
            return None
        move = float(np.clip((inverse @ gradient)[-1], -0.2, 0.2))
        trial = solved(offset + move)
        while trial[2] > chi2 * (1 + 1e-12) and abs(move) > 1e-9:
            move /= 2
            trial = solved(offset + move)
        if trial[2] <= chi2 * (1 + 1e-12):
            offset += move
            design, values, chi2 = trial
        if abs(move) <= 1e-3 * np.sqrt(inverse[-1, -1]) + 1e-12:
            break
    if prior > 0:
        covariance, offset_sigma = inverse[:-1, :-1], float(np.sqrt(inverse[-1, -1]))
    else:
        covariance, offset_sigma = np.linalg.inv(design.T @ design), 0.0
    gain = np.linalg.pinv(design) @ whiten
    return AngularModel(name, terms, values, covariance, gain, Value.of(offset, offset_sigma, "rad"), chi2, np.nan)


def _judged(model: AngularModel, scatter2: float, prior: float) -> AngularModel:
    """Return the model with the scatter in its covariance, and Akaike's criterion."""
    parameters = len(model.terms) + (prior == np.inf)
    criterion = model.chi2 / scatter2 + 2 * parameters  # the sigmas are known: no correction for small samples
    offset = Value.of(model.offset.value or 0.0, (model.offset.sigma or 0.0) * np.sqrt(scatter2), "rad")
    return AngularModel(
        model.name, model.terms, model.values, model.covariance * scatter2, model.gain, offset, model.chi2, criterion
    )
