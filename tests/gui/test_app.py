"""The program: it closes safely however it is told to, and says what is missing."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from sotlab.errors import SotlabError, UsageError
from sotlab.gui.app import run_window

#: How often each way of closing is tried; a crash at exit that comes now and then needs more than one.
CLOSES = int(os.environ.get("SOTLAB_CLOSES", "2"))
ROOT = Path(__file__).parents[2]
PYTHONPATH = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

#: A process that has imported everything and forks one window after the other; each ends as a program of its own does.
NURSERY = """
import json, os, sys
from sotlab.gui import app, measure_panel, window
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.gui.measurement import prepare
from sotlab.instruments.station import Station
for procedure in measure_panel._procedures(None)[0].values():
    prepare(procedure)
    procedure()
with Station.open("virtual:stfmr", ()) as bench:
    bench.check()
for line in sys.stdin:
    told = json.loads(line)
    child = os.fork()
    if child == 0:
        break
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    os._exit(0)
os.dup2(os.open(told["log"], os.O_WRONLY | os.O_CREAT), 2)
os.dup2(2, 1)
sys.argv = ["window", told["out"]]
exec(compile(told["code"], "window", "exec"), {"__name__": "__main__"})
"""

START = """
    import sys
    from pathlib import Path
    from sotlab.gui.qt import QtCore
    from sotlab.gui import app, window

    class Started(window.MainWindow):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            for name, text in {{"start": "1 mT", "stop": "10 mT", "run_up": "1 mT"}}.items():
                self.form.inputs[name].edit.setText(text)
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


