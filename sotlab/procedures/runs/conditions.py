"""When a run of a campaign may begin: the time of day, a reading in its range, the interlock closed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta

from sotlab.clock import Clock, RealClock
from sotlab.errors import RunError, SotlabError
from sotlab.instruments.roles import READINGS
from sotlab.instruments.station import Station
from sotlab.procedures.runs.campaign_file import READABLE, StartWhen
from sotlab.units import as_typed

__all__ = ["Timeline", "is_within", "unmet", "wait_for"]


class Timeline:
    """The time of day in a campaign: the wall's, or on a bench in virtual time what that bench's clock makes of it.

    Parameters
    ----------
    start : datetime, optional
        When the campaign begins; now if None.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._ahead = timedelta() if start is None else start - _wall()
        self._clock: Clock = RealClock()
        self._zero = self._clock.now(), _wall()

    def use(self, clock: Clock) -> None:
        """Let time pass as it does on this bench from now on."""
        if clock is not self._clock:
            now = self.now()
            self._clock, self._ahead, self._zero = clock, now - _wall(), (clock.now(), now)

    def now(self) -> datetime:
        """Return the local time, with its offset."""
        if isinstance(self._clock, RealClock):
            return _wall() + self._ahead
        bench_s, then = self._zero
        return then + timedelta(seconds=self._clock.now() - bench_s)

    def sleep(self, seconds: float, should_stop: Callable[[], bool]) -> None:
        """Let time pass, or return early once ``should_stop()`` is true."""
        self._clock.sleep(seconds, should_stop)


def _wall() -> datetime:
    return datetime.now().astimezone()


def is_within(now: time, span: tuple[time, time]) -> bool:
    """Return whether a time of day lies in a span, which may go over midnight; its end does not belong to it."""
    begin, end = span
    return begin <= now < end if begin <= end else now >= begin or now < end


def unmet(when: StartWhen, now: datetime, bench: Station | None) -> list[str]:
    """Return what does not hold yet, in words; an instrument that does not answer is one of these."""
    missing = []
    if when.time_of_day is not None and not is_within(now.time(), when.time_of_day):
        begin, end = when.time_of_day
        missing.append(f"it is {now:%H:%M}, not between {begin:%H:%M} and {end:%H:%M}")
    if bench is None:
        return missing
    for role, (low, high) in when.reading.items():
        unit = READABLE[role]
        asked = f"{as_typed(low, unit)} to {as_typed(high, unit)}"
        try:
            value = float(getattr(bench[role], READINGS[role][0])())
        except SotlabError as error:
            missing.append(str(error))
            continue
        if not low <= value <= high:
            missing.append(f"{role} reads {value:.6g} {unit}".rstrip() + f", not {asked}")
    if when.interlock is not None:
        try:
            is_open = bench["interlock"].open_lines()
        except SotlabError as error:
            is_open = [str(error)]
        missing += [f"interlock: {line} is open" for line in is_open]
    return missing


def wait_for(
    when: StartWhen,
    timeline: Timeline,
    bench: Station | None,
    should_stop: Callable[[], bool],
    waits: Callable[[str], None],
) -> None:
    """Return once all of it holds, or ``should_stop()`` is true.

    Parameters
    ----------
    when : StartWhen
        What must hold.
    timeline : Timeline
        The time of day.
    bench : Station or None
        Where readings come from.
    should_stop : callable
        Ends the wait.
    waits : callable
        Is told once what is waited for, if anything is.

    Raises
    ------
    RunError
        If it does not hold within the time-out: what is missing is named.
    """
    begun, told = timeline.now(), False
    while missing := unmet(when, timeline.now(), bench):
        waited_s = (timeline.now() - begun).total_seconds()
        if waited_s >= when.timeout:
            raise RunError(f"start_when: not within {when.timeout:g} s: {'; '.join(missing)}")
        if not told:
            waits("; ".join(missing))
            told = True
        if should_stop():
            return
        timeline.sleep(min(when.every, when.timeout - waited_s), should_stop)
