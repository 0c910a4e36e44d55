"""What is done to tickets at the command line: `lback --help` lists it."""

import click
from lback.auth import ApiKeyManager
from lback.users import UserManager, define_role
from sqlalchemy.orm import Session

from tickets.models import ANSWER


@click.command("make_support")
@click.argument("email")
def make_support(email: str, db_session: Session, user_manager: UserManager) -> None:
    """Let a user answer the tickets of all customers."""
    user = user_manager.get_by_email(db_session, email)
    if user is None:
        raise click.ClickException(f"no account has the address {email}; sign up first")
    define_role(db_session, "support", [ANSWER])
    user_manager.assign_roles(db_session, user, "support")
    click.echo(f"{user.username} may answer all tickets")


@click.command("make_key")
@click.argument("email")
@click.argument("purpose")
def make_key(
    email: str,
    purpose: str,
    db_session: Session,
    user_manager: UserManager,
    api_key_manager: ApiKeyManager,
) -> None:
    """Make an API key for a user, and print it."""
    user = user_manager.get_by_email(db_session, email)
    if user is None:
        raise click.ClickException(f"no account has the address {email}; sign up first")
    key, _ = api_key_manager.create(db_session, user, purpose)
    click.echo(key)
