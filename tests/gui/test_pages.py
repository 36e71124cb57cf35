"""The pages beside the plot: procedures and places, stored runs, the station."""

import json

import numpy as np
import pandas as pd
import pytest

from sotlab.gui.runs_model import parse_query
from sotlab.gui.states import State

pytestmark = pytest.mark.usefixtures("no_reports")
TIMEOUT_MS = 60_000


def measure(qtbot, window, **texts):
    for name, text in texts.items():
        window.form.inputs[name].edit.setText(text)
    with qtbot.waitSignal(window.ended, timeout=TIMEOUT_MS):
        window.start()
    qtbot.waitUntil(lambda: not window.busy and not window.panel.background.busy, timeout=TIMEOUT_MS)


def find(qtbot, window, text, count):
    window.tabs.setCurrentWidget(window.runs)
    window.runs.line.setText(text)
    window.runs.search()
    qtbot.waitUntil(lambda: not window.runs.background.busy, timeout=TIMEOUT_MS)
    assert len(window.runs.model.runs) == count


def press(qtbot, window, button, row=0):
    window.runs.table.clearSelection()
    window.runs.table.selectRow(row)
    window.runs.buttons[button].click()
    qtbot.waitUntil(lambda: not window.runs.background.busy, timeout=TIMEOUT_MS)


def test_every_installed_procedure_can_be_chosen_and_keeps_what_was_typed(open_window):
    window = open_window("virtual:everything?seed=0&clock=virtual")
    names = [window.panel.picker.itemText(k) for k in range(window.panel.picker.count())]
    assert {"STFMRFieldSweep", "HarmonicHallAngleScan", "ThzDelayScan"} <= set(names)
    window.form.inputs["frequency"].edit.setText("5.5 GHz")
    window.panel.choose("ThzDelayScan")
    assert (window.plot.x_column, window.plot.y_column) == ("Delay (s)", "X (V)")
    assert "Position" in window.readings.last.texts()
    assert window.form.inputs["parity"].edit.text() == "both"
    window.panel.choose("STFMRFieldSweep")
    assert window.form.values()["frequency"] == 5.5e9


def test_a_station_that_lacks_a_role_says_so_before_the_start(open_window):
    window = open_window()
    window.panel.choose("ThzDelayScan")
    assert "has no role 'shutter'" in window.panel.problem_text.text()
    assert not window.start_action.isEnabled()
    window.place.choose("virtual:thz?seed=0&clock=virtual")
    assert window.panel.problem == ""
    assert window.start_action.isEnabled()
    assert "ThzDelayScan_BiSb" in window.panel.file_name.text()
    window.place.choose("nowhere.toml")
    assert "station file 'nowhere.toml' does not exist" in window.panel.problem_text.text()
    assert not window.queue_action.isEnabled()


def test_simulated_is_said_before_anything_is_measured(qtbot, open_window):
    window = open_window()
    qtbot.waitUntil(lambda: window.badge.isVisible(), timeout=TIMEOUT_MS)
    assert window.windowTitle().startswith("SIMULATED")
    assert window.plot.mark.isVisible()


def test_any_columns_can_be_plotted_and_the_fit_is_shown_only_over_its_own(qtbot, open_window):
    window = open_window()
    measure(qtbot, window, start="35 mT", stop="95 mT", points="31")
    window.plot.x_box.setCurrentText("Time (s)")
    rows = pd.read_csv(window.measurement.run.folder.data, comment="#")
    np.testing.assert_array_equal(window.plot.xs, rows["Time (s)"])
    assert window.plot.residuals[0].size == 0
    assert not window.plot.strip.isVisible()
    window.plot.x_box.setCurrentText("Field (T)")
    assert window.plot.residuals[0].size == 31
    assert window.panel.differences.text() == "as the last run"
    window.form.inputs["frequency"].edit.setText("7.5 GHz")
    assert window.panel.differences.text() == "Frequency: 7 GHz → 7.5 GHz"
    window.panel.use_last.click()
    assert window.form.values()["frequency"] == 7e9


@pytest.fixture
def with_runs(qtbot, open_window):
    window = open_window()
    measure(qtbot, window, start="50 mT", stop="51 mT", points="3", frequency="6.123456789 GHz")
    measure(qtbot, window, frequency="8 GHz")
    return window


