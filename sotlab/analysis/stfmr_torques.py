"""What the ST-FMR analysis is told of the strip, and the torques that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from sotlab.analysis.angular import MODELS
from sotlab.analysis.kittel import KittelFit
from sotlab.analysis.lineshape import LineFit
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


def _quantity(description: str, unit: str) -> Any:
    return Field(default=None, gt=0.0, description=description, json_schema_extra={"unit": unit})


def _sigma(of: str, unit: str) -> Any:
    return Field(default=0.0, ge=0.0, description=f"Standard deviation of {of}", json_schema_extra={"unit": unit})


class StripSettings(BaseModel):
    """The strip, each quantity with its standard deviation; None where it is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    current: float | None = _quantity("Microwave current through the strip, of spectra that do not say", "A")
    current_sigma: float = _sigma("current, common to all spectra", "A")
    current_convention: Literal["peak", "rms"] | None = Field(
        default=None, description="Whether currents are peak or rms"
    )
    current_power: float | None = Field(
        default=None, description="Power at which the current is as given", json_schema_extra={"unit": "dBm"}
    )
    delta_resistance: float | None = Field(
        default=None,
        description="Anisotropic magnetoresistance, parallel minus transverse",
        json_schema_extra={"unit": "ohm"},
    )
    delta_resistance_sigma: float = _sigma("delta_resistance", "ohm")
    angle: float | None = Field(
        default=None,
        description="Angle of field to current, of spectra that do not say",
        json_schema_extra={"unit": "deg"},
    )
    angle_sigma: float | None = Field(
        default=None,
        ge=0.0,
        description="Standard deviation of the rotator's zero; without it, it is fitted where the angles allow",
        json_schema_extra={"unit": "deg"},
    )
    mu0_ms: float | None = _quantity("Saturation magnetisation mu0*M_s", "T")
    mu0_ms_sigma: float = _sigma("mu0_ms", "T")
    fm_thickness: float | None = _quantity("Thickness of the ferromagnet, without a dead layer", "m")
    fm_thickness_sigma: float = _sigma("fm_thickness", "m")
    strip_width: float | None = _quantity("Width of the strip", "m")
    strip_width_sigma: float = _sigma("strip_width", "m")
    sheet_resistance: float | None = _quantity("Of the whole stack, without contacts", "ohm")
    sheet_resistance_sigma: float = _sigma("sheet_resistance", "ohm")
    resistance_per_length: float | None = _quantity("Of the strip, from several lengths", "ohm/m")
    resistance_per_length_sigma: float = _sigma("resistance_per_length", "ohm/m")
    rho: float | None = _quantity("Resistivity of the spin-orbit layer", "ohm*m")
    rho_sigma: float = _sigma("rho", "ohm*m")
    nm_thickness: float | None = _quantity("Thickness of the spin-orbit layer", "m")
    nm_thickness_sigma: float = _sigma("nm_thickness", "m")
    nm_side: int | None = Field(
        default=None, ge=-1, le=1, description="+1 with the spin-orbit layer below the ferromagnet, -1 above"
    )
    torque_model: Literal["auto", "y", "xy", "yz", "xyz"] = Field(
        default="auto", description="Directions of spin polarisation; auto compares them"
    )

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
        current = self.current if current_A is None else current_A
        if current is None or self.current_convention is None:
            return None
        if current_A is None and self.current_power is not None and power_dBm is not None:
            current *= 10 ** ((power_dBm - self.current_power) / 20)
        return current * (np.sqrt(2.0) if self.current_convention == "rms" else 1.0)

    def known(self, name: str, unit: str) -> Value | None:
        """Return a quantity with its standard deviation, None if it is not known."""
        value = getattr(self, name)
        return None if value is None else Value(value, getattr(self, f"{name}_sigma"), unit)

    def geometry(self) -> Geometry | None:
        """Return the sample, None if something that every efficiency needs is not known."""
        if any(getattr(self, name) is None for name in _GEOMETRY) or not self._conducts():
            return None
        return Geometry(
            current=Value(1.0, 0.0, "A"),  # fit_torques puts the spectra's own
            sheet_resistance=self.known("sheet_resistance", "ohm"),
            width=self.known("strip_width", "m"),
            mu0_ms=Value(self.mu0_ms, self.mu0_ms_sigma, "T"),
            fm_thickness=Value(self.fm_thickness, self.fm_thickness_sigma, "m"),
            nm_side=self.nm_side or 1,
            nm_resistivity=self.known("rho", "ohm*m"),
            nm_thickness=self.known("nm_thickness", "m"),
            resistance_per_length=self.known("resistance_per_length", "ohm/m"),
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
    flags : list of str
        The reduction's.
    frequency_Hz : sequence of float, optional
        Of each spectrum.
    """
    given = [current for current in current_A if current is not None]
    if not given and all(getattr(settings, name) is None for name in _ASKED):
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
        return refused("the current is needed, as --set current=2mA or a column")
    powers = {power for power, current in zip(power_dBm, current_A, strict=True) if current is None}
    if len(powers) > 1 and settings.current_power is None:
        return refused("spectra have different powers; give a column of currents, or say at which power the current is")
    relative = settings.current_sigma / (settings.current or float(np.mean(given))) if settings.current_sigma else 0.0
    geometry = settings.geometry()
    if geometry is None:
        flags.append(f"efficiencies: {', '.join(settings.lacking())} must be known")
    try:
        torques = fit_torques(
            fit,
            np.radians(np.array(angles, float)),
            np.array(peaks, float),
            kittel=kittel,
            delta_resistance=Value(settings.delta_resistance, settings.delta_resistance_sigma, "ohm"),
            current_relative_sigma=relative,
            geometry=geometry,
            angle_sigma_rad=None if settings.angle_sigma is None else float(np.radians(settings.angle_sigma)),
            models=MODELS if settings.torque_model == "auto" else (settings.torque_model,),
            frequency_Hz=None if frequency_Hz is None else np.array(frequency_Hz, float),
        )
    except FitError as error:
        return refused(str(error))
    flags += torques.flags
    results = torques.results | {
        "delta_resistance": Value(settings.delta_resistance, settings.delta_resistance_sigma, "ohm"),
        "angle_offset": torques.angle_offset,
    }
    budget = {
        result: {_AS_SET.get(source, source): part for source, part in parts.items()}
        for result, parts in torques.budget.items()
    }
    return results, {"budget": budget, "models": torques.models}
