"""Tables that are written anew often: only text that has changed is set."""

from __future__ import annotations

from collections.abc import Sequence

from sotlab.gui.qt import QtWidgets

__all__ = ["cell_of", "make_table", "write_row"]


def make_table(headers: Sequence[str], widths: Sequence[int]) -> QtWidgets.QTableWidget:
    """Return an empty table of text, selected by rows."""
    table = QtWidgets.QTableWidget(0, len(headers))
    table.setHorizontalHeaderLabels(list(headers))
    table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
    table.verticalHeader().setVisible(False)
    table.setTabKeyNavigation(False)  # Tab leads on, the arrows go through the rows
    table.setWordWrap(False)  # what does not fit is in the tool tip
    table.horizontalHeader().setStretchLastSection(True)
    for column, width in enumerate(widths):
        table.setColumnWidth(column, width)
    return table


def cell_of(table: QtWidgets.QTableWidget, row: int, column: int) -> QtWidgets.QTableWidgetItem:
    """Return a cell; it is made if it is not there."""
    cell = table.item(row, column)
    if cell is None:
        cell = QtWidgets.QTableWidgetItem()
        table.setItem(row, column, cell)
    return cell


def write_row(table: QtWidgets.QTableWidget, row: int, texts: Sequence[str]) -> None:
    """Write the texts of a row; what does not fit is in the tool tip."""
    for column, text in enumerate(texts):
        cell = cell_of(table, row, column)
        if cell.text() != text:
            cell.setText(text)
            cell.setToolTip(text)
