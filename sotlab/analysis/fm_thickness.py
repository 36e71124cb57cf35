"""The analysis ``fm-thickness``: the ratio method over a series of ferromagnets, which parts both torques.

The ratio of a line's two amplitudes gives xi_FMR, which equals xi_DL if the Oersted field is the only one along y. With
a field-like torque (Pai et al., eq. 7)::

    1/xi_FMR = (1/xi_DL) [1 + (hbar/e) xi_FL/(mu0*M_s t_F d)]

so that a straight line through 1/xi_FMR against 1/t_F has 1/xi_DL where t_F is infinite, and xi_FL in its slope. d is
the thickness of the spin-orbit layer. xi_DL and xi_FL must be the same for all t_F.

References
----------
Pai et al., Phys. Rev. B 92, 064426 (2015).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, field_validator
from scipy import special
from scipy.constants import e, hbar

from sotlab.analysis.budget import Source, combine
from sotlab.analysis.joint import number, spread
from sotlab.analysis.kittel import CHANCE
from sotlab.analysis.protocol import setting
from sotlab.analysis.torques import METHODS_DIFFER
from sotlab.analysis.values import LiveFit, Reduction, Value
from sotlab.errors import DataError, FitError

__all__ = ["FMThickness", "FMThicknessSettings", "FerromagnetSeries"]

_RESULTS = ("xi_dl_j", "xi_fl_j")
#: How often the weights are taken anew from the line.
ROUNDS = 10
#: Points of the drawn line.
CURVE_POINTS = 50


@dataclass(frozen=True)
class FerromagnetSeries:
    """What the films of a series gave, by role (N,); see :class:`FMThickness`."""

    columns: dict[str, np.ndarray]
    name: str = ""
    simulated: bool = False


class FMThicknessSettings(BaseModel):
    """What the analysis must be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mu0_ms: Value = setting(..., "Saturation magnetisation mu0*M_s", "T")
    nm_thickness: Value = setting(..., "Thickness of the spin-orbit layer", "m")

    @field_validator("mu0_ms", "nm_thickness")
    @classmethod
    def _possible(cls, value: Value) -> Value:
        if not (np.isfinite(number(value)) and number(value) > 0 and 0 <= spread(value) < np.inf):
            raise ValueError(f"is {value.value} +- {value.sigma} {value.unit}; it must be above 0, its sigma 0 or more")
        return value


class FMThickness:
    """The analysis ``fm-thickness``.

    Columns are the ferromagnet's ``thickness``, without a dead layer, and ``xi_fmr``, with ``sigma_xi_fmr`` where it is
    known: what each film has of its own, without M_s and the spin-orbit layer's thickness, which are common to all.
    ``xi_dl_j`` by the measured width may stand beside it, with ``sigma_xi_dl_j``; both methods are then compared.
    """

    kind: ClassVar[str] = "fm-thickness"
    title: ClassVar[str] = "Ratio method against the ferromagnet's thickness"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {
        "thickness": "m", "xi_fmr": "", "sigma_xi_fmr": "", "xi_dl_j": "", "sigma_xi_dl_j": "",
    }  # fmt: skip
    axes: ClassVar[dict[str, str]] = {}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("thickness", "xi_fmr"),)
    settings: ClassVar[type[FMThicknessSettings]] = FMThicknessSettings

    def dataset(
        self, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str = "", simulated: bool = False
    ) -> FerromagnetSeries:
        """Return the series of ``columns``; DataError for a thickness that is not above 0, or an xi_fmr of 0."""
        found = {role: np.atleast_1d(np.asarray(values, float)) for role, values in columns.items()}
        if not (found["thickness"].size and np.all(found["thickness"] > 0)):
            raise DataError(f"{name}: thicknesses must be above 0 m")
        if not np.all(np.isfinite(found["xi_fmr"]) & (found["xi_fmr"] != 0)):
            raise DataError(f"{name}: each film needs an xi_fmr, and none may be 0")
        for role in ("sigma_xi_fmr", "sigma_xi_dl_j"):
            if role in found and not np.all(np.isfinite(found[role]) & (found[role] > 0)):
                raise DataError(f"{name}: {role} must be above 0 for each film; leave the column out if there is none")
        return FerromagnetSeries(found, name, simulated)

    def live(self, columns: Mapping[str, np.ndarray], settings: Any) -> LiveFit | None:
        """Return None: a series is fitted when it is whole."""
        return None

    def reduce(self, datasets: Sequence[FerromagnetSeries], settings: FMThicknessSettings) -> Reduction:
        """Fit all films of all files together.

        Returns
        -------
        Reduction
            Results ``xi_dl_j`` and ``xi_fl_j`` by the series, and ``xi_dl_j_width``, the mean of the column ``xi_dl_j``
            if there is one. ``parts`` is the line as a curve.

        Raises
        ------
        FitError
            If there are fewer than three films, or two thicknesses.
        DataError
            If only some of the files have a column.
        """
        columns = _together(datasets)
        t_m, ratio = columns["thickness"], columns["xi_fmr"]
        if len(t_m) < 3 or len(np.unique(t_m)) < 2:
            raise FitError(
                f"fm-thickness: {len(t_m)} films of {len(np.unique(t_m))} thicknesses; three films of two or more are"
                " needed"
            )
        line, covariance, flags = _straight(1.0 / t_m, ratio, columns.get("sigma_xi_fmr"))
        moment = number(settings.mu0_ms) * number(settings.nm_thickness)

        def function(p: Mapping[str, float]) -> dict[str, float]:
            # xi_fmr is proportional to M_s d: an error of these is common to all films.
            per_film = p["mu0_ms"] * p["nm_thickness"]
            return {
                "xi_dl_j": per_film / moment / p["intercept"],
                "xi_fl_j": p["slope"] / p["intercept"] * e / hbar * per_film,
            }

        common = {"mu0_ms": settings.mu0_ms, "nm_thickness": settings.nm_thickness}
        sources = [Source.of(name, value) for name, value in common.items()]
        budget = combine(function, [Source("series", ("intercept", "slope"), line, covariance), *sources])
        results = {name: budget.value(name, "") for name in _RESULTS}
        if abs(line[0]) < METHODS_DIFFER * np.sqrt(covariance[0, 0]):
            flags.append("xi_dl_j, xi_fl_j: not determined: the line's value at an infinite thickness may be zero")
            results = {name: Value(None, None, "") for name in _RESULTS}
        if "xi_dl_j" in columns:
            results["xi_dl_j_width"] = _mean(columns["xi_dl_j"], columns.get("sigma_xi_dl_j"))
            flags += _compared(results["xi_dl_j"], results["xi_dl_j_width"])
        fitted = 1.0 / (line[0] + line[1] / t_m)
        names = [one.name for one in datasets for _ in one.columns["thickness"]]
        rows = [
            {
                "name": names[k],
                "thickness": float(columns["thickness"][k]),
                **{role: _measured(columns, role, k) for role in ("xi_fmr", "xi_dl_j") if role in columns},
                "fit": {"xi_fmr": float(fitted[k])},
                "flags": [],
            }
            for k in range(len(t_m))
        ]
        curve_m = np.linspace(0.0, 1.1 * np.max(1.0 / t_m), CURVE_POINTS)
        return Reduction.of(
            self,
            datasets,
            settings,
            results,
            rows,
            flags,
            parts=[{"per_thickness": curve_m, "per_xi_fmr": line[0] + line[1] * curve_m}],
            details={"budget": {name: budget.of(name) for name in _RESULTS if results[name].value is not None}},
        )


