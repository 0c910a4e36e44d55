"""docs/guides/tokens.md in a real project."""

from tests.guides.conftest import Project

MAKE = """
ada = app.user_manager.register(db_session, "ada", "correct horse battery")
print(app.dependencies["api_key_manager"].create(db_session, ada, "backup")[0])
db_session.commit()
"""


def test_a_program_signs_in_and_is_known(project: Project) -> None:
    project.apply("tokens")
    project.migrate()
    key = project.lback("shell", "-c", MAKE).strip()
    with project.serving() as program:
        assert program.get("/me", Authorization=f"Bearer {key}").json() == {"name": "ada"}
        assert program.get("/me", Authorization="Bearer lbk_wrong").status == 401

        account = {"username": "ada", "password": "correct horse battery"}
        pair = program.post_json("/tokens/", account).json()
        bearer = f"Bearer {pair['access_token']}"
        assert program.get("/me", Authorization=bearer).json() == {"name": "ada"}
        once = {"refresh_token": pair["refresh_token"]}
        assert program.post_json("/tokens/refresh", once).status == 200
        assert program.post_json("/tokens/refresh", once).status == 401
