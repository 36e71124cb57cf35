"""A bench with one device and its station, as a test file describes them."""

import pytest

from sotlab.instruments.station import Station


@pytest.fixture
def open_station(request, tmp_path, monkeypatch):
    """Open the test file's STATION, or another text, on the bench of its BENCH and BENCH_CLASS.

    What is left in an instrument's error queue fails the test.
    """
    (tmp_path / "bench.py").write_text(request.module.BENCH_CLASS, encoding="utf-8")
    (tmp_path / "bench.yaml").write_text(request.module.BENCH, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    opened = []

    def open_one(text=None):
        path = tmp_path / "station.toml"
        path.write_text(request.module.STATION if text is None else text, encoding="utf-8")
        station = Station.open(str(path))
        opened.append((station, station.visa_library.lab))
        return station

    yield open_one
    left = [list(device.errors) for _, lab in opened for device in lab.devices.values() if device.errors]
    for station, _ in opened:
        station.close()
    assert not left


@pytest.fixture
def station(open_station):
    """The test file's station, open."""
    return open_station()
