"""What the ST-FMR analysis is told of the strip, and the torques that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from sotlab.analysis.angular import MODELS
from sotlab.analysis.artefacts import closure
from sotlab.analysis.joint import number, spread
from sotlab.analysis.kittel import KittelFit
from sotlab.analysis.lineshape import LineFit
from sotlab.analysis.protocol import setting
from sotlab.analysis.spin_orbit_efficiency import Geometry
from sotlab.analysis.torques import TORQUE_UNITS, fit_torques
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["StripSettings", "reduce_torques"]

#: Without one of these no torque was asked for.
_ASKED = ("current", "delta_resistance", "current_convention")
#: What the geometry calls otherwise than the settings.
_AS_SET = {"width": "strip_width", "nm_resistivity": "rho"}
_GEOMETRY = ("mu0_ms", "fm_thickness", "nm_side")
#: What cannot be 0 or less.
_POSITIVE = (
    "current",
    "mu0_ms",
    "fm_thickness",
    "strip_width",
    "sheet_resistance",
    "resistance_per_length",
    "rho",
    "nm_thickness",
)


class StripSettings(BaseModel):
    """The strip, each quantity with its sigma; None where it is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    current: Value | None = setting(
        None, "Microwave current of spectra that do not say; its relative sigma is common to all spectra", "A"
    )
    current_scale_sigma: float = setting(
        0.0, "Relative sigma of the currents of all spectra together, besides", ge=0.0, le=1.0
    )
    current_check: Value | None = setting(
        None,
        "Current by another calibration over the one that is used, as network analyser over Joule heating; its sigma"
        " has those of both",
    )
    current_convention: Literal["peak", "rms"] | None = setting(None, "Whether currents are peak or rms")
    current_power: float | None = setting(None, "Power at which the current is as given", "dBm")
    delta_resistance: Value | None = setting(None, "Anisotropic magnetoresistance, parallel minus transverse", "ohm")
    angle: float | None = setting(None, "Angle of field to current, of spectra that do not say", "deg")
    angle_sigma: float | None = setting(
        None, "Sigma of the rotator's zero; without it, it is fitted where the angles allow", "deg", ge=0.0
    )
    mu0_ms: Value | None = setting(None, "Saturation magnetisation mu0*M_s", "T")
    fm_thickness: Value | None = setting(None, "Thickness of the ferromagnet, without a dead layer", "m")
    strip_width: Value | None = setting(None, "Width of the strip", "m")
    sheet_resistance: Value | None = setting(None, "Of the whole stack, without contacts", "ohm")
    resistance_per_length: Value | None = setting(None, "Of the strip, from several lengths", "ohm/m")
    rho: Value | None = setting(None, "Resistivity of the spin-orbit layer", "ohm*m")
    nm_thickness: Value | None = setting(None, "Thickness of the spin-orbit layer", "m")
    nm_side: int | None = setting(None, "+1 with the spin-orbit layer below the ferromagnet, -1 above", ge=-1, le=1)
    alpha_reference: Value | None = setting(
        None, "Damping of the same ferromagnet without the spin-orbit layer, for spin pumping"
    )
    torque_model: Literal["auto", "y", "xy", "yz", "xyz"] = setting(
        "auto", "Directions of spin polarisation; auto compares them"
    )

    @field_validator(*_POSITIVE, "current_check", "alpha_reference", "delta_resistance")
    @classmethod
    def _possible(cls, value: Value | None, info: ValidationInfo) -> Value | None:
        if value is None:
            return None
        least = -np.inf if info.field_name == "delta_resistance" else 0.0
        if value.value is None or not (np.isfinite(value.value) and value.value > least):
            raise ValueError(f"is {value.value} {value.unit}; it must be a number{' above 0' * (least == 0.0)}")
        if info.field_name == "current_check" and not value.sigma:
            raise ValueError("has no sigma; give that of both calibrations together, as 1.02+-0.01")
        if not 0.0 <= (value.sigma or 0.0) < np.inf:
            raise ValueError(f"has a sigma of {value.sigma} {value.unit}; give 0 or more")
        return value

    @field_validator("nm_side")
    @classmethod
    def _one_side(cls, side: int | None) -> int | None:
        if side == 0:
            raise ValueError("nm_side is 0; +1 has the spin-orbit layer below the ferromagnet, -1 above")
        return side

    def peak_A(self, current_A: float | None, power_dBm: float | None) -> float | None:
        """Return the peak current of a spectrum [A], None if it is not known.

        Parameters
        ----------
        current_A : float or None
            What the spectrum says, in the convention of the settings.
        power_dBm : float or None
            Its power: with ``current_power`` the current goes with its square root.
        """
        if self.current_convention is None:
            return None
        if current_A is None:
            if self.current is None:
                return None
            current_A = number(self.current)
            if self.current_power is not None and power_dBm is not None:
                current_A *= 10 ** ((power_dBm - self.current_power) / 20)
        return current_A * (np.sqrt(2.0) if self.current_convention == "rms" else 1.0)

    def geometry(self) -> Geometry | None:
        """Return the sample, None if something that every efficiency needs is not known."""
        if self.mu0_ms is None or self.fm_thickness is None or self.nm_side is None or not self._conducts():
            return None
        return Geometry(
            current=Value(1.0, 0.0, "A"),  # fit_torques puts the spectra's own
            sheet_resistance=self.sheet_resistance,
            width=self.strip_width,
            mu0_ms=self.mu0_ms,
            fm_thickness=self.fm_thickness,
            nm_side=self.nm_side,
            nm_resistivity=self.rho,
            nm_thickness=self.nm_thickness,
            resistance_per_length=self.resistance_per_length,
        )

    def _conducts(self) -> bool:
        return self.resistance_per_length is not None or None not in (self.sheet_resistance, self.strip_width)

    def lacking(self) -> list[str]:
        """Return what the efficiencies lack."""
        lacking = [name for name in _GEOMETRY if getattr(self, name) is None]
        return (
            lacking if self._conducts() else [*lacking, "sheet_resistance and strip_width (or resistance_per_length)"]
        )


