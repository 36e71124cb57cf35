"""The drop-in for PyMeasure's window: the script of docs/migrate.md, and what made the change worth while."""

import re
import time
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
from pymeasure.experiment import FloatParameter, IntegerParameter, Procedure

from sotlab.gui import ManagedDockWindow, ManagedImageWindow, ManagedWindow
from sotlab.gui.qt import QtCore, QtWidgets

TIMEOUT_MS = 30_000
PAGE = Path(__file__).parents[2] / "docs" / "migrate.md"


class Fails(Procedure):
    """Fails, or raises in its shutdown, or takes a while to shut down."""

    failing = IntegerParameter("Failing", default=0)
    rows = IntegerParameter("Rows", default=3)
    shutdown_s = FloatParameter("Shutdown", units="s", default=0.0)
    frequency = FloatParameter("Frequency", units="Hz", default=7e9, maximum=40e9)
    x_start = x_end = x_step = y_start = y_end = y_step = 1.0
    DATA_COLUMNS: ClassVar = ["x", "y", "z"]

    def execute(self):
        for k in range(self.rows):
            self.emit("results", {"x": k, "y": k, "z": k})
            time.sleep(0.005)
            if self.should_stop():
                return
        if self.failing == 1:
            raise ValueError("the lamp went out")

    def shutdown(self):
        time.sleep(self.shutdown_s)
        if self.failing == 2:
            raise ValueError("no answer")

    def get_estimates(self):
        return 60.0


@pytest.fixture
def window(qtbot, tmp_path):
    window = ManagedWindow(Fails, x_axis="x", y_axis="y", inputs=["failing", "rows", "shutdown_s", "frequency"])
    window.directory = str(tmp_path)
    window.show()
    yield window
    if window.manager.is_running():
        window._stop_and_close()
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=TIMEOUT_MS)
    window.deleteLater()


def queue(window, **values):
    for name, value in values.items():
        getattr(window.inputs, name).setValue(value)
    window.queue_button.click()


def statuses(window):
    return [Procedure.STATUS_STRINGS[one.procedure.status] for one in window.manager.experiments.queue]


def test_the_script_of_the_page_runs_as_it_stands(qtbot, tmp_path):
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[-1]
    told = {"__name__": "script"}
    exec(compile(code, str(PAGE), "exec"), told)
    window = told["MainWindow"]()
    window.directory = str(tmp_path)
    window.show()
    with qtbot.waitSignal(window.manager.finished, timeout=TIMEOUT_MS):
        window.queue_button.click()
    (data,) = tmp_path.glob("*.csv")
    assert len(pd.read_csv(data, comment="#")) == 20
    window.close()
    assert not window.isVisible()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # of the shutdown that raises
@pytest.mark.parametrize("failing", [1, 2])
def test_a_run_that_fails_stops_none_of_those_behind_it_and_the_window_goes_on(failing, qtbot, window, lateness):
    queue(window, failing=failing, shutdown_s=0.5)
    queue(window, failing=0, shutdown_s=0.0)
    queue(window)
    lateness.clear()
    qtbot.waitUntil(lambda: not window.manager.is_running(), timeout=TIMEOUT_MS)
    assert statuses(window) == ["Failed", "Finished", "Finished"]
    assert len(lateness) > 20  # it beat on for half a second of shutdown
    assert "failed" in window.statusBar().currentMessage()
    assert not window.abort_button.isEnabled()


def test_closing_in_mid_run_asks_and_waits_for_the_shutdown(qtbot, window):
    queue(window, rows=100_000, shutdown_s=0.3)
    qtbot.waitUntil(lambda: len(window.manager.experiments[0].results.data) > 2, timeout=TIMEOUT_MS)
    window.close()
    assert window.isVisible()
    worker = window.manager._worker
    qtbot.keyClick(window._question.defaultButton(), QtCore.Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=TIMEOUT_MS)
    assert not worker.is_alive()
    assert statuses(window) == ["Aborted"]


def test_a_number_keeps_its_digits_and_takes_units(qtbot, window):
    box = window.inputs.frequency
    for typed, value in (("9.123456789 GHz", 9123456789.0), ("9123456789.125", 9123456789.125)):
        box.setFocus()
        box.selectAll()
        qtbot.keyClicks(box, typed)
        for _ in range(2):
            box.clearFocus()
            box.setFocus()
        window.queue_button.setFocus()
        assert window.make_procedure().frequency == value
    box.lineEdit().setText("seven")
    window.queue_button.setFocus()
    assert window.make_procedure().frequency == 9123456789.125


@pytest.mark.parametrize("kind", [ManagedWindow, ManagedImageWindow, ManagedDockWindow])
def test_a_second_window_outlives_the_first(kind, qtbot, caplog):
    import logging

    columns = {"x_axis": "x", "y_axis": "y"} | ({"z_axis": "z"} if kind is ManagedImageWindow else {})
    before = list(logging.getLogger().handlers)
    first, second = (kind(Fails, inputs=["rows"], **columns) for _ in range(2))
    for window in (first, second):
        window.show()
    first.close()
    first.deleteLater()
    QtWidgets.QApplication.processEvents()
    logging.getLogger().error("it speaks to the second only")
    assert "second only" in second.log_widget.view.toPlainText()
    second.close()
    assert logging.getLogger().handlers == before
