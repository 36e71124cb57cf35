"""The page to measure on: which procedure, its inputs, the plot and the readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np

from sotlab.analysis.values import LiveFit
from sotlab.errors import SotlabError
from sotlab.gui.background import Background
from sotlab.gui.exporting import export_plot
from sotlab.gui.inputs import ParameterForm
from sotlab.gui.map_view import MapView
from sotlab.gui.measurement import Reduced
from sotlab.gui.place import Place
from sotlab.gui.plot import SweepPlot
from sotlab.gui.presets import Presets
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.gui.readings import Readings
from sotlab.gui.results_view import ResultsView
from sotlab.gui.runs_panel import StoredRun
from sotlab.gui.theme import Colours
from sotlab.procedures.runs.catalog import Catalog
from sotlab.procedures.runs.installed import GROUP, find_procedure
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.scan import Scan

__all__ = ["MeasurePanel"]

#: Shown first, if it is installed.
FIRST = "STFMRFieldSweep"
#: Only so many differences are written out; the tool tip has all.
SHOWN = 3


class MeasurePanel(QtWidgets.QWidget):
    """Inputs on the left, the plot in the middle, readings on the right.

    Parameters
    ----------
    procedure_class : type of Scan, optional
        A procedure to choose from beside those that are installed, and chosen first.
    presets : Path
        The file of presets.

    Attributes
    ----------
    procedure_class : type of Scan
        What is chosen, and would be started.
    shown_class : type
        What the plot and the readings are of.
    """

    #: Something about what would be started has changed.
    changed = QtCore.Signal()
    #: Another procedure was chosen.
    picked = QtCore.Signal()
    #: Something could not be done, and why.
    failed = QtCore.Signal(str)

    def __init__(self, procedure_class: type[Scan] | None = None, presets: Path = Path("presets.toml")) -> None:
        super().__init__()
        self.presets = Presets(presets)
        self._classes, self._broken = _procedures(procedure_class)
        self._installed = {entry.name for entry in entry_points(group=GROUP)}
        self._forms: dict[str, ParameterForm] = {}
        self._last: dict[str, Mapping[str, Any]] = {}
        self.background = Background(self)
        self._missing = ""
        first = procedure_class.__name__ if procedure_class else FIRST if FIRST in self._classes else ""
        first = first or next(iter(self._classes))
        self.procedure_class = self.shown_class = self._classes[first]
        self.picker = QtWidgets.QComboBox()
        self.picker.setAccessibleName("Procedure")
        self.picker.addItems(list(self._classes))
        self.picker.setCurrentText(first)
        self.about = QtWidgets.QLabel(wordWrap=True)
        self.file_name = QtWidgets.QLabel(wordWrap=True)
        self.differences = QtWidgets.QLabel(wordWrap=True)
        self.problem_text = QtWidgets.QLabel(wordWrap=True)
        self.use_last = QtWidgets.QPushButton("As last time")
        self.use_last.setToolTip("Write the parameters of the last run of this procedure into the inputs")
        self.use_defaults = QtWidgets.QPushButton("Defaults")
        self.presets_button = QtWidgets.QPushButton("Presets")
        self.presets_button.setToolTip(f"Parameters by name, in {presets}")
        self.presets_menu = QtWidgets.QMenu(self.presets_button)
        self.presets_menu.aboutToShow.connect(self._list_presets)
        self.presets_button.setMenu(self.presets_menu)
        self.form_area = QtWidgets.QScrollArea(widgetResizable=True)
        self.form_area.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.form_area.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.form = self._form(self.procedure_class)
        self._show_form()
        shown = self.procedure_class
        self.plot = SweepPlot(shown.X_AXIS, shown.Y_AXIS, shown.DATA_COLUMNS)
        self.map = MapView(self.plot)
        self.results = ResultsView()
        self.readings = Readings(shown.COLUMNS)
        self._set_columns(shown, shown.X_AXIS, shown.Y_AXIS, shown.DATA_COLUMNS)
        self._build()
        self.picker.currentTextChanged.connect(self._pick)
        self.use_last.clicked.connect(lambda: self.form.use(self._last.get(self.procedure_class.__name__, {})))
        self.use_defaults.clicked.connect(
            lambda: self.form.use({name: e.parameter.default for name, e in self.form.inputs.items()})
        )
        self._show_about()

    @property
    def problem(self) -> str:
        """Why the chosen procedure cannot be started here; empty if it can."""
        return self._missing

    @property
    def queue_name(self) -> str:
        """The chosen procedure as a campaign file names it."""
        one = self.procedure_class
        return one.__name__ if one.__name__ in self._installed else f"{one.__module__}:{one.__qualname__}"

    def choose(self, name: str) -> bool:
        """Choose a procedure by its name; return False if there is none."""
        if name not in self._classes:
            return False
        self.picker.setCurrentText(name)
        return True

    def begin(self, procedure_class: type[Any]) -> None:
        """Make plot and readings ready for a run."""
        if procedure_class is not self.shown_class:
            self._show_columns_of(procedure_class)
        self.plot.clear()
        self.map.clear()
        self.results.show_spectra((), {})
        self.readings.clear()

    def show_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Show rows, the newest last."""
        self.readings.show_row(rows[-1])
        self.plot.add_rows(rows)
        self.map.update_rows()

    def show_fit(self, fit: LiveFit) -> None:
        """Show the fit of the rows so far, and where it is in the map."""
        self.readings.show_fit(fit)
        self.plot.show_fit(fit)
        at = fit.values.get("field_res")
        rows = self.plot.values(self.map.columns[1])
        if at is not None and at.value is not None and fit.rows is not None and len(fit.rows) and len(rows):
            sign = -1.0 if np.median(fit.x) < 0.0 else 1.0
            self.map.note_found(float(rows[fit.rows[-1]]), sign * at.value, at.sigma or 0.0)

    def show_reduced(self, reduced: Reduced) -> None:
        """Show what was made of a run that has ended."""
        if reduced.spectra:
            self.readings.show_result(reduced.spectra[0], reduced.flags)
        if reduced.beside:
            self.plot.show_beside(reduced.beside)
        analysis = getattr(self.shown_class, "ANALYSIS", None)
        axes = analysis.axes if analysis is not None else {}
        self.results.show_spectra(reduced.rows, axes)
        x, y, _ = self.map.columns
        if analysis is not None and x == analysis.columns.get("field"):
            name = next((name for name, header in axes.items() if header == y), "")
            for one in reduced.rows:
                found = one.get("field_res") or {}
                if one.get(name) is not None and found.get("value") is not None:
                    self.map.note_found(float(one[name]), found["value"], found.get("sigma") or 0.0)

    def show_simulated(self, simulated: bool) -> None:
        """Say in every plot that its points are simulated."""
        for part in (self.plot, self.map, self.results):
            part.show_simulated(simulated)

    def export(self, path: Path, note: str) -> None:
        """Write the plot that is in sight: pixels, vectors or numbers, by the file's ending."""
        shown: Any = self.views.currentWidget()
        export_plot(path, shown.graphics.scene(), shown.exported(), note)

    def show_stored(self, run: StoredRun) -> None:
        """Show a run that was measured before."""
        known = self._classes.get(run.procedure)
        columns = list(run.columns)
        x, y = (getattr(known, name, "") for name in ("X_AXIS", "Y_AXIS"))
        self.shown_class = known or Scan
        self._set_columns(known, x if x in columns else columns[-2], y if y in columns else columns[-1], columns)
        self.readings.set_columns(list(known.COLUMNS) if known is not None else columns)
        self.plot.set_data(run.columns)
        self.map.update_rows()
        if self.plot.count:
            self.readings.show_row({name: values[-1] for name, values in run.columns.items()})
        self.results.show_spectra((), {})
        if run.reduced is not None:
            self.show_reduced(run.reduced)
        self.show_simulated(run.simulated)

    def save_preset(self, name: str) -> None:
        """Keep what stands in the inputs, as it was typed, under a name."""
        texts = {key: entry.text for key, entry in self.form.inputs.items()}
        self._try(lambda: self.presets.save(self.procedure_class.__name__, name, texts))

    def use_preset(self, name: str) -> None:
        """Write a preset into the inputs."""

        def use() -> None:
            for key, text in self.presets.load(self.procedure_class.__name__, name).items():
                if key in self.form.inputs:
                    self.form.inputs[key].edit.setText(text)

        self._try(use)

    def _try(self, do: Callable[[], None]) -> None:
        try:
            do()
        except SotlabError as error:
            self.failed.emit(str(error))

    def _list_presets(self) -> None:
        """Write the menu anew: another window may have made presets."""
        self.presets_menu.clear()
        procedure = self.procedure_class.__name__
        names: list[str] = []
        self._try(lambda: names.extend(self.presets.names(procedure)))
        for name in names:
            self.presets_menu.addAction(name, lambda name=name: self.use_preset(name))
        self.presets_menu.addSeparator()
        self.presets_menu.addAction("Keep what is typed…", self._ask_preset)
        if names:
            remove = self.presets_menu.addMenu("Remove")
            for name in names:
                remove.addAction(name, lambda name=name: self._try(lambda: self.presets.remove(procedure, name)))

    def _ask_preset(self) -> None:
        dialog = QtWidgets.QInputDialog(self)
        dialog.setWindowTitle("Preset")
        dialog.setLabelText("Keep these parameters as:")
        dialog.textValueSelected.connect(lambda text: text.strip() and self.save_preset(text.strip()))
        dialog.open()

    def show_place(self, place: Place, out: Path) -> None:
        """Say what the run will be called, and why it cannot be started here, if so."""
        lacks = place.lacks(self.procedure_class.ROLES)
        self._missing = place.problem
        if not place.problem and lacks:
            self._missing = (
                f"{place.station} has no role {', '.join(repr(role) for role in lacks)}, which"
                f" {self.procedure_class.__name__} needs: choose another station, or add it to the station file"
            )
        self.problem_text.setText(f"✗ {self._missing}" if self._missing else "")
        self.problem_text.setVisible(bool(self._missing))
        day = f"{datetime.now():%Y-%m-%d}"
        name = f"{self.procedure_class.__name__}_{place.sample_name}"
        self.file_name.setText(f"File: {out.name}/{day}/…_{name}")
        self.file_name.setToolTip(str(out.resolve() / day / f"<date>-<time>_{name}"))
        self.changed.emit()

    def look_for_last(self, out: Path) -> None:
        """Find the parameters of the last run of the chosen procedure, to show what is different now."""
        name = self.procedure_class.__name__
        self.background.run(
            lambda: _last_parameters(out, name), lambda found: self._found_last(name, found), lambda problem: None
        )

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        for form in self._forms.values():
            form.show_colours(colours)
        for part in (self.plot, self.map, self.results, self.readings):
            part.show_colours(colours)
        for label in (self.about, self.file_name):
            label.setStyleSheet(f"color: {colours.dim.name()}")
        self.problem_text.setStyleSheet(f"color: {colours.bad.name()}; font-weight: 600")

    def _form(self, procedure_class: type[Scan]) -> ParameterForm:
        form = self._forms.get(procedure_class.__name__)
        if form is None:
            form = self._forms[procedure_class.__name__] = ParameterForm(procedure_class)
            form.changed.connect(self._inputs_changed)
        return form

    def _show_form(self) -> None:
        self.form_area.setWidget(self.form)
        self.form.setAutoFillBackground(False)  # it stands on the page, not on a sheet of its own
        self.form_area.viewport().setAutoFillBackground(False)
        self.form.show()

    def _pick(self, name: str) -> None:
        """Choose a procedure; what was typed for the one before is kept."""
        self.form_area.takeWidget()
        self.procedure_class = self._classes[name]
        self.form = self._form(self.procedure_class)
        self._show_form()
        if not self.plot.count:
            self._show_columns_of(self.procedure_class)
        self._show_about()
        self._inputs_changed()
        self.picked.emit()

    def _show_columns_of(self, procedure_class: type[Any]) -> None:
        self.shown_class = procedure_class
        columns = list(procedure_class.DATA_COLUMNS)
        x, y = (
            getattr(procedure_class, name, column) for name, column in (("X_AXIS", columns[0]), ("Y_AXIS", columns[-1]))
        )
        self._set_columns(procedure_class, x, y, columns)
        self.readings.set_columns(getattr(procedure_class, "COLUMNS", columns))

    def _set_columns(self, procedure_class: Any, x: str, y: str, columns: Sequence[str]) -> None:
        """Let trace and map show these columns; the map's rows are what the analysis tells spectra apart by."""
        analysis = getattr(procedure_class, "ANALYSIS", None)
        self.plot.set_columns(x, y, columns)
        self.map.set_columns(x, list(analysis.axes.values()) if analysis is not None else [], y, list(columns))

    def _found_last(self, name: str, parameters: Mapping[str, Any] | None) -> None:
        if parameters is not None:
            self._last[name] = parameters
        self._inputs_changed()

    def _inputs_changed(self) -> None:
        last = self._last.get(self.procedure_class.__name__)
        self.use_last.setEnabled(last is not None)
        lines = self.form.differences(last or {})
        more = f"\n… and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
        said = "as the last run" if last is not None and not lines else "\n".join(lines[:SHOWN]) + more
        self.differences.setText("first run of this procedure" if last is None else said)
        self.differences.setToolTip("\n".join(lines))
        self.changed.emit()

    def _show_about(self) -> None:
        text = (self.procedure_class.__doc__ or "").strip().split("\n")[0]
        self.about.setText(text)
        self.about.setToolTip("\n".join(self._broken))

    def _build(self) -> None:
        left = QtWidgets.QWidget()
        left.setFixedWidth(350)
        column = QtWidgets.QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.picker)
        column.addWidget(self.about)
        column.addWidget(self.form_area, 1)
        column.addWidget(self.problem_text)
        box = QtWidgets.QGroupBox("Different from the last run")
        inside = QtWidgets.QVBoxLayout(box)
        inside.setContentsMargins(8, 4, 8, 6)
        inside.addWidget(self.differences)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(self.use_last)
        buttons.addWidget(self.use_defaults)
        buttons.addWidget(self.presets_button)
        inside.addLayout(buttons)
        column.addWidget(box)
        column.addWidget(self.file_name)
        self.readings.setFixedWidth(318)
        self.views = QtWidgets.QTabWidget(tabPosition=QtWidgets.QTabWidget.TabPosition.South, documentMode=True)
        for name, view in (("Trace", self.plot), ("Map", self.map), ("Results of each", self.results)):
            self.views.addTab(view, name)
        self.export_button = QtWidgets.QPushButton("Export…")
        self.export_button.setToolTip("The plot that is in sight, as .png, .svg, or its numbers as .csv")
        self.views.setCornerWidget(self.export_button, QtCore.Qt.Corner.BottomRightCorner)
        body = QtWidgets.QHBoxLayout(self)
        body.setContentsMargins(4, 6, 4, 4)
        body.addWidget(left)
        body.addWidget(self.views, 1)
        body.addWidget(self.readings)


def _procedures(given: type[Scan] | None) -> tuple[dict[str, type[Scan]], list[str]]:
    """Return the scans that can be chosen, and what is wrong with those that cannot be loaded, a line each."""
    found: dict[str, type[Scan]] = {given.__name__: given} if given is not None else {}
    broken = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            procedure_class = find_procedure(entry.name)
        except (SotlabError, ImportError, AttributeError) as error:  # one lab's broken file must not take away the rest
            broken.append(f"{entry.name} cannot be loaded: {error}")
            continue
        if issubclass(procedure_class, Scan):
            found.setdefault(procedure_class.__name__, procedure_class)
    return found, broken


def _last_parameters(out: Path, procedure: str) -> Mapping[str, Any] | None:
    """Return the parameters of the last run of a procedure that has rows, or None."""
    if not out.is_dir() or not any(out.iterdir()):  # to look into an empty folder leaves nothing in it
        return None
    with Catalog(out) as catalog:
        catalog.refresh()
        for run in reversed(catalog.select("procedure = ? AND rows > 0", [procedure], 3)):
            try:
                return read_run(Path(run["folder"])).parameters
            except SotlabError:
                continue
    return None
