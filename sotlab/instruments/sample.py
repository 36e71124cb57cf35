"""The sample file: what the operator knows about the sample, with uncertainties, as TOML.

What a measurement is to find out does not stand here. Lengths are metres, g is dimensionless; a sigma is a standard
uncertainty. A chip with many devices has a map of them, ``[devices."C1/D2/03"]`` (chip, die, device), whose entries
say what differs from the rest of the file.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sotlab.errors import StationError
from sotlab.instruments.validation import explain

__all__ = ["AtTemperatures", "Device", "Layer", "Sample", "Substrate"]

Positive = Annotated[float, Field(gt=0.0)]


class Layer(BaseModel):
    """One layer of the stack."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    material: str
    thickness_m: float = Field(gt=0.0, lt=1e-3)
    thickness_sigma_m: float = Field(default=0.0, ge=0.0)
    resistivity_ohm_m: float | None = Field(default=None, gt=0.0)
    resistivity_sigma_ohm_m: float = Field(default=0.0, ge=0.0)
    #: Refractive index n and extinction k at the pump's wavelength, with their standard uncertainties.
    n: float | None = Field(default=None, gt=0.0, lt=20.0)
    k: float | None = Field(default=None, ge=0.0, lt=20.0)
    n_sigma: float = Field(default=0.0, ge=0.0)
    k_sigma: float = Field(default=0.0, ge=0.0)
    #: What the layer stands; the station then lets no source exceed it.
    max_current_density_A_per_m2: float | None = Field(default=None, gt=0.0)


class Substrate(BaseModel):
    """What the stack lies on, for light."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    material: str
    #: Index at the pump's wavelength.
    n: float = Field(gt=0.0, lt=20.0)
    #: Index at terahertz frequencies, with its standard uncertainty.
    n_thz: float = Field(ge=1.0, lt=20.0)
    n_thz_sigma: float = Field(default=0.0, ge=0.0)
    thickness_m: float | None = Field(default=None, gt=0.0, lt=0.1)


class AtTemperatures(BaseModel):
    """What of the sample is known at several temperatures; their relative uncertainties are those of the sample."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature_K: list[Positive] = Field(min_length=2)
    mu0_ms_T: list[Positive] = []
    sheet_resistance_ohm: list[Positive] = []

    @model_validator(mode="after")
    def _of_one_length(self) -> AtTemperatures:
        if sorted(set(self.temperature_K)) != self.temperature_K:
            raise ValueError("temperature_K must rise from each to the next")
        for name in ("mu0_ms_T", "sheet_resistance_ohm"):
            given = getattr(self, name)
            if given and len(given) != len(self.temperature_K):
                raise ValueError(f"{name} has {len(given)} values for {len(self.temperature_K)} temperatures")
        return self


