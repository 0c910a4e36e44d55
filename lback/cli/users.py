"""`lback create_superuser` and the other commands on users."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from sqlalchemy import inspect, select
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from lback.application import Application
from lback.cli import prompts
from lback.cli.click_classes import Command
from lback.cli.json_output import json_option, print_json
from lback.cli.project import open_project
from lback.core.exceptions import ValidationError, did_you_mean
from lback.database.missing_schema import HINT, is_missing_schema
from lback.users import Account, AccountManager, AdminUser, user_model

F = TypeVar("F", bound=Callable[..., object])

_PASSWORD = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)
_PASSWORDS = (
    "The password is read from a prompt, from standard input with --password-stdin, or from the "
    f"environment variable {prompts.PASSWORD_VARIABLE}."
)


def _table_options(function: F) -> F:
    """Add `--site` and `--admin`, which choose the table of users."""
    site = click.option("--site", "table", flag_value="site", help="Users of the site only.")
    admin = click.option("--admin", "table", flag_value="admin", help="Users of the admin only.")
    return admin(site(function))


@click.command(
    "create_superuser",
    cls=Command,
    epilog=_PASSWORDS,
    examples=(
        "lback create_superuser",
        "lback create_superuser --username root --password-stdin < password.txt",
    ),
)
@click.option("--username", help="Username to sign in with (default: prompt).")
@click.option("--email", default="", help="Email address of the user (default: none).")
@_PASSWORD
@json_option
def create_superuser(username: str | None, email: str, password_stdin: bool, as_json: bool) -> None:
    """Create an admin user with all permissions."""
    app = open_project()
    if username is None:
        username = prompts.line("Username")
    if username is None:
        raise click.UsageError("no username given; use --username")
    password = prompts.password(from_stdin=password_stdin)
    with _accounts(app) as session:
        account = app.admin_user_manager.register(
            session, username, password, email or None, is_superuser=True
        )
        _print_account(account, f"Created superuser {account.username}", as_json=as_json)


@click.command(
    "reset_password",
    cls=Command,
    epilog=_PASSWORDS,
    examples=(
        "lback reset_password ada",
        "LBACK_PASSWORD=... lback reset_password root --admin",
    ),
)
@click.argument("username")
@_table_options
@_PASSWORD
@json_option
def reset_password(username: str, table: str | None, password_stdin: bool, as_json: bool) -> None:
    """Set a new password for a user and end all sessions."""
    app = open_project()
    with _accounts(app) as session:
        manager, account = _find(app, session, username, table)
        manager.set_password(session, account, prompts.password(from_stdin=password_stdin))
        text = f"Set a new password for {account.username}"
        _print_account(account, text, as_json=as_json)


@click.command("activate_user", cls=Command, examples=("lback activate_user ada",))
@click.argument("username")
@_table_options
@json_option
def activate_user(username: str, table: str | None, as_json: bool) -> None:
    """Allow a user to sign in again."""
    app = open_project()
    with _accounts(app) as session:
        manager, account = _find(app, session, username, table)
        manager.activate(session, account)
        _print_account(account, f"Activated {account.username}", as_json=as_json)


@click.command("deactivate_user", cls=Command, examples=("lback deactivate_user ada",))
@click.argument("username")
@_table_options
@json_option
def deactivate_user(username: str, table: str | None, as_json: bool) -> None:
    """Prevent a user from signing in without deleting the account."""
    app = open_project()
    with _accounts(app) as session:
        manager, account = _find(app, session, username, table)
        manager.deactivate(session, account)
        _print_account(account, f"Deactivated {account.username}", as_json=as_json)


@click.command(
    "list_users", cls=Command, examples=("lback list_users", "lback list_users --admin --json")
)
@_table_options
@click.option("--json", "as_json", is_flag=True, help="Output as JSON, one object per line.")
def list_users(table: str | None, as_json: bool) -> None:
    """List users and whether they can sign in."""
    app = open_project()
    with _accounts(app) as session:
        rows = [_row(name, account) for name, account in _all(app, session, table)]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    heads = ("table", "id", "username", "email", "active", "superuser", "created")
    texts = [heads, *(tuple(_text(row[head]) for head in heads) for row in rows)]
    widths = [max(len(text[column]) for text in texts) for column in range(len(heads))]
    for text in texts:
        click.echo(
            "  ".join(f"{part:{width}}" for part, width in zip(text, widths, strict=True)).rstrip()
        )


def _print_account(account: Account, text: str, *, as_json: bool) -> None:
    """Print an account that a command changed: a sentence, or its row of `list_users` as JSON."""
    if not as_json:
        click.echo(text)
        return
    table = "admin" if isinstance(account, AdminUser) else "site"
    print_json(_row(table, account))


def _row(table: str, account: Account) -> dict[str, object]:
    return {
        "table": table,
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "active": account.is_active,
        "superuser": bool(getattr(account, "is_superuser", False)),
        "created": account.created_at.isoformat(timespec="seconds"),
    }


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _all(app: Application, session: Session, table: str | None) -> Iterator[tuple[str, Account]]:
    for name, (model, _) in _tables(app, table).items():
        for account in session.scalars(select(model).order_by(model.id)):
            yield name, account


def _tables(
    app: Application, table: str | None
) -> dict[str, tuple[type[Account], AccountManager[Any]]]:
    tables: dict[str, tuple[type[Account], AccountManager[Any]]] = {
        "site": (user_model(app.config), app.user_manager),
        "admin": (AdminUser, app.admin_user_manager),
    }
    return {name: entry for name, entry in tables.items() if table in (None, name)}


def _find(
    app: Application, session: Session, username: str, table: str | None
) -> tuple[AccountManager[Any], Account]:
    """Return the manager and the account of a username.

    Raises:
        ClickException: No table has the username, or both have it.
    """
    tables = _tables(app, table)
    found = [
        (manager, account)
        for _, manager in tables.values()
        if (account := manager.get_by_username(session, username)) is not None
    ]
    if len(found) > 1:
        raise click.ClickException(
            f"{username!r} is a user of the site and of the admin; add --site or --admin"
        )
    if not found:
        names = _some_names(session, [model for model, _ in tables.values()])
        raise click.ClickException(f"unknown user {username!r}{did_you_mean(username, names)}")
    return found[0]


def _some_names(session: Session, models: list[type[Account]]) -> list[str]:
    # Limited, so that the suggestion costs no noticeable time.
    queries = [select(model.username).limit(5000) for model in models]
    return [name for query in queries for name in session.scalars(query)]


@contextmanager
def _accounts(app: Application) -> Iterator[Session]:
    """Open a session that commits at the end, and turn its errors into messages.

    Raises:
        ClickException: A value is invalid, or the tables of users do not exist.
    """
    try:
        with app.db_manager.session() as session:
            yield session
    except ValidationError as error:
        lines = [f"{name}: {text}" for name, texts in error.errors.items() for text in texts]
        raise click.ClickException("\n".join(lines)) from error
    except (OperationalError, ProgrammingError) as error:
        if not is_missing_schema(error.orig):
            raise
        if inspect(app.db_manager.engine).has_table(AdminUser.__tablename__):
            raise click.ClickException(f"{error.orig}. {HINT}") from error
        raise click.ClickException(
            "the tables of users do not exist; run: lback makemigrations && lback migrate"
        ) from error
