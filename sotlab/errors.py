"""The errors that sotlab raises, and nothing else.

::

    SotlabError
    +-- UsageError          the command line or a parameter was given wrongly
    +-- StationError        the station file, a role, an address, a lock
    +-- InstrumentError     an instrument did not do what it was asked
    |   +-- LimitError      a value outside what the station allows; nothing was sent
    |   +-- InstrumentTimeoutError
    |   +-- InstrumentLostError     the line to it is gone
    |   +-- GarbledReplyError       what it answered is no text, or no number
    |   +-- OverloadError           what is read is beyond the range: there is no reading
    |   +-- ComplianceError         a source stands at its limit: it does not drive what was set
    |   +-- WrongInstrumentError    another model answers
    |   +-- OperatorError           the operator is needed, and nobody is there
    |   +-- InterlockError          something forbids to go on: a contact, a limit on a reading, a sample that jumped
    +-- PlanError           a scan that cannot be run as asked
    +-- RunError            a run folder that cannot be written, read or resumed
    +-- DataError           a data file or table that cannot be read
    +-- FitError            what was asked of an analysis is not determined by the data

Each message is one line: who, what was asked with its unit, what is allowed, what to do.
"""

__all__ = [
    "ComplianceError",
    "DataError",
    "FitError",
    "GarbledReplyError",
    "InstrumentError",
    "InstrumentLostError",
    "InstrumentTimeoutError",
    "InterlockError",
    "LimitError",
    "OperatorError",
    "OverloadError",
    "PlanError",
    "RunError",
    "SotlabError",
    "StationError",
    "UsageError",
    "WrongInstrumentError",
]


class SotlabError(Exception):
    """Something went wrong that is explained in one line."""

    exit_code = 1

    def __str__(self) -> str:
        """Return the message on one line, whatever was put into it."""
        return " ".join(super().__str__().split())


class UsageError(SotlabError):
    """The command line, or a parameter, was given wrongly."""

    exit_code = 2


class StationError(SotlabError):
    """The station file, a role, an address or the station's lock is at fault."""


class InstrumentError(SotlabError):
    """An instrument did not do what it was asked."""


class LimitError(InstrumentError):
    """A value lies outside what the station allows; nothing was sent to the instrument."""


class InstrumentTimeoutError(InstrumentError):
    """An instrument did not answer in time."""


class InstrumentLostError(InstrumentError):
    """The line to an instrument is gone; its settings may be too."""


class GarbledReplyError(InstrumentError):
    """What an instrument answered is no text, or no number where one was asked for."""


class OverloadError(InstrumentError):
    """What an instrument was to read is beyond its range: there is no reading."""


class ComplianceError(InstrumentError):
    """A source stands at its voltage or current limit, and does not drive what was set."""


class WrongInstrumentError(InstrumentError):
    """Another model answers at an address than the station file says.

    Parameters
    ----------
    message : str
        The line that is shown.
    identity : str
        What answered.
    """

    def __init__(self, message: str, identity: str = "") -> None:
        super().__init__(message)
        self.identity = identity


class InterlockError(InstrumentError):
    """Something forbids to go on: a contact is open, a reading is beyond its limit, the sample has changed."""

    exit_code = 4


class OperatorError(InstrumentError):
    """The operator is needed, and nobody is there to ask."""


class PlanError(SotlabError):
    """A scan cannot be run as it was asked for."""


class RunError(SotlabError):
    """A run folder cannot be written, read or resumed."""


class DataError(SotlabError):
    """A data file or table cannot be read."""


class FitError(SotlabError):
    """What was asked of an analysis is not determined by the data."""
