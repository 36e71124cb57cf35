"""What is done about a question that was not answered properly: by kind of error, and never for what has effects.

===========  ==================================================  ==================================
kind         what happened                                       what is done
===========  ==================================================  ==================================
time_out     no answer in time                                   device clear, asked again
garbage      an answer that is no text, or no number             device clear, asked again
lost         the line is gone                                    a wait, opened anew, asked again
===========  ==================================================  ==================================

Everything else is final at once: a limit, an interlock, an overload, an error that the instrument reports. Only
questions are asked again. What sets, triggers or moves is not: whether it took effect is not known. Nor is a question
that clears what it tells (an error queue, an event register): asked again, it would say that nothing was wrong.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from sotlab.errors import GarbledReplyError, InstrumentError, InstrumentLostError, InstrumentTimeoutError

__all__ = ["RetryPolicy", "kind_of", "may_repeat"]

#: Questions that clear what they tell, and units that begin something.
ONCE = re.compile(
    r"""^:?( \*(ESR|TRG|TST|CAL)\b | SYST\w*:ERR | STAT\w*:(QUE\w*|OPER\w*|QUES\w*|MEAS\w*)(:EVEN\w*)?\? | STAT:QUE\?
         | HTRST\? | LIAS\? | ERRS\? | LIAE\? | \d*T[BE]\? | INP:EVEN\w*\? | INIT\b )""",
    re.IGNORECASE | re.VERBOSE,
)


class RetryPolicy(BaseModel):
    """``[retry]`` of the station file: how often a question is asked again, by kind of error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time_out: int = Field(default=1, ge=0, le=10)
    garbage: int = Field(default=1, ge=0, le=10)
    lost: int = Field(default=1, ge=0, le=10)
    #: Before a lost line is opened anew [s]; doubled each time.
    wait_s: float = Field(default=1.0, ge=0.0, le=600.0)


#: Kind by error; the first that fits.
KINDS: tuple[tuple[type[InstrumentError], str], ...] = (
    (InstrumentTimeoutError, "time_out"),
    (GarbledReplyError, "garbage"),
    (InstrumentLostError, "lost"),
)


def kind_of(error: InstrumentError) -> str | None:
    """Return the kind of an error, or None if it is final."""
    return next((kind for error_class, kind in KINDS if isinstance(error, error_class)), None)


@lru_cache(maxsize=1024)
def may_repeat(message: str) -> bool:
    """Return whether a message may be sent again: each of its units is a question that changes nothing."""
    units = [unit.strip() for unit in message.split(";") if unit.strip()]
    return all("?" in unit and not ONCE.match(unit) for unit in units)
