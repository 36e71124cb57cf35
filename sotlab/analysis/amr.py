"""The analysis ``amr``: anisotropic magnetoresistance, from the resistance against a field's direction in the plane.

    R = R_0 + dR cos^2(phi + phi_0)

with phi the direction of the field from the current, in which the field holds the magnetisation, dR = R_parallel -
R_transverse and phi_0 what is to be added to the rotator's angles.

The current heats the strip, so that R is (R of the cold strip)/(1 - b I^2), and dR as well. With ``heating`` b, as the
calibration ``rf_current`` gives it, R_0 and dR are those of the cold strip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, field_validator

from sotlab.analysis.artefacts import fit_magnetoresistance
from sotlab.analysis.joint import number, spread
from sotlab.analysis.protocol import setting
from sotlab.analysis.values import LiveFit, Reduction, Value
from sotlab.errors import DataError, FitError

__all__ = ["AMR", "AMRSettings", "Turn"]

#: Points of a curve that looks smooth.
CURVE_POINTS = 181
_UNITS = {"resistance": "ohm", "delta_resistance": "ohm", "angle_offset": "deg"}


@dataclass(frozen=True)
class Turn:
    """Resistances [ohm] at angles [deg], in the order of measurement, at one field [T] and direct current [A]."""

    angle_deg: np.ndarray
    resistance_ohm: np.ndarray
    field_T: float | None = None
    name: str = ""
    simulated: bool = False
    current_A: float | None = None


class AMRSettings(BaseModel):
    """What may be told of the strip."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    heating: Value | None = setting(
        None, "Relative rise of R with the square of the direct current, as rf_current finds it", "1/A**2"
    )

    @field_validator("heating")
    @classmethod
    def _possible(cls, value: Value | None) -> Value | None:
        if value is not None and not (np.isfinite(number(value)) and 0.0 <= spread(value) < np.inf):
            raise ValueError(f"is {value.value} +- {value.sigma} {value.unit}; give finite numbers")
        return value


class AMR:
    """The analysis ``amr``; several turns, as at several fields, are fitted apart and must agree."""

    kind: ClassVar[str] = "amr"
    title: ClassVar[str] = "Anisotropic magnetoresistance"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {"angle": "deg", "resistance": "ohm"}
    axes: ClassVar[dict[str, str]] = {"field": "T", "current": "A"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("angle", "resistance"),)
    settings: ClassVar[type[AMRSettings]] = AMRSettings

    def dataset(
        self, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str = "", simulated: bool = False
    ) -> Turn:
        """Return the turn of ``columns``; DataError if there are too few angles to tell three parameters."""
        angle, resistance = (np.asarray(columns[role], float) for role in ("angle", "resistance"))
        if len(np.unique(np.round(np.mod(angle[np.isfinite(angle)], 180.0), 3))) < 5:
            raise DataError(f"{name}: R(phi) needs five directions at least, 180 deg apart counting as one")
        return Turn(angle, resistance, axes.get("field"), name, simulated, axes.get("current"))

    def live(self, columns: Mapping[str, np.ndarray], settings: Any = None) -> LiveFit | None:
        """Return the fit of the rows so far, None while they are too few."""
        angle = np.asarray(columns["angle"], float)
        try:
            values, _, curve = _fit(Turn(angle, np.asarray(columns["resistance"], float)), None)
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
            ``angle_offset`` [deg]: what must be added to the angles. Those of several turns are the weighted
            mean. ``parts`` are the turns.
        """
        settings = settings or AMRSettings()
        rows, flags = [], []
        for turn in datasets:
            values, row_flags, curve = _fit(turn, settings.heating)
            fit = {"angle": (smooth := np.linspace(0.0, 360.0, CURVE_POINTS)).tolist(), "resistance": curve(smooth)}
            rows.append({"name": turn.name, "field": turn.field_T, **values, "fit": fit, "flags": row_flags})
        results = {name: _mean([row[name] for row in rows], name, unit, flags) for name, unit in _UNITS.items()}
        return Reduction.of(
            self,
            datasets,
            settings,
            results,
            rows,
            flags,
            rows_are="scans",
            parts=list(datasets),
        )


def _fit(turn: Turn, heating: Value | None) -> tuple[dict[str, Value], list[str], Any]:
    """Return values, flags, and R(phi) as a function of the angle [deg]; the angle offset is in degrees.

    The values are those of the cold strip, the function is that of the strip as it was measured.
    """
    phi = np.radians(turn.angle_deg)
    found = fit_magnetoresistance(phi, turn.resistance_ohm)
    across, along, offset = (found.results[name] for name in ("resistance_0", "delta_resistance", "angle_offset"))
    cold, flags = {"resistance": across, "delta_resistance": along}, list(found.flags)
    if heating is not None and turn.current_A is None:
        flags.append("delta_resistance: heating is known, but not the direct current: give a column current")
    elif heating is not None:
        cold = {name: _cold(value, heating, float(turn.current_A or 0.0)) for name, value in cold.items()}
    offset_deg = Value(None, None, "deg")
    if offset.value is not None:
        offset_deg = Value(float(np.degrees(number(offset))), float(np.degrees(spread(offset))), "deg")

    def curve(angle_deg: np.ndarray) -> np.ndarray:
        turned = np.radians(np.asarray(angle_deg, float) + (offset_deg.value or 0.0))
        return number(across) + number(along) * np.cos(turned) ** 2

    return cold | {"angle_offset": offset_deg}, flags, curve


def _cold(value: Value, heating: Value, current_A: float) -> Value:
    """Return a resistance without what a direct current adds to it by its heat."""
    kept = 1.0 - number(heating) * current_A**2
    sigma = np.hypot(kept * spread(value), number(value) * spread(heating) * current_A**2)
    return Value.of(kept * number(value), float(sigma), value.unit)


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
