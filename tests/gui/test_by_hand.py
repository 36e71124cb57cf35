"""Moves by hand, the contact check and the log."""

import logging

import pytest

from sotlab.errors import LimitError, UsageError
from sotlab.gui.qt import QtWidgets
from sotlab.procedures.runs.manual import ManualBench

pytestmark = pytest.mark.usefixtures("no_reports")
TIMEOUT_MS = 60_000


def wait(qtbot, by_hand):
    qtbot.waitUntil(lambda: not by_hand.background.busy, timeout=TIMEOUT_MS)
    return by_hand.told.text()


def move(qtbot, window, role, to):
    by_hand = window.station_view.by_hand
    by_hand.role.setCurrentText(role)
    by_hand.to.setText(to)
    by_hand.buttons["Move"].click()
    return wait(qtbot, by_hand)


def test_a_role_is_moved_within_its_limits_and_made_safe_when_given_back(qtbot, open_window):
    window = open_window()
    by_hand = window.station_view.by_hand
    window.tabs.setCurrentWidget(window.station_view)
    assert [by_hand.role.itemText(k) for k in range(by_hand.role.count())] == ["field", "azimuth"]
    assert move(qtbot, window, "field", "20 mT") == "✓ field: 20 mT set"
    assert move(qtbot, window, "azimuth", "30 deg").startswith("✓ azimuth: 30")
    text = move(qtbot, window, "field", "2 T")
    assert text.startswith("✗ field: field of 2 T asked, allowed -380 mT to 380 mT")
    assert "does not fit" in move(qtbot, window, "field", "2 GHz")
    assert not window.start_action.isEnabled()  # the bench is held
    assert not window.place.station_box.isEnabled()
    assert not window.station_view.ask.isEnabled()
    with qtbot.waitSignal(window.emergency.done, timeout=TIMEOUT_MS) as done:
        window.emergency.click()
    assert done.args[0]["field"] is None
    by_hand.buttons["Make safe and give back"].click()
    assert "safe: field" in wait(qtbot, by_hand)
    assert window.start_action.isEnabled()
    assert window.place.station_box.isEnabled()


def test_a_contact_check_says_the_resistance(qtbot, open_window):
    window = open_window()
    window.station_view.by_hand.buttons["Contact check"].click()
    text = wait(qtbot, window.station_view.by_hand)
    assert text.startswith("✓ source_meter: ")
    assert " ohm at 10 µA" in text


def test_closing_gives_the_bench_back(qtbot, open_window):
    window = open_window()
    move(qtbot, window, "field", "20 mT")
    bench = window.station_view.by_hand.bench
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=TIMEOUT_MS)
    assert not bench.held


def test_the_same_is_done_without_a_window():
    bench = ManualBench("virtual:stfmr?seed=0&clock=virtual")
    with pytest.raises(LimitError, match="allowed -380 mT to 380 mT"):
        bench.move("field", "1 T")
    with pytest.raises(UsageError, match="voltmeter: nothing of it is moved by hand"):
        bench.move("voltmeter", "1 V")
    assert bench.release() == {"field": None}
    assert bench.release() == {}


def test_the_log_is_shown_by_level_and_a_window_that_is_gone_hears_nothing(qtbot, open_window):
    before = list(logging.getLogger().handlers)
    window = open_window()
    speak = logging.getLogger("sotlab.test")
    speak.warning("the water is warm")
    speak.error("the water is gone")
    window.log.take_over()
    assert "⚠" in window.log.view.toPlainText()
    window.log.level.setCurrentText("errors")
    assert "the water is gone" in window.log.view.toPlainText()
    assert "warm" not in window.log.view.toPlainText()
    window.close()
    assert logging.getLogger().handlers == before


def test_a_note_is_kept_with_the_run(qtbot, open_window):
    window = open_window()
    assert not window.log.note.isEnabled()
    for name, text in {"start": "50 mT", "stop": "51 mT", "points": "2"}.items():
        window.form.inputs[name].edit.setText(text)
    with qtbot.waitSignal(window.ended, timeout=TIMEOUT_MS):
        window.start()
    window.log.note.setText("touched the cable")
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)
    window.log._add_note()
    qtbot.waitUntil(lambda: "✓" in window.log.told.text(), timeout=TIMEOUT_MS)
    window.runs.line.setText("touched")
    qtbot.waitUntil(lambda: len(window.runs.model.runs) == 1, timeout=TIMEOUT_MS)
    assert window.runs.model.runs[0]["notes"][0]["text"] == "touched the cable"


def test_tags_and_notes_of_runs_that_have_finished_are_found(qtbot, open_window):
    window = open_window()
    for name, text in {"start": "50 mT", "stop": "51 mT", "points": "2"}.items():
        window.form.inputs[name].edit.setText(text)
    with qtbot.waitSignal(window.ended, timeout=TIMEOUT_MS):
        window.start()
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)
    window.runs.search()
    qtbot.waitUntil(lambda: len(window.runs.model.runs) == 1, timeout=TIMEOUT_MS)
    for button, text in (("Tag…", "paper"), ("Add note…", "the best one")):
        window.runs.table.selectRow(0)
        window.runs.buttons[button].click()
        window.runs.findChildren(QtWidgets.QInputDialog)[-1].textValueSelected.emit(text)
        qtbot.waitUntil(lambda text=text: text in window.runs.model.index(0, 6).data(), timeout=TIMEOUT_MS)
    window.runs.line.setText("#paper best")
    qtbot.waitUntil(lambda: not window.runs.background.busy, timeout=TIMEOUT_MS)
    assert len(window.runs.model.runs) == 1
