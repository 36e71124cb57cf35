"""The emergency stop of the window while a voltmeter hangs: the bench, in another process, says it is safe."""

import os

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
try:
    from sotlab.gui.window import MainWindow
except ImportError as error:
    pytest.skip(f"Qt cannot be loaded: {error}", allow_module_level=True)

pytestmark = pytest.mark.xdist_group("gui")
TIMEOUT_MS = 60_000


def test_the_emergency_stop_switches_off_and_moves_by_hand_are_made_safe(qtbot, served, tmp_path, monkeypatch):
    monkeypatch.setattr("sotlab.gui.measurement.write_page", lambda path, outcome: None)
    text = served.station.read_text(encoding="utf-8")
    served.station.write_text(
        text.replace("\n[roles.voltmeter]\n", "\n[roles.voltmeter]\ntimeout_s = 5\n"), encoding="utf-8"
    )
    window = MainWindow(str(served.station), tmp_path / "runs")
    window.show()
    qtbot.waitUntil(lambda: window.place.simulated is not None, timeout=TIMEOUT_MS)

    by_hand = window.station_view.by_hand
    by_hand.to.setText("20 mT")
    by_hand.buttons["Move"].click()
    qtbot.waitUntil(lambda: not by_hand.background.busy, timeout=TIMEOUT_MS)
    assert by_hand.told.text() == "✓ field: 20 mT set"
    assert served.outputs()["magnet"]["current_set_A"] == pytest.approx(1.0, rel=0.2)  # 0.02 T/A
    by_hand.buttons["Make safe and give back"].click()
    qtbot.waitUntil(lambda: not by_hand.background.busy, timeout=TIMEOUT_MS)
    assert served.is_safe()

    window.form.inputs["start"].edit.setText("50 mT")
    window.start()
    qtbot.waitUntil(lambda: window.plot.count > 1, timeout=TIMEOUT_MS)
    assert not served.is_safe()
    served.lab('LAB:FAULt \'{"device": "voltmeter", "kind": "hang"}\'')
    with qtbot.waitSignal(window.emergency.done, timeout=TIMEOUT_MS) as done:
        window.emergency.click()
    assert done.args[0]["microwave"] is None
    assert served.is_safe()
    assert "all outputs are safe" in window.message.text()
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)  # the driver gives up by its time-out
    window.close()
    assert not window.isVisible()
