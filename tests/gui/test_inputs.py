"""What is typed is what is measured: no digit is lost, and what cannot be used is said at once."""

import pandas as pd
import pytest

from sotlab.gui.inputs import ParameterForm, as_text
from sotlab.gui.qt import QtCore
from sotlab.gui.theme import Colours
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

pytestmark = pytest.mark.usefixtures("no_reports")


@pytest.fixture
def form(qtbot):
    form = ParameterForm(STFMRFieldSweep)
    qtbot.addWidget(form)
    form.show()
    return form


def test_every_parameter_but_the_place_has_an_input(form):
    assert set(form.inputs) == set(STFMRFieldSweep().parameter_objects()) - {"station", "sample", "device"}


def test_the_defaults_are_those_of_the_procedure(form):
    defaults = {name: p.default for name, p in STFMRFieldSweep().parameter_objects().items()}
    assert form.errors == []
    assert form.values() == {name: defaults[name] for name in form.inputs}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("frequency", "7 GHz", 7e9),
        ("frequency", "9.123456789 GHz", 9123456789.0),
        ("frequency", "9123456789.123456", 9123456789.123456),
        ("start", "2.5e-3 T", 2.5e-3),
        ("start", "10 mT", 0.01),
        ("start", "100 Oe", 0.01),
        ("start", " -0.1234567890123456 ", -0.1234567890123456),
        ("power", "-3.25 dBm", -3.25),
        ("angle", "45°", 45.0),
        ("points", "141", 141),
    ],
)
def test_text_is_understood(form, name, text, value):
    entry = form.inputs[name]
    entry.edit.setText(text)
    assert entry.error is None
    assert form.values()[name] == value
    assert entry.understood.text().startswith(repr(value))
    assert entry.problem.isHidden()


def test_a_number_typed_and_tabbed_over_is_not_rounded(qtbot, open_window):
    window = open_window()
    entry = window.form.inputs["frequency"]
    entry.edit.setFocus()
    entry.edit.selectAll()
    qtbot.keyClicks(entry.edit, "9.123456789 GHz")
    for _ in range(2):
        qtbot.keyClick(window.focusWidget(), QtCore.Qt.Key.Key_Tab)
        qtbot.keyClick(window.focusWidget(), QtCore.Qt.Key.Key_Backtab)
        qtbot.keyClick(window.focusWidget(), QtCore.Qt.Key.Key_Tab)
    assert not entry.edit.hasFocus()
    assert entry.edit.text() == "9.123456789 GHz"
    for name, text in {"start": "100 mT", "stop": "101 mT", "points": "2"}.items():
        window.form.inputs[name].edit.setText(text)
    with qtbot.waitSignal(window.ended, timeout=60_000):
        window.start()
    rows = pd.read_csv(window.measurement.run.folder.data, comment="#")
    assert list(rows["Frequency (Hz)"]) == [9123456789.0] * 2


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("frequency", "900 GHz", "Frequency: 900 GHz asked, allowed"),
        ("frequency", "seven GHz", "'seven GHz' is not a number"),
        ("frequency", "", "is not a number"),
        ("start", "10 mV", "the unit 'mV' does not fit 'T'"),
        ("start", "nan", "is not a number"),
        ("power", "1 mW", "does not fit 'dBm'"),
        ("points", "12.5", "is not a whole number"),
        ("points", "1", "allowed 2 to 1000000"),
    ],
)
def test_what_cannot_be_used_is_said_in_words_beside_it(form, name, text, says):
    entry = form.inputs[name]
    entry.edit.setText(text)
    assert says in entry.error
    assert form.errors == [entry.error]
    assert entry.problem.isVisible()
    assert entry.problem.text() == entry.error
    assert "not usable" in entry.understood.text()  # the colour does not stand alone
    assert Colours(entry.edit.palette()).bad.name() in entry.understood.styleSheet()

    entry.edit.setText(as_text(entry.parameter.default, getattr(entry.parameter, "units", None)))
    assert form.errors == []
    assert entry.problem.isHidden()


def test_nothing_starts_while_an_input_is_wrong(open_window):
    window = open_window()
    window.form.inputs["start"].edit.setText("10 furlongs")
    assert not window.start_action.isEnabled()
    window.start()
    assert window.measurement is None
    window.form.inputs["start"].edit.setText("10 mT")
    assert window.start_action.isEnabled()


def test_two_forms_share_no_value(qtbot, form):
    other = ParameterForm(STFMRFieldSweep)
    qtbot.addWidget(other)
    form.inputs["frequency"].edit.setText("5 GHz")
    assert other.values()["frequency"] == 7e9
