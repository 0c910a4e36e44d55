"""docs/guides/permissions.md in a real project."""

from tests.guides.conftest import Project

PASSWORD = "correct horse battery"
MAKE = f"""
from memos.models import Memo
for name in ("ada", "grace"):
    app.user_manager.register(db_session, name, "{PASSWORD}")
    db_session.add(Memo(owner=name, text=f"by {{name}}"))
db_session.commit()
"""


def test_users_read_their_own_rows(project: Project) -> None:
    project.new_app("memos", "--minimal")
    project.apply("permissions")
    project.apply("accounts")
    project.migrate()
    project.lback("shell", "-c", MAKE)
    with project.serving(LOGIN_REDIRECT_URL="/memos/") as visitor:
        assert visitor.get("/memos/").status == 302
        visitor.submit("/accounts/sign-in", {"username": "ada", "password": PASSWORD})
        assert visitor.get("/memos/").json() == ["by ada"]