class Device(BaseModel):
    """One device on a chip: what of it differs from the sample's own values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strip_width_m: float | None = Field(default=None, gt=0.0)
    strip_length_m: float | None = Field(default=None, gt=0.0)
    delta_resistance_ohm: float | None = None
    delta_resistance_sigma_ohm: float = Field(default=0.0, ge=0.0)
    #: Direction of the current from the chip's edge [deg].
    angle_deg: float | None = Field(default=None, ge=-360.0, le=360.0)
    note: str = ""


class Sample(BaseModel):
    """A sample, as its file describes it.

    ``stack`` is in the order of growth, the first layer on the substrate; ``nm_side`` is +1 if the non-magnetic layer
    lies below the magnetic one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=60)
    description: str = ""
    nm_side: int | None = Field(default=None, ge=-1, le=1)
    g: float = Field(default=2.0, gt=0.5, lt=5.0)
    #: Saturation magnetisation mu0*M_s [T], with its standard uncertainty.
    mu0_ms_T: float | None = Field(default=None, gt=0.0)
    mu0_ms_sigma_T: float = Field(default=0.0, ge=0.0)
    #: Thickness of the magnetically dead layer [m], with its standard uncertainty.
    dead_layer_m: float = Field(default=0.0, ge=0.0)
    dead_layer_sigma_m: float = Field(default=0.0, ge=0.0)
    #: What mu0*M_eff is expected to be [T], to choose windows by before it is measured; no analysis uses it.
    expected_meff_T: float | None = Field(default=None, gt=-5.0, lt=5.0)
    stack: list[Layer] = []
    substrate: Substrate | None = None
    strip_width_m: float | None = Field(default=None, gt=0.0)
    strip_width_sigma_m: float = Field(default=0.0, ge=0.0)
    strip_length_m: float | None = Field(default=None, gt=0.0)
    #: Sheet resistance of the whole stack, without contacts, with its standard uncertainty.
    sheet_resistance_ohm: float | None = Field(default=None, gt=0.0)
    sheet_resistance_sigma_ohm: float = Field(default=0.0, ge=0.0)
    #: Anisotropic magnetoresistance of the strip, parallel minus transverse, with its standard uncertainty.
    delta_resistance_ohm: float | None = None
    delta_resistance_sigma_ohm: float = Field(default=0.0, ge=0.0)
    #: The same at other temperatures, between which straight lines are drawn.
    at_temperatures: AtTemperatures | None = None
    devices: dict[str, Device] = {}
    #: Which of the devices is measured; none is the sample as a whole.
    device: str = ""

    @property
    def identity(self) -> str:
        """Name of the sample, and of the device on it, if one was chosen."""
        return f"{self.name}/{self.device}" if self.device else self.name

    @classmethod
    def load(cls, path: Path) -> Sample:
        """Read a sample file.

        Raises
        ------
        StationError
            If it cannot be read; the message names the file and the key.
        """
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise StationError(
                f"{path}: the sample file cannot be read: {error.strerror}; see docs/station.md"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise StationError(f"{path}: this is not TOML: {error}") from error
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise StationError(explain(path, error)) from error

    def at(self, device: str) -> Sample:
        """Return the sample with the geometry of one device of its map.

        Raises
        ------
        StationError
            If there is no such device on the map.
        """
        if device not in self.devices:
            known = ", ".join(self.devices) or "none"
            raise StationError(f"sample {self.name}: no device '{device}' on its map; there are: {known}")
        chosen = self.devices[device].model_dump(include={"strip_width_m", "strip_length_m"}, exclude_none=True)
        # A resistance is of one strip: that of the sample as a whole says nothing about another.
        own = self.devices[device].model_dump(include={"delta_resistance_ohm", "delta_resistance_sigma_ohm"})
        return self.model_copy(update={**chosen, **own, "device": device})

    def largest_current(self) -> tuple[float, str] | None:
        """Return the largest peak current along the strip that every layer stands [A], and why; None if not limited.

        A layer carries ``j = I s / (w t)`` with s its share of the conductance, ``s = (t/rho) / sum(t/rho)``. Where a
        resistivity is missing, all the current is taken to flow in that layer: no current is allowed that might be
        too much.

        Raises
        ------
        StationError
            If a layer has a largest current density and the strip no width.
        """
        limited = [layer for layer in self.stack if layer.max_current_density_A_per_m2 is not None]
        if not limited:
            return None
        if self.strip_width_m is None:
            raise StationError(
                f"sample {self.name}: {limited[0].material} has a max_current_density_A_per_m2, but strip_width_m is"
                " missing: the current it allows is not known"
            )
        sheets_S = [layer.thickness_m / layer.resistivity_ohm_m for layer in self.stack if layer.resistivity_ohm_m]
        shared = len(sheets_S) == len(self.stack)
        found: list[tuple[float, str]] = []
        for layer in limited:
            density_A_per_m2 = layer.max_current_density_A_per_m2 or 0.0
            share = layer.thickness_m / (layer.resistivity_ohm_m or 1.0) / sum(sheets_S) if shared else 1.0
            current_A = density_A_per_m2 * self.strip_width_m * layer.thickness_m / share
            carried = f"carrying {100 * share:.3g} % of it" if shared else "taken to carry all of it"
            found.append((float(f"{current_A:.6g}"), f"{density_A_per_m2:g} A/m^2 in {layer.material}, {carried}"))
        return min(found)
