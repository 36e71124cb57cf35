"""The program: it closes safely however it is told to, and says what is missing."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sotlab.errors import SotlabError, UsageError
from sotlab.gui.app import run_window

#: How often each way of closing is tried; a crash at exit that comes now and then needs more than one.
CLOSES = 2
ROOT = Path(__file__).parents[2]

START = """
    import sys
    from pathlib import Path
    from sotlab.gui.qt import QtCore
    from sotlab.gui import app, window

    class Started(window.MainWindow):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.start()
            self.look = QtCore.QTimer(self, interval=20)
            self.look.timeout.connect(self.see)
            self.look.start()

        def see(self):
            if self.plot.count >= 3:
                self.look.stop()
                {then}

    window.MainWindow = Started
    sys.exit(app.run_window("virtual:stfmr?seed=0&clock=20", Path(sys.argv[1])))
"""


def python(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def events(out):
    (journal,) = out.glob("*/*/events.jsonl")
    return [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]


def assert_closed_safely(process, out):
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Destroyed while thread" not in errors
    assert "Traceback" not in errors
    told = events(out)
    safe = next(event for event in told if event["event"] == "made_safe")
    assert safe["outputs"] == {"microwave": None, "field": None, "azimuth": None}
    assert told[-1]["event"] == "run_close"
    assert told[-1]["exit_status"] == "aborted"
    assert 3 <= told[-1]["rows"] < 141


@pytest.mark.parametrize("attempt", range(CLOSES))
def test_closing_in_mid_run_ends_with_0_and_a_safe_bench(attempt, tmp_path):
    answer = "self.close(); self._question.defaultButton().click()"
    process = python("-c", textwrap.dedent(START.format(then=answer)), tmp_path)
    assert_closed_safely(process, tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals of this kind to send")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_in_mid_run_ends_with_0_and_a_safe_bench(name, tmp_path):
    process = python("-c", textwrap.dedent(START.format(then="print('measuring', flush=True)")), tmp_path)
    assert process.stdout.readline() == "measuring\n"
    process.send_signal(getattr(signal, name))
    assert_closed_safely(process, tmp_path)


def test_the_event_loop_ended_by_force_still_leaves_a_safe_bench(tmp_path):
    then = "from sotlab.gui.qt import QtWidgets; QtWidgets.QApplication.quit(); QtWidgets.QApplication.exit(0)"
    process = python("-c", textwrap.dedent(START.format(then=then)), tmp_path)
    assert_closed_safely(process, tmp_path)


def test_a_bug_in_drawing_ends_neither_the_run_nor_the_program(tmp_path):
    code = textwrap.dedent(START.format(then="self.stop_and_close()"))
    code = code.replace(
        "window.MainWindow =",
        "from sotlab.gui import plot, readings\n"
        "plot.SweepPlot.show_fit = readings.Readings.show_row = None\nwindow.MainWindow =",
    )
    code = code.replace("self.plot.count >= 3", "self.pace.done >= 3")
    process = python("-c", code, tmp_path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "internal error in the window" in errors
    assert events(tmp_path)[-1]["exit_status"] == "aborted"


def test_closing_an_idle_window_ends_with_0(tmp_path):
    code = textwrap.dedent(START.format(then="")).replace("self.start()", "QtCore.QTimer.singleShot(50, self.close)")
    process = python("-c", code, tmp_path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert not list(tmp_path.iterdir())


def test_pictures_of_each_page_are_taken_in_both_themes(tmp_path):
    from sotlab.gui.qt import QtGui

    station = "virtual:stfmr?seed=0&clock=60"
    arguments = ("gui", "--station", station, "--out", tmp_path / "runs", "--screenshots", tmp_path / "p")
    process = python("-m", "sotlab.cli", *arguments)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    pictures = {path.stem: QtGui.QImage(str(path)) for path in (tmp_path / "p").glob("*.png")}
    pages = ("idle", "running", "finished", "queue", "runs", "compare", "station")
    assert set(pictures) == {f"{page}-{theme}" for page in pages for theme in ("light", "dark")}
    assert {(image.width(), image.height()) for image in pictures.values()} == {(1280, 800)}
    assert len({path.read_bytes() for path in (tmp_path / "p").glob("*.png")}) == 2 * len(pages)
    corners = {name: image.pixelColor(3, 3).lightnessF() for name, image in pictures.items()}
    assert all((lightness < 0.5) == name.endswith("dark") for name, lightness in corners.items())


def test_pictures_of_a_run_that_fails_end_with_1(qtbot, qapp, open_window, tmp_path, monkeypatch, caplog):
    from sotlab.gui.pictures import take_pictures

    (tmp_path / "runs").write_text("in the way", encoding="utf-8")
    left = []
    monkeypatch.setattr(type(qapp), "exit", lambda *status: left.append(status[-1]))
    take_pictures(qapp, open_window(), tmp_path / "p")
    qtbot.waitUntil(lambda: bool(left), timeout=60_000)
    assert left == [1]
    assert "no pictures" in caplog.text
    assert "the run's folder cannot be made" in caplog.text


@pytest.mark.parametrize(
    ("station", "says"),
    [
        ("nowhere.toml", "station file 'nowhere.toml' does not exist"),
        ("virtual:nothing", "there is no station 'virtual:nothing'; shipped: virtual:everything"),
    ],
)
def test_a_station_that_is_missing_is_one_line_before_any_window(station, says, tmp_path):
    with pytest.raises(SotlabError, match=re.escape(says)) as raised:
        run_window(station, tmp_path)
    assert len(str(raised.value).splitlines()) == 1


def test_qt_that_is_missing_is_one_line_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sotlab.gui.qt", None)  # as if importing it failed
    with pytest.raises(SotlabError, match="apt-get install libegl1") as raised:
        run_window("virtual:stfmr", tmp_path)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux runs without a display")
def test_a_display_that_is_missing_is_one_line(tmp_path, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="there is no display") as raised:
        run_window("virtual:stfmr", tmp_path)
    assert len(str(raised.value).splitlines()) == 1


def test_importing_the_package_does_not_import_qt():
    process = python("-c", "import sys, sotlab.gui, sotlab.gui.app; print([m for m in sys.modules if 'Qt' in m])")
    out, _ = process.communicate(timeout=60)
    assert out == "[]\n"