def reduce_torques(
    fit: LineFit,
    kittel: KittelFit,
    settings: StripSettings,
    *,
    angle_deg: Sequence[float | None],
    current_A: Sequence[float | None],
    power_dBm: Sequence[float | None],
    flags: list[str],
    current_sigma_A: Sequence[float | None] | None = None,
    frequency_Hz: Sequence[float] | None = None,
) -> tuple[dict[str, Value], dict[str, Any]]:
    """Return torques and details of a reduction; nothing if no torque was asked for. Adds to ``flags``.

    Parameters
    ----------
    fit : LineFit
        The lines.
    kittel : KittelFit
        The magnetisation.
    settings : StripSettings
        What is known.
    angle_deg, current_A, power_dBm : sequence of float or None
        What each spectrum says of itself.
    current_sigma_A : sequence of float or None, optional
        What of the uncertainty of each spectrum's own current it shares with spectra of its frequency only.
    flags : list of str
        The reduction's.
    frequency_Hz : sequence of float, optional
        Of each spectrum.
    """
    given = [current for current in current_A if current is not None]
    if not given and all(getattr(settings, name) is None for name in _ASKED):
        if settings.mu0_ms is not None or settings.strip_width is not None:
            flags.append(
                "torques: not determined: measure the magnetoresistance (delta_resistance) and the microwave current"
                " (current, or a calibration rf_current), and they come out"
            )
        return {}, {}
    nothing = {name: Value(None, None, unit) for name, unit in TORQUE_UNITS.items()}

    def refused(reason: str) -> tuple[dict[str, Value], dict[str, Any]]:
        flags.append(f"b_dl, b_fl and all that follows: not determined: {reason}")
        return nothing, {}

    angles = [settings.angle if angle is None else angle for angle in angle_deg]
    if any(angle is None for angle in angles):
        return refused("the angle of the field to the current is needed, as --set angle=45deg or a column")
    if settings.delta_resistance is None:
        return refused("the anisotropic magnetoresistance is needed, as --set delta_resistance=0.8ohm")
    if settings.current_convention is None:
        return refused("say whether the current is peak or rms, as --set current_convention=peak")
    peaks = [settings.peak_A(*each) for each in zip(current_A, power_dBm, strict=True)]
    if any(peak is None for peak in peaks):
        return refused(
            "the current is needed, as --set current=2mA, a column, or a calibration rf_current of"
            " frequency, power and sample"
        )
    powers = {power for power, current in zip(power_dBm, current_A, strict=True) if current is None}
    if len(powers) > 1 and settings.current_power is None:
        return refused("spectra have different powers; give a column of currents, or say at which power the current is")
    own = 0.0 if settings.current is None else spread(settings.current) / number(settings.current)
    relative = float(np.hypot(own, settings.current_scale_sigma))
    geometry = settings.geometry()
    if geometry is None:
        flags.append(f"efficiencies: {', '.join(settings.lacking())} must be known")
    try:
        torques = fit_torques(
            fit,
            np.radians(np.array(angles, float)),
            np.array(peaks, float),
            kittel=kittel,
            delta_resistance=settings.delta_resistance,
            current_relative_sigma=relative,
            current_own_sigma=np.array(
                [
                    0.0 if sigma is None or current is None else sigma / current
                    for sigma, current in zip(current_sigma_A or [None] * len(current_A), current_A, strict=True)
                ]
            ),
            geometry=geometry,
            angle_sigma_rad=None if settings.angle_sigma is None else float(np.radians(settings.angle_sigma)),
            models=MODELS if settings.torque_model == "auto" else (settings.torque_model,),
            frequency_Hz=None if frequency_Hz is None else np.array(frequency_Hz, float),
        )
    except FitError as error:
        return refused(str(error))
    flags += torques.flags
    closed = {}
    if settings.current_check is not None:
        check = closure(settings.current_check, ("the other calibration", "the one used"))
        closed = {"current_check": check.results["ratio"]}
        flags += check.flags
    results = (
        torques.results
        | closed
        | {
            "delta_resistance": settings.delta_resistance,
            "angle_offset": torques.angle_offset,
        }
    )
    budget = {
        result: {_AS_SET.get(source, source): part for source, part in parts.items()}
        for result, parts in torques.budget.items()
    }
    return results, {"budget": budget, "models": torques.models}
