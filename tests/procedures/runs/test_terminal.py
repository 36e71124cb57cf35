"""The operator at the terminal: asked, answered, and never waited for when nobody is there."""

import queue
import threading

import pytest

from sotlab.errors import InstrumentError
from sotlab.procedures.runs.tables import flags_of, row_label
from sotlab.procedures.runs.terminal import Terminal


class Keyboard:
    """Stands for stdin: lines come when the test says so."""

    def __init__(self, terminal=True):
        self.terminal, self.lines = terminal, queue.SimpleQueue()

    def isatty(self):
        return self.terminal

    def readline(self):
        return self.lines.get()


@pytest.fixture
def keyboard(monkeypatch):
    keyboard = Keyboard()
    monkeypatch.setattr("sys.stdin", keyboard)
    return keyboard


def test_the_operator_is_told_what_to_do_and_enter_goes_on(keyboard, capsys):
    with Terminal(quiet=True) as terminal:
        threading.Timer(0.2, keyboard.lines.put, ["\n"]).start()
        terminal.ask("turn the magnet to 45 deg")
    assert "turn the magnet to 45 deg, then press Enter" in capsys.readouterr().err


def test_a_run_that_is_stopped_does_not_wait_for_a_key(keyboard):
    with Terminal(quiet=True) as terminal:
        threading.Timer(0.2, terminal.stop_run).start()
        with pytest.raises(InstrumentError, match="stopped while the operator was asked: lower the probe"):
            terminal.ask("lower the probe")


def test_a_terminal_that_is_closed_is_nobody(keyboard):
    keyboard.lines.put("")
    with Terminal(quiet=True) as terminal, pytest.raises(InstrumentError, match="the terminal is closed"):
        terminal.ask("lower the probe")


def test_where_there_is_no_terminal_nobody_is_asked(monkeypatch):
    monkeypatch.setattr("sys.stdin", Keyboard(terminal=False))
    with Terminal(quiet=True) as terminal, pytest.raises(InstrumentError, match="this is no terminal"):
        terminal.ask("lower the probe")


def test_rows_are_told_apart_by_what_differs_and_by_the_sign_of_field():
    rows = [
        {"name": f"run ({side})", "frequency": 7e9, "angle": angle}
        for angle in (15.0, 30.0)
        for side in ("B > 0", "B < 0")
    ]
    texts = ["15 deg (B > 0)", "15 deg (B < 0)", "30 deg (B > 0)", "30 deg (B < 0)"]
    assert row_label(rows) == ("angle", texts)
    assert row_label([rows[0], rows[2] | {"frequency": 8e9}]) == ("frequency", ["7 GHz", "8 GHz"])
    assert row_label([rows[0], rows[0]]) == ("name", ["run (B > 0)"] * 2)


def test_spectra_of_one_table_are_named_by_what_differs_in_rows_and_flags():
    rows = [
        {"name": "long.csv", "frequency": f, "angle": angle, "flags": ["no line"] if angle > 45 else []}
        for f in (5e9, 6e9)
        for angle in (45.0, 225.0)
    ]
    assert row_label(rows)[1][:2] == ["5 GHz, 45 deg", "5 GHz, 225 deg"]
    assert flags_of(rows) == ["long.csv, 5 GHz, 225 deg: no line", "long.csv, 6 GHz, 225 deg: no line"]
    assert flags_of([rows[0], rows[1] | {"name": "other.csv"}]) == ["other.csv: no line"]
