"""Virtual and scaled time."""

from __future__ import annotations

import inspect
import re
import threading
import time
from pathlib import Path

import pytest

from sotlab.clock import Clock
from sotlab.simulated.clock import ClockStoppedError, ScaledClock, VirtualClock


def run_threads(*targets) -> None:
    threads = [threading.Thread(target=target, name=target.__name__, daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()


def registered(clock: VirtualClock, ready: threading.Barrier, action):
    """Make a thread that registers, waits until all have, and acts."""

    def run() -> None:
        clock.register()
        ready.wait()  # time cannot move before all have registered
        try:
            action()
        finally:
            clock.unregister()

    return run


@pytest.mark.parametrize("clock", [VirtualClock(), ScaledClock(10.0)])
def test_both_clocks_are_clocks_of_the_contract(clock: Clock) -> None:
    assert isinstance(clock, Clock)


def test_a_long_virtual_sleep_takes_no_wall_time() -> None:
    clock, start = VirtualClock(), time.perf_counter()
    clock.sleep(36000.0)
    assert clock.now() == 36000.0
    assert time.perf_counter() - start < 0.5


def test_waiting_for_the_past_returns_at_once_and_time_stays() -> None:
    clock = VirtualClock()
    clock.sleep(10.0)
    clock.wait_until(3.0)
    clock.sleep(-5.0)
    assert clock.now() == 10.0


def test_a_virtual_sleep_that_should_not_begin_does_not() -> None:
    clock = VirtualClock()
    clock.sleep(100.0, should_stop=lambda: True)
    assert clock.now() == 0.0


def test_two_sleeping_threads_do_not_run_time_twice_as_fast() -> None:
    clock, ready = VirtualClock(), threading.Barrier(2)
    seen: dict[str, list[float]] = {"a": [], "b": []}

    def sleeper(name: str, step_s: float):
        def action() -> None:
            for _ in range(60):
                clock.sleep(step_s)
                seen[name].append(clock.now())

        return registered(clock, ready, action)

    run_threads(sleeper("a", 1.0), sleeper("b", 2.0))
    assert seen["a"] == pytest.approx([float(n) for n in range(1, 61)])
    assert seen["b"] == pytest.approx([2.0 * n for n in range(1, 61)])
    assert clock.now() == pytest.approx(120.0)


def test_registered_threads_run_in_the_same_order_every_time() -> None:
    def history() -> list[tuple[float, str]]:
        clock, ready, log = VirtualClock(), threading.Barrier(3), []

        def worker(name: str, step_s: float):
            def action() -> None:
                clock.wait_until(1.0 + step_s / 10)  # all sleep before the first acts
                for _ in range(30):
                    clock.sleep(step_s)
                    clock.cost(2e-3)
                    log.append((round(clock.now(), 9), name))

            return registered(clock, ready, action)

        run_threads(worker("a", 0.3), worker("b", 0.7), worker("c", 1.1))
        return log

    first = history()
    assert len(first) == 90
    assert first == sorted(first, key=lambda entry: entry[0])
    assert all(history() == first for _ in range(5))


def test_cost_lets_time_pass_and_wakes_nobody() -> None:
    clock = VirtualClock()
    clock.cost(2e-3)
    clock.cost(3e-3)
    assert clock.now() == pytest.approx(5e-3)


def test_an_idle_thread_lets_the_others_time_go_on() -> None:
    clock, ready, answered = VirtualClock(), threading.Barrier(2), threading.Event()

    def wait_for_answer() -> None:
        with clock.idle():
            assert answered.wait(10)

    def work_and_answer() -> None:
        clock.sleep(50.0)
        answered.set()

    run_threads(registered(clock, ready, wait_for_answer), registered(clock, ready, work_and_answer))
    assert clock.now() == 50.0


def test_the_watchdog_names_the_thread_that_stops_time() -> None:
    clock, blocked, raised = VirtualClock(watchdog_s=0.2), threading.Event(), []

    def greedy() -> None:
        clock.register()
        blocked.set()
        release.wait(10)
        clock.unregister()

    def sleeper() -> None:
        clock.register()
        assert blocked.wait(10)
        try:
            clock.sleep(1.0)
        except ClockStoppedError as problem:
            raised.append(str(problem))
        finally:
            clock.unregister()
            release.set()

    release = threading.Event()
    run_threads(greedy, sleeper)
    assert len(raised) == 1
    where = re.search(r"thread 'greedy' at (.+):(\d+) for (\d+\.\d) s", raised[0])
    assert where is not None, raised[0]
    assert Path(where[1]).name == Path(__file__).name
    assert inspect.getsourcelines(greedy)[1] + 3 == int(where[2])  # the line that blocks, not threading's own
    assert 0.2 <= float(where[3]) < 10
    assert "clock.idle()" in raised[0]
    assert "\n" not in raised[0]


def test_a_registered_thread_that_died_does_not_stop_time() -> None:
    clock = VirtualClock(watchdog_s=5.0)
    run_threads(clock.register)  # registers and ends
    clock.register()
    clock.sleep(3.0)
    clock.unregister()
    assert clock.now() == 3.0


def test_a_stop_is_seen_while_another_thread_keeps_time() -> None:
    clock, stop = VirtualClock(), threading.Event()
    clock.register()  # this thread keeps time and does not sleep
    asleep = threading.Thread(target=lambda: clock.sleep(10.0, should_stop=stop.is_set), daemon=True)
    asleep.start()
    stop.set()
    asleep.join(timeout=5)
    assert not asleep.is_alive()
    assert clock.now() == 0.0
    clock.unregister()


def test_registering_may_be_nested() -> None:
    clock = VirtualClock(watchdog_s=0.1)
    clock.register()
    clock.register()
    clock.unregister()
    other: list[str] = []

    def sleeper() -> None:
        try:
            clock.sleep(1.0)
        except ClockStoppedError as problem:
            other.append(str(problem))

    run_threads(sleeper)
    assert "'MainThread'" in other[0]
    clock.unregister()
    clock.sleep(1.0)
    assert clock.now() == 1.0


def test_two_unregistered_sleepers_are_woken_in_the_order_of_their_times() -> None:
    clock, order, ready = VirtualClock(), [], threading.Barrier(3)
    clock.register()

    def sleeper(name: str, time_s: float):
        def run() -> None:
            ready.wait()
            clock.wait_until(time_s)
            order.append((name, clock.now()))

        return run

    threads = [threading.Thread(target=sleeper(*pair), daemon=True) for pair in (("late", 2.0), ("early", 1.0))]
    for thread in threads:
        thread.start()
    ready.wait()
    while len(clock._sleepers) < 2:  # both are asleep
        time.sleep(0.001)
    clock.unregister()
    for thread in threads:
        thread.join(timeout=5)
    assert order == [("early", 1.0), ("late", 2.0)]


def test_scaled_time_runs_by_its_factor() -> None:
    clock = ScaledClock(1000.0)
    start, wall = clock.now(), time.perf_counter()
    clock.sleep(20.0)
    elapsed = time.perf_counter() - wall
    assert clock.now() - start >= 20.0
    assert 0.015 < elapsed < 1.0


def test_a_scaled_sleep_stops_within_its_check_interval() -> None:
    clock, wall = ScaledClock(1.0), time.monotonic()
    clock.sleep(30.0, should_stop=lambda: time.monotonic() - wall > 0.01)
    assert time.monotonic() - wall < 1.0


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_a_factor_that_makes_no_sense_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(factor)
