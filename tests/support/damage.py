"""What can happen to a file, by chance of a seed: to its bytes, its text, its JSON.

Every damage takes the bytes of a sound file and a generator, and gives the bytes of a spoilt one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Damage = Callable[[bytes, np.random.Generator], bytes]


def damaged(whole: bytes, seed: int, count: int, damages: tuple[Damage, ...]) -> Iterator[bytes]:
    """`count` ways to spoil a file."""
    for number in range(count):
        yield spoilt(whole, np.random.default_rng([seed, number]), damages)


def spoilt(whole: bytes, rng: np.random.Generator, damages: tuple[Damage, ...]) -> bytes:
    """A file with one damage, every third time with two."""
    for _ in range(int(rng.choice([1, 1, 2]))):
        whole = one_of(damages, rng)(whole, rng)
    return whole


def one_of(choices: Any, rng: np.random.Generator) -> Any:
    return choices[int(rng.integers(len(choices)))]


def place(data: bytes, rng: np.random.Generator) -> int:
    """Half of them in the first kilobyte, where the headers are."""
    return int(rng.integers(max(1, len(data) if rng.random() < 0.5 else min(len(data), 1024))))


# --- bytes ----------------------------------------------------------------------------------------
def bits(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(int(rng.integers(1, 9))):
        changed[place(changed, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def ends_of_ranges(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(int(rng.integers(1, 5))):
        changed[place(changed, rng)] = one_of((0, 1, 127, 128, 254, 255), rng)
    return bytes(changed)


def word(data: bytes, rng: np.random.Generator) -> bytes:
    at = place(data, rng)
    value = one_of((0, 1, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1), rng)
    size = 4 if value < 2**32 and rng.random() < 0.7 else 8
    order = "little" if rng.random() < 0.8 else "big"
    return data[:at] + value.to_bytes(size, order) + data[at + size :]


def end_lost(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def bytes_lost(data: bytes, rng: np.random.Generator) -> bytes:
    at = place(data, rng)
    return data[:at] + data[at + int(rng.integers(1, 64)) :]


def bytes_put_in(data: bytes, rng: np.random.Generator) -> bytes:
    at = place(data, rng)
    return data[:at] + rng.bytes(int(rng.integers(1, 64))) + data[at:]


def block_twice(data: bytes, rng: np.random.Generator) -> bytes:
    at, size = place(data, rng), int(rng.integers(1, 256))
    return data[: at + size] + data[at:]


def block_elsewhere(data: bytes, rng: np.random.Generator) -> bytes:
    at, to, size = place(data, rng), place(data, rng), int(rng.integers(1, 256))
    return data[:to] + data[at : at + size] + data[to + size :]


BYTES: tuple[Damage, ...] = (
    bits, ends_of_ranges, word, end_lost, bytes_lost, bytes_put_in, block_twice, block_elsewhere,
)  # fmt: skip

# --- text -----------------------------------------------------------------------------------------
NUMBERS = (
    b"", b"nan", b"-inf", b"inf", b"1e999", b"1e308", b"1e-320", b"-1", b"-0", b"0", b"abc", b"9" * 40,
    b"9" * 5000, b"2147483648", b"1_0", b"0x1", b"1j", b"True", b"None", b"\xb2", b"'7'", b"(1,)", b"0.5",
)  # fmt: skip
SIGNS = (
    b"\0", b"\r", b"\x85", b"\xe2\x80\xa8", b" ", b"\t", b"#", b"\n", b"@", b"\\", b"\xff", b"\x1b[31m", b"(", b")",
    b"[", b"]", b"{", b"}", b"'", b'"', b",", b"=", b"*", b"+", b".", b":", b"\xc3\xa9", b"(" * 300,
    b"-" * 4000, b"[" * 9000,
)  # fmt: skip
TOKEN = re.compile(rb"[-+.\deE]*\d[-+.\deE]*|\w+|[^\w\s]")


def number_replaced(data: bytes, rng: np.random.Generator) -> bytes:
    found = list(re.finditer(rb"[-+]?\d[\d.]*(?:[eE][-+]?\d+)?", data))
    if not found:
        return data
    number = one_of(found, rng)
    return data[: number.start()] + one_of(NUMBERS, rng) + data[number.end() :]


def sign_put_in(data: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(data) + 1))
    return data[:at] + one_of(SIGNS, rng) + data[at:]


def token_changed(data: bytes, rng: np.random.Generator) -> bytes:
    """Lost, doubled, or replaced by another of the text."""
    found = list(TOKEN.finditer(data))
    if not found:
        return data
    one, other = one_of(found, rng), one_of(found, rng)[0]
    new = one_of((b"", one[0] + b" " + one[0], other, one[0] + other), rng)
    return data[: one.start()] + new + data[one.end() :]


def line_changed(data: bytes, rng: np.random.Generator) -> bytes:
    """Lost, doubled, cut short, or exchanged with another."""
    lines = data.split(b"\n")
    at, other = int(rng.integers(len(lines))), int(rng.integers(len(lines)))
    match int(rng.integers(4)):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[at])
        case 2:
            lines[at] = lines[at][: int(rng.integers(len(lines[at]) + 1))]
        case _:
            lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)


TEXT: tuple[Damage, ...] = (
    number_replaced, sign_put_in, token_changed, line_changed, token_changed, number_replaced,
    bits, end_lost, bytes_lost, block_twice,
)  # fmt: skip

# --- JSON -----------------------------------------------------------------------------------------
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 0.5, 1e308, float("nan"), float("inf"), 2**31, 2**63, 10**400, "", "x", "7",
    "nan", "\0", "a\nb", "\x1b[2J", "\ud800", "é" * 500, "../x", "/", ".", [], [[]], [None], [0] * 3, [1e300] * 3,
    [-1, 0, 2**40], ["x"] * 3, {}, {"a": 1}, {"!array": ["<f8", [2], ""]}, {"!array": ["O", [1], "AAAAAAAAAAA="]},
    {"!float": "x"}, {"!tuple": 1}, {"!set": [[]]}, {"!what": 1}, {"!mapping": [[[], 1]]},
)  # fmt: skip


def spoil(value: Any, rng: np.random.Generator) -> Any:
    """One place in a tree of lists and mappings holds something else, or is gone."""
    holds: list[tuple[Any, Any]] = []
    rest = [value]
    while rest:
        one = rest.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        holds += [(one, key) for key in keys]
        rest += [one[key] for key in keys if isinstance(one[key], dict | list)]
    if not holds or rng.random() < 0.03:
        return one_of(ODD, rng)
    holder, key = one_of(holds, rng)
    match int(rng.integers(8)):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[one_of(("", "x", "!tuple", "é", "energy"), rng)] = holder.pop(key)
        case 1 | 2:
            holder[key] = [holder[key], holder[key]]
        case 3:
            other, place_of_it = one_of(holds, rng)
            if place_of_it in (other if isinstance(other, dict) else range(len(other))):
                holder[key] = json.loads(json.dumps(other[place_of_it]))
        case _:
            holder[key] = one_of(ODD, rng)
    return value


def json_value(data: bytes, rng: np.random.Generator) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # spoilt before
        return sign_put_in(data, rng)
    return json.dumps(spoil(value, rng)).encode() if isinstance(value, dict | list) else b"[" * 5000


JSON: tuple[Damage, ...] = (json_value, json_value, json_value, json_value, *TEXT)
