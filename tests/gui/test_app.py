"""The program: it closes safely however it is told to, and says what is missing."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

#: How often each way of closing is tried; a crash at exit that comes now and then needs more than one.
CLOSES = 3
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
            if len(self.plot.xs) >= 3:
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
        "window.MainWindow =", "window.SweepPlot.show_fit = window.Readings.show_row = None\nwindow.MainWindow ="
    )
    code = code.replace("len(self.plot.xs) >= 3", "self.pace.done >= 3")
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


def test_pictures_of_each_state_are_taken_in_both_themes(tmp_path):
    from sotlab.gui.qt import QtGui

    arguments = (
        "gui",
        "--station",
        "virtual:stfmr?seed=0",
        "--out",
        tmp_path / "runs",
        "--screenshots",
        tmp_path / "p",
    )
    process = python("-m", "sotlab.cli", *arguments)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    pictures = {path.stem: QtGui.QImage(str(path)) for path in (tmp_path / "p").glob("*.png")}
    assert set(pictures) == {f"{s}-{t}" for s in ("idle", "running", "finished") for t in ("light", "dark")}
    assert {(image.width(), image.height()) for image in pictures.values()} == {(1280, 800)}
    assert len({path.read_bytes() for path in (tmp_path / "p").glob("*.png")}) == 6
    corners = {name: image.pixelColor(3, 3).lightnessF() for name, image in pictures.items()}
    assert all((lightness < 0.5) == name.endswith("dark") for name, lightness in corners.items())


def test_pictures_of_a_run_that_fails_end_with_1(tmp_path):
    (tmp_path / "runs").write_text("in the way", encoding="utf-8")
    arguments = (
        "gui",
        "--station",
        "virtual:stfmr?seed=0",
        "--out",
        tmp_path / "runs",
        "--screenshots",
        tmp_path / "p",
    )
    process = python("-m", "sotlab.cli", *arguments)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the run's folder cannot be made" in errors


@pytest.mark.parametrize(
    ("environment", "station", "says"),
    [
        ({}, "nowhere.toml", "station file 'nowhere.toml' does not exist"),
        ({}, "virtual:nothing", "there is no station 'virtual:nothing'; shipped: virtual:everything"),
        ({"NO_QT": "1"}, "virtual:stfmr", "apt-get install libegl1"),
        ({"QT_QPA_PLATFORM": "", "NO_DISPLAY": "1"}, "virtual:stfmr", "there is no display"),
    ],
)
def test_what_is_missing_is_one_line(environment, station, says, tmp_path):
    if "NO_DISPLAY" in environment and not sys.platform.startswith("linux"):
        pytest.skip("only Linux runs without a display")
    code = """
        import os, sys
        if os.environ.get("NO_QT"):
            class Missing:
                def find_spec(self, name, path=None, target=None):
                    if name in ("PySide6.QtGui", "PyQt6.QtGui"):
                        raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")
            sys.meta_path.insert(0, Missing())
        if os.environ.get("NO_DISPLAY"):
            for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
                os.environ.pop(name, None)
        from sotlab.cli import main
        main(["gui", "--station", sys.argv[1]])
    """
    process = python("-c", textwrap.dedent(code), station, **environment)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (1, 2)
    assert says in errors
    assert len(errors.splitlines()) == 1


def test_importing_the_package_does_not_import_qt():
    process = python("-c", "import sys, sotlab.gui, sotlab.gui.app; print([m for m in sys.modules if 'Qt' in m])")
    out, _ = process.communicate(timeout=60)
    assert out == "[]\n"
