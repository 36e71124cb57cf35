"""A measured map of spin polarisation against that of the tight-binding slab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from sotlab.analysis.models.bisb_slab import make_slab
from sotlab.analysis.models.edelstein import neutral_level
from sotlab.analysis.models.sarpes_map import smeared_map
from sotlab.analysis.spin_polarisation import Polarisation
from sotlab.analysis.values import Value

__all__ = ["compare_with_slab", "scale_to_model"]

#: Step of the model's map: a fifth of the instrument's resolution [1/m].
STEP_PER_M = 0.01e10
MARGIN_PER_M = 0.1e10
DIVISIONS = 16


def compare_with_slab(
    k_per_m: tuple[np.ndarray, np.ndarray], found: Mapping[float, Polarisation], settings: Any, flags: list[str]
) -> Value:
    """Return by what the slab's polarisation must be multiplied to be that measured, all components together.

    The slab is smeared by the resolution of seed 002, and taken at its charge-neutral level.

    Parameters
    ----------
    k_per_m : two (N,) float
        Where it was measured [1/m]; Gamma-M along x.
    found : mapping of float to Polarisation
        By the direction of the component [deg].
    settings : SarpesSettings
        x and bilayers of the slab.
    flags : list of str
        The correlation is added here.
    """
    slab = make_slab(settings.x, settings.bilayers)
    reach = max(float(np.abs(each).max()) for each in k_per_m) + MARGIN_PER_M
    half = int(np.ceil(reach / STEP_PER_M))
    grid = np.arange(-half, half + 1) * STEP_PER_M
    dos = smeared_map(slab, grid, neutral_level(slab, DIVISIONS))
    at = np.stack([k_per_m[1], k_per_m[0]], axis=1)
    s_x, s_y = (RegularGridInterpolator((grid, grid), spin / dos[0])(at) for spin in dos[1:3])
    angles = [np.deg2rad(spin) for spin in found]
    model = np.concatenate([np.cos(angle) * s_x + np.sin(angle) * s_y for angle in angles])
    value = np.concatenate([each.value for each in found.values()])
    sigma = np.concatenate([each.sigma for each in found.values()])
    scale, correlation = scale_to_model(value, sigma, model)
    if scale.value is None:
        flags.append("model_scale: not determined: no point has both a polarisation and a model that is not 0")
    else:
        flags.append(
            f"against {settings.bilayers} bilayers of x = {settings.x:g}: correlation {correlation:+.2f}; matrix"
            " elements and background, which lower what is measured, are not in the model"
        )
    return scale


def scale_to_model(value: np.ndarray, sigma: np.ndarray, model: np.ndarray) -> tuple[Value, float]:
    """Return the least-squares factor ``value = factor * model``, and the weighted correlation of the two.

    The factor's sigma is widened by the square root of the reduced chi-square where the model does not fit.
    """
    good = np.isfinite(value) & np.isfinite(sigma) & (sigma > 0) & np.isfinite(model)
    weight, model, value = 1 / sigma[good] ** 2, model[good], value[good]
    norm = float(weight @ model**2)
    if len(value) < 2 or norm <= 0:
        return Value(None, None, ""), float("nan")
    factor = float(weight @ (model * value)) / norm
    chi2 = float(weight @ (value - factor * model) ** 2) / (len(value) - 1)
    correlation = float(weight @ (model * value)) / np.sqrt(norm * float(weight @ value**2))
    return Value.of(factor, float(np.sqrt(max(chi2, 1.0) / norm)), ""), correlation
