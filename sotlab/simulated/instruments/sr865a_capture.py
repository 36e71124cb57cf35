"""The capture buffer of the SR865A: samples of the filter's output at a fixed rate, read back as text or as a block.

Streaming over the network is not modelled, so refused.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sotlab.simulated.device import command, query, setting
from sotlab.simulated.instruments.srs_lockin import Index, Raw, SRSLockin
from sotlab.simulated.scpi import Choice, Parameter, ScpiError

__all__ = ["Capture", "Word", "nine_digits"]

LENGTH = "SR865 manual, chapter 4, p. 136"
TRIGGERED = 128

#: The fastest capture is 1.25 MHz over 2 to these powers, by time constant; from memory.
CAPTURE_POWERS = (0, 0, 1, 2, 3, 4, 5, 7, 9, 10, 12, 13, 14, 16, 18, 18, 18, 18, 18, 18, 18, 18)
#: Values of a sample, by CAPTURECFG.
COLUMNS = (1, 2, 2, 4)
#: So many samples at once go through the filter.
CHUNK = 65536


class Word(Parameter):
    """One of several words, or its index; sent back as the index."""

    def __init__(self, *words: str, optional: bool = False):
        super().__init__(optional=optional)
        self.choice = Choice(*words)

    def parse(self, text: str, device: Any) -> int:
        """Return the index; -222 for an index that is none, -224 for a word."""
        if not text.isdecimal():
            try:
                return self.choice.words.index(self.choice.parse(text, device))
            except ScpiError:  # words that begin with a digit are words, too
                raise ScpiError(-224) from None
        if int(text) >= len(self.choice.words):
            raise ScpiError(-222)
        return int(text)


def nine_digits(value: float) -> str:
    """Write a 32-bit float so that it is found again."""
    return f"{value:.9g}"


if TYPE_CHECKING:
    Base = SRSLockin
else:
    Base = object


class Capture(Base):
    """What a lock-in with a capture buffer has besides; the model gives ``time_constant``."""

    time_constant: Any

    capture_kB = setting("CAPTURELEN", Index(1, 4096), default=256, source=LENGTH)
    capture_what = setting("CAPTURECFG", Word("X", "XY", "RT", "XYRT"), default=0, source=LENGTH)
    capture_divider = setting("CAPTURERATE", Index(0, 20), default=0, source="unverified; several programs")

    def forget_capture(self) -> None:
        """Empty the buffer and stop."""
        self._captured = np.empty((0, 1), dtype="<f4")
        self._capture_state, self._capture_total, self._next_s, self._loop = 0, 0, math.inf, False
        self._step_s = math.inf

    def _fastest_Hz(self) -> float:
        return 1.25e6 / 2 ** CAPTURE_POWERS[self.time_constant]

    @capture_kB.on_change
    def _even_length(self) -> None:
        """Make an odd length the next even one: the buffer consists of blocks of 2 kB."""
        self.capture_kB += self.capture_kB % 2

    @capture_kB.on_change
    @capture_what.on_change
    @capture_divider.on_change
    def _change_capture(self) -> None:
        if self._capture_state & 1:  # that it is refused, and how, is unverified
            raise ScpiError(-221)

    @query("CAPTURERATEMAX", source="unverified; several programs")
    def fastest_capture(self) -> str:
        """Return the fastest capture rate at this time constant [Hz]."""
        return nine_digits(self._fastest_Hz())

    @query("CAPTURERATE", source="unverified; several programs")
    def capture_rate(self) -> str:
        """Return the capture rate [Hz]; what is set is the power of two below the fastest."""
        return nine_digits(self._fastest_Hz() / 2**self.capture_divider)

    def _room(self) -> int:
        return self.capture_kB * 1024 // (4 * COLUMNS[self.capture_what])

    @command("CAPTURESTART", Word("ONE", "CONT"), Word("IMM", "TRIG", "SAMP"), source="unverified; several programs")
    def start_capture(self, how: int, when: int) -> None:
        """Begin to capture at once, at a trigger, or with one sample for each trigger."""
        self.catch_up(self.lab.clock.now())
        self._captured = np.empty((0, COLUMNS[self.capture_what]), dtype="<f4")
        self._capture_total, self._loop = 0, how == 1
        self._step_s = math.inf if when == 2 else 2.0**self.capture_divider / self._fastest_Hz()
        self._capture_state = 3 if when == 0 else 1
        self._next_s = self.lab.clock.now() if when == 0 else math.inf

    def trigger(self) -> None:
        """Start the capture that waits, or take one sample, at a trigger from the bus."""
        now_s = self.lab.clock.now()
        self.catch_up(now_s)
        if self._capture_state & 1 and math.isinf(self._next_s):
            self._capture_state, self._next_s = 3, now_s
            self.lia_status |= TRIGGERED
            self.store_until(now_s)

    def store_until(self, t_s: float) -> None:
        """Capture the samples that are due by ``t_s``; a single capture ends when its length is reached."""
        while self._next_s <= t_s:
            step_s, room = self._step_s, self._room()
            due = 1 if math.isinf(step_s) else math.floor((t_s - self._next_s) / step_s) + 1
            if not self._loop:
                due = min(due, room - len(self._captured))
            elif due > room:  # gone round: what came before would be overwritten
                self._capture_total += due - room
                self._next_s += (due - room) * step_s
                due = room
            count = min(due, CHUNK)
            times_s = self._next_s + (step_s * np.arange(count) if count > 1 else np.zeros(1))
            self._captured = np.concatenate([self._captured, self._rows(times_s)])[-room:]
            self._capture_total += count
            self._next_s = float(times_s[-1]) + step_s
            if self._capture_total >= room:
                self._capture_state |= 4
                if not self._loop:
                    self._capture_state, self._next_s = 6, math.inf

    def _rows(self, times_s: np.ndarray) -> np.ndarray:
        """Return what is captured at these times."""
        phasors = self.record(times_s)
        xy = (np.real(phasors), np.imag(phasors))
        rt = (np.abs(phasors), np.degrees(np.angle(phasors)))
        return np.stack((xy[:1], xy, rt, xy + rt)[self.capture_what], axis=1).astype("<f4")

    @command("CAPTURESTOP", source="SR865A manual, chapter 4, p. 138")
    def stop_capture(self) -> None:
        """Stop capturing."""
        self.catch_up(self.lab.clock.now())
        self._capture_state, self._next_s = self._capture_state & ~1, math.inf

    @query("CAPTURESTAT", source="SR865A manual, chapter 4, p. 138")
    def capture_status(self) -> int:
        """Return 1 for running, 2 for triggered and 4 for full or wrapped, added up."""
        self.catch_up(self.lab.clock.now())
        return self._capture_state

    @query("CAPTUREBYTES", source="SR865A manual, chapter 4, p. 138")
    def captured_bytes(self) -> int:
        """Return how many bytes are in the buffer."""
        self.catch_up(self.lab.clock.now())
        return self._captured.nbytes

    @query("CAPTUREPROG", source="SR865A manual, chapter 4, p. 138")
    def captured_kB(self) -> int:
        """Return how many kilobytes are in the buffer, in steps of 2, a begun one included."""
        return 2 * math.ceil(self.captured_bytes() / 2048)

    @query("CAPTUREVAL", Index(0, 2**20 - 1), source="SR865A manual, chapter 4, p. 138 and 139")
    def captured_sample(self, number: int) -> str:
        """Return one sample as text; zeros where none was captured yet."""
        self.catch_up(self.lab.clock.now())
        if number >= self._room():
            raise ScpiError(-222)
        row = self._captured[number] if number < len(self._captured) else np.zeros(COLUMNS[self.capture_what])
        return ",".join(nine_digits(float(value)) for value in row)

    @query("CAPTUREGET", Index(0, 4095), Index(1, 64), source="SR865A manual, chapter 4, p. 139")
    def captured_block(self, offset_kB: int, length_kB: int) -> Raw:
        """Return kilobytes of the buffer as a block of 32-bit floats, low byte first; an error while capturing.

        What was not captured is zero, and what would be beyond the end is taken from the beginning.
        """
        if self.capture_status() & 1:
            raise ScpiError(-222)
        whole = self._captured.tobytes().ljust(self.capture_kB * 1024, b"\0")
        if offset_kB * 1024 >= len(whole):
            raise ScpiError(-222)
        copies = -(-(offset_kB + length_kB) * 1024 // len(whole))
        data = (whole * copies)[offset_kB * 1024 : (offset_kB + length_kB) * 1024]
        length = str(len(data))
        return Raw(f"#{len(length)}{length}".encode() + data)
