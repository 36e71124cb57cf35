"""Pause, skip, emergency stop: what they do to the run, and that the last one needs no driver that answers."""

import json
import threading

import pytest

from sotlab.gui.states import State
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

pytestmark = pytest.mark.usefixtures("no_reports")
TIMEOUT_MS = 60_000
hang = threading.Event()


class Hangs(STFMRFieldSweep):
    """A sweep whose voltmeter hangs at its third point, until the test lets it go."""

    def measure(self, point, bench):
        if point.index == 2:
            hang.wait(30.0)
        return super().measure(point, bench)


@pytest.fixture
def hanging():
    hang.clear()
    yield hang
    hang.set()


def journal(window):
    lines = window.measurement.run.folder.journal.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_run_is_paused_a_point_skipped_and_it_goes_on(qtbot, open_window):
    window = open_window("virtual:stfmr?seed=0&clock=20")
    for name, text in {"start": "50 mT", "stop": "60 mT", "points": "11"}.items():
        window.form.inputs[name].edit.setText(text)
    window.start()
    qtbot.waitUntil(lambda: window.plot.count >= 2, timeout=TIMEOUT_MS)
    window.pause_action.trigger()
    assert (window.state, window.pause_action.text()) == (State.PAUSED, "&Go on")
    assert window.light.text.text() == "paused"
    # The point in flight may still come; then nothing does.
    qtbot.waitUntil(lambda: any(event["event"] == "pause" for event in journal(window)), timeout=TIMEOUT_MS)
    qtbot.waitUntil(lambda: window.measurement.news.empty(), timeout=TIMEOUT_MS)
    held = window.plot.count
    skipped = window.measurement.next_index(in_flight=False)
    window.skip_action.trigger()
    qtbot.wait(300)
    assert window.plot.count == held
    with qtbot.waitSignal(window.ended, timeout=TIMEOUT_MS) as ended:
        window.pause_action.trigger()
    assert (ended.args[0].status, ended.args[0].rows) == ("Finished", 10)
    assert next(event["index"] for event in journal(window) if event["event"] == "skip") == skipped
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)


def test_an_emergency_stop_switches_off_while_a_driver_hangs(qtbot, open_window, hanging):
    window = open_window(procedure_class=Hangs)
    window.start()
    qtbot.waitUntil(lambda: window.plot.count == 2, timeout=TIMEOUT_MS)
    assert window.emergency.isEnabled()
    with qtbot.waitSignal(window.emergency.done, timeout=10_000) as done:
        window.emergency_action.trigger()
        assert window.state is State.EMERGENCY
    assert set(done.args[0]) == {"microwave", "field", "azimuth"}
    assert (done.args[0]["microwave"], done.args[0]["field"]) == (None, None)
    assert "✓ microwave: safe" in window.emergency.outcome.informativeText()
    assert window.measurement.active  # the driver still hangs, and the window does not
    assert window.busy
    hanging.set()
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)
    assert window.state is State.ABORTED
    assert "emergency stop" in window.message.text().lower()
    stopped = next(event for event in journal(window) if event["event"] == "emergency_stop")
    assert stopped["outputs"]["microwave"] is None


def test_an_emergency_stop_with_no_run_makes_the_station_safe(qtbot, open_window):
    window = open_window()
    with qtbot.waitSignal(window.emergency.done, timeout=10_000) as done:
        window.emergency.click()
    assert done.args[0]["microwave"] is None
    assert window.state is State.IDLE


def test_outputs_that_an_emergency_stop_could_not_reach_are_named(qtbot, open_window, monkeypatch):
    from sotlab.errors import InstrumentError
    from sotlab.instruments.kepco_bop import Electromagnet

    def fail(self):
        raise InstrumentError("field: no answer")

    monkeypatch.setattr(Electromagnet, "make_safe", fail)
    window = open_window()
    with qtbot.waitSignal(window.emergency.done, timeout=10_000):
        window.emergency.click()
    assert "✗ field: NOT SAFE: field: no answer" in window.emergency.outcome.informativeText()
    assert window.message.text().startswith("EMERGENCY STOP: NOT SAFE: field")


def test_the_window_beats_on_while_a_driver_hangs(qtbot, open_window, hanging, lateness):
    """Whatever waits for an instrument waits in another thread: in one second of waiting there are many beats."""
    window = open_window(procedure_class=Hangs)
    window.start()
    qtbot.waitUntil(lambda: window.plot.count == 2, timeout=TIMEOUT_MS)
    window.stop()
    lateness.clear()
    qtbot.wait(1000)
    assert len(lateness) > 20  # 200 on a machine that has nothing else to do
    hanging.set()
