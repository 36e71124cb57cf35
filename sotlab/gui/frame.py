"""The window's parts and where they stand; what they do when they are used is in ``window.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sotlab.gui.emergency import KEY, EmergencyStop
from sotlab.gui.footer import Footer
from sotlab.gui.guide import Guide
from sotlab.gui.log_panel import LogPanel
from sotlab.gui.measure_panel import MeasurePanel
from sotlab.gui.offer import Offer
from sotlab.gui.place import Place
from sotlab.gui.qt import QtCore, QtGui, QtWidgets
from sotlab.gui.queue_panel import QueuePanel
from sotlab.gui.runs_panel import RunsPanel
from sotlab.gui.states import SimulatedBadge, State, StateLight
from sotlab.gui.station_panel import StationPanel
from sotlab.gui.theme import Colours, dot_icon
from sotlab.procedures.runs.manual import ManualBench
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.scan import Scan

__all__ = ["Frame"]


class Frame(QtWidgets.QMainWindow):
    """Menus, the line of the place, the buttons, the pages, and the lines below them.

    Parameters
    ----------
    station : str
        The station file, or ``virtual:NAME``.
    out : Path
        Folder of runs.
    procedure_class : type of Scan, optional
        What is chosen first.
    """

    def __init__(self, station: str, out: Path, procedure_class: type[Scan] | None = None) -> None:
        super().__init__()
        self.out = out
        self.state = State.IDLE
        self._build_actions()
        self._build_widgets(station, procedure_class)

    @property
    def form(self) -> Any:
        """The inputs of the procedure that is chosen."""
        return self.panel.form

    @property
    def plot(self) -> Any:
        """The plot."""
        return self.panel.plot

    @property
    def readings(self) -> Any:
        """The last readings and results."""
        return self.panel.readings

    def _what_runs(self) -> Run | ManualBench | None:
        """Return the run under way, or what is moved by hand."""
        raise NotImplementedError

    def _say(self, message: str) -> None:
        self.footer.say(message)

    def _show_colours(self) -> None:
        """Let every part take the theme's colours; the icons of the buttons change with the state as well."""
        colours = Colours(self.palette())
        self._show_icons(colours)
        for part in (self.footer, self.panel, self.light, self.queue, self.runs, self.station_view, self.log):
            part.show_colours(colours)

    def _show_icons(self, colours: Colours) -> None:
        icons = {
            self.start_action: ("play", colours.good),
            self.pause_action: ("play" if self.state is State.PAUSED else "pause", colours.text),
            self.queue_action: ("plus", colours.text),
            self.skip_action: ("skip", colours.text),
            self.stop_action: ("stop", colours.bad),
        }
        for action, (shape, colour) in icons.items():
            action.setIcon(dot_icon(shape, colour))

    def _show_simulated(self, simulated: bool) -> None:
        self.badge.setVisible(simulated)
        self.panel.show_simulated(simulated)
        self._title(simulated)

    def _title(self, simulated: bool) -> None:
        mark = "SIMULATED  " if simulated else ""
        self.setWindowTitle(f"{mark}sotlab: {self.panel.procedure_class.__name__} on {self.place.station}")

    def _build_actions(self) -> None:
        self.start_action = self._action("&Start", ["Ctrl+Return", "Ctrl+Enter"])
        self.pause_action = self._action("&Pause", ["Ctrl+P"])
        self.skip_action = self._action("S&kip point", ["Ctrl+K"])
        self.queue_action = self._action("Add to &queue", ["Ctrl+Shift+Return", "Ctrl+Shift+Enter"])
        self.stop_action = self._action("S&top", ["Esc"])
        self.emergency_action = self._action("&EMERGENCY STOP", [KEY])
        self.export_action = self._action("E&xport the plot…", ["Ctrl+E"])
        self.quit_action = self._action("Q&uit", ["Ctrl+Q"])
        self.station_action = self._action("&Open station file…", ["Ctrl+O"])
        self.run_menu = self.menuBar().addMenu("&Run")
        self.run_menu.addActions(
            [self.start_action, self.queue_action, self.pause_action, self.skip_action, self.stop_action]
        )
        self.run_menu.addSeparator()
        self.run_menu.addActions([self.emergency_action, self.export_action, self.station_action, self.quit_action])
        self.view_menu = self.menuBar().addMenu("&View")
        self.compare_no_more = self._action("&Compare no more", ["Ctrl+Shift+C"])
        self.compare_no_more.triggered.connect(lambda: self.plot.compare_no_more())
        self.view_menu.addAction(self.compare_no_more)
        self.view_menu.addSeparator()
        self.help_menu = QtWidgets.QMenu("&Help", self)
        self.guide_action = self._action("&Guided first measurement", ["F1"])
        self.keys_action = self._action("&Keys", ["Ctrl+F1"])
        self.help_menu.addActions([self.guide_action, self.keys_action])

    def _action(self, text: str, keys: list[str]) -> QtGui.QAction:
        action = QtGui.QAction(text, self)
        action.setShortcuts([QtGui.QKeySequence(key) for key in keys])
        return action

    def _build_widgets(self, station: str, procedure_class: type[Scan] | None) -> None:
        self.place = Place(station)
        self.light = StateLight()
        self.panel = MeasurePanel(procedure_class, self.out / "presets.toml")
        self.emergency = EmergencyStop(self._what_runs, lambda: self.place.station)
        self.footer = Footer()
        self.message, self.progress = self.footer.message, self.footer.progress
        self.progress_text, self.where = self.footer.progress_text, self.footer.where
        self.tabs = QtWidgets.QTabWidget(documentMode=True)
        self.queue = QueuePanel(self.out)
        self.add_view("Measure", self.panel)
        self.add_view("Queue", self.queue)
        self.runs = RunsPanel(self.out)
        self.add_view("Runs", self.runs)
        self.station_view = StationPanel(self.place)
        self.add_view("Station", self.station_view)
        self.log = LogPanel()
        self.add_view("Log", self.log)
        for number, key in enumerate(("Ctrl+T", "Ctrl+M", "Ctrl+R")):
            action = self._action(self.panel.views.tabText(number), [key])
            action.triggered.connect(lambda checked=False, number=number: self._show_part(number))
            self.view_menu.addAction(action)
        self.tabs.currentChanged.connect(lambda: self.tabs.currentWidget() is self.runs and self.runs.search())
        central = QtWidgets.QWidget()
        layout = QtWidgets.QVBoxLayout(central)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addLayout(self._top_line())
        layout.addLayout(self._buttons())
        self.guide = Guide(self)
        layout.addWidget(self.guide)
        self.offer = Offer()
        layout.addWidget(self.offer)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.footer)
        self.setCentralWidget(central)
        self.resize(1280, 800)
        self.menuBar().addMenu(self.help_menu)

    def _show_part(self, number: int) -> None:
        """Show a part of the page to measure on: trace, map or results."""
        self.tabs.setCurrentWidget(self.panel)
        self.panel.views.setCurrentIndex(number)

    @property
    def keys(self) -> dict[str, str]:
        """What each key does, for the help; those of a page work on it alone."""
        menus = (self.run_menu, self.view_menu, self.help_menu)
        actions = [action for menu in menus for action in menu.actions() if action.shortcuts()]
        found = {action.shortcuts()[0].toString(): plain_text(action) for action in actions}
        return found | {
            "F5": "Runs: look again",
            "Return": "Runs: open the run that is selected",
            "Tab, Shift+Tab": "The next, the previous input, button or list",
            "Space": "Press the button that has the frame",
            "Alt and the letter underlined": "Choose a menu, its entry, or a button",
        }

    def add_view(self, name: str, widget: QtWidgets.QWidget) -> None:
        """Add a page; Ctrl and its number shows it."""
        self.tabs.addTab(widget, name)
        number = self.tabs.count()
        action = self._action(name, [f"Ctrl+{number}"])
        action.triggered.connect(lambda: self.tabs.setCurrentWidget(widget))
        self.view_menu.addAction(action)

    def _buttons(self) -> QtWidgets.QLayout:
        row = QtWidgets.QHBoxLayout()
        for action in (self.start_action, self.queue_action, self.pause_action, self.skip_action, self.stop_action):
            button = QtWidgets.QToolButton()
            button.setDefaultAction(action)
            button.setToolTip(f"{plain_text(action)} ({action.shortcut().toString()})")
            button.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setMinimumSize(104, 34)
            row.addWidget(button)
        self.button_row = row
        row.addStretch(1)
        row.addWidget(self.light)
        row.addSpacing(16)
        row.addWidget(self.emergency)
        return row

    def _top_line(self) -> QtWidgets.QLayout:
        self.badge = SimulatedBadge()
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.place)
        row.addStretch(1)
        row.addWidget(self.badge)
        return row


def plain_text(action: QtGui.QAction) -> str:
    """Return the text of an action without the mark of its letter."""
    return action.text().replace("&", "")
