"""Maps, results of each spectrum, sigmas, many points, and what is written of them for a paper."""

import csv
import json

import numpy as np
import pytest

from sotlab.errors import UsageError
from sotlab.gui.map_data import MapData
from sotlab.gui.plot import SweepPlot
from sotlab.gui.qt import QtCore, QtGui
from sotlab.gui.states import State
from sotlab.gui.thin import MOST, thin
from sotlab.procedures.runs.columns import table_of

pytestmark = pytest.mark.usefixtures("no_reports")
TIMEOUT_MS = 60_000


def test_thinning_keeps_every_peak_and_the_last_point_and_all_points_of_few():
    rng = np.random.default_rng(0)
    y = rng.normal(size=100_001)
    y[[777, 50_000]] = 50.0, -50.0
    y[123:456] = np.nan
    shown = thin(y)
    assert len(shown) <= MOST + 2
    assert {777, 50_000, 100_000} <= set(shown)
    assert np.all(np.diff(shown) >= 0)
    assert y[thin(y[:MOST])].shape == (100_001,)  # a slice of all


def test_a_map_of_uneven_rows_has_each_value_where_it_was_measured():
    data = MapData()
    frequencies = [4e9, 5e9, 8e9]
    for number, frequency in enumerate(frequencies):
        x = np.linspace(0.01 + 0.01 * number, 0.05 + 0.01 * number, 41)
        for part in np.array_split(np.arange(41), 4):  # as they come
            data.add(x[part], np.full(len(part), frequency), 100.0 * number + x[part])
            data.image()
    lines, (left, bottom, width, height) = data.image()
    assert lines.shape[0] == 5  # the steps are uneven: a row of pixels for each GHz
    assert (bottom, height) == pytest.approx((3.5e9, 5e9))
    step = width / lines.shape[1]
    for number, frequency in enumerate(frequencies):
        row = lines[round((frequency - 4e9) / 1e9)]
        inside = np.flatnonzero(np.isfinite(row))
        np.testing.assert_allclose(row[inside] - 100.0 * number, left + (inside + 0.5) * step, atol=0.7e-3)
        assert left + (inside[0] + 0.5) * step == pytest.approx(0.01 + 0.01 * number, abs=2e-3)
    ys, values = data.column(0.04)
    np.testing.assert_array_equal(ys, frequencies)
    np.testing.assert_allclose(values, [0.04, 100.04, 200.04], atol=0.6e-3)
    assert np.isnan(data.column(0.065)[1][0])


def test_a_map_keeps_its_grid_while_readings_scatter_and_takes_rows_in_any_order():
    rng = np.random.default_rng(0)
    data = MapData()
    x = np.linspace(0.0, 0.1, 101)
    grids = set()
    for row in rng.permutation(20):
        data.add(x + 1e-5 * rng.normal(size=101), np.full(101, float(row)), np.full(101, float(row)))
        lines, _ = data.image()
        grids.add(lines.shape[1])
        kept = data.column(0.05)
        np.testing.assert_array_equal(kept[0], kept[1])  # each row's values are its own place
    assert grids == {101}
    assert data.levels == (0.0, 19.0)
    data.add(np.array([0.2]), np.array([5.0]), np.array([-1.0]))  # far outside: the grid grows
    lines, (left, _, width, _) = data.image()
    assert left + width == pytest.approx(0.2, abs=2e-3)
    assert np.nanmin(lines) == -1.0


def test_rows_become_a_table_whatever_their_cells_are():
    columns = ["a", "b"]
    np.testing.assert_array_equal(
        table_of([{"a": 1, "b": None}, {"a": "2", "b": 3.5}], columns), [[1, np.nan], [2, 3.5]]
    )
    passes = [{"a": 1.0, "b": np.array([1.0, 2.0])}, {"a": 2.0, "b": np.array([3.0, 4.0])}]
    np.testing.assert_array_equal(table_of(passes, columns), [[1, 1], [1, 2], [2, 3], [2, 4]])
    np.testing.assert_array_equal(table_of([{"a": "no number"}], columns), [[np.nan, np.nan]])


@pytest.fixture(scope="module")
def plot_of_many(qapp):
    plot = SweepPlot("Field (T)", "Voltage (V)", ["Field (T)", "Voltage (V)", "Voltage Sigma (V)"])
    x = np.linspace(0.0, 1.0, 200_000)
    plot.set_data({"Field (T)": x, "Voltage (V)": np.sin(20 * x), "Voltage Sigma (V)": np.full(len(x), 0.1)})
    return plot


def test_many_points_are_thinned_and_those_in_sight_are_all_there_when_zoomed(qtbot, plot_of_many):
    plot = plot_of_many
    assert plot.count == 200_000
    assert len(plot._points.getData()[0]) <= MOST + 2
    plot.top.setXRange(0.5, 0.501, padding=0)
    qtbot.waitUntil(lambda: len(plot._points.getData()[0]) == 200, timeout=TIMEOUT_MS)


def test_sigmas_are_drawn_where_a_column_has_them(plot_of_many):
    np.testing.assert_allclose(plot_of_many._bars.opts["height"], 0.2)  # from one sigma below to one above


