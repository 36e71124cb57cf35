"""A film with contacts: its sheet resistance at a temperature, and the resistances between any of its contacts.

Sheet resistance of a film of thickness t: surface scattering in a thick film, and two ways beside each other, metallic
surface states and a bulk that freezes out::

    rho(t)  = rho_0 [1 + 3 l (1 - p) / (8 t)]                                  at the reference temperature T_0
    R_sh(T) = rho / t / g(T),  g(T) = s / [1 + a (T - T_0)] + (1 - s) exp[-(E/k) (1/T - 1/T_0)]

A magnetisation at the angle phi from x adds the anisotropic magnetoresistance ``dR_sh (m.J) m``, a normal field B the
Hall resistance ``R_H B / t``; the current I heats the film, ``T = T_bath + R_th I^2 R``, in the steady state.

References: K. Fuchs, Proc. Camb. Philos. Soc. 34, 100 (1938), thick films; L. J. van der Pauw, see planar.py;
T. McGuire and R. Potter, IEEE Trans. Magn. 11, 1018 (1975), eq. 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from scipy.constants import k, physical_constants
from scipy.optimize import brentq

from sotlab.errors import StationError
from sotlab.simulated.physics.planar import Point, Shape, between, potentials

__all__ = ["Conduction", "Contact", "Film", "Magnetism"]

_EV_J = physical_constants["electron volt"][0]
#: The formula for thick films is good to some percent down to this thickness over the mean free path.
_THICK = 1.0
_COLDEST_K = 1e-3


def _check(what: str, values: dict[str, float], positive: Sequence[str], signed: Sequence[str] = ()) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise StationError(f"{what}: {name} is {value:g}, it must be finite")
        if name not in signed and (value < 0.0 or (value == 0.0 and name in positive)):
            raise StationError(
                f"{what}: {name} is {value:g}, it must be {'above 0' if name in positive else '0 or above'}"
            )


@dataclass(frozen=True)
class Conduction:
    """How a film conducts.

    Parameters
    ----------
    thickness_m : float
        t.
    resistivity_ohm_m : float
        rho_0: of a thick film at the reference temperature.
    scattering_m : float
        l (1 - p): mean free path times the share of diffuse scattering at the surfaces.
    metallic_share : float
        s, 0 to 1: of the conductance at the reference temperature.
    coefficient_per_K : float
        a: relative change of the metallic resistance per kelvin.
    gap_eV : float
        E: activation energy of the other share.
    reference_K : float
        T_0.

    Raises
    ------
    StationError
        If a value is impossible, or the film is too thin for the formula.
    """

    thickness_m: float
    resistivity_ohm_m: float
    scattering_m: float = 0.0
    metallic_share: float = 1.0
    coefficient_per_K: float = 0.0
    gap_eV: float = 0.0
    reference_K: float = 295.0

    def __post_init__(self) -> None:
        values = {one.name: float(getattr(self, one.name)) for one in fields(self)}
        _check("film", values, ("thickness_m", "resistivity_ohm_m", "reference_K"), ("coefficient_per_K",))
        if self.metallic_share > 1.0:
            raise StationError(f"film: metallic_share is {self.metallic_share:g}, it must be 0 to 1")
        if self.thickness_m < _THICK * self.scattering_m:
            raise StationError(
                f"film: thickness_m is {self.thickness_m:g}, below scattering_m {self.scattering_m:g}: too thin for "
                "the formula for thick films"
            )
        if self.coefficient_per_K * self.reference_K >= 1.0:
            raise StationError(
                f"film: coefficient_per_K is {self.coefficient_per_K:g}, nothing would resist at some K; lower it "
                f"below {1.0 / self.reference_K:g}"
            )

    @property
    def reference_ohm_m(self) -> float:
        """Return the film's resistivity at the reference temperature [ohm m]."""
        return self.resistivity_ohm_m * (1.0 + 3.0 * self.scattering_m / (8.0 * self.thickness_m))

    def sheet_ohm(self, temperature_K: float) -> float:
        """Return the sheet resistance [ohm]."""
        temperature_K = max(temperature_K, _COLDEST_K)
        metallic = self.metallic_share / (1.0 + self.coefficient_per_K * (temperature_K - self.reference_K))
        rise = self.gap_eV * _EV_J / k * (1.0 / temperature_K - 1.0 / self.reference_K)
        bulk = (1.0 - self.metallic_share) * math.exp(-rise)
        # A film without a metallic share freezes out: what is left is below any meter.
        return self.reference_ohm_m / self.thickness_m / max(metallic + bulk, 1e-12)


@dataclass(frozen=True)
class Magnetism:
    """A magnetisation in the film's plane with an easy axis along x.

    Parameters
    ----------
    amr : float
        Resistivity along the magnetisation over that across it, less 1.
    anisotropy_T : float
        Field B_k of the easy axis.
    """

    amr: float = 0.0
    anisotropy_T: float = 0.0

    def __post_init__(self) -> None:
        _check("film", {"amr": self.amr, "anisotropy_T": self.anisotropy_T}, (), ("amr",))

    def angle_rad(self, field_T: float, angle_rad: float) -> float:
        """Return the angle of the magnetisation from x, in a field of some strength at an angle from x.

        Torques balance, ``B sin(phi_B - phi) = (B_k / 2) sin 2 phi``, between the field and the end of the easy axis
        that is nearer to it; hysteresis is left out.
        """
        if field_T < 0.0:
            field_T, angle_rad = -field_T, angle_rad + math.pi
        easy_rad = math.pi * round(angle_rad / math.pi)
        away_rad = angle_rad - easy_rad
        if self.anisotropy_T == 0.0 or away_rad == 0.0:
            return angle_rad if field_T else easy_rad

        def torque_T(phi: float) -> float:
            return field_T * math.sin(away_rad - phi) - self.anisotropy_T / 2.0 * math.sin(2.0 * phi)

        ends = sorted((0.0, away_rad))
        if torque_T(ends[0]) * torque_T(ends[1]) >= 0.0:  # no field, or exactly across the axis and strong
            return easy_rad + (0.0 if field_T < self.anisotropy_T else away_rad)
        return easy_rad + float(brentq(torque_T, *ends, xtol=1e-12))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Contact:
    """A contact to the film.

    Parameters
    ----------
    at_m : (float, float)
        Where it is, from the middle of the film.
    radius_m : float
        How large: counts in two-terminal resistances.
    contact_ohm : float
        Between the wire and the film.
    """

    at_m: Point
    radius_m: float
    contact_ohm: float = 0.0

    def __post_init__(self) -> None:
        values = {"radius_m": self.radius_m, "contact_ohm": self.contact_ohm}
        _check("contact", values, ("radius_m",))


