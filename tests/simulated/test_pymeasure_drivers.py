"""PyMeasure's own drivers, unmodified, on every property that they have: the tests are read out of the drivers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from .driver_runs import DOINGS, EXCEPTED, MADE, begun, full, use_method, use_property
from .driver_suite import Case, Opened, made_properties, try_excepted, written_by_hand
from .pymeasure_drivers import PAIRS


def grouped(entries: Iterable[tuple[str, str]]) -> list:
    """Return test parameters, those of one instrument in one group, so that one worker opens its lab once."""
    return [
        pytest.param(*entry, marks=pytest.mark.xdist_group(PAIRS[entry[0]].resource), id="-".join(entry))
        for entry in entries
    ]


@pytest.fixture(scope="module")
def open_pairs() -> Iterator[dict[str, Opened]]:
    """The drivers that were opened so far; a property's test begins with the instrument's defaults."""
    found: dict[str, Opened] = {}
    yield found
    for one in found.values():
        one.close()


@pytest.mark.parametrize(("key", "name"), grouped(MADE))
def test_a_property_reads_and_reads_back_what_was_set(open_pairs, key, name) -> None:
    use_property(open_pairs, key, name)


@pytest.mark.parametrize(("key", "name"), grouped(DOINGS))
def test_a_method_does_what_it_says(key, name) -> None:
    use_method(key, name)


@pytest.mark.parametrize(("key", "name"), grouped(EXCEPTED))
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
