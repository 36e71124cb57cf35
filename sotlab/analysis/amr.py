"""The analysis ``amr``: anisotropic magnetoresistance, from the resistance against a field's direction in the plane.

    R = R_0 + dR cos^2(phi - phi_0)

with phi the direction of the field from the current, in which the field holds the magnetisation, dR = R_parallel -
R_transverse and phi_0 the error of the rotator's zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from sotlab.analysis.joint import fit_joint
from sotlab.analysis.values import LiveFit, Reduction, Value
from sotlab.errors import DataError, FitError

__all__ = ["AMR", "AMRSettings", "Turn"]

#: With fewer sigmas there is no magnetoresistance to be told.
SEEN = 3.0
CURVE_POINTS = 181
_UNITS = {"resistance": "ohm", "delta_resistance": "ohm", "angle_offset": "deg"}


@dataclass(frozen=True)
class Turn:
    """Resistances [ohm] at angles [deg], in the order of measurement, at one field [T]."""

    angle_deg: np.ndarray
    resistance_ohm: np.ndarray
    field_T: float | None = None
    name: str = ""
    simulated: bool = False


class AMRSettings(BaseModel):
    """Nothing needs to be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AMR:
    """The analysis ``amr``; several turns, as at several fields, are fitted apart and must agree."""

    kind: ClassVar[str] = "amr"
    title: ClassVar[str] = "Anisotropic magnetoresistance"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {"angle": "deg", "resistance": "ohm"}
    axes: ClassVar[dict[str, str]] = {"field": "T"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("angle", "resistance"),)
    settings: ClassVar[type[AMRSettings]] = AMRSettings

    def dataset(
        self, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str = "", simulated: bool = False
    ) -> Turn:
        """Return the turn of ``columns``; DataError if there are too few angles to tell three parameters."""
        angle, resistance = (np.asarray(columns[role], float) for role in ("angle", "resistance"))
        if len(np.unique(np.round(np.mod(angle[np.isfinite(angle)], 180.0), 3))) < 4:
            raise DataError(f"{name}: R(phi) needs four directions at least, 180 deg apart counting as one")
        return Turn(angle, resistance, axes.get("field"), name, simulated)

    def live(self, columns: Mapping[str, np.ndarray], settings: Any = None) -> LiveFit | None:
        """Return the fit of the rows so far, None while they are too few."""
        angle = np.asarray(columns["angle"], float)
        try:
            values, curve = _fit(Turn(angle, np.asarray(columns["resistance"], float)))
        except FitError:
            return None
        smooth = np.linspace(np.nanmin(angle), np.nanmax(angle), CURVE_POINTS)
        return LiveFit(values, angle, curve(angle), smooth, curve(smooth))

    def reduce(self, datasets: Sequence[Turn], settings: AMRSettings | None = None) -> Reduction:
        """Fit all turns.

        Returns
        -------
        Reduction
            Results ``resistance`` (with the magnetisation across the current) and ``delta_resistance`` [ohm],
            ``angle_offset`` [deg]: what must be subtracted from the angles. Those of several turns are the weighted
            mean. ``parts`` are the turns.
        """
        rows, flags = [], []
        for turn in datasets:
            values, curve = _fit(turn)
            row_flags = []
            if abs(values["delta_resistance"].value) < SEEN * values["delta_resistance"].sigma:
                row_flags.append(f"angle_offset: not determined: delta_resistance is within {SEEN:g} sigma of zero")
                values["angle_offset"] = Value(None, None, "deg")
            fit = {"angle": (smooth := np.linspace(0.0, 360.0, CURVE_POINTS)).tolist(), "resistance": curve(smooth)}
            rows.append({"name": turn.name, "field": turn.field_T, **values, "fit": fit, "flags": row_flags})
        results = {name: _mean([row[name] for row in rows], name, unit, flags) for name, unit in _UNITS.items()}
        return Reduction(
            self.kind,
            self.schema,
            results,
            rows,
            flags,
            any(turn.simulated for turn in datasets),
            list(dict.fromkeys(turn.name for turn in datasets)),
            {},
            rows_are="scans",
            parts=list(datasets),
        )


def _fit(turn: Turn) -> tuple[dict[str, Value], Any]:
    phi = np.radians(turn.angle_deg)
    columns = {"mean": np.ones_like(phi), "cos": np.cos(2 * phi), "sin": np.sin(2 * phi)}
    fit = fit_joint(columns, turn.resistance_ohm, who="R(phi)")
    c, s = fit["cos"], fit["sin"]
    half = float(np.hypot(c, s))
    # The larger magnetoresistance along the current is taken for the positive one, unless the sine says otherwise:
    # dR = 2 c / cos(2 phi_0) with phi_0 within 45 deg.
    sign = 1.0 if c >= 0 else -1.0
    unit = sign * np.array([0.0, c, s]) / half
    offset = 0.5 * np.degrees(np.arctan2(sign * s, sign * c))
    along = 2.0 * unit
    across = np.array([1.0, 0.0, 0.0]) - unit
    turning = np.degrees(0.5) * np.array([0.0, -s, c]) / half**2
    spread = [float(np.sqrt(g @ fit.covariance @ g)) for g in (across, along, turning)]
    values = {
        "resistance": Value.of(fit["mean"] - sign * half, spread[0], "ohm"),
        "delta_resistance": Value.of(2.0 * sign * half, spread[1], "ohm"),
        "angle_offset": Value.of(float(offset), spread[2], "deg"),
    }

    def curve(angle_deg: np.ndarray) -> np.ndarray:
        p = np.radians(angle_deg)
        return fit["mean"] + c * np.cos(2 * p) + s * np.sin(2 * p)

    return values, curve


def _mean(values: Sequence[Value], name: str, unit: str, flags: list[str]) -> Value:
    """Return the weighted mean, its sigma enlarged where the turns differ by more than theirs."""
    known = [(v.value, v.sigma) for v in values if v.value is not None and v.sigma]
    if not known:
        flags.append(f"{name}: not determined by any turn")
        return Value(None, None, unit)
    value, sigma = np.array(known).T
    weight = 1.0 / sigma**2
    mean = float(np.sum(weight * value) / np.sum(weight))
    excess = 1.0
    if len(value) > 1 and name != "resistance":
        excess = max(1.0, float(np.sqrt(np.sum(weight * (value - mean) ** 2) / (len(value) - 1))))
        if excess > 2.0:
            flags.append(f"{name}: turns differ by {excess:.1f} times what their sigmas say: enlarged")
    return Value(mean, excess / float(np.sqrt(weight.sum())), unit)
