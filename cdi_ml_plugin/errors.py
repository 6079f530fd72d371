"""The exceptions of the package.

Every message is one line that says what was wrong, where, and what to do.
The command line prints it and ends with exit code 2.
"""

from __future__ import annotations

LONGEST = (
    380  # characters of a message, so that a line with what the command puts before it has 400
)


def shortened(text: str) -> str:
    """A message in one line, without the middle of what is too long: it begins with where, and ends with what to do."""
    text = " ".join(line.strip() for line in text.splitlines())
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 153]} … {text[-150:]}"


def plain(text: str) -> str:
    """A text with its line ends, control characters and what is not UTF-8 written out, as in a Python string."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class CdiMlError(Exception):
    """Base of every error that this package raises on purpose; its message is plain, and cut at `LONGEST`."""

    def __init__(self, *args: object) -> None:
        super().__init__(
            *(shortened(plain(each)) if isinstance(each, str) else each for each in args)
        )


class MeasurementError(CdiMlError):
    """The data cannot be phased: wrong dimension, NaN, negative or no counts, a mask that does not fit."""


class ReadError(CdiMlError):
    """A file or folder cannot be read as what it should be."""


class TooLargeError(CdiMlError):
    """More memory is needed than is free; or it ended on the way."""


class WriteError(CdiMlError):
    """A result cannot be written: it exists already, no permission, no space."""


class ParameterError(CdiMlError):
    """A parameter is unknown, of the wrong type, or out of range."""


class SequenceError(CdiMlError):
    """An algorithm sequence does not parse; the message points at the character."""


class AlgorithmError(CdiMlError):
    """An algorithm is unknown, cannot be loaded, or broke its contract while it ran."""


class NetworkError(CdiMlError):
    """A kind of network is unknown, cannot be loaded, or broke its contract."""


class ReaderError(CdiMlError):
    """A reader is unknown, cannot be loaded, broke its contract, or a package that it needs is missing."""


class WeightsError(CdiMlError):
    """Network weights are missing, damaged, or made for something else."""


class DisplayError(CdiMlError):
    """There is nothing to draw with: no OpenGL, no Qt, or no display for a window."""


class ClusterError(CdiMlError):
    """The workers of a series cannot be had, are gone, or have other versions."""
