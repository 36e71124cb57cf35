"""Bench time for drivers that call time.sleep themselves."""

from __future__ import annotations

import sys
import threading
import time
import types
from collections.abc import Iterator

import pytest

from sotlab.simulated.clock import VirtualClock
from sotlab.simulated.timescope import TimeScope

DRIVER = """
import time
import time as clock_module
from time import monotonic, perf_counter, sleep
from time import time as now

def settle(seconds):
    sleep(seconds)

def settle_by_module(seconds):
    time.sleep(seconds)

def poll(seconds):
    end, turns = now() + seconds, 0
    while now() < end:
        turns += 1
    return turns
"""


@pytest.fixture
def driver() -> Iterator[types.ModuleType]:
    module = types.ModuleType("example_drivers.source")
    exec(DRIVER, module.__dict__)
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


@pytest.fixture
def scope() -> TimeScope:
    return TimeScope(("example_drivers",))


@pytest.fixture
def clock(scope: TimeScope) -> Iterator[VirtualClock]:
    clock = VirtualClock()
    scope.enter(clock)
    scope.use(clock)
    yield clock
    scope.leave(clock)


def test_sleeps_of_a_driver_take_bench_time_only(driver, clock: VirtualClock) -> None:
    wall = time.perf_counter()
    driver.settle(30.0)
    driver.settle_by_module(20.0)
    assert clock.now() == pytest.approx(50.0)
    assert time.perf_counter() - wall < 1.0


def test_a_poll_loop_without_sleep_ends(driver, clock: VirtualClock) -> None:
    turns = driver.poll(0.5)
    assert turns == pytest.approx(0.5 / 50e-6, rel=0.01)


def test_all_four_functions_tell_bench_time(driver, clock: VirtualClock) -> None:
    before = driver.now(), driver.monotonic(), driver.perf_counter(), driver.clock_module.time()
    driver.settle(100.0)
    after = driver.now(), driver.monotonic(), driver.perf_counter(), driver.clock_module.time()
    assert [b - a for a, b in zip(before, after, strict=True)] == pytest.approx([100.0] * 4, abs=1e-3)


def test_the_bench_date_begins_at_the_real_one(driver, clock: VirtualClock) -> None:
    assert driver.now() == pytest.approx(time.time(), abs=5.0)


def test_other_functions_of_the_module_pass_through(driver, clock: VirtualClock) -> None:
    assert driver.time.strftime is time.strftime


def test_everything_is_put_back_when_the_last_bench_closes(driver, scope: TimeScope) -> None:
    one, other = VirtualClock(), VirtualClock()
    scope.enter(one)
    scope.enter(other)
    scope.leave(one)
    assert driver.sleep is not time.sleep
    scope.leave(other)
    assert (driver.sleep, driver.time, driver.now) == (time.sleep, time, time.time)
    assert (driver.monotonic, driver.perf_counter) == (time.monotonic, time.perf_counter)


def test_a_name_that_was_rebound_by_somebody_else_meanwhile_is_left_alone(driver, scope: TimeScope) -> None:
    clock = VirtualClock()
    scope.enter(clock)
    driver.sleep = marker = lambda seconds: None
    scope.leave(clock)
    assert driver.sleep is marker


def test_a_thread_that_never_talked_to_a_bench_gets_real_time(driver, clock: VirtualClock) -> None:
    wall: list[float] = []

    def other_thread() -> None:
        start = time.perf_counter()
        driver.settle(0.03)
        wall.append(time.perf_counter() - start)

    thread = threading.Thread(target=other_thread)
    thread.start()
    thread.join()
    assert wall[0] >= 0.03
    assert clock.now() == 0.0


def test_a_thread_whose_bench_closed_gets_real_time_again(driver, scope: TimeScope) -> None:
    closed, still_open = VirtualClock(), VirtualClock()
    scope.enter(closed)
    scope.enter(still_open)
    scope.use(closed)
    scope.leave(closed)
    assert driver.monotonic() == pytest.approx(time.monotonic(), abs=1.0)
    scope.leave(still_open)


def test_a_driver_imported_later_is_rebound_when_a_session_opens(scope: TimeScope, clock: VirtualClock) -> None:
    late = types.ModuleType("example_drivers.late")
    exec(DRIVER, late.__dict__)
    sys.modules[late.__name__] = late
    try:
        scope.apply()
        late.settle(1000.0)
        assert clock.now() == pytest.approx(1000.0)
    finally:
        del sys.modules[late.__name__]


def test_modules_outside_the_prefixes_are_left_alone(clock: VirtualClock) -> None:
    outside = types.ModuleType("example_drivers_of_another_kind")
    exec(DRIVER, outside.__dict__)
    assert outside.sleep is time.sleep


def test_a_negative_sleep_is_refused_as_the_real_one_does(driver, clock: VirtualClock) -> None:
    with pytest.raises(ValueError, match="non-negative"):
        driver.settle(-1.0)


def test_a_bench_that_is_collected_while_another_opens_does_not_hang_it(monkeypatch):
    """A forgotten resource manager closes its bench in whatever thread happens to make an object, at any moment."""
    forgotten, opening = VirtualClock(), VirtualClock()
    scope = TimeScope(("example_drivers",))
    scope.enter(forgotten)

    class Module:
        __name__ = "example_drivers.collects"

        @property
        def __dict__(self):  # what is looked at while the scope rebinds
            scope.leave(forgotten)
            return {}

    monkeypatch.setitem(sys.modules, "example_drivers.collects", Module())
    done = threading.Thread(target=scope.enter, args=(opening,), daemon=True)
    done.start()
    done.join(10.0)
    assert not done.is_alive()
    scope.leave(opening)
