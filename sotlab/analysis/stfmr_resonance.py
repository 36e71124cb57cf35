"""Which formula the resonance fields of an ST-FMR reduction follow, and what they then say of the film."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sotlab.analysis.joint import number
from sotlab.analysis.kittel import SCALE_STEP, KittelFit, fit_kittel
from sotlab.analysis.kittel_geometries import ResonanceFit, fit_perpendicular, fit_uniaxial
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["Known", "fit_resonances"]

#: What a fit says that stands in a :class:`KittelFit`, in the order of its covariance.
_SHARED = ("mu0_meff", "field_offset", "g")
_UNITS = {"mu0_meff": "T", "field_offset": "T", "g": "", "b_k": "T", "easy_axis": "rad"}


@dataclass(frozen=True)
class Known:
    """What is known of g and of the gaussmeter, as in :func:`~sotlab.analysis.kittel.fit_kittel`."""

    g: float
    g_sigma: float
    field_offset_sigma_T: float
    field_scale_sigma: float


def fit_resonances(
    geometry: str,
    frequency_Hz: np.ndarray,
    field_res_T: np.ndarray,
    sigma_T: np.ndarray,
    angle_deg: Sequence[float | None],
    known: Known,
) -> tuple[KittelFit, dict[str, Value], list[str]]:
    """Return what the resonance fields say, the results of it, and flags.

    Parameters
    ----------
    geometry : {"in-plane", "uniaxial", "perpendicular"}
        Field in the plane of a film without and with an easy axis in the plane, or along the normal.
    frequency_Hz, field_res_T, sigma_T : (n,) float
        As in :func:`~sotlab.analysis.kittel.fit_kittel`.
    angle_deg : sequence of float or None
        Angle of the field of each spectrum, for the easy axis.
    known : Known
        Of g and gaussmeter.

    Returns
    -------
    fit : KittelFit
        mu0*M_eff, the gaussmeter's zero and g with their covariance.
    results : dict of str to Value
        `mu0_meff` [T], and with an easy axis `b_k` [T] and `easy_axis` [rad].
    flags : list of str
        What the reader must know.
    """
    if geometry == "in-plane":
        fit = fit_kittel(
            frequency_Hz,
            field_res_T,
            sigma_T,
            g=known.g,
            g_sigma=known.g_sigma,
            field_offset_sigma_T=known.field_offset_sigma_T,
            field_scale_sigma=known.field_scale_sigma,
        )
        return fit, {"mu0_meff": fit.mu0_meff}, list(fit.flags)
    prior = {"g": known.g, "g_sigma": known.g_sigma, "field_offset_sigma_T": known.field_offset_sigma_T}
    names = ("mu0_meff", "b_k", "easy_axis") if geometry == "uniaxial" else ("mu0_meff",)

    def solve(field_T: np.ndarray) -> ResonanceFit:
        if geometry == "perpendicular":
            return fit_perpendicular(frequency_Hz, field_T, sigma_T, **prior)
        angle_rad = np.radians(np.array(angle_deg, float))
        return fit_uniaxial(frequency_Hz, angle_rad, field_T, sigma_T, **prior)

    try:
        if geometry == "uniaxial" and any(angle is None for angle in angle_deg):
            raise FitError("easy axis: the angle of each spectrum is needed, as a column or --set angle=45deg")
        found = solve(field_res_T)
    except FitError as error:
        nothing = {name: Value(None, None, unit) for name, unit in _UNITS.items()}
        unknown = (nothing["mu0_meff"], nothing["field_offset"], nothing["g"])
        lost = KittelFit(*unknown, np.full((3, 3), np.nan), None, ())
        return lost, {name: nothing[name] for name in names}, [f"{', '.join(names)}: not determined: {error}"]
    return _with_scale(found, solve, field_res_T, known.field_scale_sigma, names)


def _with_scale(
    found: ResonanceFit,
    solve: Callable[[np.ndarray], ResonanceFit],
    field_res_T: np.ndarray,
    scale_sigma: float,
    names: Sequence[str],
) -> tuple[KittelFit, dict[str, Value], list[str]]:
    """Return a fit with the uncertainty of the field's scale in it, which the data cannot tell."""
    by_scale = dict.fromkeys(found.names, 0.0)
    if scale_sigma:
        moved = solve(field_res_T * (1.0 + SCALE_STEP))
        for name in found.names:
            if found.results[name].value is not None and moved.results[name].value is not None:
                by_scale[name] = (number(moved.results[name]) - number(found.results[name])) / SCALE_STEP
    place = [found.names.index(name) for name in _SHARED]
    effect = np.array([by_scale[name] for name in _SHARED])
    covariance = found.covariance[np.ix_(place, place)] + scale_sigma**2 * np.outer(effect, effect)
    values = {
        name: one
        if one.value is None or one.sigma is None
        else Value(one.value, float(np.hypot(one.sigma, scale_sigma * by_scale[name])), one.unit)
        for name, one in found.results.items()
    }
    shared = (values["mu0_meff"], values["field_offset"], values["g"])
    fit = KittelFit(*shared, covariance, found.chi2_reduced, found.flags, scale_sigma, effect)
    return fit, {name: values[name] for name in names}, list(found.flags)
