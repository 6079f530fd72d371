"""Which lines of a SPEC file belong to which scan: by where they stand, and by their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ReadError

_TAG = re.compile(r"#(?:([FEL]|S\d*)|([Oo])(\d{1,4}))(?=\s|$)", re.ASCII)
_SCAN = re.compile(r"#S\s+(\d{1,9})\b", re.ASCII)
_NUMBER = re.compile(
    r"[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|inf(inity)?)", re.ASCII | re.IGNORECASE
)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_APART = r"\s{2,}|\t"  # SPEC parts names by two spaces, since a name may have one in it


@dataclass
class Block:
    """One scan as it stands in the file.

    Attributes
    ----------
    number : int or None
        After ``#S``; None where there is none.
    first : int
        Its first line in the file, from 1.
    names, mnemonics : dict of int to str
        The lines ``#O0``, ``#O1`` … and ``#o0`` … that hold for it, by their number, without the tag.
    lines : list of str
        From ``#S`` up to the next scan or header.
    ends_file, torn : bool
        No scan and no header comes after it; its last line has no end.
    """

    number: int | None
    first: int
    names: dict[int, str]
    mnemonics: dict[int, str]
    lines: list[str] = field(default_factory=list)
    ends_file: bool = False
    torn: bool = False

    def has(self, tag: str) -> bool:
        """Whether a line begins with the word `tag`."""
        return any(True for _ in self.tagged(tag))

    def tagged(self, tag: str) -> Iterator[str]:
        """What follows the word `tag` on each line that begins with it."""
        for line in self.lines:
            if line.startswith(tag) and line[len(tag) : len(tag) + 1] in ("", " ", "\t"):
                yield line[len(tag) :].strip()

    def after(self, tag: str) -> str:
        """What follows the word `tag` on the first line that begins with it; empty without one."""
        return next(self.tagged(tag), "")

    def numbered(self, tag: str) -> dict[int, list[str]]:
        """What follows ``tag0``, ``tag1`` … by that number; more than one text where they differ."""
        found: dict[int, list[str]] = {}
        pattern = re.compile(rf"{tag}(\d{{1,4}})(?:\s+(.*))?$", re.ASCII)
        for line in self.lines:
            if match := pattern.match(line):
                texts = found.setdefault(int(match[1]), [])
                text = (match[2] or "").strip()
                if text not in texts:
                    texts.append(text)
        return found

    def rows(self) -> list[tuple[int, list[str]]]:
        """The words of each line of the table, with the place of that line in `lines`."""
        found: list[tuple[int, list[str]]] = []
        spectrum = goes_on = False
        for at, line in enumerate(self.lines[1:], 1):
            # lines with @ hold a spectrum of a multichannel analyser, and may go on over several
            spectrum = line[:1] == "@" or (spectrum and (goes_on or line[:1] in (" ", "\t")))
            goes_on = line.rstrip().endswith("\\")
            if line.strip() and line[0] != "#" and not spectrum:
                found.append((at, line.split()))
        return found


def read_blocks(path: Path) -> list[Block]:
    """Every scan of a SPEC file.

    Raises
    ------
    ReadError
        No such file, it cannot be read, or there is no scan in it.

    Notes
    -----
    The file is UTF-8, or else Latin-1, which has a character for every byte. Lines end with LF, CR or
    both. A header begins with ``#F``, ``#E`` or ``#O``; its motors hold for every scan after it, up to the
    next header. ``#O`` lines between ``#S`` and the table are a header too, from that scan on.
    """
    try:
        if not path.is_file():
            raise ReadError(f"{path}: no such SPEC file")
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path}: the SPEC file cannot be read ({error.strerror})") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    text = _UNPRINTABLE.sub("\ufffd", re.sub(r"\r\n?", "\n", text))
    blocks = list(_blocks(text.removesuffix("\n").split("\n")))
    for block in blocks:
        block.torn = block.ends_file and not text.endswith("\n")
    if all(block.number is None for block in blocks):
        raise ReadError(
            f"{path}: not a SPEC file with scans (no line begins with '#S' and a number)"
        )
    return blocks


def _blocks(lines: Sequence[str]) -> Iterator[Block]:
    header = _Header()
    block: Block | None = None
    table = False  # the labels of the scan were seen
    for at, line in enumerate(lines, 1):
        tag = _TAG.match(line)
        kind = tag[1] or tag[2] if tag else ""
        if kind[:1] in ("S", "F") or (table and kind in ("E", "O", "o")):
            if block is not None:
                yield block
            block, table = None, False
        if kind[:1] in ("S", "F", "E"):
            header.ended = True
        if kind[:1] == "S":
            scan = _SCAN.match(line)
            block = Block(int(scan[1]) if scan else None, at, header.names, header.mnemonics)
        elif kind in ("O", "o") and tag is not None:
            header.add(kind, int(tag[3]), line[tag.end() :].strip())
            if block is not None:
                block.names, block.mnemonics = header.names, header.mnemonics
        table = table or (kind == "L" and block is not None)
        if block is not None:
            block.lines.append(line)
    if block is not None:
        block.ends_file = True
        yield block


class _Header:
    """The ``#O`` and ``#o`` lines of the last header so far."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.mnemonics: dict[int, str] = {}
        self.ended = True  # the next #O line begins another header

    def add(self, kind: str, index: int, text: str) -> None:
        if kind == "o":
            self.mnemonics[index] = text
            return
        last = max(self.names, default=-1)
        if index == last and self.names[index] == text and not self.ended:
            return  # the same line twice
        if self.ended or index <= last:  # dictionaries of their own: scans before keep theirs
            self.names, self.mnemonics, self.ended = {}, {}, False
        self.names[index] = text


def parted(texts: Sequence[str], counts: Sequence[int]) -> list[list[str]]:
    """Names on each line: parted by two spaces; by one where no line has two and the counts say so."""
    wide = [[name for name in re.split(_APART, text.strip()) if name] for text in texts]
    narrow = [text.split() for text in texts]
    single = all(len(line) < 2 for line in wide)
    if single and [len(line) for line in wide] != list(counts) == [len(n) for n in narrow]:
        return narrow
    return wide


def number(word: str) -> float | None:
    """A number as SPEC writes it, nan and inf among them; None where it is none."""
    return float(word) if _NUMBER.fullmatch(word) else None


def mnemonics(block: Block, names: Mapping[int, Sequence[str]]) -> dict[str, str]:
    """Motor names by mnemonic, from those ``#o`` lines that have one for each name of their ``#O`` line."""
    pairs = {index: (block.mnemonics.get(index, "").split(), line) for index, line in names.items()}
    return {
        short: name
        for shorts, line in pairs.values()
        if len(shorts) == len(line)
        for short, name in zip(shorts, line, strict=True)
    }
