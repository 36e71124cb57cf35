"""Opens the window, and lets no signal end the program before the bench is safe."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sotlab.errors import SotlabError, UsageError
from sotlab.instruments.station_file import StationConfig

if TYPE_CHECKING:
    from sotlab.gui.window import MainWindow

__all__ = ["run_window"]

log = logging.getLogger(__name__)

#: What Qt needs of the system; see docs/install.md.
QT_LIBRARIES = "apt-get install libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0"
#: How often Python is let in to see whether a signal has come [ms].
SIGNAL_CHECK_MS = 100
#: A thread that computes gives way after this time [s]; with Python's own 5 ms each call into Qt can wait that long.
SWITCH_INTERVAL_S = 0.002


def run_window(station: str, out: Path, screenshots: Path | None = None, welcome: bool = False) -> int:
    """Open the window on ``station``; return the exit code when it has been closed.

    Parameters
    ----------
    station : str
        The station file, or ``virtual:NAME``.
    out : Path
        Folder of runs.
    screenshots : Path, optional
        Measure a short sweep, write pictures of the window to this folder, and close.
    welcome : bool
        Say that this is the virtual lab, for want of a station file, and offer a guided first measurement.

    Raises
    ------
    StationError
        If there is no such station, or its file is wrong.
    UsageError
        If there is no display.
    SotlabError
        If Qt is not there: the line that installs what it needs is named.
    """
    StationConfig.load(station)  # an error in it belongs on the terminal that names the file
    _choose_platform(screenshots is not None)
    try:
        from sotlab.gui.qt import QtWidgets
    except ImportError as error:
        raise SotlabError(f"the window: Qt cannot be loaded: {error}; on Debian and Ubuntu: {QT_LIBRARIES}") from error
    from sotlab.gui.garbage import Collector
    from sotlab.gui.window import MainWindow

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    application = QtWidgets.QApplication(["sotlab"])
    application.setApplicationName("sotlab")
    application.setStyle("Fusion")
    collector = Collector.of_this_application()
    if logging.lastResort is not None:  # the window's own handler would keep warnings from the terminal
        logging.getLogger().addHandler(logging.lastResort)
    window = MainWindow(station, out)
    _close_on_signals(window)
    _survive_bugs(window)
    collector.spare_what_is_there()
    if screenshots is None:
        window.show()
        if welcome:
            window.guide.welcome()
    else:
        from sotlab.gui.pictures import take_pictures

        take_pictures(application, window, screenshots)
    status = application.exec()
    if window.measurement is not None and window.measurement.active:  # somebody else has ended the event loop
        window.measurement.stop()
        window.measurement.wait()
    return status


def _close_on_signals(window: MainWindow) -> None:
    """Take SIGINT, SIGTERM and their like as a wish to close; a timer lets Python see them."""
    from sotlab.gui.qt import QtCore

    def close(number: int, frame: Any) -> None:
        QtCore.QTimer.singleShot(0, window.stop_and_close)  # not here: Qt may be in the middle of anything

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), close)
    timer = QtCore.QTimer(window, interval=SIGNAL_CHECK_MS)
    timer.timeout.connect(lambda: None)
    timer.start()


def _survive_bugs(window: MainWindow) -> None:
    """Log and show an exception that nobody has caught; PyQt would abort the process, in mid-run."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.error("internal error in the window", exc_info=(kind, error, trace))
        window.show_bug(error)

    sys.excepthook = show


def _choose_platform(offscreen: bool) -> None:
    """Choose Qt's platform where there is no display: Qt itself would abort the process."""
    if not sys.platform.startswith("linux") or "QT_QPA_PLATFORM" in os.environ:
        return
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    if not offscreen:
        raise UsageError(
            "the window: there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set); log in on a desktop or with"
            " ssh -X, or use 'sotlab run' on the command line"
        )
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
