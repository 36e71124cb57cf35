"""PyMeasure's ManagedWindow with its signature, mended where it loses measurements or the window.

A run that fails does not stop those behind it; the window waits for no shutdown; closing asks, makes safe and leaves
no thread behind; a number that was typed is kept with all its digits and takes units ("10 mT"). Everything else is
PyMeasure's, by inheritance, so that a lab's own subclass works as before.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from pymeasure.display.manager import Manager
from pymeasure.display.widgets import EstimatorWidget
from pymeasure.display.windows import ManagedImageWindow as StockImageWindow
from pymeasure.display.windows import ManagedWindow as StockWindow
from pymeasure.display.windows.managed_dock_window import ManagedDockWindow as StockDockWindow
from pymeasure.experiment import Procedure

from sotlab.gui.exact_inputs import ExactInputs
from sotlab.gui.garbage import Collector
from sotlab.gui.qt import QtCore, QtGui, QtWidgets
from sotlab.gui.questions import Question, ask

__all__ = ["ManagedDockWindow", "ManagedImageWindow", "ManagedWindow"]

log = logging.getLogger(__name__)

#: How often it is looked whether a worker has ended [ms].
LOOK_MS = 20


class PatientManager(Manager):
    """Runs experiments one after the other; what it has to wait for, it looks for by a timer.

    PyMeasure's joins the worker on the GUI thread when a run fails, which lasts as long as its ``shutdown()``, and
    starts none of those behind it.
    """

    def __init__(self, widget_list: Any, browser: Any, log_level: int, parent: Any) -> None:
        super().__init__(widget_list, browser, log_level=log_level, parent=parent)
        self._worker: Any
        self._monitor: Any
        self._running_experiment: Any
        self.port: Any = None  # no server on all interfaces; its start would hold the window up for 0.3 s
        self._told = False
        self._timer = QtCore.QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)

    def next(self) -> None:
        """Start the next experiment, if there is one."""
        self._told = False
        super().next()
        if self.is_running():
            self._timer.start()

    def wait(self) -> None:
        """Wait for the run under way; only for when there is no event loop any more."""
        if self._worker is not None:
            threading.Thread.join(self._worker)
            self._monitor.queue.put(None)
            self._monitor.wait()

    def _failed(self) -> None:
        """Do nothing yet: its shutdown is still to come, as after the next two."""

    _abort_returned = _finish = _failed

    def _look(self) -> None:
        """See whether the worker, and then its monitor, have ended; only then is the run over."""
        if self._worker is None or self._worker.is_alive():
            return
        if not self._monitor.isFinished():
            self._monitor.queue.put(None)  # a worker whose shutdown() raised has not told it to end
            return
        if not self._told:  # what the monitor has said last comes with the events before the next look
            self._told = True
            return
        self._timer.stop()
        experiment, recorder = self._running_experiment, self._worker.recorder
        if getattr(recorder, "_thread", None) is not None:  # an exception in shutdown() has left it open
            recorder.stop()
        if experiment.procedure.status == Procedure.RUNNING:
            self._update_status(Procedure.FAILED)
        outcome = experiment.procedure.status
        self._worker = self._monitor = self._running_experiment = None
        for curve in experiment.curve_list:
            if curve:
                curve.update_data()
        if outcome == Procedure.FAILED:
            self.failed.emit(experiment)
        elif outcome == Procedure.ABORTED:
            self.abort_returned.emit(experiment)
            return
        else:
            experiment.browser_item.setProgress(100)
            self.finished.emit(experiment)
        if self._is_continuous:
            self.next()


class CalmEstimator(EstimatorWidget):
    """PyMeasure's estimator, made anew by a timer: its thread reads widgets, and aborts the process at the end."""

    def _set_continuous_updating(self) -> None:
        if not hasattr(self, "timer"):
            self.timer = QtCore.QTimer(self)
            self.timer.timeout.connect(self._estimate)
        state = self.update_box.checkState()
        self.timer.stop()
        if state != QtCore.Qt.CheckState.Unchecked:
            self.timer.start(2000 if state == QtCore.Qt.CheckState.PartiallyChecked else 200)

    def _estimate(self) -> None:
        try:
            self.update_estimates()
        except Exception as error:  # an input that is half typed
            log.debug("no estimate: %s", error)


