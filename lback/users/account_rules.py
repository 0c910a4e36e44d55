"""The rules for what somebody writes of themselves: username and email address."""

from lback.core.http.mail_address import mailed_address
from lback.users.models import EMAIL_LENGTH, USERNAME_LENGTH, clean_email, clean_username

EMAIL_RULE = "write an email address such as ada@example.org"


def is_username(username: str) -> bool:
    """Tell whether a text could be a username, so that it may be looked up."""
    return _shape_problem(username) is None


def username_problem(username: str, email: str | None) -> str | None:
    """Say what is wrong with a new username, or `None`."""
    problem = _shape_problem(username)
    # In normal form, for other characters become an @ by it.
    if (
        problem is None
        and "@" in clean_username(username)
        and clean_email(username) != clean_email(email)
    ):
        # Who signs in may write either: one must not be the other of somebody else.
        return "a username with @ in it must be the email address of the account"
    return problem


def _shape_problem(username: str) -> str | None:
    # Measured before it is normalised, too, because normalising long texts is slow.
    if not username or len(username) > USERNAME_LENGTH:
        return f"a username has 1 to {USERNAME_LENGTH} characters"
    cleaned = clean_username(username)
    if not 0 < len(cleaned) <= USERNAME_LENGTH:
        return f"a username has 1 to {USERNAME_LENGTH} characters"
    return None if cleaned.isprintable() else "a username has no invisible characters"


def email_problem(email: str | None) -> str | None:
    """Say what is wrong with an email address, or `None`; it may be missing."""
    cleaned = clean_email(email)
    if cleaned is None:
        return None
    # Whether it works is known when a mail arrives; this finds what cannot be an address.
    fine = len(cleaned) <= EMAIL_LENGTH and mailed_address(cleaned) is not None
    return None if fine else EMAIL_RULE


def is_email(email: str) -> bool:
    """Return True if a text could be a kept address, so that it may be looked up."""
    # Some were kept before there were stricter rules for new ones.
    return email.isprintable() and len(email) <= EMAIL_LENGTH
