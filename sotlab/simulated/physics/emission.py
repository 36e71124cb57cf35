"""A spintronic terahertz emitter: from the pump's fluence to the emitted field.

The pump excites spins in the ferromagnet; the spin-orbit layer turns their current into a charge current::

    E(omega) = Z(omega) I(omega),      I = kappa * S * eta * A_NIR * F / (1 + F / F_s) * s(omega)

with Z of :func:`~sotlab.simulated.physics.stack_optics.impedance_ohm`, A_NIR the share of the incident fluence F that
the conducting films absorb, eta the efficiency of the conversion (Co/Pt is 1), and S = +1 if the spin-orbit layer lies
above the ferromagnet, -1 below: spins then flow the other way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.constants import c

from sotlab.errors import StationError
from sotlab.simulated.physics.stack_optics import FREE_SPACE_OHM, Film, impedance_ohm, stack_optics

__all__ = ["Emitter", "Substrate", "pulse_spectrum"]

#: kappa: sheet current per absorbed fluence at eta = 1 [(A/m)/(J/m^2)]. Assumed: Co(2)/Pt(4) then gives 40 V/cm at
#: 18.75 uJ/cm^2.
SHEET_CURRENT_PER_FLUENCE = 5200.0

ROLES = ("ferromagnet", "converter", "spacer", "cap")


@dataclass(frozen=True)
class Substrate:
    """What the films lie on: its index for the pump, and index and thickness for the terahertz field."""

    material: str
    n: float
    k: float
    n_thz: float
    thickness_m: float


@dataclass(frozen=True)
class Emitter:
    """One sample.

    Parameters
    ----------
    name, stack : str
        What it is called, and what it is made of.
    substrate : Substrate
        It takes part in what is emitted, and echoes.
    films : tuple of Film
        From the substrate upwards.
    efficiency : float
        Of the conversion, without its dependence on the thickness; Co/Pt is 1.
    conversion : str
        "iree": at an interface, whatever the thickness t; "ishe": in the bulk, ``tanh(t / l) tanh(t / 2 l)``.
    spin_diffusion_length_m : float
        l of "ishe" [m].
    spacer_transmission : float
        Share of the spin current that passes what lies between ferromagnet and converter.
    even_share : float
        Field that does not depend on the magnetisation, in units of the field that does at saturation.
    c3_share : float
        Amplitude of its part that goes as sin(3 phi) with the sample's azimuth, in the same units.
    coercivity_T, switching_T : float
        Half width of the film's hysteresis loop, and width of the switching itself [T].
    saturation_J_per_m2 : float
        Fluence F_s at which the emission bends [J/m^2].
    """

    name: str
    stack: str
    substrate: Substrate
    films: tuple[Film, ...]
    efficiency: float
    conversion: str = "iree"
    spin_diffusion_length_m: float = 8e-9
    spacer_transmission: float = 1.0
    even_share: float = 0.02
    c3_share: float = 0.03
    coercivity_T: float = 5e-3
    switching_T: float = 2e-3
    saturation_J_per_m2: float = 50.0

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str) -> Emitter:
        """Return the sample that a file describes; ``where`` names the file in errors.

        Raises
        ------
        StationError
            If a value is missing, unknown, no number, or not allowed.
        """
        return _read_emitter(values, f"sample {where}")

    @property
    def converter(self) -> Film:
        """The spin-orbit layer."""
        return next(film for film in self.films if film.role == "converter")

    @property
    def orientation(self) -> int:
        """+1 if the spin-orbit layer lies above the ferromagnet, -1 below."""
        order = [film.role for film in self.films]
        if "ferromagnet" not in order:
            return -1
        return 1 if order.index("converter") > order.index("ferromagnet") else -1

    @property
    def is_magnetic(self) -> bool:
        """Whether there is a ferromagnet: without one only what does not depend on a magnetisation is left."""
        return any(film.role == "ferromagnet" for film in self.films)

    @property
    def conversion_factor(self) -> float:
        """How the conversion depends on the thickness."""
        if self.conversion == "iree":
            return 1.0
        ratio = self.converter.thickness_m / self.spin_diffusion_length_m
        return math.tanh(ratio) * math.tanh(ratio / 2.0)

    @property
    def eta(self) -> float:
        """Emission per absorbed fluence and impedance, in units of Co/Pt's, without its sign."""
        return self.efficiency * self.conversion_factor * self.spacer_transmission

    @property
    def sheet_conductance_S(self) -> float:
        """Of all films together [S]."""
        return sum(film.sheet_conductance_S for film in self.films)

    @property
    def impedance_ohm(self) -> float:
        """Field per sheet current [ohm]."""
        return impedance_ohm(self.sheet_conductance_S, self.substrate.n_thz)

    def absorptance(self, wavelength_m: float) -> float:
        """Return the share of the pump that all films absorb together."""
        index = complex(self.substrate.n, self.substrate.k)
        return sum(stack_optics(self.films, index, wavelength_m).absorptances)

    def field_per_fluence(self, wavelength_m: float) -> float:
        """Return the peak of the emitted field over the incident fluence, for a weak pump [(V/m)/(J/m^2)].

        With the stack's sign, at saturated positive magnetisation. A strong pump gives it times F / (1 + F / F_s).
        """
        current = SHEET_CURRENT_PER_FLUENCE * self.eta * self.absorptance(wavelength_m)
        return self.orientation * current * self.impedance_ohm

    def echo(self, frequency_Hz: np.ndarray) -> np.ndarray:
        """Return by what the substrate's rear face multiplies the spectrum that leaves on the pump's side.

        ``1 + r t q / (1 - r r' q)`` with ``q = exp(i omega 2 n d / c)``, r the reflection at the rear face, t and r'
        the transmission and reflection at the films, seen from the substrate; in the convention exp(-i omega t).
        """
        n, films = self.substrate.n_thz, FREE_SPACE_OHM * self.sheet_conductance_S
        rear = (n - 1.0) / (n + 1.0)
        out = 2.0 * n / (n + 1.0 + films)
        back = (n - 1.0 - films) / (n + 1.0 + films)
        trip = np.exp(2j * np.pi * frequency_Hz * self.echo_delay_s)
        return 1.0 + rear * out * trip / (1.0 - rear * back * trip)

    @property
    def echo_delay_s(self) -> float:
        """Delay of the substrate's first echo, ``2 n d / c`` [s]."""
        return 2.0 * self.substrate.n_thz * self.substrate.thickness_m / c


