"""The queue: what was typed is what is measured, policies hold, and a new window finds it as the old one left it."""

import re

import pytest

from sotlab.gui.qt import QtCore
from sotlab.gui.states import State

pytestmark = pytest.mark.usefixtures("no_reports")
TIMEOUT_MS = 60_000
SHORT = {"start": "50 mT", "stop": "51 mT", "points": "2"}
#: The parameter allows it, the shipped station does not.
FORBIDDEN = "25 GHz"


def queue(window, **texts):
    for name, text in texts.items():
        window.form.inputs[name].edit.setText(text)
    window.queue_action.trigger()
    return window.queue.jobs[-1]


def run_queue(qtbot, window):
    window.queue.buttons["Start queue"].click()
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)
    return [
        window.queue.states[job.key].status if job.key in window.queue.states else "waiting"
        for job in window.queue.jobs
    ]


def shown(window, column):
    return [window.queue.table.item(row, column).text() for row in range(window.queue.table.rowCount())]


def test_a_number_typed_tabbed_over_queued_and_reloaded_is_the_same(qtbot, open_window):
    window = open_window()
    edit = window.form.inputs["frequency"].edit
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, "9.123456789 GHz")
    for _ in range(2):
        qtbot.keyClick(window.focusWidget(), QtCore.Qt.Key.Key_Tab)
        qtbot.keyClick(window.focusWidget(), QtCore.Qt.Key.Key_Backtab)
    window.queue_action.trigger()
    assert 'frequency = "9.123456789 GHz"' in window.queue.file.path.read_text(encoding="utf-8")
    again = open_window()
    (job,) = again.queue.jobs
    assert job.make().frequency == 9123456789.0


def test_three_procedures_are_queued_and_run_together(qtbot, open_window):
    window = open_window("virtual:everything?seed=0&clock=virtual")
    queue(window, **SHORT)
    window.panel.choose("HarmonicHallAngleScan")
    queue(window, field="0.2 T", points="4")
    window.panel.choose("ThzDelayScan")
    queue(window, points="16", scans="1")
    began = []
    window.ended.connect(lambda end: began.append((window.panel.shown_class.__name__, window.plot.count)))
    assert run_queue(qtbot, window) == ["finished"] * 3
    assert began == [("STFMRFieldSweep", 2), ("HarmonicHallAngleScan", 4), ("ThzDelayScan", 16)]
    assert shown(window, 1) == ["finished"] * 3
    assert window.state is State.FINISHED


@pytest.mark.parametrize(
    ("policy", "states", "attempts"),
    [
        ("skip", ["failed", "finished", "finished"], 1),
        ("stop", ["failed", "waiting", "waiting"], 1),
        ("retry 1", ["failed", "finished", "finished"], 2),
        ("retry 1, then stop", ["failed", "waiting", "waiting"], 2),
    ],
)
def test_the_first_of_three_fails(policy, states, attempts, qtbot, open_window):
    window = open_window()
    first = queue(window, **SHORT, frequency=FORBIDDEN)
    queue(window, frequency="6 GHz")
    queue(window, frequency="7 GHz")
    window.queue.policy.setCurrentText(policy)
    window.queue.policy.activated.emit(window.queue.policy.currentIndex())
    assert window.queue.file.policy() == policy
    assert run_queue(qtbot, window) == states
    assert window.queue.states[first.key].attempts == attempts
    assert "frequency of 25 GHz asked, allowed 2 GHz to 20 GHz" in shown(window, 8)[0]

    again = open_window()  # as after a restart
    assert shown(again, 1) == states


def test_the_policy_of_one_run_comes_before_that_of_the_queue(qtbot, open_window):
    window = open_window()
    queue(window, **SHORT, frequency=FORBIDDEN)
    queue(window, frequency="6 GHz")
    window.queue.table.selectRow(0)
    window.queue.item_policy.setCurrentText("stop")
    window.queue.item_policy.activated.emit(window.queue.item_policy.currentIndex())
    assert shown(window, 4) == ["stop", "skip (queue)"]
    assert run_queue(qtbot, window) == ["failed", "waiting"]


