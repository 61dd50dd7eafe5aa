"""Proposal of a union: classes of several data sets that are one, and questions for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maenas.detector.data.union.known_names import homonyms, meaning_key, similar
from maenas.detector.data.union.label_union import LabelUnion
from maenas.detector.data.union.name_key import name_key

SCHEMA = "maenas/data-union@1"
MIN_KNOWN = 0.8  # share of a data set's classes that a published one must have
MIN_COVERED = 0.5  # share of a published data set's classes that are there

Place = tuple[int, str]  # index of the data set, name of its class


@dataclass(frozen=True, slots=True)
class Candidate:
    """A data set to join.

    Attributes:
        name: name in the union.
        path: path of the data set.
        classes: names of its classes.
    """

    name: str
    path: Path
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Classes that a person has to decide about.

    Attributes:
        what: question, as a sentence.
        places: classes in question.
    """

    what: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed union.

    Attributes:
        candidates: data sets in the order of the union.
        published: data set of a published union that each is; "" if none.
        labels: name of the published union whose classes come first; "" without one.
        targets: class of the union that each class becomes.
        apart: classes that stay a class of their own, named with their data set.
        questions: questions for a person; until then the classes in question are kept apart.
    """

    candidates: tuple[Candidate, ...]
    published: tuple[str, ...]
    labels: str
    targets: Mapping[Place, str]
    apart: frozenset[Place]
    questions: tuple[Question, ...]

    def merged(self) -> dict[str, tuple[Place, ...]]:
        """Classes of the union to which classes of several data sets are mapped."""
        places: dict[str, list[Place]] = {}
        for place, target in self.targets.items():
            places.setdefault(target, []).append(place)
        return {
            target: tuple(those)
            for target, those in places.items()
            if len({source for source, _ in those}) > 1
        }

    def names(self) -> tuple[str, ...]:
        """Classes of the union to which a class is mapped."""
        return tuple(dict.fromkeys(self.targets.values()))

    def named(self, place: Place) -> str:
        """A class with its data set, as text."""
        source, name = place
        return f"{self.candidates[source].name}: {name}"

    def to_json(self) -> dict[str, Any]:
        """The proposal as plain data."""
        return {
            "schema": SCHEMA,
            "labels": self.labels or None,
            "sources": [
                {
                    "name": each.name,
                    "data": str(each.path),
                    "published_as": self.published[index] or None,
                    "classes": {name: self.targets[index, name] for name in each.classes},
                }
                for index, each in enumerate(self.candidates)
            ],
            "names": list(self.names()),
            "merged": {
                target: [self.named(place) for place in places]
                for target, places in self.merged().items()
            },
            "questions": [
                {"what": each.what, "classes": [self.named(place) for place in each.places]}
                for each in self.questions
            ],
        }


def propose(candidates: Sequence[Candidate], union: LabelUnion, use_labels: bool) -> Proposal:
    """A union of data sets.

    Classes are one if their names differ in case, separators or plural alone, or are synonyms.
    Homonyms are never merged, unless the published union knows that they mean the same in its own
    data sets.

    Args:
        candidates: data sets to join.
        union: published union, which knows some data sets.
        use_labels: whether its classes come first and its own data sets are mapped by it.
    """
    maker = _Maker(candidates, union, use_labels)
    for places in maker.groups().values():
        maker.decide(places)
    maker.note_similar()
    return Proposal(
        tuple(candidates),
        tuple(maker.published),
        union.name if use_labels else "",
        {(k, name): maker.targets[k, name] for k, c in enumerate(candidates) for name in c.classes},
        frozenset(maker.apart),
        tuple(maker.questions),
    )


def published_as(classes: Sequence[str], union: LabelUnion) -> str:
    """Data set of a published union that has these classes; "" if none."""
    for source, column in union.columns.items():
        found = {union.index_of(source, name) for name in classes} - {None}
        if len(found) >= max(MIN_KNOWN * len(classes), MIN_COVERED * len(column)):
            return source
    return ""


class _Maker:
    """Decisions about groups of classes, one group at a time."""

    def __init__(self, candidates: Sequence[Candidate], union: LabelUnion, labels: bool) -> None:
        self.candidates = candidates
        self.union = union
        self.labels = labels
        self.published = [published_as(each.classes, union) for each in candidates]
        self.targets: dict[Place, str] = {}
        self.apart: set[Place] = set()
        self.questions: list[Question] = []
        self._published_names: dict[str, str] = {}
        for name in union.names if labels else ():
            self._published_names.setdefault(meaning_key(name), name)

    def groups(self) -> dict[str, list[Place]]:
        """Classes by the meaning of their names."""
        found: dict[str, list[Place]] = {}
        for source, each in enumerate(self.candidates):
            for name in each.classes:
                found.setdefault(meaning_key(name), []).append((source, name))
        return found

    def decide(self, places: Sequence[Place]) -> None:
        """Choose the targets of classes whose names mean the same, or may."""
        indices = {place: self._published_index(place) for place in places}
        known = {place: index for place, index in indices.items() if index is not None}
        agree = len(known) == len(places) and len(set(known.values())) == 1
        if self.labels:
            self.targets.update({place: self.union.names[k] for place, k in known.items()})
            places = [place for place in places if place not in known]
        sources = [source for source, _ in places]
        if len(set(sources)) < len(sources):
            self._keep_own_names(places)
            return
        meanings = _meanings(places)
        others = len(known) if self.labels else 0
        if meanings and len(places) + others > 1 and not agree:
            self._keep_apart([*places, *(known if self.labels else ())], places, meanings)
            return
        own = next((place[1] for place in places if place in known), places[0][1] if places else "")
        for place in places:
            self.targets[place] = self._published_names.get(meaning_key(place[1]), own)

    def note_similar(self) -> None:
        """Ask about names that a published union merges although they mean different things."""
        groups = {} if self.labels else self.groups()
        for names in similar():
            parts = [groups[key] for key in dict.fromkeys(map(meaning_key, names)) if key in groups]
            found = [place for part in parts for place in part]
            if len(parts) > 1 and len({source for source, _ in found}) > 1:
                listed = " and ".join(dict.fromkeys(name for _, name in found))
                what = f"{listed}: similar, kept apart; the published union merges them"
                self.questions.append(Question(what, tuple(found)))

    def _published_index(self, place: Place) -> int | None:
        source, name = place
        data_set = self.published[source]
        return self.union.index_of(data_set, name) if data_set else None

    def _keep_own_names(self, places: Sequence[Place]) -> None:
        """One data set has several of these classes, so it tells them apart."""
        self.targets.update({place: place[1] for place in places})
        if len({source for source, _ in places}) == 1:
            return
        listed = ", ".join(dict.fromkeys(name for _, name in places))
        what = f"{listed}: one data set has several of them; kept apart"
        self.questions.append(Question(what, tuple(places)))

    def _keep_apart(
        self, asked: Sequence[Place], places: Sequence[Place], meanings: Sequence[str]
    ) -> None:
        """The name has several meanings: each class of that name becomes one of its own."""
        rest = [place for place in places if name_key(place[1]) not in homonyms()]
        for place in places:
            source, name = place
            if place in rest:
                self.targets[place] = rest[0][1]
            else:
                self.targets[place] = f"{name} ({self.candidates[source].name})"
                self.apart.add(place)
        names = " and ".join(dict.fromkeys(name for _, name in asked))
        what = f"{names}: {' or '.join(meanings)}? kept apart"
        self.questions.append(Question(what, tuple(asked)))


def _meanings(places: Sequence[Place]) -> tuple[str, ...]:
    """Meanings of the first homonym among the names of these classes."""
    keys = (name_key(name) for _, name in places)
    return next((homonyms()[key] for key in keys if key in homonyms()), ())
