"""Whatever can be done with the mouse can be done with the keyboard."""

import pytest

from sotlab.gui.qt import QtCore, QtWidgets

pytestmark = pytest.mark.usefixtures("no_reports")
ENTERED = (
    QtWidgets.QAbstractButton,
    QtWidgets.QLineEdit,
    QtWidgets.QComboBox,
    QtWidgets.QTableView,
    QtWidgets.QPlainTextEdit,
    QtWidgets.QTabBar,
)


def to_be_entered(window):
    """Return what can be used in the window as it stands: lines of editable boxes count as their boxes."""
    found = set()
    for kind in ENTERED:
        for one in window.findChildren(kind):
            inside = isinstance(one.parent(), (QtWidgets.QComboBox, QtWidgets.QLineEdit, QtWidgets.QTableView))
            in_corner = isinstance(one.parent(), QtWidgets.QTabBar)  # buttons that scroll a row of tabs
            if one.isVisible() and one.isEnabled() and not inside and not in_corner:
                found.add(one)
    return found


def entered_by_tab(qtbot, window):
    """Press Tab until it comes round; return what was entered."""
    entered, seen = set(), []
    for _ in range(200):
        at = QtWidgets.QApplication.focusWidget()
        if at is None or seen.count(at) > 1:
            break
        seen.append(at)
        entered.add(at)
        if isinstance(at.parent(), QtWidgets.QComboBox):
            entered.add(at.parent())
        qtbot.keyClick(at, QtCore.Qt.Key.Key_Tab)
    return entered


@pytest.mark.parametrize("page", range(5))
def test_tab_leads_to_everything_on_a_page_and_round(page, qtbot, open_window):
    window = open_window()
    qtbot.waitUntil(lambda: window.place.simulated is not None and not window.busy)
    qtbot.keyClick(window, QtCore.Qt.Key(QtCore.Qt.Key.Key_1 + page), QtCore.Qt.KeyboardModifier.ControlModifier)
    assert window.tabs.currentIndex() == page
    qtbot.waitUntil(lambda: not window.runs.background.busy)
    missed = to_be_entered(window) - entered_by_tab(qtbot, window)
    assert not {(type(one).__name__, one.accessibleName(), getattr(one, "text", str)()) for one in missed}


def test_the_inputs_come_in_their_order(qtbot, open_window):
    window = open_window()
    edits = [entry.edit for entry in window.form.inputs.values() if isinstance(entry.edit, QtWidgets.QLineEdit)]
    top_down = sorted(edits, key=lambda edit: edit.mapTo(window, QtCore.QPoint(0, 0)).y())
    edits[0].setFocus()
    came = []
    for _ in range(40):
        at = QtWidgets.QApplication.focusWidget()
        came += [at] if at in edits and at not in came else []
        qtbot.keyClick(at, QtCore.Qt.Key.Key_Tab)
    assert came == top_down


def test_every_action_stands_in_a_menu_has_a_letter_or_a_key_and_the_help_lists_the_keys(qtbot, open_window):
    window = open_window()
    actions = []
    for menu in window.menuBar().actions():
        assert "&" in menu.text()
        actions += [one for one in menu.menu().actions() if not one.isSeparator()]
    assert all(one.shortcuts() or "&" in one.text() for one in actions)
    keys = [key.toString() for one in actions for key in one.shortcuts()]
    assert len(keys) == len(set(keys))  # no key does two things
    buttons = window.centralWidget().findChildren(QtWidgets.QToolButton)
    assert {one.defaultAction() for one in buttons if one.defaultAction() and one.text()} <= set(actions)
    window.keys_action.trigger()
    told = window.help.text()
    for one in actions:
        if one.shortcuts():
            assert one.shortcuts()[0].toString() in told
            assert one.text().replace("&", "") in told
    qtbot.keyClick(window.help, QtCore.Qt.Key.Key_Escape)
    assert not window.help.isVisible()


def test_the_parts_of_the_page_to_measure_on_are_chosen_by_keys(qtbot, open_window):
    window = open_window()
    window.tabs.setCurrentWidget(window.log)
    for key, part in (("M", window.panel.map), ("R", window.panel.results), ("T", window.panel.plot)):
        qtbot.keyClick(window, getattr(QtCore.Qt.Key, f"Key_{key}"), QtCore.Qt.KeyboardModifier.ControlModifier)
        assert window.panel.views.currentWidget() is part
        assert part.isVisible()


def test_a_crosshair_reads_the_plot_where_the_mouse_is(qtbot, open_window):
    window = open_window()
    plot = window.plot
    plot.add_rows([{"Field (T)": 0.05, "Voltage (V)": 1e-6}, {"Field (T)": 0.07, "Voltage (V)": 3e-6}])
    plot.top.getViewBox().updateAutoRange()
    at = plot.top.getViewBox().mapViewToScene(QtCore.QPointF(0.06, 2e-6))
    plot._show_cursor([at])
    assert [line.value() for line in plot.crosshair] == pytest.approx([0.06, 2e-6], rel=1e-6)
    assert all(line.isVisible() for line in plot.crosshair)
    assert plot.at_cursor.text() == "60 mT,  2 µV"
    QtWidgets.QApplication.sendEvent(plot, QtCore.QEvent(QtCore.QEvent.Type.Leave))
    assert not any(line.isVisible() for line in plot.crosshair)
    assert plot.at_cursor.text() == ""
