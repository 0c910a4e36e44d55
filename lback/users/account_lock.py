"""Row locks on accounts: concurrent changes of one account run one after another."""

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from lback.database import utc_now
from lback.security import clock_tolerance
from lback.users.access_changes import note_access_change
from lback.users.models import Account

_ONE_STEP = timedelta(microseconds=1)
# The clock of the machine that made a key may be ahead of this one.
_AHEAD = timedelta(seconds=clock_tolerance.SECONDS)


def lock_account(session: Session, account: Account) -> bool:
    """Lock the row of an account until the end of the transaction, and reload it.

    Others who lock the account wait, so that what is checked afterwards stays true. On SQLite this
    begins the write transaction.

    Args:
        session: The session that the account belongs to. An account of another session is locked
            and compared all the same, and not reloaded.
        account: A stored account.

    Returns:
        True if the account still exists and its password, `session_version` and `is_active` are as
        they were when it was loaded, so that an earlier proof of identity still counts.
    """
    session.flush()
    key, before = account.id, _proof(account)
    if account in session:
        session.expire(account)
    model = type(account)
    current = session.get(model, key, with_for_update={"of": model}, populate_existing=True)
    return current is not None and _proof(current) == before


def end_sessions(session: Session, account: Account) -> None:
    """End all sessions and tokens of an account by raising its `session_version`.

    The number is raised in SQL, so that two concurrent calls both count.

    Args:
        session: The session that the account belongs to.
        account: A stored account.
    """
    session.flush()
    model = type(account)
    statement = update(model).where(model.id == account.id)
    statement = statement.values(session_version=model.session_version + 1)
    session.execute(statement.execution_options(synchronize_session=False))
    note_access_change(session, account)
    if account in session:
        session.expire(account, ["session_version"])


def end_api_keys(account: Account) -> None:
    """End all API keys that an account has; keys that are made later are valid."""
    moment = utc_now() + _AHEAD
    if account.keys_valid_from is not None:
        moment = max(moment, account.keys_valid_from + _ONE_STEP)  # a clock that was set back
    account.keys_valid_from = moment


def renew_hash(session: Session, account: Account, password_hash: str) -> None:
    """Store a new hash of the same password, unless the password was changed meanwhile.

    Args:
        session: The session that the account belongs to.
        account: An account whose password was verified against its current hash.
        password_hash: The hash of the same password with newer parameters.
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
