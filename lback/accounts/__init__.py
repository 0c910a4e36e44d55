"""Ready pages for accounts: signing up, in and out, passwords, addresses."""

from lback.accounts.mailbox import mailbox

__all__ = ["mailbox"]
