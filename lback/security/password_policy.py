"""Password policy: minimum length, and validators that reject passwords that are easy to guess."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TypeAlias

from lback.security.passwords import MAX_PASSWORD_LENGTH
from lback.translation import gettext, ngettext

# Words that attackers try first, combined with runs of digits, a year, "!!!", or letters written
# as digits. A list of whole passwords of twelve characters would cover less.
COMMON_WORDS = (
    "password passwort passwd passw pass motdepasse contrasena wachtwoord parola senha geheim "
    "secret topsecret letmein welcome welkom willkommen bienvenue hello hallo login signin access "
    "admin administrator root superuser user guest test testing temp changeme default master "
    "qwerty qwertz azerty iloveyou loveyou lovely love sunshine princess princesa prince dragon "
    "monkey shadow superman batman spiderman pokemon starwars naruto football futbol soccer "
    "baseball basketball hockey tennis liverpool chelsea arsenal barcelona juventus michael "
    "jennifer jordan ashley daniel jessica andrew charlie thomas robert matthew summer winter "
    "spring autumn sommer herbst monday tuesday wednesday thursday friday saturday sunday january "
    "february march april august september october november december computer internet google "
    "facebook samsung apple windows microsoft freedom whatever trustno trust hunter killer ninja "
    "flower cookie banana chocolate butterfly purple orange silver golden diamond ginger pepper "
    "cheese buster hannah maggie tigger jesus christ angel family mother father forever company "
    "money abcdef donttellme opensesame nopassword mypassword thisismypassword"
)
_WORDS = re.compile("|".join(sorted(COMMON_WORDS.split(), key=len, reverse=True)))
_ROWS = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
]
_NEIGHBOURS = frozenset(pair for row in _ROWS for way in (row, row[::-1]) for pair in pairwise(way))
_YEAR = re.compile(r"(?:19|20)\d\d")
_REPEATED = re.compile(r"(.)\1{2,}")
_REPEATED_UNIT = re.compile(r"(.{1,5}?)\1+")
_AS_LETTERS = str.maketrans("01345789@$!|+€", "oieasbgqasiite")
# How many characters must be left of a password without all that is easily guessed.
_UNGUESSED = 5
_BESIDE_A_NAME = 8


# Called with a password and texts about its owner; returns a message, or None if it is valid.
PasswordValidator: TypeAlias = Callable[[str, Sequence[str]], str | None]


@dataclass(frozen=True, slots=True)
class CommonPasswordValidator:
    """Rejects passwords that attackers guess first.

    Attributes:
        words: Further words that are guessed first on this site, such as its name.

    Example:
        >>> validate = CommonPasswordValidator()
        >>> validate("password12345", [])
        'This password is easy to guess. Choose another one.'
        >>> validate("correct horse battery", []) is None
        True
    """

    words: Sequence[str] = ()

    def __call__(self, password: str, about: Sequence[str]) -> str | None:  # noqa: ARG002  one signature
        """Return what is wrong with a password, or `None` if it is valid.

        Args:
            password: The new password, in Unicode normal form NFC.
            about: Texts about its owner, such as username and email address.
        """
        if _is_guessable(_plain(password), self.words):
            return gettext("This password is easy to guess. Choose another one.")
        return None


@dataclass(frozen=True, slots=True)
class UserAttributeSimilarityValidator:
    """Rejects passwords that are made of the username or email address of their owner."""

    def __call__(self, password: str, about: Sequence[str]) -> str | None:
        """Return what is wrong with a password, or `None` if it is valid.

        Args:
            password: The new password, in Unicode normal form NFC.
            about: Texts about its owner, such as username and email address.
        """
        if _resembles(_plain(password), about):
            return gettext(
                "This password is too similar to your name or email address. Choose another one."
            )
        return None


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """The rules for new passwords: length first, and no required digits or symbols.

    Attributes:
        min_length: Minimum number of characters.
        words: Words that are guessed first on this site, such as its name.
        validators: Called in order after the length was checked, until one rejects the password;
            `None` means `CommonPasswordValidator` and `UserAttributeSimilarityValidator`.

    Example:
        >>> PasswordPolicy().problems("correct horse battery")
        []
        >>> PasswordPolicy().problems("ada.lovelace1", ["ada.lovelace"])
        ['This password is too similar to your name or email address. Choose another one.']
    """

    min_length: int = 12
    words: tuple[str, ...] = ()
    validators: tuple[PasswordValidator, ...] | None = None

    def problems(self, password: str, about: Iterable[str | None] = ()) -> list[str]:
        """Return what is wrong with a new password, as messages for its owner.

        Args:
            password: The new password, as entered.
            about: Texts about its owner, such as username and email address; `None` is skipped.

        Returns:
            At most one message; an empty list if the password is valid.

        Raises:
            TypeError: A validator returned neither a message nor `None`.
        """
        if len(password) > MAX_PASSWORD_LENGTH:
            return [_too_long()]
        text = unicodedata.normalize("NFC", password)
        if len(text) < self.min_length:
            return [_too_short(self.min_length)]
        known = [item for item in about if item]
        messages = (_message(validator, text, known) for validator in self._validators())
        return list(islice(filter(None, messages), 1))

    def _validators(self) -> tuple[PasswordValidator, ...]:
        if self.validators is None:
            return (CommonPasswordValidator(self.words), UserAttributeSimilarityValidator())
        return self.validators


def _too_long() -> str:
    return ngettext(
        "Use at most %(num)s characters.", "Use at most %(num)s characters.", MAX_PASSWORD_LENGTH
    )


def _too_short(limit: int) -> str:
    return ngettext(
        "Use at least %(num)s characters. "
        "Four words that do not belong together are easy to remember.",
        "Use at least %(num)s characters. "
        "Four words that do not belong together are easy to remember.",
        limit,
    )


def _message(validator: PasswordValidator, text: str, about: Sequence[str]) -> str | None:
    message = validator(text, about)
    if message is not None and not isinstance(message, str):
        raise TypeError(
            f"the password validator {validator!r} returned {type(message).__name__}; "
            "it must return a message, or None for a valid password"
        )
    return message


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _is_guessable(plain: str, words: Iterable[str]) -> bool:
    if _REPEATED_UNIT.fullmatch(plain):
        return True
    rest = _YEAR.sub("", _REPEATED.sub("", _without_rows(plain)))
    # Once as it is and once with digits read as letters: "5" may be an "s", or a five.
    return any(len(_without_words(text, words)) < _UNGUESSED for text in (rest, _lettered(rest)))


def _without_words(text: str, words: Iterable[str]) -> str:
    for word in words:
        if len(word) > 2:
            text = text.replace(word.casefold(), "")
    return _bare(_WORDS.sub("", text))


def _without_rows(text: str) -> str:
    """Remove runs of three or more characters adjacent on a keyboard or in the alphabet."""
    kept, run = [], text[:1]
    for before, after in pairwise(text):
        if (before, after) in _NEIGHBOURS:
            run += after
            continue
        kept.append(run if len(run) < 3 else "")
        run = after
    kept.append(run if len(run) < 3 else "")
    return "".join(kept)


def _resembles(plain: str, about: Iterable[str]) -> bool:
    password = _bare(plain)
    for text in about:
        whole = unicodedata.normalize("NFKC", text).casefold()
        parts = {whole, *re.split(r"[^\w]+|_", whole)}
        for name in map(_bare, parts):
            if len(name) < 3:
                continue
            rest = password.replace(name, "").replace(name[::-1], "")
            if rest != password and len(rest) < _BESIDE_A_NAME:
                return True
    return False


def _lettered(text: str) -> str:
    return text.translate(_AS_LETTERS)


def _bare(text: str) -> str:
    """Return a text without blanks and ASCII punctuation."""
    return "".join(char for char in text if char.isalnum() or not char.isascii())
