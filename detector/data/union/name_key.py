"""Comparison of class names: case, separators and plural do not matter."""

from __future__ import annotations

import re

SEPARATORS = re.compile(r"[\s_\-.]+")
# Plurals whose singular the rules below do not give.
IRREGULAR = {
    "brownies": "brownie",
    "buses": "bus",
    "calves": "calf",
    "children": "child",
    "cookies": "cookie",
    "feet": "foot",
    "geese": "goose",
    "halves": "half",
    "knives": "knife",
    "leaves": "leaf",
    "loaves": "loaf",
    "men": "man",
    "mice": "mouse",
    "movies": "movie",
    "persons": "person",
    "potatoes": "potato",
    "scarves": "scarf",
    "shelves": "shelf",
    "skis": "ski",
    "taxis": "taxi",
    "teeth": "tooth",
    "tomatoes": "tomato",
    "wolves": "wolf",
    "women": "woman",
}
SAME_IN_BOTH = ("ss", "us", "is")  # endings of singulars, as in glass, bus and tennis
SHORTEST_IES = 5  # characters; "ties" and "pies" are plurals of "tie" and "pie"
LONG_PLURALS = ("ches", "shes", "sses", "xes")


def name_key(name: str) -> str:
    """A text that is equal for names that differ in case, separators or plural alone.

    "Street Lights", "street_light" and "streetlight" have one key.
    """
    words = SEPARATORS.split(name.strip().casefold())
    return "".join((*words[:-1], singular(words[-1])))


def singular(word: str) -> str:
    """Singular of an English noun, or the word itself; lower case."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word.endswith("ies") and len(word) >= SHORTEST_IES:
        return f"{word[:-3]}y"
    if word.endswith(LONG_PLURALS):
        return word[:-2]
    is_plural = word.endswith("s") and len(word) > 2 and not word.endswith(SAME_IN_BOTH)
    return word[:-1] if is_plural else word
