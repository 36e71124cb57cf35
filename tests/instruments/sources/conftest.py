"""A shipped bench, opened through a station file that the test writes."""

from __future__ import annotations

from importlib import resources

import pytest

from sotlab.instruments.station import Station


@pytest.fixture
def open_station(tmp_path, monkeypatch):
    """Opens a station with these roles; at the end no device may have been sent what it does not understand."""
    monkeypatch.delenv("SOTLAB_CLOCK", raising=False)
    stations = []

    def open_one(roles, bench="harmonic_hall", query="clock=virtual&noise=off", replace=()):
        path = tmp_path / "station.toml"
        if replace:  # in the shipped bench file
            text = (resources.files("sotlab.simulated") / "benches" / f"{bench}.yaml").read_text(encoding="utf-8")
            for old, new in replace:
                assert old in text
                text = text.replace(old, new)
            (tmp_path / "bench.yaml").write_text(text, encoding="utf-8")
            bench = (tmp_path / "bench.yaml").as_posix()
        library = f"{bench}?{query}@sotlab"
        path.write_text(f'[station]\nname = "test"\nvisa_library = "{library}"\n{roles}', encoding="utf-8")
        stations.append(Station.open(str(path)))
        return stations[-1]

    yield open_one
    for station in stations:
        devices = station.visa_library.lab.devices if station.drivers else {}
        left = {name: list(device.errors) for name, device in devices.items() if getattr(device, "errors", None)}
        station.close()
        assert not left


@pytest.fixture
def lab_of():
    """The virtual lab behind a station."""
    return lambda station: station.visa_library.lab