def test_runs_are_moved_repeated_and_removed_and_comments_stay(qtbot, open_window):
    window = open_window()
    for frequency in ("5 GHz", "6 GHz", "8 GHz"):
        queue(window, **SHORT, frequency=frequency)
    path = window.queue.file.path
    path.write_text(path.read_text(encoding="utf-8").replace('"6 GHz"}', '"6 GHz"}  # the best one'), encoding="utf-8")
    window.queue.reload()

    def frequencies():
        return [job.values["frequency"] for job in window.queue.jobs]

    window.queue.table.selectRow(1)
    window.queue.buttons["Up"].click()
    assert frequencies() == ["6 GHz", "5 GHz", "8 GHz"]
    window.queue.buttons["Up"].click()  # at the top it stays
    window.queue.buttons["Repeat"].click()
    assert frequencies() == ["6 GHz", "5 GHz", "8 GHz", "6 GHz"]
    assert len({job.key for job in window.queue.jobs}) == 4
    window.queue.table.selectRow(1)
    window.queue.buttons["Remove"].click()
    assert frequencies() == ["6 GHz", "8 GHz", "6 GHz"]
    assert "# the best one" in path.read_text(encoding="utf-8")


def test_the_queue_is_changed_while_it_runs_but_not_what_is_measured(qtbot, open_window):
    window = open_window("virtual:stfmr?seed=0&clock=20")
    queue(window, start="50 mT", stop="60 mT", points="61", frequency="5 GHz")
    queue(window, **SHORT, frequency="6 GHz")
    window.queue.buttons["Start queue"].click()
    qtbot.waitUntil(lambda: window.plot.count > 1, timeout=TIMEOUT_MS)
    window.queue.show_states(window.measurement.states, running=True)
    window.queue.table.selectRow(0)
    window.queue.buttons["Remove"].click()
    assert "is being measured" in window.queue.foot.text()
    window.queue.table.selectRow(1)
    window.queue.buttons["Remove"].click()
    added = queue(window, **SHORT, frequency="8 GHz")
    window.pause()
    assert window.state is State.PAUSED
    window.stop()
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)
    assert window.state is State.ABORTED
    assert [job.values["frequency"] for job in window.measurement.campaign.queue.jobs] == ["5 GHz", "8 GHz"]
    assert window.queue.jobs[-1].key == added.key


def test_what_is_wrong_with_the_file_is_said_in_one_line(open_window, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "queue.toml").write_text('[items.one]\nprocedure = "Nothing"\n', encoding="utf-8")
    window = open_window()
    assert "queue.toml: [items.one] procedure" in window.queue.head.text()
    assert not window.queue.buttons["Start queue"].isEnabled()


def test_each_run_has_the_time_of_day_of_its_end_by_the_pace_of_those_before(qtbot, open_window):
    window = open_window("virtual:stfmr?seed=0&clock=20")
    window.tabs.setCurrentWidget(window.queue)
    queue(window, **SHORT)
    queue(window, start="50 mT", stop="70 mT", points="41")
    queue(window, points="61")
    assert shown(window, 3) == ["?"] * 3  # nobody has measured yet
    window.queue.buttons["Start queue"].click()
    qtbot.waitUntil(lambda: shown(window, 1)[1] == "running" and "≈" in shown(window, 3)[1], timeout=TIMEOUT_MS)
    assert shown(window, 3)[0] == ""
    qtbot.waitUntil(lambda: "≈" in shown(window, 3)[2], timeout=TIMEOUT_MS)
    assert re.search(r"3 runs, 1 done, ends ≈ .*\d\d:\d\d, in 0:00:\d\d", window.queue.head.text())
    window.stop()
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)
    qtbot.waitUntil(lambda: "if started now" in window.queue.head.text(), timeout=TIMEOUT_MS)