def _together(datasets: Sequence[FerromagnetSeries]) -> dict[str, np.ndarray]:
    roles = {role for one in datasets for role in one.columns}
    for role in roles:
        missing = sum(role not in one.columns for one in datasets)
        if missing:
            raise DataError(f"{role}: {missing} of {len(datasets)} files have none; give it in all of them, or in none")
    return {role: np.concatenate([one.columns[role] for one in datasets]) for role in roles}


def _straight(x: np.ndarray, ratio: np.ndarray, sigma: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return intercept and slope of 1/xi_FMR over 1/t_F, their covariance, and flags.

    The errors are those of xi_FMR: weights are taken at what the line says, not at the readings themselves.
    """
    design, freedom = np.stack([np.ones_like(x), x], axis=1), len(x) - 2
    y = 1.0 / ratio
    error = np.ones_like(x) if sigma is None else sigma

    def solve(model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weighted = design / (error * model**2)[:, None]
        inverse = np.linalg.inv(weighted.T @ weighted)
        return inverse @ (weighted.T @ (y / (error * model**2))), inverse

    line, inverse = solve(y)
    for _ in range(ROUNDS):
        line, inverse = solve(design @ line)
    model = design @ line
    chi2 = float(np.sum(((y - model) / (error * model**2)) ** 2))
    if sigma is None:
        return line, inverse * chi2 / freedom, []
    if special.chdtrc(freedom, chi2) >= CHANCE:
        return line, inverse, []
    said = f"xi_fmr: films scatter {np.sqrt(chi2 / freedom):.2g} times as much as their sigmas say: enlarged"
    return line, inverse * chi2 / freedom, [said]


def _mean(values: np.ndarray, sigma: np.ndarray | None) -> Value:
    if sigma is None:
        return Value.of(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))), "")
    weight = sigma**-2
    return Value.of(float(np.average(values, weights=weight)), float(weight.sum() ** -0.5), "")


def _compared(series: Value, width: Value) -> list[str]:
    if series.value is None or width.value is None:
        return []
    sigmas = abs(series.value - width.value) / np.hypot(spread(series), spread(width))
    if sigmas <= METHODS_DIFFER:
        return []
    return [
        f"xi_dl_j, xi_dl_j_width: the series gives {series.value:.3g}, the measured width {width.value:.3g}: they"
        f" differ by {sigmas:.1f} sigma"
    ]


def _measured(columns: Mapping[str, np.ndarray], role: str, k: int) -> Value:
    sigma = columns.get(f"sigma_{role}")
    return Value(float(columns[role][k]), None if sigma is None else float(sigma[k]), "")
