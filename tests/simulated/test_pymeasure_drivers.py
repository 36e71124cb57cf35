"""PyMeasure's own drivers, unmodified, on every property that they have: the tests are read out of the drivers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .driver_suite import Case, Opened, made_properties, try_excepted, try_property, written_by_hand
from .pymeasure_drivers import PAIRS


def full(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


MADE = [
    (key, path, made)
    for key, pair in PAIRS.items()
    for path, cls in pair.classes().items()
    for made in made_properties(cls)
    if full(path, made.name) not in pair.excepted
]
DOINGS = [(key, name) for key, pair in PAIRS.items() for name in pair.doings]
EXCEPTED = [(key, name) for key, pair in PAIRS.items() for name in pair.excepted]


def grouped(entries: list[tuple], *names: str) -> list:
    """Return test parameters, those of one driver in one group, so that one worker opens its lab once."""
    return [
        pytest.param(*entry, marks=pytest.mark.xdist_group(entry[0]), id=f"{entry[0]}-{name}")
        for entry, name in zip(entries, names, strict=True)
    ]


@pytest.fixture(scope="module")
def open_pairs() -> Iterator[dict[str, Opened]]:
    """The drivers that were opened so far; a property's test begins with the instrument's defaults."""
    found: dict[str, Opened] = {}
    yield found
    for one in found.values():
        one.close()


def begun(open_pairs: dict[str, Opened], key: str) -> Opened:
    if key not in open_pairs:
        open_pairs[key] = Opened(PAIRS[key])
    open_pairs[key].begin()
    return open_pairs[key]


@pytest.mark.parametrize(("key", "path", "made"), grouped(MADE, *(full(path, made.name) for _, path, made in MADE)))
def test_a_property_reads_and_reads_back_what_was_set(open_pairs, key, path, made) -> None:
    case = PAIRS[key].cases.get(full(path, made.name), Case())
    try_property(begun(open_pairs, key), path, made, case)


@pytest.mark.parametrize(("key", "name"), grouped(DOINGS, *(name for _, name in DOINGS)))
def test_a_method_does_what_it_says(key, name) -> None:
    one = Opened(PAIRS[key])
    try:
        PAIRS[key].doings[name](one.driver, one.lab)
        one.check()
    finally:
        one.close()


@pytest.mark.parametrize(("key", "name"), grouped(EXCEPTED, *(name for _, name in EXCEPTED)))
def test_an_exception_is_one(open_pairs, key, name) -> None:
    path, _, last = name.rpartition(".")
    pair = PAIRS[key]
    try_excepted(begun(open_pairs, key), path, last, pair.classes()[path], pair.cases.get(name, Case()))


@pytest.mark.parametrize("key", PAIRS)
def test_every_property_and_method_of_a_driver_is_tried_or_excepted(key) -> None:
    pair = PAIRS[key]
    made, by_hand = set(), set()
    for path, cls in pair.classes().items():
        made |= {full(path, one.name) for one in made_properties(cls)}
        by_hand |= {full(path, name) for name in written_by_hand(cls)}
    assert made & set(pair.doings) == set(), "these are tried as properties"
    assert by_hand - set(pair.doings) - set(pair.excepted) == set(), "neither tried nor excepted"
    assert set(pair.doings) & set(pair.excepted) == set()
    assert (set(pair.doings) | set(pair.excepted) | set(pair.cases)) - made - by_hand == set(), "the driver has none"
    assert all(reason for reason in pair.excepted.values())
