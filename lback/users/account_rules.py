"""Validation of usernames and email addresses."""

from lback.core.http.mail_address import mailed_address
from lback.translation import gettext
from lback.translation import gettext_lazy as _
from lback.users.models import (
    EMAIL_LENGTH,
    USERNAME_LENGTH,
    clean_email,
    clean_username,
    username_key,
)

EMAIL_RULE = _("Enter an email address such as ada@example.org.")


def is_username(username: str) -> bool:
    """Return True if a text is a valid username, so that it can be looked up."""
    return _shape_problem(username) is None


def username_problem(username: str, email: str | None) -> str | None:
    """Return what is wrong with a new username, or `None` if it is valid.

    Args:
        username: The username, as entered.
        email: Email address of the account, as entered; a username with an `@` must be this
            address, so that a username cannot be the address of another account.
    """
    problem = _shape_problem(username)
    # In normal form, because it turns some other characters into an @.
    if (
        problem is None
        and "@" in clean_username(username)
        and clean_email(username) != clean_email(email)
    ):
        # Users may sign in with either: a username must not be the address of another account.
        return gettext("A username with an @ must be the email address of the account.")
    return problem


def _shape_problem(username: str) -> str | None:
    # Measured before it is normalized as well, because normalizing long texts is slow.
    if not username or len(username) > USERNAME_LENGTH:
        return _length_problem()
    cleaned = clean_username(username)
    if not 0 < len(cleaned) <= USERNAME_LENGTH:
        return _length_problem()
    is_seen = cleaned.isprintable() and username_key(cleaned) != ""
    return None if is_seen else gettext("Enter a username without invisible characters.")


def _length_problem() -> str:
    return gettext("Enter a username of 1 to %(limit)s characters.", limit=USERNAME_LENGTH)


def email_problem(email: str | None) -> str | None:
    """Return what is wrong with an email address, or `None` if it is valid or missing."""
    cleaned = clean_email(email)
    if cleaned is None:
        return None
    # Only a delivered email shows that it works; this finds what cannot be an address.
    is_valid = len(cleaned) <= EMAIL_LENGTH and mailed_address(cleaned) is not None
    return None if is_valid else str(EMAIL_RULE)


def is_email(email: str) -> bool:
    """Return True if a text may be a stored address, so that it can be looked up.

    Stored addresses may be older than today's stricter rules for new ones.
    """
    return email.isprintable() and len(email) <= EMAIL_LENGTH
