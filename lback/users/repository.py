"""Queries on the accounts of one table."""

from typing import Generic, TypeVar

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from lback.users.models import Account, username_key

A = TypeVar("A", bound=Account)


class AccountRepository(Generic[A]):
    """Reads accounts of one table.

    Args:
        model: The class of the accounts.
    """

    def __init__(self, model: type[A]) -> None:
        self.model = model

    def get(self, session: Session, account_id: int) -> A | None:
        """Return the account with an id, or `None`.

        Args:
            session: Database session for the query.
            account_id: Id of the account.
        """
        return session.get(self.model, account_id)

    def get_by_username(self, session: Session, username: str) -> A | None:
        """Return the account whose username counts as the same, or `None`; see `username_key`.

        Args:
            session: Database session for the query.
            username: The username, in any case.
        """
        query = select(self.model).where(self.model.username_key == username_key(username))
        return session.scalars(query).one_or_none()

    def get_by_email(self, session: Session, email: str) -> A | None:
        """Return the account with an email address, or `None`.

        Args:
            session: Database session for the query.
            email: The address as it is stored; see `lback.users.models.clean_email`.
        """
        return session.scalars(select(self.model).where(self.model.email == email)).one_or_none()

    def list(
        self, session: Session, search: str, is_active: bool | None, limit: int, offset: int
    ) -> list[A]:
        """Return accounts in the order of their usernames.

        Args:
            session: Database session for the query.
            search: Text that the username or the email address contains; empty means all.
            is_active: Only active or only inactive accounts; `None` means both.
            limit: Maximum number of accounts.
            offset: Number of accounts to skip.
        """
        model = self.model
        query = select(model).order_by(model.username_key).limit(limit).offset(offset)
        if search:
            text = username_key(search)
            query = query.where(
                or_(
                    model.username_key.contains(text, autoescape=True),
                    model.email.contains(search.strip().lower(), autoescape=True),
                )
            )
        if is_active is not None:
            query = query.where(model.is_active == is_active)
        return list(session.scalars(query))

    def taken(self, session: Session, username: str, email: str | None) -> set[str]:
        """Return which of `"username"` and `"email"` belong to an account already.

        Args:
            session: Database session for the query.
            username: The new username.
            email: The new address as it is stored, or `None`.
        """
        key, model = username_key(username), self.model
        query = select(model.username_key, model.email).where(
            or_(model.username_key == key, model.email == email)
        )
        fields = set()
        for taken_key, taken_email in session.execute(query):
            fields |= {"username"} if taken_key == key else set()
            fields |= {"email"} if taken_email is not None and taken_email == email else set()
        return fields
