"""Reads the sample files of the bench ``transport``: a film, its contacts, and how they are wired without a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sotlab.errors import StationError
from sotlab.simulated.benches.bench import number, read_sample
from sotlab.simulated.physics.film import Conduction, Contact, Film, Magnetism
from sotlab.simulated.physics.planar import Disk, Rectangle, Shape

__all__ = ["WiredFilm", "load_film"]

_CONDUCTION = (
    "resistivity_ohm_m", "scattering_m", "metallic_share", "coefficient_per_K", "gap_eV", "reference_K",
)  # fmt: skip
_FILM = ("hall_m3_per_C", "width_m", "most_A_per_m2", "most_K", "dead_ratio", "heating_K_per_W", "flicker_per_rtHz")
_MAGNETISM = ("amr", "anisotropy_T")
_NEEDED = ("shape", "contacts", "direct", "thicknesses_nm", "resistivity_ohm_m", "width_m")
_KNOWN = {"name", "stack", *_NEEDED, *_CONDUCTION, *_FILM, *_MAGNETISM}
_SHAPES: dict[str, tuple[type, tuple[str, ...], tuple[str, ...]]] = {
    "rectangle": (Rectangle, ("length_m", "width_m"), ("anisotropy",)),
    "disk": (Disk, ("diameter_m",), ()),
}
_CONTACT = ("x_m", "y_m", "radius_m", "contact_ohm")
#: What ``direct:`` names: the lines I+, I-, V+, V- in this order.
_LINES = ("current", "voltage")


@dataclass(frozen=True)
class WiredFilm:
    """A film with its contacts.

    Parameters
    ----------
    film : Film
    direct : tuple of int
        Relays, as ``100 line + contact``, that stand for the wires where there is no matrix.
    """

    film: Film
    direct: tuple[int, ...]

    @property
    def current(self) -> tuple[int, int]:
        """Return the contacts that I+ and I- lead to."""
        return self.direct[0] % 100, self.direct[1] % 100

    @property
    def voltage(self) -> tuple[int, int]:
        """Return the contacts that V+ and V- lead to."""
        return self.direct[2] % 100, self.direct[3] % 100


def load_film(name: str, thickness_nm: float | None = None) -> WiredFilm:
    """Return the film of a sample file, shipped or any other, in one of its thicknesses; without one the first.

    Raises
    ------
    StationError
        If there is no such file, it does not describe a film, or it has no such thickness.
    """
    values, where = read_sample(name), f"sample {name}"
    if unknown := sorted(set(values) - _KNOWN):
        raise StationError(f"{where}: unknown key '{unknown[0]}'; known are {', '.join(sorted(_KNOWN))}")
    if missing := [key for key in _NEEDED if key not in values]:
        raise StationError(f"{where}: {', '.join(missing)} missing; see the shipped samples of this bench")
    listed = values["thicknesses_nm"]
    if not isinstance(listed, list) or not listed:
        raise StationError(f"{where}: thicknesses_nm is '{listed}', a list of numbers is wanted")
    thicknesses_nm = [number(where, "thicknesses_nm", one) for one in listed]
    chosen_nm = thicknesses_nm[0] if thickness_nm is None else thickness_nm
    if chosen_nm not in thicknesses_nm:
        allowed = ", ".join(f"{one:g}" for one in thicknesses_nm)
        raise StationError(f"{where}: thickness_nm {chosen_nm:g} asked, it has {allowed}")

    def numbers(keys: tuple[str, ...]) -> dict[str, float]:
        return {key: _number(where, key, values[key]) for key in keys if key in values}

    contacts = _contacts(values["contacts"], where)
    try:
        film = Film(
            shape=_shape(values["shape"], where),
            contacts=contacts,
            conduction=Conduction(thickness_m=chosen_nm * 1e-9, **numbers(_CONDUCTION)),
            magnetism=Magnetism(**numbers(_MAGNETISM)),
            **numbers(_FILM),
        )
    except StationError as problem:
        raise StationError(f"{where}: {problem}") from None
    return WiredFilm(film, _direct(values["direct"], len(contacts), where))


def _number(where: str, key: str, value: Any) -> float:
    """Return a number; only dead_ratio may be infinite."""
    return float("inf") if key == "dead_ratio" and str(value) in ("inf", ".inf") else number(where, key, value)


def _table(value: Any, where: str, wanted: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, float]:
    """Return the numbers of a table that must have some keys and may have others."""
    if not isinstance(value, Mapping):
        raise StationError(f"{where}: is '{value}', a table of {', '.join(wanted + optional)} is wanted")
    if unknown := sorted(map(str, set(value) - set(wanted) - set(optional))):
        raise StationError(f"{where}: unknown key '{unknown[0]}'; known are {', '.join(wanted + optional)}")
    if missing := [key for key in wanted if key not in value]:
        raise StationError(f"{where}: {', '.join(missing)} missing")
    return {key: number(where, key, value[key]) for key in (*wanted, *optional) if key in value}


def _shape(value: Any, where: str) -> Shape:
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if kind not in _SHAPES:
        raise StationError(f"{where}, shape: kind is '{kind}', allowed are {', '.join(_SHAPES)}")
    make, wanted, optional = _SHAPES[kind]
    return make(**_table({k: v for k, v in value.items() if k != "kind"}, f"{where}, shape", wanted, optional))


def _contacts(value: Any, where: str) -> tuple[Contact, ...]:
    if not isinstance(value, Mapping) or sorted(value, key=str) != list(range(1, len(value) + 1)):
        raise StationError(f"{where}: contacts must be a table of the contacts 1, 2, 3, ... in turn")
    found = []
    for key in range(1, len(value) + 1):
        table = _table(value[key], f"{where}, contact {key}", _CONTACT[:3], _CONTACT[3:])
        found.append(Contact((table["x_m"], table["y_m"]), table["radius_m"], table.get("contact_ohm", 0.0)))
    return tuple(found)


def _direct(value: Any, count: int, where: str) -> tuple[int, ...]:
    pairs = [value.get(line) for line in _LINES] if isinstance(value, Mapping) else [None]
    channels: list[int] = []
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not all(one in range(1, count + 1) for one in pair):
            raise StationError(
                f"{where}: direct is '{value}', wanted are current: [plus, minus] and voltage: [plus, minus] with "
                f"contacts from 1 to {count}"
            )
        channels += [100 * (len(channels) + 1) + pair[0], 100 * (len(channels) + 2) + pair[1]]
    return tuple(channels)
