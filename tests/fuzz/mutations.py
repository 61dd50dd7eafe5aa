"""Damage to files, drawn from a seed: what disks, editors and attackers do to them."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from typing import Any

import yaml

MOST_BYTES = 200_000  # of a mutated file
# Texts that parsers and checks trip over, put where a word or number was.
HOSTILE = tuple(
    text.encode() if isinstance(text, str) else text
    for text in (
        *("", "0", "-1", "1", "0.5", "true", "null", "~", "text", "[]", "{}", "[1, 2]", "{a: 1}"),
        *("18446744073709551616", "1000000000000", "2147483648", "65536", "-9223372036854775808"),
        *("9" * 5000, "-" + "9" * 400, "1e400", "-1e400", "1.0e+400", ".nan", ".inf", "NaN"),
        *("Infinity", "0x10", "1e-400", "1:30", ":".join(["1"] * 300), "2026-12-01"),
        *("2026-99-99", "2026-12-01 10:00:00Z", "[" * 400, "{a: " * 400, '{"a":' * 2000),
        *("[[[[[[]]]]]]", "&a [*a]", "*none", "&a &b x", "!!int x", "!!binary x", "!!set {a, b}"),
        *("!!timestamp x", "<<: *a", "? [a]", "name" * 75, "../../x", "/etc/passwd", "a/b", "a\\b"),
        *(
            '"',
            "'",
            ":",
            "- ",
            "#",
            "|",
            "%",
            "\t",
            "\n",
            "\\u0000",
            "\\ud800",
            "\x1b[31m",
            "é",
            "𝄞",
        ),
        *(b"\xff", b"\xfe\xff", b"\xc3", b"\0", b"\xed\xa0\x80"),
    )
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63 - 1, -(2**63), 10**12, 10**40, 65_536),
    *(0.0, 0.5, -1.5, 1e308, 5e-324, float("inf"), float("-inf"), float("nan")),
    *("", "text", "0", "1e5", "x" * 5000, "../../x", "\0", "\ud800", "name" * 75, "2026-12-01"),
    *([], {}, [1], [[1]], [None], ["a"], {"a": 1}, {"": None}, [0] * 300, [[[[[[[[1]]]]]]]]),
)


def mutated(rng: random.Random, content: bytes) -> bytes:
    """A file with one to three kinds of damage to its bytes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(DAMAGE)(rng, content)[:MOST_BYTES]
    return content


def mutated_json(rng: random.Random, content: bytes) -> bytes:
    """A JSON file with a value changed for one of another kind, or damaged bytes."""
    if rng.random() < 0.4:
        return mutated(rng, content)
    return json.dumps(restructured(rng, json.loads(content))).encode()


def mutated_yaml(rng: random.Random, content: bytes) -> bytes:
    """A YAML file with a value changed for one of another kind, or damaged bytes."""
    if rng.random() < 0.5:
        return mutated(rng, content)
    data = restructured(rng, yaml.safe_load(content))
    return yaml.safe_dump(data, allow_unicode=True).encode(errors="surrogatepass")


def restructured(rng: random.Random, data: Any) -> Any:
    """Plain data with one to three values replaced, dropped, repeated, nested or exchanged."""
    data = copy.deepcopy(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        holder, key = _somewhere(rng, data)
        if holder is None:
            return rng.choice(VALUES)
        kind = rng.randrange(6)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = [holder[key], holder[key]]
        elif kind == 2:
            holder[key] = {"a": holder[key]}
        elif kind == 3 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(rng.choice(holder)))
        elif kind == 4:
            holder[key] = copy.deepcopy(holder[rng.choice(_keys(holder))])
        else:
            holder[key] = copy.deepcopy(rng.choice(VALUES))
    return data


def _somewhere(rng: random.Random, data: Any) -> tuple[Any, Any]:
    """A list or mapping in the data, and a key of it; (None, None) if there is none."""
    leaves: list[tuple[Any, Any]] = []
    waiting = [data]
    while waiting:
        holder = waiting.pop()
        for key in _keys(holder):
            leaves.append((holder, key))
            waiting.append(holder[key])
    return rng.choice(leaves) if leaves else (None, None)


def _keys(holder: Any) -> list[Any]:
    if isinstance(holder, dict):
        return [*holder]
    return [*range(len(holder))] if isinstance(holder, list) else []


def _flip(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 4, 16))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: random.Random, content: bytes) -> bytes:
    start, end = _range(rng, content)
    return content[:start] + content[end:]


def _cut_short(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _repeat(rng: random.Random, content: bytes) -> bytes:
    start, end = _range(rng, content)
    return content[:end] + content[start:end] * rng.choice((1, 1, 2, 50)) + content[end:]


def _exchange(rng: random.Random, content: bytes) -> bytes:
    (a, b), (c, d) = sorted((_range(rng, content), _range(rng, content)))
    return (
        content if c < b else content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]
    )


def _insert(rng: random.Random, content: bytes) -> bytes:
    index = rng.randrange(len(content) + 1)
    return content[:index] + rng.choice(HOSTILE) + content[index:]


def _noise(rng: random.Random, content: bytes) -> bytes:
    start, end = _range(rng, content)
    return content[:start] + rng.randbytes(end - start) + content[end:]


def _replace_word(rng: random.Random, content: bytes) -> bytes:
    words = [*re.finditer(rb"[\w.+-]+", content)]
    if not words:
        return rng.choice(HOSTILE)
    word = rng.choice(words)
    return content[: word.start()] + rng.choice(HOSTILE) + content[word.end() :]


def _range(rng: random.Random, content: bytes) -> tuple[int, int]:
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.choice((1, 2, 8, 64, 1024)))


Damage = Callable[[random.Random, bytes], bytes]
DAMAGE: tuple[Damage, ...] = (
    *(_flip, _cut, _cut_short, _repeat, _exchange, _insert, _noise),
    *(_replace_word, _replace_word, _replace_word, _replace_word),
)
