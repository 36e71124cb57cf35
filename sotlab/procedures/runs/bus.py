"""What happens in a run, told to whoever watches: rows, progress, fits, states. It decides nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

__all__ = ["Bus", "Subscriber"]

log = logging.getLogger(__name__)

Subscriber = Callable[[str, Any], None]


class Bus:
    """Calls every subscriber with ``(topic, record)``, in the worker's thread.

    A subscriber must return at once (append to a queue, set an event). One that raises is told of in the log and
    left out from then on: who only watches must not stop a measurement.
    """

    def __init__(self) -> None:
        self._subscribers: tuple[Subscriber, ...] = ()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add a subscriber; the function returned removes it."""
        self._subscribers = (*self._subscribers, subscriber)

        def unsubscribe() -> None:
            self._subscribers = tuple(s for s in self._subscribers if s is not subscriber)

        return unsubscribe

    def publish(self, topic: str, record: Any) -> None:
        """Tell all subscribers."""
        for subscriber in self._subscribers:
            try:
                subscriber(topic, record)
            except Exception:
                log.exception("a subscriber of the run failed at '%s' and is told no more", topic)
                self._subscribers = tuple(s for s in self._subscribers if s is not subscriber)
