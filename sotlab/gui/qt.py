"""Qt, as every module of the window imports it: through qtpy, and pyqtgraph on the same binding.

pyqtgraph imported first would pick a binding of its own, and with two installed the process would load both.
"""

from __future__ import annotations

import os

import qtpy
from qtpy import QtCore, QtGui, QtWidgets

os.environ["PYQTGRAPH_QT_LIB"] = qtpy.API_NAME

import pyqtgraph as pg

__all__ = ["QtCore", "QtGui", "QtWidgets", "pg"]
