"""docs/guides/private-files.md in a real project."""

from tests.guides.conftest import Project

ADD = """
from lback.storage import new_file
from papers import Paper
paper = Paper(id=1, scan=new_file(b"pixels", "a.png"))
with app.db_manager.session() as session: session.add(paper)

with app.db_manager.session() as session: print(session.get(Paper, 1).scan.url(expires=60))
"""


def test_a_file_needs_a_permission_or_a_signed_address(project: Project) -> None:
    project.apply("private-files")
    project.migrate()
    url = project.lback("shell", "-c", ADD).strip().splitlines()[-1]
    with project.serving() as visitor:
        assert visitor.get("/papers/1/scan").status in (302, 303, 401)
        found = visitor.get(url)
        assert (found.status, found.content) == (200, b"pixels")
        assert found.headers["content-type"] == "image/png"
        assert visitor.get(url.partition("?")[0]).status == 403
