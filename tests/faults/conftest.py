"""A bench in a process of its own, reached over sockets: it lives on when the measuring process dies."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sotlab.instruments.station_file import StationConfig

PATIENCE_S = 60.0


class Served:
    """A served bench, the station file that reaches it, and its instrument LAB.

    Parameters
    ----------
    folder : Path
        Where ``station.toml`` is written.
    bench : str
        A shipped bench; options may follow.
    """

    def __init__(self, folder: Path, bench: str) -> None:
        command = [sys.executable, "-m", "sotlab.cli", "lab", "serve", bench, "--port-base", "0", "--json"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.rows = json.loads(self._process.stdout.readline())["devices"]
        self.station = folder / "station.toml"
        original = StationConfig.load(f"virtual:{bench.partition('?')[0]}")[1]
        text = original.read_text(encoding="utf-8").replace('"samples/', f'"{original.parent.as_posix()}/samples/')
        for row in self.rows:
            text = text.replace(f'"{row["bench_resource"]}"', f'"{row["resource"]}"')
        self.station.write_text(re.sub("visa_library = .*", 'visa_library = "@py"', text), encoding="utf-8")

    def lab(self, message: str) -> str:
        """Send the lab a message, and return the answer to a question."""
        port = next(row["port"] for row in self.rows if row["model"] == "LAB")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
            connection.sendall(f"{message};*OPC?\n".encode() if "?" not in message else f"{message}\n".encode())
            answer = b""
            while not answer.endswith(b"\n"):
                answer += connection.recv(65536)
        return answer.decode().strip()

    def outputs(self) -> dict:
        """Return what the bench's outputs do now."""
        return json.loads(self.lab("LAB:STATe?"))["bench"]

    def is_safe(self) -> bool:
        """Return whether the microwave is off and the magnet has no current to go to."""
        outputs = self.outputs()
        return not outputs["microwave"]["on"] and outputs["magnet"]["current_set_A"] == 0.0

    def stop(self) -> None:
        """End the bench."""
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def served(tmp_path):
    """An ST-FMR bench that runs twenty times as fast as a real one."""
    bench = Served(tmp_path, "stfmr?seed=1&clock=20")
    yield bench
    bench.stop()


@pytest.fixture
def served_thz(tmp_path):
    """A terahertz bench in real time: a lock-in's own clock and the computer's must agree."""
    bench = Served(tmp_path, "thz?seed=1")
    yield bench
    bench.stop()
