"""Replies that make no sense become errors that name the role, whatever PyMeasure raises for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sotlab.errors import GarbledReplyError

__all__ = ["asked"]

T = TypeVar("T")


def asked(role: str, question: str, ask: Callable[[], T]) -> T:
    """Return what ``ask`` returns.

    Parameters
    ----------
    role : str
        Who is asked, for the message.
    question : str
        What is sent, for the message.
    ask : callable
        Reads a property of a PyMeasure instrument; its map or cast raises KeyError or ValueError for a wrong reply.

    Raises
    ------
    GarbledReplyError
        If the reply fits neither.
    """
    try:
        return ask()
    except (KeyError, ValueError) as error:
        problem = error.args[0] if error.args else error
        raise GarbledReplyError(
            f"{role}: the reply to {question} makes no sense ({problem}); check the address and the model"
        ) from error
