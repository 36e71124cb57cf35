"""Carries out what is tried of each driver, and notes which commands of the instrument that reaches."""

from __future__ import annotations

from .driver_suite import Case, Opened, made_properties, recording, try_property
from .pymeasure_drivers import PAIRS

__all__ = ["DOINGS", "EXCEPTED", "MADE", "REACHED", "begun", "full", "reach_all", "use_method", "use_property"]


def full(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


MADE = {
    (key, full(path, made.name)): (path, made)
    for key, pair in PAIRS.items()
    for path, cls in pair.classes().items()
    for made in made_properties(cls)
    if full(path, made.name) not in pair.excepted
}
DOINGS = [(key, name) for key, pair in PAIRS.items() for name in pair.doings]
EXCEPTED = [(key, name) for key, pair in PAIRS.items() for name in pair.excepted]
#: What each of these did, by driver and name: the commands of the instrument that it reached.
REACHED: dict[tuple[str, str], set[str]] = {}


def begun(open_pairs: dict[str, Opened], key: str) -> Opened:
    if key not in open_pairs:
        open_pairs[key] = Opened(PAIRS[key])
    open_pairs[key].begin()
    return open_pairs[key]


def use_property(open_pairs: dict[str, Opened], key: str, name: str) -> None:
    one = begun(open_pairs, key)
    with recording(one.device) as reached:
        try_property(one, *MADE[key, name], PAIRS[key].cases.get(name, Case()))
    REACHED[key, name] = reached


def use_method(key: str, name: str) -> None:
    one = Opened(PAIRS[key])
    try:
        with recording(one.device) as reached:
            PAIRS[key].doings[name](one.driver, one.lab)
            one.check()
    finally:
        one.close()
    REACHED[key, name] = reached


def reach_all(open_pairs: dict[str, Opened], resource: str) -> set[str]:
    """Return the commands of an instrument that the drivers reach; what was not yet tried in this process is."""
    found: set[str] = set()
    for key, name in [*MADE, *DOINGS]:
        if PAIRS[key].resource == resource:
            if (key, name) not in REACHED:
                use_property(open_pairs, key, name) if (key, name) in MADE else use_method(key, name)
            found |= REACHED[key, name]
    return found
