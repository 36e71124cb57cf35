"""The analysis ``thickness``: torque efficiencies against the thickness of the spin-orbit layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, field_validator

from sotlab.analysis.drift_diffusion_fit import DriftDiffusionFit, fit_drift_diffusion
from sotlab.analysis.joint import number, spread
from sotlab.analysis.protocol import setting
from sotlab.analysis.values import LiveFit, Reduction, Value
from sotlab.errors import DataError

__all__ = ["Thickness", "ThicknessSeries", "ThicknessSettings"]

_PER_FIELD = "1/(ohm*m)"
#: Points of a curve that looks smooth.
CURVE_POINTS = 200


@dataclass(frozen=True)
class ThicknessSeries:
    """Efficiencies of N films.

    Parameters
    ----------
    thickness_m : (N,) float
        Of the spin-orbit layer [m].
    xi_dl_E, xi_fl_E : (N,) float
        Per electric field [1/(ohm*m)]; NaN where there is none.
    sigma_dl, sigma_fl : (N,) float or None
        Their standard deviations.
    resistivity_ohm_m : (N,) float or None
        Of each film.
    name : str
        Where it comes from.
    simulated : bool
        True if virtual instruments measured it.
    """

    thickness_m: np.ndarray
    xi_dl_E: np.ndarray
    xi_fl_E: np.ndarray
    sigma_dl: np.ndarray | None = None
    sigma_fl: np.ndarray | None = None
    resistivity_ohm_m: np.ndarray | None = None
    name: str = ""
    simulated: bool = False


class ThicknessSettings(BaseModel):
    """What the analysis must be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rho: Value = setting(..., "Resistivity of the spin-orbit layer, thick film", "ohm*m")
    scale_sigma: float = setting(0.0, "Relative sigma common to all efficiencies, as the current's", ge=0.0, le=1.0)

    @field_validator("rho")
    @classmethod
    def _conducts(cls, rho: Value) -> Value:
        if not (np.isfinite(number(rho)) and number(rho) > 0 and 0 <= spread(rho) < np.inf):
            raise ValueError(f"is {rho.value} +- {rho.sigma} {rho.unit}; it must be above 0, its sigma 0 or more")
        return rho


class Thickness:
    """The analysis ``thickness``: drift-diffusion fit of both torques of a series of films.

    ``sigma_xi_dl_E``, ``sigma_xi_fl_E`` and ``resistivity`` are columns that may be missing, ``xi_fl_E`` as well. With
    resistivities lambda rho is taken to be the same in all films, else lambda is.
    """

    kind: ClassVar[str] = "thickness"
    title: ClassVar[str] = "Torques against thickness"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {
        "thickness": "m",
        "xi_dl_E": _PER_FIELD,
        "xi_fl_E": _PER_FIELD,
        "sigma_xi_dl_E": _PER_FIELD,
        "sigma_xi_fl_E": _PER_FIELD,
        "resistivity": "ohm*m",
    }
    axes: ClassVar[dict[str, str]] = {}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("thickness", "xi_dl_E"),)
    settings: ClassVar[type[ThicknessSettings]] = ThicknessSettings

    def dataset(
        self, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str = "", simulated: bool = False
    ) -> ThicknessSeries:
        """Return the series of ``columns`` by role.

        Raises
        ------
        DataError
            If a thickness is not above 0, or an efficiency of all films is missing.
        """
        found = {role: np.asarray(values, float) for role, values in columns.items()}
        t = found["thickness"]
        if not (t.size and np.all(t > 0)):
            raise DataError(f"{name}: thicknesses must be above 0 m")
        if not np.isfinite(found["xi_dl_E"]).any():
            raise DataError(f"{name}: there is no xi_dl_E")
        return ThicknessSeries(
            t,
            found["xi_dl_E"],
            found.get("xi_fl_E", np.full(t.shape, np.nan)),
            found.get("sigma_xi_dl_E"),
            found.get("sigma_xi_fl_E"),
            found.get("resistivity"),
            name,
            simulated,
        )

    def live(self, columns: Mapping[str, np.ndarray], settings: Any) -> LiveFit | None:
        """Return None: a series is fitted when it is whole."""
        return None

    def reduce(self, datasets: Sequence[ThicknessSeries], settings: ThicknessSettings) -> Reduction:
        """Fit all films of all files together.

        Returns
        -------
        Reduction
            Results ``sigma_s`` [hbar/2e 1/(ohm*m)], ``lambda_s`` [m], ``re_g``, ``im_g`` [1/(ohm*m**2)]. Each film has
            a row with its efficiencies and what the fit says there. ``details`` have the limits of what has no value.
            ``parts`` is the fit as one smooth curve, empty where each film has its own resistivity.

        Raises
        ------
        FitError
            If there are too few films.
        DataError
            If only some of the files have sigmas, or resistivities.
        """
        whole = _together(datasets)
        thickness, dl, fl, resistivity = whole.thickness_m, whole.xi_dl_E, whole.xi_fl_E, whole.resistivity_ohm_m
        fit = fit_drift_diffusion(
            thickness,
            dl,
            fl if np.isfinite(fl).any() else None,
            settings.rho,
            sigma_dl=whole.sigma_dl,
            sigma_fl=whole.sigma_fl,
            rho_of_t=resistivity,
            scale_sigma=settings.scale_sigma,
        )
        fitted = fit.model(thickness if resistivity is None else thickness * resistivity / number(settings.rho))
        names = [one.name for one in datasets for _ in one.thickness_m]
        rows = [
            {
                "name": names[k],
                "thickness": float(thickness[k]),
                "xi_dl_E": _measured(dl, whole.sigma_dl, k),
                "xi_fl_E": _measured(fl, whole.sigma_fl, k),
                "fit": {"xi_dl_E": float(fitted[0, k]), "xi_fl_E": float(fitted[1, k])},
                "flags": [],
            }
            for k in range(len(thickness))
        ]
        details: dict[str, Any] = {"limits": fit.limits, "correlation_sigma_s_lambda_s": fit.correlation}
        if fit.chi2_reduced is not None:
            details["chi2_reduced"] = fit.chi2_reduced
        return Reduction.of(
            self,
            datasets,
            settings,
            fit.results,
            rows,
            fit.flags,
            parts=[_curve(fit, thickness, resistivity is None)],
            details=details,
        )


