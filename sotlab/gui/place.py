"""Where is measured: station, sample and device, chosen once for everything in the window and always in sight."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from sotlab.errors import SotlabError
from sotlab.gui.background import Background
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.instruments.sample import Sample
from sotlab.instruments.station import Station
from sotlab.instruments.station_file import VIRTUAL, StationConfig, load_sample, shipped_stations

__all__ = ["Place"]

WHOLE = "whole sample"


class Place(QtWidgets.QWidget):
    """Three lines: the station, of its samples one, of that one's devices one.

    Attributes
    ----------
    problem : str
        Why nothing can be measured here; empty if all is well.
    simulated : bool or None
        Whether the station is simulated, as it says itself; None until it has been asked.
    """

    changed = QtCore.Signal()

    def __init__(self, station: str, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.station = station
        self.problem = ""
        self.simulated: bool | None = None
        self.config: StationConfig | None = None
        self.the_sample: Sample | None = None
        self._path = Path()
        self._asking: threading.Thread | None = None
        self._background = Background(self)
        self.station_box = self._box("Station", 270, editable=True)
        self.sample_box = self._box("Sample", 240, editable=True)
        self.device_box = self._box("Device", 120)
        self.station_box.addItems(_stations(station))
        self.station_box.setCurrentText(station)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for box in (self.station_box, self.sample_box, self.device_box):
            label = QtWidgets.QLabel(box.accessibleName())
            label.setBuddy(box)
            row.addWidget(label)
            row.addWidget(box)
        self.station_box.activated.connect(self._station_chosen)
        _line(self.station_box).editingFinished.connect(self._station_chosen)
        self.sample_box.activated.connect(self._sample_chosen)
        _line(self.sample_box).editingFinished.connect(self._sample_chosen)
        self.device_box.activated.connect(self._device_chosen)
        self._load_station()

    @property
    def sample(self) -> str:
        """The sample file; empty for the station's own."""
        index = self.sample_box.findText(self.sample_box.currentText())
        return self.sample_box.itemData(index) if index >= 0 else self.sample_box.currentText().strip()

    @property
    def device(self) -> str:
        """The device of the sample; empty for the whole."""
        return self.device_box.currentData() or ""

    @property
    def sample_name(self) -> str:
        """What the sample is called in files."""
        return self.the_sample.name if self.the_sample is not None else "no-sample"

    def choose(self, station: str, sample: str = "", device: str = "") -> None:
        """Choose a place by its names."""
        self.station_box.setCurrentText(station)
        self._station_chosen()
        if sample:
            index = self.sample_box.findData(sample)
            self.sample_box.setCurrentText(self.sample_box.itemText(index) if index >= 0 else sample)
            self._sample_chosen()
        if device:
            self.device_box.setCurrentIndex(max(0, self.device_box.findData(device)))
            self._device_chosen()

    def wait(self) -> None:
        """Wait until the station has been asked what it is: who closes a bench last ends it, for all."""
        if self._asking is not None:
            self._asking.join()

    def set_locked(self, locked: bool) -> None:
        """Keep the place while something is measured there; it stays in sight."""
        for box in (self.station_box, self.sample_box):
            box.setEnabled(not locked)
        self.device_box.setEnabled(not locked and self.device_box.count() > 1)

    def lacks(self, roles: tuple[str, ...]) -> list[str]:
        """Return which of these roles the station has not."""
        return [] if self.config is None else [role for role in roles if role not in self.config.roles]

    def _box(self, name: str, width: int, editable: bool = False) -> QtWidgets.QComboBox:
        box = QtWidgets.QComboBox()
        box.setEditable(editable)
        box.setInsertPolicy(QtWidgets.QComboBox.InsertPolicy.NoInsert)
        box.setFixedWidth(width)
        box.setAccessibleName(name)
        if editable:  # the beginning of a long name says more than its end
            box.currentTextChanged.connect(lambda: _line(box).hasFocus() or _line(box).setCursorPosition(0))
        return box

    def _station_chosen(self) -> None:
        if (text := self.station_box.currentText().strip()) != self.station:
            self.station = text
            self._load_station()

    def _load_station(self) -> None:
        self.sample_box.clear()
        self.config, self.problem, self.simulated = None, "", None
        try:
            self.config, self._path = StationConfig.load(self.station)
        except SotlabError as error:
            self.problem = str(error)
        else:
            own = self.config.station.sample
            self.sample_box.addItem(f"{Path(own).stem} (the station's)" if own else "none", "")
            folder = self._path.parent / "samples"
            for path in sorted(folder.glob("*.toml")):
                if own is None or path != self._path.parent / own:
                    self.sample_box.addItem(path.stem, str(path))
            station = self.station
            self._asking = self._background.run(
                lambda: _is_simulated(station), lambda found: self._told(station, found), lambda problem: None
            )
        self.station_box.setToolTip(str(self._path))
        self._load_sample()

    def _told(self, station: str, simulated: bool) -> None:
        if station == self.station:
            self.simulated = simulated
            self.changed.emit()

    def _sample_chosen(self) -> None:
        self._load_sample()

    def _load_sample(self) -> None:
        self.device_box.clear()
        self.device_box.addItem(WHOLE, "")
        self.the_sample = None
        if self.config is not None:
            self.problem = ""
            try:
                if self.sample or self.config.station.sample is not None:
                    self.the_sample = load_sample(self.config, self._path, self.sample or None)
            except SotlabError as error:
                self.problem = str(error)
        for name in self.the_sample.devices if self.the_sample is not None else ():
            self.device_box.addItem(name, name)
        self.device_box.setEnabled(self.device_box.count() > 1)
        self.sample_box.setToolTip(self.the_sample.description if self.the_sample is not None else "")
        self.changed.emit()

    def _device_chosen(self) -> None:
        self.changed.emit()


def _line(box: QtWidgets.QComboBox) -> Any:
    """Return the line of text of a box that can be edited."""
    return box.lineEdit()


def _stations(given: str) -> list[str]:
    """Return the stations to choose from: the one that was given, those of the working folder, and those shipped."""
    options = f"?{given.partition('?')[2]}" if given.startswith(VIRTUAL) and "?" in given else ""
    files = [path.name for path in sorted(Path().glob("*station*.toml"))]
    shipped = [f"{VIRTUAL}{name}{options or '?clock=20'}" for name in shipped_stations()]
    return list(dict.fromkeys([given, *files, *shipped]))


def _is_simulated(station: str) -> bool:
    with Station.open(station, ()) as opened:
        return opened.simulated
