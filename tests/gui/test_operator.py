"""What only a hand can do: the window asks for it, the run waits, and both buttons do what they say."""

import pytest

from sotlab.gui.qt import QtWidgets
from sotlab.gui.states import State
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

TIMEOUT_MS = 60_000
pytestmark = pytest.mark.usefixtures("no_reports")


class ByHand(STFMRFieldSweep):
    """A sweep before which somebody has to do something."""

    def prepare(self, bench):
        bench.ask_operator("turn the magnet to 45 deg")
        super().prepare(bench)


@pytest.fixture
def asking(qtbot, open_window):
    window = open_window(procedure_class=ByHand)
    window.form.inputs["points"].edit.setText("5")
    window.start()
    qtbot.waitUntil(lambda: window._request is not None, timeout=TIMEOUT_MS)
    return window


def button(window, text):
    return next(one for one in window._request.buttons() if one.text().replace("&", "") == text)


def test_the_window_says_what_to_do_and_the_run_goes_on_when_it_is_done(qtbot, asking):
    assert asking._request.text() == "turn the magnet to 45 deg"
    assert asking._request.icon() is QtWidgets.QMessageBox.Icon.Information
    qtbot.wait(200)
    assert len(asking.plot.xs) == 0  # nothing is measured meanwhile
    with qtbot.waitSignal(asking.ended, timeout=TIMEOUT_MS) as ended:
        button(asking, "Done").click()
    assert (ended.args[0].status, ended.args[0].rows) == ("Finished", 5)
    qtbot.waitUntil(lambda: not asking.busy, timeout=TIMEOUT_MS)
    assert asking._request is None


def test_the_run_can_be_stopped_instead(qtbot, asking):
    with qtbot.waitSignal(asking.ended, timeout=TIMEOUT_MS) as ended:
        button(asking, "Stop the run").click()
    assert ended.args[0].rows == 0
    assert "stopped while the operator was asked: turn the magnet to 45 deg" in asking.message.text()
    qtbot.waitUntil(lambda: not asking.busy, timeout=TIMEOUT_MS)


def test_a_run_that_is_stopped_by_the_key_takes_its_question_away(qtbot, asking):
    with qtbot.waitSignal(asking.ended, timeout=TIMEOUT_MS):
        asking.stop()
        assert asking.state is State.STOPPING
    assert asking._request is None
    qtbot.waitUntil(lambda: not asking.busy, timeout=TIMEOUT_MS)
