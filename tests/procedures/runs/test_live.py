"""The live reduction: newest rows, never in the way."""

import threading
import time

from sotlab.procedures.runs.bus import Bus
from sotlab.procedures.runs.live import LiveReduction


def watched(reduce):
    bus, fits = Bus(), []
    bus.subscribe(lambda topic, record: fits.append(record) if topic == "fit" else None)
    return bus, fits, LiveReduction(bus, {"field": "B (T)"}, reduce)


def test_a_slow_reduction_does_not_delay_the_rows():
    released = threading.Event()
    bus, _, live = watched(lambda columns: released.wait(10))
    began = time.perf_counter()
    for k in range(1000):
        bus.publish("results", {"B (T)": float(k)})
    # A thousand rows take a few ms; the reduction is held until all of them are out.
    assert time.perf_counter() - began < 5
    released.set()
    live.close()


def test_rows_that_came_meanwhile_are_reduced_together_and_the_last_ones_always():
    bus, fits, live = watched(lambda columns: len(columns["field"]))
    for k in range(500):
        bus.publish("results", {"B (T)": float(k)})
    live.close()
    assert fits[-1] == 500
    assert len(fits) < 20


def test_a_reduction_that_fails_shows_nothing_and_goes_on():
    def reduce(columns):
        if len(columns["field"]) < 3:
            raise ValueError("too few")
        return len(columns["field"])

    bus, fits, live = watched(reduce)
    bus.publish("results", {"B (T)": 0.0})
    time.sleep(0.05)
    bus.publish("results", {"B (T)": 0.0})
    bus.publish("results", {"B (T)": 0.0})
    live.close()
    assert fits == [3]


def test_nothing_new_is_not_reduced_again():
    bus, fits, live = watched(lambda columns: len(columns["field"]))
    bus.publish("results", {"B (T)": 0.0})
    time.sleep(0.6)
    live.close()
    assert fits == [1]
