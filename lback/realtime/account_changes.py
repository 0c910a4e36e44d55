"""Publishes which accounts a transaction has changed, once it has committed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lback.database.engine import SERVICES
from lback.realtime.access_changes import AccessChange, account_key, publish_change
from lback.users.access_changes import listeners

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.users import Account

# With more accounts in one transaction, all connections are checked again.
MOST_ACCOUNTS = 500

_WAITING = "lback.account_changes"


def account_changed(session: "Session", account: "Account | None") -> None:
    """Note an account, to be published after the commit of the transaction.

    Args:
        session: The session of the transaction.
        account: The account; None if it may be any.
    """
    services = session.info.get(SERVICES)
    if services is None or not services["config"].REALTIME:
        return
    waiting: set[str] | None = session.info.get(_WAITING)
    if waiting is None:
        waiting = session.info[_WAITING] = set()
        own: Any = session
        own.after_commit(_publish_accounts, services, session.info)
        own.after_rollback(session.info.pop, _WAITING, None)
    if len(waiting) <= MOST_ACCOUNTS:
        waiting.add(account_key(account))


def _publish_accounts(services: Mapping[str, Any], info: dict[Any, Any]) -> None:
    keys: set[str] = info.pop(_WAITING, set())
    is_any = "" in keys or len(keys) > MOST_ACCOUNTS
    change = AccessChange(everyone=True) if is_any else AccessChange(accounts=sorted(keys))
    publish_change(services, change)


listeners.append(account_changed)