def pulse_spectrum(frequency_Hz: np.ndarray, pump_fwhm_s: float, relaxation_s: float) -> np.ndarray:
    """Return the spectrum of the sheet current's shape, not normalised, in the convention exp(-i omega t).

    ``-i omega exp(-(omega sigma)^2 / 2) / (1 - i omega T)``: the derivative of a Gaussian pump of the intensity's full
    width at half maximum ``2 sqrt(2 ln 2) sigma``, smeared by a relaxation of the current with the time T.
    """
    omega = 2.0 * np.pi * frequency_Hz
    sigma_s = pump_fwhm_s / math.sqrt(8.0 * math.log(2.0))
    return -1j * omega * np.exp(-((omega * sigma_s) ** 2) / 2.0) / (1.0 - 1j * omega * relaxation_s)


# --- reading a sample file ------------------------------------------------------------------------------------

_FILM = ("material", "role", "thickness_m", "n", "k", "conductivity_S_per_m")
_SUBSTRATE = ("material", "n", "k", "n_thz", "thickness_m")
#: Numbers of a sample, with the smallest and the largest that make sense.
_NUMBERS = {
    "efficiency": (0.0, 1e3),
    "spin_diffusion_length_m": (1e-10, 1e-6),
    "spacer_transmission": (0.0, 1.0),
    "even_share": (-1.0, 1.0),
    "c3_share": (-1.0, 1.0),
    "coercivity_T": (0.0, 10.0),
    "switching_T": (1e-6, 10.0),
    "saturation_J_per_m2": (1e-6, 1e6),
}


def _read_emitter(values: Mapping[str, Any], where: str) -> Emitter:
    known = ("name", "stack", "substrate", "films", "conversion", *_NUMBERS)
    if unknown := sorted(set(values) - set(known)):
        raise StationError(f"{where}: unknown key '{unknown[0]}'; known are {', '.join(known)}")
    if missing := [key for key in ("name", "stack", "substrate", "films", "efficiency") if key not in values]:
        raise StationError(f"{where}: {', '.join(missing)} missing; see the shipped samples")
    conversion = values.get("conversion", "iree")
    if conversion not in ("iree", "ishe"):
        raise StationError(f"{where}: conversion is '{conversion}', allowed are iree and ishe")
    entries = values["films"]
    if not isinstance(entries, list) or not entries:
        raise StationError(f"{where}: films is '{entries}', a list of films from the substrate upwards is wanted")
    films = tuple(_read_film(entry, f"{where}, film {number}") for number, entry in enumerate(entries, 1))
    roles = [film.role for film in films]
    for role, allowed in (("converter", (1,)), ("ferromagnet", (0, 1))):
        if roles.count(role) not in allowed:
            raise StationError(f"{where}: {roles.count(role)} films are a {role}, allowed is {allowed[-1]}")
    return Emitter(
        name=str(values["name"]),
        stack=str(values["stack"]),
        substrate=_read_substrate(values["substrate"], f"{where}, substrate"),
        films=films,
        conversion=conversion,
        **{key: _number(values, key, where, *limits) for key, limits in _NUMBERS.items() if key in values},
    )


def _read_film(entry: Any, where: str) -> Film:
    _check_keys(entry, _FILM, where)
    if entry["role"] not in ROLES:
        raise StationError(f"{where}: role is '{entry['role']}', allowed are {', '.join(ROLES)}")
    return Film(
        str(entry["material"]),
        entry["role"],
        _number(entry, "thickness_m", where, 1e-11, 1e-6),
        _number(entry, "n", where, 1e-3, 20.0),
        _number(entry, "k", where, 0.0, 20.0),
        _number(entry, "conductivity_S_per_m", where, 0.0, 1e9),
    )


def _read_substrate(entry: Any, where: str) -> Substrate:
    _check_keys(entry, _SUBSTRATE, where)
    return Substrate(
        str(entry["material"]),
        _number(entry, "n", where, 1e-3, 20.0),
        _number(entry, "k", where, 0.0, 20.0),
        _number(entry, "n_thz", where, 1.0, 20.0),
        _number(entry, "thickness_m", where, 1e-5, 0.1),
    )


def _check_keys(entry: Any, keys: tuple[str, ...], where: str) -> None:
    if not isinstance(entry, Mapping) or set(entry) != set(keys):
        raise StationError(f"{where}: a table with {', '.join(keys)} is wanted, it is '{entry}'")


def _number(values: Mapping[str, Any], key: str, where: str, low: float, high: float) -> float:
    try:
        value = float(values[key])
    except (TypeError, ValueError):
        value = math.nan
    if not low <= value <= high:
        raise StationError(f"{where}: {key} is '{values[key]}', a number from {low:g} to {high:g} is wanted")
    return value
