"""Colours and icons: Okabe and Ito's colours, told apart by everybody, on light and on dark palettes."""

from __future__ import annotations

from sotlab.gui.qt import QtCore, QtGui

__all__ = ["Colours", "dot_icon", "is_dark", "palette"]


#: Corners of the filled icons, on a field of 16 x 16.
FILLED = {
    "play": [[(3, 2), (14, 8), (3, 14)]],
    "stop": [[(3, 3), (13, 3), (13, 13), (3, 13)]],
    "pause": [[(3, 2), (6.5, 2), (6.5, 14), (3, 14)], [(9.5, 2), (13, 2), (13, 14), (9.5, 14)]],
    "skip": [[(2, 2), (8, 8), (2, 14)], [(7, 2), (13, 8), (7, 14)], [(13, 2), (15, 2), (15, 14), (13, 14)]],
    "plus": [[(6.5, 2), (9.5, 2), (9.5, 14), (6.5, 14)], [(2, 6.5), (14, 6.5), (14, 9.5), (2, 9.5)]],
}


class Colours:
    """The colours to draw with on a palette.

    Parameters
    ----------
    palette : QPalette
        Background and text are its own; the others are Okabe and Ito's, the darker or lighter of them.
    """

    def __init__(self, palette: QtGui.QPalette) -> None:
        dark = is_dark(palette)
        self.background = palette.color(QtGui.QPalette.ColorRole.Base)
        self.text = palette.color(QtGui.QPalette.ColorRole.Text)
        self.dim = _mixed(self.text, self.background, 0.65)
        self.points = QtGui.QColor("#56B4E9" if dark else "#0072B2")
        self.fit = QtGui.QColor("#E69F00" if dark else "#D55E00")
        self.good = QtGui.QColor("#2CCB9C" if dark else "#007A59")
        # Vermilion, lightened or darkened until text in it is easy to read (contrast above 4.5).
        self.bad = QtGui.QColor("#FF8A4C" if dark else "#B34700")
        self.warning = QtGui.QColor("#E69F00")
        names = ("#CC79A7", "#2CCB9C", "#F0E442", "#E69F00") if dark else ("#AA3377", "#007A59", "#8A6D00", "#555555")
        self.others = [QtGui.QColor(name) for name in names]


def is_dark(palette: QtGui.QPalette) -> bool:
    """Return whether text is lighter than what it stands on."""
    role = QtGui.QPalette.ColorRole
    return palette.color(role.WindowText).lightnessF() > palette.color(role.Window).lightnessF()


def palette(dark: bool) -> QtGui.QPalette:
    """Return a light or a dark palette, for pictures that must not depend on the system's theme."""
    names = QtGui.QPalette.ColorRole
    window, base, text, button, middle = (
        ("#2b2d30", "#1e1f22", "#e6e6e6", "#3a3d41", "#55585c")
        if dark
        else ("#f2f2f0", "#ffffff", "#1a1a1a", "#e6e6e4", "#b4b4b0")
    )
    colours = QtGui.QPalette(QtGui.QColor(button), QtGui.QColor(window))
    for role, colour in {
        names.Window: window,
        names.Base: base,
        names.AlternateBase: window,
        names.Button: button,
        names.Mid: middle,
        names.WindowText: text,
        names.Text: text,
        names.ButtonText: text,
        names.ToolTipBase: base,
        names.ToolTipText: text,
        names.Highlight: "#0072B2",
        names.HighlightedText: "#ffffff",
        names.Link: "#56B4E9" if dark else "#0072B2",
    }.items():
        colours.setColor(role, QtGui.QColor(colour))
    faint = _mixed(QtGui.QColor(text), QtGui.QColor(window), 0.45)
    for role in (names.WindowText, names.Text, names.ButtonText):
        colours.setColor(QtGui.QPalette.ColorGroup.Disabled, role, faint)
    return colours


def dot_icon(shape: str, colour: QtGui.QColor, size: int = 32) -> QtGui.QIcon:
    """Return a plain icon: 'circle', 'tick', 'cross' or one of FILLED; the shape tells as much as the colour."""
    pixmap = QtGui.QPixmap(size, size)
    pixmap.fill(QtCore.Qt.GlobalColor.transparent)
    painter = QtGui.QPainter(pixmap)
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    painter.scale(size / 16, size / 16)
    pen = QtGui.QPen(colour, 2.4)
    pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
    if shape in ("tick", "cross"):
        painter.setPen(pen)
        lines = {"tick": [(2, 9, 6, 13), (6, 13, 14, 3)], "cross": [(3, 3, 13, 13), (3, 13, 13, 3)]}[shape]
        for line in lines:
            painter.drawLine(*line)
    elif shape == "circle":
        painter.setPen(pen)
        painter.drawEllipse(3, 3, 10, 10)
    else:
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for corners in FILLED[shape]:
            painter.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(x, y) for x, y in corners]))
    painter.end()
    return QtGui.QIcon(pixmap)


def _mixed(one: QtGui.QColor, other: QtGui.QColor, share: float) -> QtGui.QColor:
    def mix(a: float, b: float) -> float:
        return share * a + (1.0 - share) * b

    return QtGui.QColor.fromRgbF(
        mix(one.redF(), other.redF()), mix(one.greenF(), other.greenF()), mix(one.blueF(), other.blueF())
    )