@dataclass(frozen=True)
class Film:
    """A film, its contacts, and what kills it.

    Parameters
    ----------
    shape : Shape
    contacts : sequence of Contact
        Numbered from 1.
    conduction : Conduction
    magnetism : Magnetism
    hall_m3_per_C : float
        R_H: positive for positive carriers. With the current along +x and the field along +z, then the side at -y is
        at the higher potential.
    width_m : float
        Of the narrowest place that the current passes; only the current density depends on it.
    most_A_per_m2 : float
        Current density above which the film dies.
    most_K : float
        Temperature above which it dies too.
    dead_ratio : float
        Resistance after that over the one before, above 1; infinite for a film that is broken.
    heating_K_per_W : float
        R_th: thermal resistance to the bath.
    flicker_per_rtHz : float
        Density of the resistance's relative fluctuation at 1 Hz [1/rtHz]; its square falls as 1/f.
    """

    shape: Shape
    contacts: tuple[Contact, ...]
    conduction: Conduction
    magnetism: Magnetism = Magnetism()
    hall_m3_per_C: float = 0.0
    width_m: float = 1e-4
    most_A_per_m2: float = 1e11
    most_K: float = 800.0
    dead_ratio: float = math.inf
    heating_K_per_W: float = 0.0
    flicker_per_rtHz: float = 0.0
    _spread: np.ndarray = field(init=False, repr=False, compare=False)
    _between: np.ndarray = field(init=False, repr=False, compare=False)
    _at_m: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = ("width_m", "most_A_per_m2", "most_K", "heating_K_per_W", "flicker_per_rtHz", "hall_m3_per_C")
        values = {name: float(getattr(self, name)) for name in names}
        _check("film", values, ("width_m", "most_A_per_m2", "most_K"), ("hall_m3_per_C",))
        if not self.dead_ratio > 1.0:
            raise StationError(f"film: dead_ratio is {self.dead_ratio:g}, it must be above 1")
        if not 2 <= len(self.contacts) <= 8:
            raise StationError(f"film: {len(self.contacts)} contacts, 2 to 8 are allowed")
        places = [contact.at_m for contact in self.contacts]
        for number, contact in enumerate(self.contacts, 1):
            if not self.shape.holds(contact.at_m):
                raise StationError(f"film: contact {number} at {contact.at_m} m lies outside the film; move it onto it")
            nearest_m = min(math.dist(contact.at_m, other) for i, other in enumerate(places, 1) if i != number)
            if contact.radius_m >= nearest_m / 2.0:
                raise StationError(
                    f"film: contact {number} has radius_m {contact.radius_m:g}, its neighbour is {nearest_m:g} m away; "
                    f"it must be below {nearest_m / 2.0:g}"
                )
        object.__setattr__(self, "_spread", potentials(self.shape, places, [one.radius_m for one in self.contacts]))
        object.__setattr__(self, "_between", between(self.shape, places))
        object.__setattr__(self, "_at_m", np.array(places))

    @property
    def most_A(self) -> float:
        """Return the current above which the film dies [A]."""
        return self.most_A_per_m2 * self.width_m * self.conduction.thickness_m

    def hall_ohm(self, normal_T: float) -> float:
        """Return the Hall resistance in a field along the film's normal [ohm]."""
        return self.hall_m3_per_C * normal_T / self.conduction.thickness_m

    def resistances(self, temperature_K: float, normal_T: float = 0.0, magnetisation_rad: float = 0.0) -> np.ndarray:
        """Return the contacts' potentials per current into each of them, (n, n) [ohm], up to a constant of each column.

        The magnetoresistance is exact where one of the two currents, the one that flows or that of the reciprocal
        measurement, is uniform over the film, as in a Hall bar; elsewhere it is the film's mean.
        """
        sheet_ohm = self.conduction.sheet_ohm(temperature_K)
        found = sheet_ohm * self._spread + self.hall_ohm(normal_T) * self._between
        if self.magnetism.amr:
            along_m = self._at_m @ np.array([math.cos(magnetisation_rad), math.sin(magnetisation_rad)])
            found = found + self.magnetism.amr * sheet_ohm / self.shape.area_m2 * np.outer(along_m, along_m)
        return found

    def resistance_ohm(
        self,
        current: tuple[int, int],
        voltage: tuple[int, int],
        temperature_K: float,
        normal_T: float = 0.0,
        magnetisation_rad: float = 0.0,
    ) -> float:
        """Return the voltage between two contacts per current from one contact to another [ohm]."""
        found = self.resistances(temperature_K, normal_T, magnetisation_rad)
        (i, j), (n, m) = (tuple(number - 1 for number in pair) for pair in (current, voltage))
        return float(found[n, i] - found[n, j] - found[m, i] + found[m, j])
