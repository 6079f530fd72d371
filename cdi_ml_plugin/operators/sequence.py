"""The grammar of ``algorithm_sequence``: cohere's, and a little more.

::

    sequence = term ("+" term)*
    term     = [count "*"] (algorithm | "(" sequence ")")
    algorithm = NAME ["(" [field "=" value ("," field "=" value)*] ")"] ("." TRIGGER)*

Beyond cohere: a count may be left out (``CNN`` is ``1*CNN``), brackets nest, names are
case-insensitive, and an algorithm takes parameters in brackets: ``HIO(beta=0.8)``.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, NamedTuple, NoReturn

from ..errors import AlgorithmError, ParameterError, SequenceError
from . import registry
from .base import SUB_TRIGGER, Chain, Operator, Repeat, Step

_TOKENS = re.compile(
    r"""(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<string>"[^"\\]*"|'[^'\\]*')
      | (?P<mark>[-+*().,=])""",
    re.VERBOSE | re.ASCII,
)
MAX_ITERATIONS = 10_000_000
MAX_DEPTH = 50
MAX_DIGITS = 30
SHOWN = 60  # characters of the text that an error shows on either side of the one at fault


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._split()
        self.place = 0

    # --- tokens -------------------------------------------------------------------------------
    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        while at < len(self.text):
            match = _TOKENS.match(self.text, at)
            if match is not None:
                tokens.append(_Token(match.lastgroup or "", match.group(), at))
                if match.lastgroup == "number" and len(match.group()) > MAX_DIGITS:
                    self.fail(at, f"a number of {len(match.group())} digits is too long")
            elif not self.text[at].isspace():
                self.fail(at, f"{self.text[at]!r} has no meaning here")
            at = match.end() if match else at + 1
        return [*tokens, _Token("end", "", len(self.text))]

    @property
    def next(self) -> _Token:
        return self.tokens[self.place]

    def take(self, text: str) -> _Token | None:
        token = self.next
        if token.text != text or token.kind != "mark":
            return None
        self.place += 1
        return token

    def take_kind(self, kind: str) -> _Token | None:
        token = self.next
        if token.kind != kind:
            return None
        self.place += 1
        return token

    def fail(self, at: int, what: str) -> NoReturn:
        # Show, in a line, the text with the character at fault between arrows.
        before = ("…" if at > SHOWN else "") + self.text[max(0, at - SHOWN) : at]
        after = self.text[at + 1 :][:SHOWN] + ("…" if len(self.text) > at + 1 + SHOWN else "")
        shown = " ".join(f"{before} >>>{self.text[at : at + 1] or 'end'}<<< {after}".split())
        raise SequenceError(f"algorithm sequence, character {at + 1}: {what}, in: {shown}")

    # --- grammar ------------------------------------------------------------------------------
    def sequence(self, depth: int) -> Step:
        if depth > MAX_DEPTH:
            self.fail(self.next.at, f"brackets are nested deeper than {MAX_DEPTH}")
        step = self.term(depth)
        while self.take("+"):
            step = step + self.term(depth)
        return step

    def term(self, depth: int) -> Step:
        number = self.take_kind("number")
        if number is None:
            return self.atom(depth)
        if not number.text.isdigit():
            self.fail(number.at, f"{number.text} is not a whole number of iterations")
        if int(number.text) == 0:
            self.fail(number.at, "0 iterations: give 1 or more")
        if self.take("*") is None:
            self.fail(self.next.at, f"expected '*' and an algorithm after {number.text}")
        if self.next.kind == "number":
            self.fail(self.next.at, "expected an algorithm or '(' after '*'")
        return Repeat(int(number.text), self.atom(depth))

    def atom(self, depth: int) -> Step:
        bracket = self.take("(")
        if bracket is not None:
            step = self.sequence(depth + 1)
            if self.take(")") is None:
                self.fail(self.next.at, f"expected ')' for the '(' at character {bracket.at + 1}")
            return step
        name = self.take_kind("name")
        if name is None:
            self.fail(
                self.next.at,
                f"expected an algorithm, one of {', '.join(registry.names())}, or '('",
            )
        operator = self.algorithm(name)
        triggers = []
        while self.take("."):
            trigger = self.take_kind("name")
            if trigger is None or not SUB_TRIGGER.fullmatch(trigger.text):
                self.fail((trigger or self.next).at, "expected a sub-trigger such as SW0 after '.'")
            triggers.append(trigger.text)
        return operator.on(*triggers) if triggers else operator

    def algorithm(self, name: _Token) -> Operator:
        try:
            kind = registry.load(plain(name.text))
        except AlgorithmError as error:
            if plain(name.text).upper() in registry.find():
                raise
            self.fail(name.at, str(error))
        arguments = self.arguments(kind) if self.take("(") else {}
        try:
            return kind(**arguments)
        except ParameterError as error:
            self.fail(name.at, str(error))

    def arguments(self, kind: type[Operator]) -> dict[str, Any]:
        valid = [f.name for f in fields(kind) if f.init]
        values: dict[str, Any] = {}
        while not self.take(")"):
            if values and self.take(",") is None:
                self.fail(self.next.at, "expected ',' or ')'")
            field = self.take_kind("name")
            if field is None or field.text not in valid or field.text in values:
                self.fail(
                    (field or self.next).at,
                    f"expected a parameter of {kind.name}, each once: {', '.join(valid) or 'it has none'}",
                )
            if self.take("=") is None:
                self.fail(self.next.at, f"expected '=' after {field.text}")
            values[field.text] = self.value()
        return values

    def value(self) -> Any:
        """Read a Python literal: a number, a text in quotes, True or False."""
        at = self.next.at
        sign = self.take("-")
        token = self.take_kind("number")
        if token is None and sign is None:
            token = self.take_kind("string") or self.take_kind("name")
        if token is None or (token.kind == "name" and token.text not in ("True", "False")):
            self.fail(at, "expected a number, a text in quotes, True or False")
        if token.kind == "number":
            size = int(token.text) if token.text.isdigit() else float(token.text)
            return -size if sign else size
        return token.text[1:-1] if token.kind == "string" else token.text == "True"


def plain(name: str) -> str:
    """Algorithm name without cohere's suffix for partial coherence: ``HIOpc`` is ``HIO``."""
    known = registry.find()
    if name.upper() not in known and name.lower().endswith("pc") and name[:-2].upper() in known:
        return name[:-2]
    return name


