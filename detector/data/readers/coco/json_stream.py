"""Reading of a large JSON object from a file, piece by piece."""

from __future__ import annotations

import codecs
import json
from array import array
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, BinaryIO

CHUNK = 8 * 2**20  # bytes read at a time
NEAR = 2**20  # characters before the end of what was read, in which an error may be a cut value
BLANKS = " \t\n\r"


class JsonStream:
    """A JSON text that is decoded value by value; only the part around the current one is held.

    Args:
        file: file opened for reading, at its beginning.
        chunk: bytes read at a time.
        done: function called with the number of bytes read so far, after every chunk.
    """

    def __init__(
        self, file: BinaryIO, chunk: int = CHUNK, done: Callable[[int], object] = lambda _: None
    ) -> None:
        start = file.read(4)
        file.seek(0)
        self._file, self._chunk, self._done = file, chunk, done
        decoder = codecs.getincrementaldecoder(json.detect_encoding(start))
        self._decode = decoder("surrogatepass").decode
        self._scan = json.JSONDecoder().raw_decode
        self._text, self._at, self._ended = "", 0, False
        self._first, self._end = 0, 0  # the last value
        self._lines, self._column = 0, 0  # newlines before the text, characters since the last one

    def members(self) -> Iterator[str]:
        """The keys of the object; each value must be consumed by `value` or `items`."""
        self._expect("{")
        if self._peek() != "}":
            while True:
                if self._peek() != '"':
                    self._fail("Expecting property name enclosed in double quotes")
                key: str = self.value()
                self._expect(":")
                yield key
                if self._peek() != ",":
                    break
                self._at += 1
        self._expect("}")
        if self._peek():
            self._fail("Extra data")

    def is_list(self) -> bool:
        """Whether the next value is a list."""
        return self._peek() == "["

    def items(self) -> Iterator[Any]:
        """The items of the next value, which is a list; `item_text` is the text of the last one."""
        self._expect("[")
        if self._peek() != "]":
            while True:
                self._peek()
                yield from self._whole_items()
                yield self.value()
                if self._peek() != ",":
                    break
                self._at += 1
        self._expect("]")

    def item_text(self) -> str:
        """The text of the last item of `items`."""
        return self._text[self._first : self._end]

    def _whole_items(self) -> Iterator[Any]:
        """Items of a list that end well before the end of what was read: 3 times as fast."""
        text, scan, last = self._text, self._scan, len(self._text) - NEAR
        at = self._at
        while at < last:
            try:
                item, end = scan(text, at)
            except json.JSONDecodeError:
                break  # `value` explains it
            following = end + 1
            if text[end] != "," or following >= last:
                break
            if text[following] in BLANKS:
                following += 1
            self._first, self._end, self._at = at, end, following
            yield item
            at = following

    def value(self) -> Any:
        """The next value."""
        self._peek()
        while True:
            self._first = self._at
            try:
                value, end = self._scan(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._is_cut(error) or not self._more():
                    raise self._placed(error) from None
                continue
            if end < len(self._text) or not self._more():  # else a number may go on
                self._at = self._end = end
                return value

    def _is_cut(self, error: json.JSONDecodeError) -> bool:
        """Whether an error may come from a value that was not read to its end."""
        is_text = error.msg.startswith(("Unterminated", "Invalid \\u", "Invalid \\esc"))
        return is_text or len(self._text) - error.pos <= NEAR

    def _peek(self) -> str:
        """The next character that is not blank; "" at the end."""
        while True:
            text, at = self._text, self._at
            while at < len(text) and text[at] in BLANKS:
                at += 1
            self._at = at
            if at < len(text):
                return text[at]
            if not self._more():
                return ""

    def _expect(self, character: str) -> None:
        if self._peek() != character:
            self._fail(f"Expecting '{character}'" + " or ','" * (character in "}]"))
        self._at += 1

    def _more(self) -> bool:
        """Read on, at least as much as there is from the current value; False at the end."""
        if self._ended:
            return False
        kept = len(self._text) - self._at
        content = self._file.read(max(self._chunk, kept))
        self._ended = not content
        self._done(self._file.tell())
        added = self._decode(content, self._ended)
        done = self._text[: self._at]
        if "\n" in done:
            self._lines += done.count("\n")
            self._column = len(done) - done.rindex("\n") - 1
        else:
            self._column += len(done)
        self._text, self._at = self._text[self._at :] + added, 0
        return True

    def _fail(self, message: str) -> None:
        raise self._placed(json.JSONDecodeError(message, self._text, self._at))

    def _placed(self, error: json.JSONDecodeError) -> ValueError:
        """An error with its place in the whole file."""
        column = error.colno + (self._column if error.lineno == 1 else 0)
        return ValueError(f"{error.msg}: line {error.lineno + self._lines} column {column}")


class TextRows:
    """Values that are held as JSON text, a third of the memory of their objects."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._ends = array("q", [0])

    def append(self, text: str) -> None:
        """Add the text of a value."""
        self._content += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._content))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[Any]:
        for first, last in pairwise(self._ends):
            yield json.loads(self._content[first:last].decode("utf-8", "surrogatepass"))
