"""What is prepared for a night: series, sequences, conditions, presets, a rehearsal; and a campaign written by hand."""

import time

import pytest

from sotlab.errors import PlanError
from sotlab.gui.sequence_file import read_sequence
from sotlab.gui.series import read_series
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

pytestmark = pytest.mark.usefixtures("no_reports")
TIMEOUT_MS = 60_000

CAMPAIGN = """\
# written by hand, on a Friday
[campaign]
station = "virtual:stfmr?seed=0&clock=virtual"
on_failure = "retry 1"   # the cryostat is shy

[items.fmr]
procedure = "STFMRFieldSweep"
set = { start = "50 mT", stop = "51 mT", points = 2 }   # short
[items.fmr.loop]
frequency = { start = "5 GHz", stop = "7 GHz", step = "1 GHz" }
"""


def parameters():
    return STFMRFieldSweep().parameter_objects()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("4 GHz, 5.5 GHz", ["4 GHz", "5.5 GHz"]),
        ("4 GHz to 6 GHz step 1 GHz", ["4 GHz", "5 GHz", "6 GHz"]),
        ("6 GHz to 4 GHz step 1 GHz", ["6 GHz", "5 GHz", "4 GHz"]),
        ("4 to 5 GHz in 3", ["4 GHz", "4.5 GHz", "5 GHz"]),
        ("9.123456789 GHz", ["9.123456789 GHz"]),
    ],
)
def test_a_series_is_read_as_people_write_it(text, values):
    assert read_series(text, parameters()["frequency"]) == values


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no values"),
        ("4 GHz, 500 GHz", "500 GHz asked, allowed"),
        ("4 GHz to 6 GHz step 0.7 GHz", "do not lead from"),
        ("4 GHz to 6 GHz step 1 Hz", "allowed 1 to 10000"),
    ],
)
def test_a_series_that_cannot_be_is_refused_with_the_reason(text, says):
    with pytest.raises(PlanError, match=says):
        read_series(text, parameters()["frequency"])


def test_a_thousand_points_of_a_sequence_are_read_in_a_tenth_of_a_second(tmp_path):
    file = tmp_path / "sequence.txt"
    file.write_text('- "Frequency", "linspace(4e9, 8e9, 1000)"\n-- "angle", "[0, 45]"\n- "Power", "(10, 15)"\n')
    began_s = time.thread_time()
    loops = read_sequence(file, parameters())
    assert time.thread_time() - began_s < 0.1
    assert [[list(axis) for axis in branch] for branch in loops] == [[["frequency"], ["angle"]], [["power"]]]
    assert loops[0][0]["frequency"][-1] == 8e9
    assert len(loops[0][0]["frequency"]) == 1000


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('- "Colour", "[1]"', "Colour"),
        ('- "Frequency", "().__class__.__bases__"', "only numbers, lists and functions"),
        ('- "Frequency", "[1, 2"', "Frequency"),
        ("nothing", "there is no line"),
    ],
)
def test_a_sequence_that_is_more_than_numbers_is_refused(line, says, tmp_path):
    file = tmp_path / "sequence.txt"
    file.write_text(line + "\n")
    with pytest.raises(PlanError, match=says):
        read_sequence(file, parameters())


def test_series_and_sequences_are_queued_with_what_else_was_typed(open_window, tmp_path):
    window = open_window()
    window.form.inputs["power"].edit.setText("12 dBm")
    window.queue.buttons["Add series…"].click()
    dialog = window._series
    box, line = dialog.lines[0]
    box.setCurrentText("Frequency")
    line.setText("4 GHz to 6 GHz step 1 GH")
    assert dialog.preview.text().startswith("✗")
    assert not dialog.add_button.isEnabled()
    line.setText("4 GHz to 6 GHz step 1 GHz")
    assert dialog.preview.text().startswith("3 runs")
    dialog.add_button.click()
    assert [job.values for job in window.queue.jobs] == [
        {"power": "12 dBm", "frequency": frequency} for frequency in ("4 GHz", "5 GHz", "6 GHz")
    ]
    file = tmp_path / "sequence.txt"
    file.write_text('- "Frequency", "[4e9, 5e9]"\n-- "Angle", "[0, 45]"\n')
    window.queue.series_asked.emit(file)
    assert len(window.queue.jobs) == 7
    assert window.queue.jobs[-1].make().angle == 45.0
    file.write_text('- "Colour", "[1]"\n')
    window.queue.series_asked.emit(file)
    assert "Colour" in window.message.text()
    assert len(window.queue.jobs) == 7


def test_a_campaign_written_by_hand_is_opened_edited_rehearsed_and_keeps_its_comments(qtbot, open_window, tmp_path):
    file = tmp_path / "night.toml"
    file.write_text(CAMPAIGN, encoding="utf-8")
    window = open_window()
    window.queue.open(file)
    assert len(window.queue.jobs) == 3
    assert window.queue.policy.currentText() == "retry 1"
    window.queue.table.selectRow(0)
    window.queue.buttons["Repeat"].click()
    again = window.queue.jobs[-1].item
    window.queue._select(again)
    window.queue.buttons["Conditions…"].click()
    dialog = window.queue.dialog
    dialog.lines["time"].setText("22:00")
    dialog._accept()
    assert "is no range" in dialog.problem.text()
    dialog.lines["time"].setText("")
    dialog.lines["after"].setText("fmr")
    dialog.lines["reading"].setText("colour = 1 to 2")
    dialog._accept()
    assert "the role 'colour' has no single reading" in dialog.problem.text()
    dialog.lines["reading"].setText("")
    dialog.lines["timeout"].setText("2 h")
    dialog._accept()
    assert "after fmr" in window.queue.table.item(5, 5).text()
    text = file.read_text(encoding="utf-8")
    for comment in ("# written by hand, on a Friday", "# the cryostat is shy", "# short"):
        assert comment in text

    with qtbot.waitSignal(window.queue.rehearsed, timeout=TIMEOUT_MS) as told:
        window.queue.buttons["Rehearse"].click()
        assert window.busy
        assert not window.start_action.isEnabled()
    assert len(told.args[0]["jobs"]) == 6
    page = window.queue.rehearsal.page.toPlainText()
    assert "SIMULATED" in page
    assert "In all 0:" in page
    assert "fmr" in page
    assert "no resonance" in page or "⚠" in page  # two points hold no line, and it says so
    assert window.start_action.isEnabled()
    window.queue.rehearsal.close()


def test_a_preset_keeps_what_was_typed_and_can_be_used_in_another_window(open_window):
    window = open_window()
    window.form.inputs["frequency"].edit.setText("9.123456789 GHz")
    window.panel.save_preset("the usual")
    again = open_window()
    again.panel._list_presets()
    action = again.panel.presets_menu.actions()[0]
    assert action.text() == "the usual"
    action.trigger()
    assert again.form.inputs["frequency"].edit.text() == "9.123456789 GHz"
    assert again.form.values()["frequency"] == 9123456789.0
    again.panel.presets.remove("STFMRFieldSweep", "the usual")
    assert window.panel.presets.names("STFMRFieldSweep") == []
    window.panel.presets.path.write_text("[broken", encoding="utf-8")
    window.panel.use_preset("the usual")
    assert "presets cannot be read" in window.message.text()