def parse(text: str) -> Step:
    """Read an algorithm sequence such as ``"CNN + 3*(20*ER + 180*HIO) + 20*ER"``.

    Parameters
    ----------
    text : str

    Returns
    -------
    Step
        The tree of operators; ``parse(str(tree)) == tree``.

    Raises
    ------
    SequenceError
        With the character at fault, and the valid names.
    AlgorithmError
        A known algorithm cannot be loaded.
    """
    if not isinstance(text, str):
        raise SequenceError(f"the algorithm sequence is {text!r}: give a text")
    if not text.strip():
        raise SequenceError(
            f"the algorithm sequence is empty: give one such as '20*ER + 180*HIO', of {', '.join(registry.names())}"
        )
    parser = _Parser(text)
    step = parser.sequence(0)
    if parser.next.kind != "end":
        parser.fail(parser.next.at, "expected '+' or the end")
    check_length(step)
    return step


def check_length(step: Step) -> None:
    """Raise SequenceError where a chain is longer than anybody would wait for."""
    if _count(step) > MAX_ITERATIONS:
        raise SequenceError(
            f"the algorithm sequence has more than {MAX_ITERATIONS:,} iterations: shorten it"
        )


def _count(step: Step) -> int:
    """Iterations of a tree, by arithmetic: the tree may be far too long to unroll."""
    if isinstance(step, Repeat):
        return step.times * _count(step.body)
    if isinstance(step, Chain):
        return sum(map(_count, step.parts))
    return 1
