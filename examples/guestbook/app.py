"""A guestbook in one file: routes, templates, a form, the database, JSON and a signal."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback import Application, Request, Response, dispatcher, redirect, render, reverse
from lback.core import NotFound
from lback.database import Base

HERE = Path(__file__).parent
NAME_LENGTH, MESSAGE_LENGTH = 60, 500
logger = logging.getLogger("guestbook")


class Entry(Base):
    """What one visitor left."""

    __tablename__ = "entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    message: Mapped[str] = mapped_column(String(MESSAGE_LENGTH))
    written_at: Mapped[str] = mapped_column(String(20))

    def as_dict(self) -> dict[str, Any]:
        """Return what the JSON endpoints show."""
        return {
            "id": self.id,
            "name": self.name,
            "message": self.message,
            "written_at": self.written_at,
        }


def build_app(**settings: Any) -> Application:
    """Build the application; tests pass a database of their own."""
    defaults = {
        "PROJECT_ROOT": str(HERE),
        "DATABASE_URL": f"sqlite:///{HERE / 'guestbook.sqlite3'}",
    }
    app = Application(**{**defaults, **settings})
    app.db_manager.create_tables(Base.metadata)
    # Everybody may read and sign: without requires_auth=False a route wants a signed-in user.
    app.add_route("/", show_entries, name="home", requires_auth=False)
    app.add_route("/sign", sign, methods=["POST"], name="sign", requires_auth=False)
    app.add_route("/api/entries", list_entries, requires_auth=False)
    app.add_route("/api/entries/{entry_id:int}", show_entry, name="entry", requires_auth=False)
    return app


# The parameter db_session is filled by its name: the database session of this request. It is
# committed when the view succeeds, and rolled back when it raises or answers 400 and above.
def show_entries(request: Request, db_session: Session) -> Response:
    entries = db_session.scalars(select(Entry).order_by(Entry.id.desc()).limit(50)).all()
    return render(request, "guestbook.html", entries=entries, form={}, errors={})


def sign(request: Request, db_session: Session) -> Response:
    form = {name: str(request.POST.get(name, "")).strip() for name in ("name", "message")}
    errors = check(form)
    if errors:
        entries = db_session.scalars(select(Entry).order_by(Entry.id.desc()).limit(50)).all()
        return render(
            request, "guestbook.html", status_code=422, entries=entries, form=form, errors=errors
        )
    written_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    db_session.add(Entry(name=form["name"], message=form["message"], written_at=written_at))
    return redirect(reverse(request, "home"), status_code=303)


def check(form: dict[str, str]) -> dict[str, str]:
    """Return what is wrong with each field."""
    errors = {}
    for field, limit in (("name", NAME_LENGTH), ("message", MESSAGE_LENGTH)):
        if not form[field]:
            errors[field] = f"Please write a {field}."
        elif len(form[field]) > limit:
            errors[field] = f"At most {limit} characters, please; these are {len(form[field])}."
    return errors


def list_entries(request: Request, db_session: Session) -> dict[str, Any]:
    entries = db_session.scalars(select(Entry).order_by(Entry.id.desc()).limit(50))
    return {"entries": [entry.as_dict() for entry in entries]}


def show_entry(request: Request, entry_id: int, db_session: Session) -> dict[str, Any]:
    entry = db_session.get(Entry, entry_id)
    if entry is None:
        raise NotFound(f"there is no entry {entry_id}")
    return entry.as_dict()


def log_new_entries(sender: object, request: Request, **_: Any) -> None:
    """Hear every commit of a request; a receiver gets the sender and what the signal carries."""
    if request.path == "/sign":
        logger.info("somebody signed the guestbook")


dispatcher.connect("db_session_committed", log_new_entries)

app = build_app()

if __name__ == "__main__":
    app.run()