def test_runs_are_found_opened_compared_and_measured_again(qtbot, with_runs):
    window = with_runs
    find(qtbot, window, "", 2)
    find(qtbot, window, "frequency=6GHz..6.5GHz", 1)
    press(qtbot, window, "Use its parameters")
    assert window.form.inputs["frequency"].edit.text() == "6.123456789 GHz"
    assert window.form.values()["frequency"] == 6123456789.0
    assert window.tabs.currentWidget() is window.panel

    find(qtbot, window, "procedure=STFMR*", 2)
    press(qtbot, window, "Compare", row=1)
    (name,) = window.plot.others
    assert name == window.runs.model.runs[1]["run"]
    assert name in window.plot.top.titleLabel.text
    press(qtbot, window, "Open", row=1)
    stored = pd.read_csv(next(window.runs.out.glob(f"*/{name}_*/{name}_*.csv")), comment="#")
    np.testing.assert_array_equal(window.plot.ys, stored["Voltage (V)"])
    assert window.readings.last.texts()["Frequency"] == "6.12346 GHz"

    find(qtbot, window, "frequncy=6GHz", 2)  # refused: what was found before stays
    assert "no run has a parameter or a result 'frequncy'" in window.runs.told.text()


def test_a_run_that_was_stopped_is_gone_on_with_and_has_each_point_once(qtbot, open_window):
    window = open_window("virtual:stfmr?seed=0&clock=20")
    for name, text in {"start": "50 mT", "stop": "56 mT", "points": "13"}.items():
        window.form.inputs[name].edit.setText(text)
    window.start()
    qtbot.waitUntil(lambda: window.plot.count >= 3, timeout=TIMEOUT_MS)
    window.stop()
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)
    folder = window.measurement.run.folder
    find(qtbot, window, "status=aborted", 1)
    window.runs.table.selectRow(0)
    with qtbot.waitSignal(window.ended, timeout=TIMEOUT_MS) as ended:
        window.runs.buttons["Go on with it"].click()
    assert ended.args[0].status == "Finished", ended.args[0].error
    rows = pd.read_csv(folder.data, comment="#")
    assert list(rows["Index"]) == list(range(13))
    np.testing.assert_array_equal(window.plot.xs, rows["Field (T)"])
    assert "of 13 points" in window.progress_text.text()


def test_ten_thousand_runs_are_shown_without_holding_up_the_window(qtbot, open_window):
    import time

    window = open_window()
    run = {"run": "r", "procedure": "P", "sample": "s", "device": "", "status": "failed", "started": "2026-01-01T00:00"}
    run |= {"rows": 3, "results": {}, "tags": [], "notes": [], "simulated": True, "problem": "", "folder": "f"}
    window.tabs.setCurrentWidget(window.runs)
    began_s = time.thread_time()
    window.runs.model.show_runs([run | {"run": str(k)} for k in range(10_000)])
    window.runs.table.grab()
    assert time.thread_time() - began_s < 0.3
    assert window.runs.model.rowCount() == 10_000


def test_the_station_is_checked_and_read_while_nothing_runs(qtbot, open_window):
    window = open_window()
    window.tabs.setCurrentWidget(window.station_view)
    window.station_view.ask.click()
    assert window.busy  # nothing else may open the station meanwhile
    window.start()
    assert window.measurement is None
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)
    states = window.station_view.states
    assert set(states) == set(window.place.config.roles)
    assert states["gaussmeter"]["reading"].endswith("T")
    assert states["microwave"]["state"] == "answers"
    # Nothing is connected to its reference: it says so, in text, beside its role.
    assert states["lockin"]["problem"].startswith("lockin at GPIB0::8::INSTR")
    assert window.start_action.isEnabled()
    window.station_view.read()
    window.close()  # it waits for the instruments, then goes
    assert window.isVisible()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=TIMEOUT_MS)


def test_a_run_reads_for_the_station_page_only_what_is_harmless(qtbot, open_window):
    window = open_window("virtual:stfmr?seed=0&clock=20")
    window.start()
    qtbot.waitUntil(lambda: window.plot.count >= 1, timeout=TIMEOUT_MS)
    assert not window.station_view.ask.isEnabled()
    window.station_view.readings_wanted.emit()
    qtbot.waitUntil(lambda: "reading" in window.station_view.states.get("azimuth", {}), timeout=TIMEOUT_MS)
    assert window.station_view.states["azimuth"]["reading"].endswith("deg")
    assert window.station_view.states["voltmeter"] == {"state": "in use by the run"}  # to read it would disturb the row
    window.stop()
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)
    assert window.state is State.ABORTED
    events = [json.loads(line)["event"] for line in window.measurement.run.folder.journal.read_text().splitlines()]
    assert "error" not in events


def test_queries_are_understood():
    query = parse_query("film-7 frequency=6GHz..8GHz sample=NiFe* #paper status=failed")
    assert query.terms == ("film-7", "frequency=6GHz..8GHz")
    assert (query.sample, query.status, query.tags) == ("NiFe*", "failed", ("paper",))