def python(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": PYTHONPATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


class Program:
    """A window in a process of its own: what it says, and its exit code."""

    def __init__(self, pid, log, wait):
        self.pid, self._log, self._wait = pid, log, wait

    def wait_for(self, text):
        """Wait until it has said ``text``."""
        until = time.monotonic() + 60
        while not (self._log.exists() and text in self._log.read_text(encoding="utf-8")):
            assert time.monotonic() < until, f"never said {text}"
            time.sleep(0.02)

    def end(self):
        """Wait for its end; return exit code and what it said."""
        return self._wait(), self._log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def nursery():
    if not hasattr(os, "fork"):
        yield None
        return
    process = python("-c", NURSERY, stdin=subprocess.PIPE)
    yield process
    process.stdin.close()
    process.wait(timeout=60)


@pytest.fixture
def start(nursery, tmp_path):
    """Return a function that starts a program, given as text; it ends with the interpreter's own end."""

    def start_(code):
        code, log = textwrap.dedent(code), tmp_path.with_name(f"{tmp_path.name}.log")
        if nursery is None:
            with log.open("w", encoding="utf-8") as file:
                process = subprocess.Popen(
                    [sys.executable, "-c", code, str(tmp_path)],
                    env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": PYTHONPATH},
                    stdout=file,
                    stderr=file,
                )
            return Program(process.pid, log, lambda: process.wait(timeout=60))
        nursery.stdin.write(json.dumps({"code": code, "out": str(tmp_path), "log": str(log)}) + "\n")
        nursery.stdin.flush()
        return Program(int(nursery.stdout.readline()), log, lambda: int(nursery.stdout.readline()))

    return start_


def events(out):
    (journal,) = out.glob("*/*/events.jsonl")
    return [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]


def assert_closed_safely(program, out):
    status, said = program.end()
    assert status == 0, said
    assert "Destroyed while thread" not in said
    assert "Traceback" not in said
    told = events(out)
    safe = next(event for event in told if event["event"] == "made_safe")
    assert safe["outputs"] == {"microwave": None, "field": None, "azimuth": None}
    assert told[-1]["event"] == "run_close"
    assert told[-1]["exit_status"] == "aborted"
    assert 3 <= told[-1]["rows"] < 141


@pytest.mark.parametrize("attempt", range(CLOSES))
def test_closing_in_mid_run_ends_with_0_and_a_safe_bench(attempt, start, tmp_path):
    assert_closed_safely(start(START.format(then="self.close(); self._question.defaultButton().click()")), tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals of this kind to send")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_in_mid_run_ends_with_0_and_a_safe_bench(name, start, tmp_path):
    program = start(START.format(then="print('measuring', flush=True)"))
    program.wait_for("measuring")
    os.kill(program.pid, getattr(signal, name))
    assert_closed_safely(program, tmp_path)


def test_the_event_loop_ended_by_force_still_leaves_a_safe_bench(start, tmp_path):
    then = "from sotlab.gui.qt import QtWidgets; QtWidgets.QApplication.quit(); QtWidgets.QApplication.exit(0)"
    assert_closed_safely(start(START.format(then=then)), tmp_path)


def test_a_bug_in_drawing_ends_neither_the_run_nor_the_program(start, tmp_path):
    code = textwrap.dedent(START.format(then="self.stop_and_close()"))
    code = code.replace(
        "window.MainWindow =",
        "from sotlab.gui import plot, readings\n"
        "plot.SweepPlot.show_fit = readings.Readings.show_row = None\nwindow.MainWindow =",
    )
    status, said = start(code.replace("self.plot.count >= 3", "self.pace.done >= 3")).end()
    assert status == 0, said
    assert "internal error in the window" in said
    assert events(tmp_path)[-1]["exit_status"] == "aborted"


def test_closing_an_idle_window_ends_with_0(start, tmp_path):
    code = textwrap.dedent(START.format(then="")).replace("self.start()", "QtCore.QTimer.singleShot(50, self.close)")
    status, said = start(code).end()
    assert status == 0, said
    assert not list(tmp_path.iterdir())


QUEUED = """
    import sys
    from pathlib import Path
    from sotlab.gui.qt import QtCore
    from sotlab.gui import app, window

    class Queued(window.MainWindow):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            for frequency in ("6 GHz", "7 GHz"):
                texts = {"start": "1 mT", "stop": "10 mT", "run_up": "1 mT", "points": "19", "frequency": frequency}
                for name, text in texts.items():
                    self.form.inputs[name].edit.setText(text)
                self.add_to_queue()
            self.start_queue()
            self.look = QtCore.QTimer(self, interval=20)
            self.look.timeout.connect(lambda: self.plot.count >= 3 and print("measuring", flush=True))
            self.look.start()

    window.MainWindow = Queued
    app.run_window("virtual:stfmr?seed=0&clock=20", Path(sys.argv[1]) / "runs")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot kill in this way")
@pytest.mark.usefixtures("no_reports")
@pytest.mark.parametrize("how", ["the run", "the queue"])
def test_after_a_kill_the_queue_is_there_and_the_run_goes_on_at_its_first_missing_point(
    how, qtbot, start, open_window, tmp_path
):
    import pandas as pd

    program = start(QUEUED)
    program.wait_for("measuring")
    os.kill(program.pid, signal.SIGKILL)
    assert program.end()[0] == -signal.SIGKILL

    window = open_window()
    assert [window.queue.table.item(row, 1).text() for row in range(2)] == ["interrupted", "waiting"]
    qtbot.waitUntil(lambda: window.offer.isVisible(), timeout=60_000)
    assert "was interrupted" in window.offer.text.text()
    (folder,) = (tmp_path / "runs").glob("*/*_STFMRFieldSweep_*")
    before = len(pd.read_csv(next(folder.glob("*.csv")), comment="#"))
    if how == "the run":
        window.offer.accept_button.click()
    else:
        window.start_queue()
    qtbot.waitUntil(lambda: not window.busy, timeout=60_000)
    assert not window.offer.isVisible()
    rows = pd.read_csv(next(folder.glob("*.csv")), comment="#")
    assert list(rows["Index"]) == list(range(19)), window.message.text()
    assert 3 <= before < 19
    if how == "the queue":
        states = [window.queue.states[job.key].status for job in window.queue.jobs]
        assert states == ["finished", "finished"]


def test_pictures_of_each_page_are_taken_in_both_themes(tmp_path):
    from sotlab.gui.qt import QtGui

    station = "virtual:stfmr?seed=0&clock=60"
    arguments = ("gui", "--station", station, "--out", tmp_path / "runs", "--screenshots", tmp_path / "p")
    process = python("-m", "sotlab.cli", *arguments)
    _, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    pictures = {path.stem: QtGui.QImage(str(path)) for path in (tmp_path / "p").glob("*.png")}
    pages = ("idle", "running", "finished", "queue", "runs", "compare", "map", "results", "station", "log")
    pages += ("welcome", "guide")
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