def test_a_series_is_a_map_with_cuts_and_a_result_in_each_row(qtbot, open_window, tmp_path):
    window = open_window()
    window.panel.choose("STFMRFrequencySeries")
    for name, text in {"frequency": "4 GHz", "frequency_stop": "7 GHz", "frequencies": "4", "points": "31"}.items():
        window.form.inputs[name].edit.setText(text)
    window.panel.views.setCurrentWidget(window.panel.map)
    with qtbot.waitSignal(window.ended, timeout=TIMEOUT_MS):
        window.start()
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)
    view, results = window.panel.map, window.panel.results
    assert view.columns == ("Field (T)", "Frequency (Hz)", "Voltage (V)")
    np.testing.assert_allclose(view.data.ys, [4e9, 5e9, 6e9, 7e9])
    assert view.image.image.shape[0] == 4
    # The live fit is of the last spectrum only, so that what was found lies on Kittel's curve.
    last = window.plot.fit
    assert len(last.x) == 31
    np.testing.assert_array_equal(window.plot.values("Frequency (Hz)")[last.rows], 7e9)
    x, y = results.points.getData()
    np.testing.assert_allclose(x, [4e9, 5e9, 6e9, 7e9])
    assert results.y_box.currentText() == "field_res"
    assert np.all(results.bars.opts["height"] > 0)
    assert view.found[7e9][0] == pytest.approx(y[-1], abs=1e-3)

    # A frequency is at the same height in the map and in the cut beside it, a field below it where it is in the map.
    for other, point, axis in ((view.side, (0.0, 6e9), "y"), (view.below, (0.05, 0.0), "x")):
        places = [plot.getViewBox().mapViewToScene(QtCore.QPointF(*point)) for plot in (view.top, other)]
        assert getattr(places[0], axis)() == pytest.approx(getattr(places[1], axis)(), abs=1.5)

    view.row_line.setValue(6.1e9)  # the nearest row is shown
    np.testing.assert_array_equal(view.row_cut.getData()[1], view.data.row(6e9)[1])
    view.column_line.setValue(y[2])
    assert len(view.column_cut.getData()[0]) == 4

    for name in ("map.png", "map.svg", "map.csv"):
        window.export(tmp_path / name)
    assert QtGui.QImage(str(tmp_path / "map.png")).width() == 2000
    assert "SIMULATED" in (tmp_path / "map.svg").read_text(encoding="utf-8")
    lines = (tmp_path / "map.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# SIMULATED, ")
    rows = list(csv.DictReader(lines[1:]))
    assert len(rows) == window.plot.count == 124
    assert {float(row["Voltage (V)"]) for row in rows} == set(window.plot.ys)
    window.panel.views.setCurrentWidget(results)
    window.export(tmp_path / "results.csv")
    assert "field_res Sigma (T)" in (tmp_path / "results.csv").read_text(encoding="utf-8")
    window.export(tmp_path / "map.pdf")
    assert "allowed: .png, .svg, .csv" in window.message.text()
    with pytest.raises(UsageError):
        window.panel.export(tmp_path / "map", "")


def test_the_spectrum_of_a_delay_scan_stands_beside_its_trace(qtbot, open_window, tmp_path):
    window = open_window("virtual:thz?seed=0&clock=virtual")
    window.panel.choose("ThzDelayScan")
    beside = window.plot.beside
    assert not beside.plot.isVisible()
    for name, text in {"scans": "1", "points": "61"}.items():
        window.form.inputs[name].edit.setText(text)
    live = []
    show = window.panel.show_fit
    window.panel.show_fit = lambda fit: (show(fit), live.append([len(curve.x) for curve in beside.curves]))
    window.start()
    qtbot.waitUntil(lambda: not window.busy, timeout=TIMEOUT_MS)
    assert window.state is State.FINISHED, window.message.text()
    assert live[-1][0] > 50  # it was there while it measured

    (curve,) = beside.curves  # now that of the results
    stored = json.loads(window.measurement.run.folder.results.read_text(encoding="utf-8"))["scans"][0]
    np.testing.assert_array_equal(curve.x, stored["frequency"][1:])
    np.testing.assert_array_equal(curve.sigma, stored["sigma"][1:])
    assert curve.y.max() > 100 * np.median(curve.sigma)
    assert beside.plot.isVisible()
    left = window.plot.top.sceneBoundingRect()
    right = beside.plot.sceneBoundingRect()
    assert left.right() <= right.left()
    assert right.width() == pytest.approx(left.width(), rel=0.3)
    window.export(tmp_path / "both.csv")
    header = (tmp_path / "both.csv").read_text(encoding="utf-8").splitlines()[1]
    assert "sample Amplitude (V/Hz),sample Amplitude Sigma (V/Hz)" in header

    window.plot.x_box.setCurrentText("Time (s)")  # the spectrum is of the trace over the delay
    assert not beside.plot.isVisible()
    window.plot.x_box.setCurrentText("Delay (s)")
    window.plot.compare("another", window.plot._rows, beside.curves)
    assert "another sample" in beside.plot.titleLabel.text
    window.panel.choose("STFMRFieldSweep")
    window.panel.begin(window.panel.procedure_class)
    window.plot.compare_no_more()
    assert not beside.plot.isVisible()
