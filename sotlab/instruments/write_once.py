"""Dated files that are written once: a second one within a second gets a number, and nothing is ever written over."""

from __future__ import annotations

from pathlib import Path

from sotlab.errors import SotlabError

__all__ = ["write_once"]


def write_once(folder: Path, stem: str, suffix: str, text: str, what: str, error_class: type[SotlabError]) -> Path:
    """Write a file under the first name that is free, ``STEM.SUFFIX`` or ``STEM-2.SUFFIX`` ..., and return where.

    Parameters
    ----------
    folder : Path
        The folder, which is made.
    stem, suffix : str
        The name, and what follows it with its dot.
    text : str
        The content.
    what : str
        What it is, for the message.
    error_class : type
        What is raised if it cannot be written.
    """
    for number in range(1, 1000):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise error_class(f"{path}: the {what} cannot be written: {error.strerror}") from error
        return path
    raise error_class(f"{folder / stem}{suffix} and 998 like it exist already; move them away")
