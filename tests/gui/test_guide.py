"""The first start: nobody has to know anything that the window does not say."""

import re

import pytest

from sotlab.gui.qt import QtCore, QtWidgets

pytestmark = pytest.mark.usefixtures("no_reports")
TIMEOUT_MS = 60_000


def kittel_mT(frequency_Hz):
    """Return where the film that is shipped must have its line: f = g muB/h sqrt(B (B + mu0 Meff))."""
    meff_T = 0.85  # the sample of sotlab/simulated, as the window cannot know it
    squared = (frequency_Hz / (2.1 * 13.996e9)) ** 2
    return 1e3 * (-meff_T + (meff_T**2 + 4 * squared) ** 0.5) / 2


def said(window):
    return re.sub("<[^>]+>", "", window.guide.text.text())


def step(qtbot, window, number):
    qtbot.waitUntil(lambda: said(window).startswith(f"Step {number} "), timeout=TIMEOUT_MS)
    return said(window)


def test_from_the_first_start_to_a_resonance_by_what_the_window_says(qtbot, open_window):
    """Only what is read off the window is used, with a wrong turn at each step that has one."""
    window = open_window()
    window.guide.welcome()
    assert "no station.toml" in said(window)
    assert "simulated" in said(window)
    window.guide.begin_button.click()

    text = step(qtbot, window, 1)
    frequency = re.search(r"type (\S+ GHz)", text)[1]
    edit = window.form.inputs["frequency"].edit
    assert window.guide.frame.geometry().contains(edit.mapTo(window, QtCore.QPoint(2, 2)))
    edit.setText("6 Gz")
    qtbot.waitUntil(lambda: "An input cannot be used" in window.guide.hint.text(), timeout=TIMEOUT_MS)
    window.panel.choose("AMRAngleScan")
    qtbot.waitUntil(lambda: "choose STFMRFieldSweep" in window.guide.hint.text(), timeout=TIMEOUT_MS)
    window.panel.choose("STFMRFieldSweep")
    edit.selectAll()
    qtbot.keyClicks(edit, frequency)

    assert "Start" in step(qtbot, window, 2)
    assert window.guide.hint.text() == ""
    window.tabs.setCurrentWidget(window.queue)
    qtbot.waitUntil(lambda: "page Measure" in window.guide.hint.text(), timeout=TIMEOUT_MS)
    window.tabs.setCurrentWidget(window.panel)
    (start,) = (b for b in window.centralWidget().findChildren(QtWidgets.QToolButton) if b.text() == "Start")
    qtbot.mouseClick(start, QtCore.Qt.MouseButton.LeftButton)

    text = step(qtbot, window, 4)
    found = float(re.search(r"resonance is at ([\d.]+) ± [\d.]+ mT", text)[1])
    assert found == pytest.approx(kittel_mT(6e9), abs=0.5)
    window.guide.next_button.click()
    assert "Runs" in step(qtbot, window, 5)
    window.tabs.setCurrentWidget(window.runs)
    step(qtbot, window, 6)
    assert window.guide.end_button.text() == "Done"
    qtbot.waitUntil(lambda: len(window.runs.model.runs) == 1, timeout=TIMEOUT_MS)
    window.guide.end_button.click()
    assert not window.guide.isVisible()
    assert not window.guide.frame.isVisible()


def test_a_station_file_is_opened_instead(qtbot, open_window, tmp_path):
    window = open_window()
    window.guide.welcome()
    window.guide.station_button.click()
    dialog = window.findChild(QtWidgets.QFileDialog)
    dialog.fileSelected.emit("virtual:everything?seed=0&clock=virtual")
    assert window.place.station.startswith("virtual:everything")
    assert not window.guide.isVisible()
    dialog.close()
