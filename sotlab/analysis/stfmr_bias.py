"""The linewidth against a direct current, from the spectra of an ST-FMR reduction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sotlab.analysis.budget import Source
from sotlab.analysis.damping import fit_dc_bias
from sotlab.analysis.joint import number, spread
from sotlab.analysis.kittel import KittelFit
from sotlab.analysis.lineshape import LineFit
from sotlab.analysis.stfmr_torques import StripSettings
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["reduce_bias"]

_UNITS = {"width_per_current": "T/A", "xi_dl_E_bias": "1/(ohm*m)", "xi_dl_j_bias": ""}


def reduce_bias(
    fit: LineFit,
    kittel: KittelFit,
    settings: StripSettings,
    *,
    bias_A: Sequence[float | None],
    angle_deg: Sequence[float | None],
    frequency_Hz: Sequence[float],
    flags: list[str],
) -> dict[str, Value]:
    """Return the efficiency that the width says; nothing without direct currents. Adds to ``flags``.

    Parameters
    ----------
    fit : LineFit
        The lines.
    kittel : KittelFit
        The magnetisation.
    settings : StripSettings
        What is known of the strip.
    bias_A, angle_deg : sequence of float or None
        Of each spectrum.
    frequency_Hz : sequence of float
        Likewise.
    flags : list of str
        The reduction's.
    """
    if not any(bias_A):
        return {}
    nothing = {name: Value(None, None, unit) for name, unit in _UNITS.items()}

    def refused(reason: str) -> dict[str, Value]:
        flags.append(f"{', '.join(_UNITS)}: not determined: {reason}")
        return nothing

    good = fit.good & np.array([bias is not None for bias in bias_A])
    found = {settings.angle if angle is None else angle for angle in angle_deg}
    angles = [angle for angle in found if angle is not None]
    geometry = settings.geometry()
    if geometry is None:
        return refused(f"{', '.join(settings.lacking())} must be known")
    if len(set(frequency_Hz)) > 1 or len(found) > 1 or not angles or not good.any():
        return refused("one frequency and one angle are needed")
    field = fit.field_res[good]
    pair = np.ix_([0, 2], [0, 2])
    by_scale = kittel.by_scale[[0, 2]]
    resonances = Source(
        "resonance fields",
        ("mu0_meff", "g"),
        np.array([number(kittel.mu0_meff), number(kittel.g)]),
        kittel.covariance[pair] - kittel.field_scale_sigma**2 * np.outer(by_scale, by_scale),
    )
    try:
        bias = fit_dc_bias(
            np.array([bias for bias, one in zip(bias_A, good, strict=True) if one], float),
            fit.field_sign[good],
            fit.width[good],
            fit.width_sigma[good],
            frequency_Hz=frequency_Hz[0],
            field_res=Value(float(field.mean()), float(fit.field_res_sigma[good].max()), "T"),
            mu0_meff=kittel.mu0_meff,
            angle=Value(float(np.radians(angles[0])), float(np.radians(settings.angle_sigma or 0.0)), "rad"),
            geometry=geometry,
            resonances=resonances,
            field_scale_sigma=kittel.field_scale_sigma,
            by_scale=(float(by_scale[0]), float(by_scale[1])),
        )
    except FitError as error:
        return refused(str(error))
    flags += bias.flags
    results = {
        "width_per_current": bias.results["width_per_current"],
        "xi_dl_E_bias": bias.results["xi_dl_E"],
        "xi_dl_j_bias": bias.results["xi_dl_j"],
    }
    slope = results["width_per_current"]
    if abs(number(slope)) < 2.0 * spread(slope):
        flags.append("xi_dl_E_bias: the width does not change with the current by more than two sigma")
    return results
