"""Text of messages: values, names of types, and suggestions for mistyped names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 80  # most characters of a value in a message
LONGEST_LIST = 400  # most characters of a list of known names
LONGEST_REASON = 300  # most characters of a message from another library
LONGEST_MESSAGE = 1000  # most characters of an error message


def did_you_mean(word: str, known: Iterable[object]) -> str:
    """A hint for the end of a message: the nearest known word, or all of them.

    Known words may be keys of a file, of any type; only texts are suggested.
    """
    words = [each for each in known if isinstance(each, str)]
    typed = word[:LONGEST]
    small = {each.lower(): each for each in reversed(words)}  # the first of equal ones
    near = [each for each in words if typed and each.startswith(f"{typed}-")]
    if len(near) != 1:
        near = get_close_matches(typed, words, n=1)
    if not near:
        near = [small[each] for each in get_close_matches(typed.lower(), list(small), n=1)]
    if near:
        return f"; did you mean {cut(near[0])}?"
    return f"; known: {cut(', '.join(words), LONGEST_LIST)}" if words else ""


def name_of(value: object) -> str:
    """The name of a value's type in the words of YAML."""
    names: list[tuple[type, str]] = [
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (list, "a list"),
        (tuple, "a list"),
        (dict, "a mapping"),
        (type(None), "nothing"),
    ]
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)


def shown(value: object, longest: int = LONGEST) -> str:
    """`repr(value)`, shortened.

    A value from a damaged file may be huge: a text of megabytes, an integer of 5,000 digits,
    which Python refuses to print, or lists that contain each other.
    """
    return cut(_repr(value, longest), longest)


def cut(text: str, longest: int = LONGEST) -> str:
    """The start of a text, with "..." in place of the rest."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def printable(text: str) -> str:
    r"""A text that is safe to print: unprintable characters are escaped, such as `\n` or `\x1b`.

    Names of files and classes can contain anything: an escape sequence changes the terminal, a
    line break can fake a line of this program, and bytes of a file name that are not UTF-8 cannot
    be encoded.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


def shortened(message: str) -> str:
    """A message shortened in the middle, because it begins with the place and ends with advice."""
    if len(message) <= LONGEST_MESSAGE:
        return message
    end = LONGEST_MESSAGE // 4
    return f"{message[: LONGEST_MESSAGE - end - 5]} ... {message[-end:]}"


def _repr(value: object, longest: int) -> str:
    """`repr(value)`, built only from the part that is shown."""
    if isinstance(value, str | bytes):
        return repr(value[:longest])
    if isinstance(value, int) and value.bit_length() > 4 * longest:
        return f"a whole number of {int(value.bit_length() * 0.30103) + 1:,} digits"
    if isinstance(value, list | tuple | set | frozenset):
        brackets = {list: "[]", tuple: "()"}.get(type(value), "{}")
        items = _joined((_repr(item, longest) for item in value), longest)
        return f"{brackets[0]}{items}{brackets[1]}"
    if isinstance(value, dict):
        pairs = (f"{_repr(key, longest)}: {_repr(item, longest)}" for key, item in value.items())
        return "{" + _joined(pairs, longest) + "}"
    return repr(value)


def _joined(texts: Iterable[str], longest: int) -> str:
    """The texts joined by commas, as many as fit."""
    taken: list[str] = []
    length = 0
    for text in texts:
        taken.append(text)
        length += len(text) + 2
        if length > longest:
            break
    return ", ".join(taken)


def one_line(error: BaseException) -> str:
    """The message of another library's exception, shortened, as the end of a sentence."""
    reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
    text = " ".join(reason.split()) or type(error).__name__
    if isinstance(error, KeyError):  # its message is only a name
        text = f"it lacks {text}"
    return cut(text, LONGEST_REASON).rstrip(".")
