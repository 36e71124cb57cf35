"""The window's tests run offscreen; where Qt's system libraries are missing they are skipped, and the reason helps."""

import gc
import os
import sys
import time

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

#: What Qt needs even offscreen, on Debian and Ubuntu.
INSTALL = "apt-get install libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0"

try:
    from sotlab.gui.qt import QtCore
except ImportError as error:
    QT_PROBLEM = f"Qt cannot be loaded: {error}; on Debian and Ubuntu: {INSTALL}"
else:
    QT_PROBLEM = ""


class SkippedModule(pytest.Module):
    """A test module that is not imported, because Qt is not there."""

    def collect(self):
        pytest.skip(QT_PROBLEM, allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    return SkippedModule.from_parent(parent, path=module_path) if QT_PROBLEM else None


def pytest_collection_modifyitems(items):
    """Keep the window's tests in one process: some of them measure how long the event loop is held up."""
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):
            item.add_marker(pytest.mark.xdist_group("gui"))


@pytest.fixture(autouse=True)
def _threads_give_way_as_in_the_program():
    from sotlab.gui.app import SWITCH_INTERVAL_S

    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(autouse=True)
def _garbage_is_collected_between_tests(qapp):
    """Collect in this thread, when the test's windows are gone; the program has ``sotlab.gui.garbage`` for it."""
    gc.disable()
    yield
    qapp.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
    qapp.processEvents()
    gc.collect()
    gc.enable()


@pytest.fixture
def no_reports(monkeypatch):
    """Leave out the pages with plots, which take longer than the runs of a test; some tests are about them."""
    monkeypatch.setattr("sotlab.gui.measurement.write_page", lambda path, outcome: None)
    monkeypatch.setattr("sotlab.procedures.runs.campaign.write_page", lambda path, outcome: None)


@pytest.fixture
def open_window(qtbot, tmp_path):
    """Return a function that opens a window; at the end of the test it is closed as an operator would close it."""
    from sotlab.gui.window import MainWindow

    opened = []

    def open_(station="virtual:stfmr?seed=0&clock=virtual", **kwargs):
        window = MainWindow(station, tmp_path / "runs", **kwargs)
        opened.append(window)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)  # keys go to the active window
        return window

    yield open_
    for window in opened:
        window.stop_and_close()
        qtbot.waitUntil(lambda window=window: not window.busy and not window.isVisible(), timeout=20_000)
        window.deleteLater()


@pytest.fixture
def lateness(qtbot):
    """Return a list that fills with what the thread of the window computed between two beats of 5 ms [s].

    It is the processor's time, so that other programs on the machine do not count; what waits instead of computing is
    found by the number of beats.
    """
    late_s = []
    last_s = time.thread_time()

    def beat():
        nonlocal last_s
        now_s = time.thread_time()
        late_s.append(now_s - last_s)
        last_s = now_s

    timer = QtCore.QTimer(interval=5, timerType=QtCore.Qt.TimerType.PreciseTimer)
    timer.timeout.connect(beat)
    timer.start()
    yield late_s
    timer.stop()