def _curve(fit: DriftDiffusionFit, thickness_m: np.ndarray, one_resistivity: bool) -> dict[str, np.ndarray]:
    """Return the fit as a smooth curve; with a resistivity of each film there is one at the films only."""
    if not one_resistivity:
        return {}
    curve_m = np.geomspace(0.7 * thickness_m.min(), 1.1 * thickness_m.max(), CURVE_POINTS)
    dl, fl = fit.model(curve_m)
    return {"thickness": curve_m, "xi_dl_E": dl, "xi_fl_E": fl}


#: Columns that may be missing, as they are called on the command line.
_OPTIONAL = {"sigma_dl": "sigma_xi_dl_E", "sigma_fl": "sigma_xi_fl_E", "resistivity_ohm_m": "resistivity"}


def _part(one: ThicknessSeries, rows: slice) -> ThicknessSeries:
    optional = {name: None if (c := getattr(one, name)) is None else c[rows] for name in _OPTIONAL}
    return replace(
        one, thickness_m=one.thickness_m[rows], xi_dl_E=one.xi_dl_E[rows], xi_fl_E=one.xi_fl_E[rows], **optional
    )


def _together(spectra: Sequence[ThicknessSeries]) -> ThicknessSeries:
    """Return all files as one series."""
    optional: dict[str, Any] = {}
    for name, role in _OPTIONAL.items():
        parts = [part for one in spectra if (part := getattr(one, name)) is not None]
        if parts and len(parts) < len(spectra):
            missing = len(spectra) - len(parts)
            raise DataError(f"{role}: {missing} of {len(spectra)} files have none; give it in all of them, or in none")
        optional[name] = np.concatenate(parts) if parts else None
    return ThicknessSeries(
        np.concatenate([one.thickness_m for one in spectra]),
        np.concatenate([one.xi_dl_E for one in spectra]),
        np.concatenate([one.xi_fl_E for one in spectra]),
        **optional,
    )


def _measured(values: np.ndarray, sigma: np.ndarray | None, k: int) -> Value:
    value = float(values[k])
    if not np.isfinite(value):
        return Value(None, None, _PER_FIELD)
    return Value(value, None if sigma is None else float(sigma[k]), _PER_FIELD)
