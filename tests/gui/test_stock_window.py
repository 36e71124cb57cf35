"""A Scan in PyMeasure's own ManagedWindow, unmodified; in a process of its own, because stock windows may not survive
being closed."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "stock_pymeasure_window.py"

DRIVE = """
import importlib.util, os, sys
from pymeasure.display.Qt import QtCore, QtWidgets
from pymeasure.experiment import Procedure, Results

spec = importlib.util.spec_from_file_location("example", sys.argv[1])
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)
application = QtWidgets.QApplication([])
window = example.MainWindow()
window.show()
window.file_input.directory = sys.argv[2]
window.inputs.station.setText("virtual:stfmr")
window.inputs.points.setValue(11)
window.queue()

def ended(experiment):
    results = Results.load(experiment.data_filename)
    status = Procedure.STATUS_STRINGS[experiment.procedure.status]
    print(status, len(results.data), results.procedure.frequency, flush=True)
    os._exit(0)

window.manager.finished.connect(ended)
window.manager.failed.connect(ended)
QtCore.QTimer.singleShot(60_000, lambda: os._exit(1))
application.exec()
"""


def test_a_scan_runs_in_a_stock_managed_window(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", DRIVE, EXAMPLE, tmp_path],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.stdout.strip() == "Finished 11 7000000000.0", done.stderr
