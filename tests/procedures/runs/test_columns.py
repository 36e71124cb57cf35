"""Live rows as columns: exact, growing, and never changing under who looks at them."""

import numpy as np

from sotlab.procedures.runs.bus import Bus
from sotlab.procedures.runs.columns import ROOM, LiveColumns


def test_rows_become_columns_and_a_look_is_not_changed_by_what_comes(tmp_path):
    bus = Bus()
    live = LiveColumns(bus, ["A (V)", "B (V)"], rows=[{"A (V)": -1.0, "B (V)": 0.5}])
    for k in range(ROOM - 2):
        bus.publish("results", {"A (V)": k / 3, "B (V)": k, "C (V)": 9.0})
    bus.publish("progress", 50.0)
    early = live.arrays()
    for k in range(3 * ROOM):
        bus.publish("results", {"A (V)": 1e3 + k, "B (V)": None})
    late = live.arrays()
    assert len(early["A (V)"]) == ROOM - 1
    assert len(late["A (V)"]) == len(live) == 4 * ROOM - 1
    assert np.array_equal(early["A (V)"], late["A (V)"][: ROOM - 1])
    assert early["A (V)"][0] == -1.0
    assert np.array_equal(early["A (V)"][1:], np.arange(ROOM - 2) / 3)
    assert np.isnan(late["B (V)"][ROOM:]).all()


def test_what_is_no_number_or_missing_is_nan():
    bus = Bus()
    live = LiveColumns(bus, ["A (V)", "B (V)"])
    bus.publish("results", {"A (V)": "array:3"})
    bus.publish("results", {"A (V)": "2.5", "B (V)": 1})
    assert np.isnan(live.arrays()["A (V)"][0])
    assert np.isnan(live.arrays()["B (V)"][0])
    assert live.arrays()["A (V)"][1] == 2.5
    live.close()
    bus.publish("results", {"A (V)": 1.0, "B (V)": 1.0})
    assert len(live) == 2