class _Mended:
    """What is the same for all of PyMeasure's windows; comes before them in the bases."""

    def _setup_ui(self: Any) -> None:
        Collector.of_this_application()
        names, estimates = self.inputs, self.use_estimator
        self.use_estimator = False  # its thread must not begin
        super()._setup_ui()  # type: ignore[misc]
        self.inputs.deleteLater()
        self.inputs = ExactInputs(
            self.procedure_class,
            names,
            parent=self,
            hide_groups=self.hide_groups,
            inputs_in_scrollarea=self.inputs_in_scrollarea,
        )
        self.manager.deleteLater()
        self.manager = PatientManager(self.widget_list, self.browser, self.log_level, self)
        self.manager.abort_returned.connect(self.abort_returned)
        self.manager.queued.connect(self.queued)
        self.manager.running.connect(self.running)
        self.manager.finished.connect(self.finished)
        self.manager.failed.connect(self.failed)
        self.manager.log.connect(self.log.handle)
        self.use_estimator = estimates
        if estimates:
            self.estimator = CalmEstimator(parent=self)
        self._question: Any = None
        self._closing = False
        # One timer for all windows would make the tabs of windows that are closed blink.
        blink = self.log_widget._blink  # noqa: SLF001 - it has no other name
        self.log_widget._blink_qtimer.timeout.disconnect(blink)  # noqa: SLF001
        self._blinking = self.log_widget._blink_qtimer = QtCore.QTimer(self)  # noqa: SLF001
        self._blinking.timeout.connect(blink)

    def failed(self: Any, experiment: Any) -> None:
        """Say that a run has failed; those behind it go on."""
        self.statusBar().showMessage(f"✗ failed: {experiment.data_filename}; the log says why")
        self.finished(experiment)

    def quit(self: Any, evt: Any = None) -> None:
        """End with the application: the run under way is stopped, and its shutdown waited for."""
        if self.manager.is_running():
            self.manager.abort()
            self.manager.wait()
        self._leave()

    def closeEvent(self: Any, event: QtGui.QCloseEvent) -> None:
        """Close when nothing runs; else ask, stop the run, and close when its shutdown has been done."""
        if not self.manager.is_running():
            self._leave()
            event.accept()
            return
        event.ignore()
        if self._question is None and not self._closing:
            self._question = ask(
                self,
                Question.Icon.Warning,
                "A run is going on",
                "A run is going on. Stop it and close?",
                "Its shutdown is waited for, and what was measured is kept.",
                ("Stop and close", self._stop_and_close),
                ("Keep measuring", lambda: None),
            )
            self._question.finished.connect(self._answered)

    def _answered(self: Any) -> None:
        self._question.deleteLater()
        self._question = None

    def _stop_and_close(self: Any) -> None:
        self._closing = True
        self.statusBar().showMessage("stopping: the window closes when the run has been shut down")
        for signal in (self.manager.abort_returned, self.manager.finished, self.manager.failed):
            signal.connect(lambda experiment: QtCore.QTimer.singleShot(0, self.close))
        if self.manager.is_running():
            self.abort()
        else:
            self.close()

    def _leave(self: Any) -> None:
        """Leave nothing behind that would speak to a window that is gone."""
        logging.getLogger().removeHandler(self.log_widget.handler)
        self._blinking.stop()
        if hasattr(self, "estimator"):
            self.estimator.timer.stop()
        application: Any = QtWidgets.QApplication.instance()
        try:
            application.aboutToQuit.disconnect(self.quit)
        except (RuntimeError, TypeError):  # it has been left before
            pass


class ManagedWindow(_Mended, StockWindow):
    """PyMeasure's ManagedWindow, with its signature.

    Examples
    --------
    >>> from sotlab.gui import ManagedWindow  # instead of pymeasure.display.windows
    """


class ManagedImageWindow(_Mended, StockImageWindow):
    """PyMeasure's ManagedImageWindow, with its signature."""


class ManagedDockWindow(_Mended, StockDockWindow):
    """PyMeasure's ManagedDockWindow, with its signature."""
