"""Tells people who are not at the screen: by a command, or by e-mail, webhook and chat through apprise."""

from __future__ import annotations

import logging
import queue
import string
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any

from sotlab.errors import UsageError

__all__ = ["EVENTS", "Notifier", "check_command"]

log = logging.getLogger(__name__)

#: What may be told.
EVENTS = ("failure", "interlock", "end")

#: What stands in the command's arguments as {title}, {message}, ...
FIELDS = ("title", "message", "event", "campaign")

#: Longest time for one notification [s].
PATIENCE_S = 30.0


def check_command(command: list[str]) -> list[str]:
    """Return the command if its placeholders are known; raise ValueError if not."""
    for word in command:
        try:
            used = [name for _, name, _, _ in string.Formatter().parse(word) if name is not None]
        except ValueError as error:
            raise ValueError(f"{word!r}: {error}; a brace itself is written twice") from error
        if unknown := [name for name in used if name not in FIELDS]:
            raise ValueError(f"{word!r}: there is no {{{unknown[0]}}}; there are: {', '.join(FIELDS)}")
    if command and not command[0]:
        raise ValueError("the program's name is empty")
    return command


class Notifier:
    """Tells of events in threads of its own: a mail server that hangs must not hold up the queue.

    Parameters
    ----------
    campaign : str
        Name of the campaign.
    on : sequence of str
        Of which :data:`EVENTS` to tell.
    command : sequence of str
        The program and its arguments, with placeholders; empty for none.
    urls : sequence of str
        Addresses for apprise; empty for none.

    Raises
    ------
    UsageError
        If there are addresses and apprise is not installed, or it does not know one of them.
    """

    def __init__(
        self, campaign: str, on: Sequence[str] = EVENTS, command: Sequence[str] = (), urls: Sequence[str] = ()
    ) -> None:
        self.campaign = campaign
        self.on = frozenset(on)
        self.command = list(command)
        self._apprise = _addresses(urls) if urls else None
        self._threads: list[threading.Thread] = []
        self._told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def tell(self, event: str, title: str, message: str) -> None:
        """Tell of an event, if it is one of those that are to be told; return at once."""
        if event not in self.on:
            return
        fields = {"title": title, "message": message, "event": event, "campaign": self.campaign}
        ways = [("command", self._run_command)] if self.command else []
        ways += [("apprise", self._send)] if self._apprise is not None else []
        for way, send in ways:
            thread = threading.Thread(
                target=self._attempt, args=(way, send, fields), name=f"notify by {way}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def told(self) -> list[dict[str, Any]]:
        """Return what has been tried since the last call: ``event``, ``by``, and ``problem`` or None."""
        tried = []
        while not self._told.empty():
            tried.append(self._told.get())
        return tried

    def finish(self) -> None:
        """Wait until all is sent, or has had its time."""
        until = time.monotonic() + PATIENCE_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._threads.clear()

    def _attempt(self, way: str, send: Any, fields: dict[str, str]) -> None:
        problem = None
        try:
            send(fields)
        except Exception as error:  # each of apprise's plugins fails in its own way
            # What a plugin says may hold the address, and that a password.
            problem = str(error) if isinstance(error, UsageError | OSError) else type(error).__name__
            log.warning("no notification by %s: %s", way, problem)
        self._told.put({"of": fields["event"], "by": way, "problem": problem})

    def _run_command(self, fields: dict[str, str]) -> None:
        words = [word.format(**fields) for word in self.command]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise UsageError(
                f"{self.command[0]} ended with {done.returncode}: {said[-1] if said else 'it said nothing'}"
            )

    def _send(self, fields: dict[str, str]) -> None:
        if self._apprise is not None and not self._apprise.notify(title=fields["title"], body=fields["message"]):
            raise UsageError("at least one of the addresses did not take it")


def _addresses(urls: Sequence[str]) -> Any:
    try:
        import apprise  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UsageError(
            "[notify] urls: apprise is not installed; pip install 'sotlab[notify]', or use [notify] command"
        ) from None
    known = apprise.Apprise()
    for number, url in enumerate(urls, start=1):
        if not known.add(url):  # the address itself may hold a password: it is not shown
            raise UsageError(
                f"[notify] urls: apprise does not understand address {number} ({url.partition(':')[0]}:...)"
            )
    return known
