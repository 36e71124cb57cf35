"""A sotlab procedure in PyMeasure's own window: nothing but stock PyMeasure around it.

Run it with ``python examples/stock_pymeasure_window.py [STATION]``; without a station it measures on the virtual bench.
"""

import sys

from pymeasure.display.Qt import QtWidgets
from pymeasure.display.windows import ManagedWindow

from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep


class MainWindow(ManagedWindow):
    def __init__(self):
        super().__init__(
            procedure_class=STFMRFieldSweep,
            inputs=["station", "frequency", "power", "start", "stop", "points"],
            displays=["frequency", "power", "start", "stop"],
            x_axis="Field (T)",
            y_axis="Voltage (V)",
        )
        self.setWindowTitle("ST-FMR")


if __name__ == "__main__":
    STFMRFieldSweep.station.value = sys.argv[1] if len(sys.argv) > 1 else "virtual:stfmr?clock=20"
    application = QtWidgets.QApplication(sys.argv)
    window = MainWindow()
    window.show()
    sys.exit(application.exec())
