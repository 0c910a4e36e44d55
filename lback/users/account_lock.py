"""The lock on an account: each writer waits for the others and looks at it again."""

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from lback.database import utc_now
from lback.users.models import Account

_ONE_STEP = timedelta(microseconds=1)


def lock_account(session: Session, account: Account) -> bool:
    """Lock the row of an account until the end of the transaction, and read it anew.

    Others who write the account wait here, so that what is checked afterwards stays so. On SQLite
    this begins the transaction that writes.

    Args:
        session: The session that the account belongs to; where it belongs to none, its row is
            locked and compared all the same.
        account: A stored account.

    Returns:
        True if the account still exists, and neither its password nor its `session_version` nor
        `is_active` has changed since it was loaded: what was proved before still counts.
    """
    session.flush()
    key, before = account.id, _proof(account)
    if account in session:
        session.expire(account)
    model = type(account)
    found = session.get(model, key, with_for_update={"of": model}, populate_existing=True)
    return found is not None and _proof(found) == before


def end_sessions(session: Session, account: Account) -> None:
    """End all sessions and tokens of an account by raising its `session_version` in SQL.

    Two who raise it at once raise it twice, whatever each of them has read.

    Args:
        session: The session that the account belongs to.
        account: A stored account.
    """
    session.flush()
    model = type(account)
    statement = update(model).where(model.id == account.id)
    statement = statement.values(session_version=model.session_version + 1)
    session.execute(statement.execution_options(synchronize_session=False))
    if account in session:
        session.expire(account, ["session_version"])


def end_api_keys(account: Account) -> None:
    """End all API keys that an account has so far; keys made from now on are good."""
    now = utc_now()
    if account.keys_valid_from is not None:
        now = max(now, account.keys_valid_from + _ONE_STEP)  # a clock that was set back
    account.keys_valid_from = now


def renew_hash(session: Session, account: Account, password_hash: str) -> None:
    """Keep a hash of the same password made with newer parameters, unless there is a new password.

    Args:
        session: The session that the account belongs to.
        account: Its password was checked against the hash that it holds.
        password_hash: The new hash of that password.
    """
    model = type(account)
    statement = update(model).where(
        model.id == account.id, model.password_hash == account.password_hash
    )
    statement = statement.values(password_hash=password_hash)
    statement = statement.execution_options(synchronize_session=False)
    if session.connection().execute(statement).rowcount:
        set_committed_value(account, "password_hash", password_hash)


def _proof(account: Account) -> tuple[str, int, bool]:
    return account.password_hash, account.session_version, account.is_active
