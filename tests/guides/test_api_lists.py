"""docs/guides/api-lists.md in a real project."""

import re

from tests.guides.conftest import Project

MAKE = """
from shelf.models import Song
for name, year in (("Ada", 1990), ("Ben", 1991), ("Cleo", 1992)):
    db_session.add(Song(name=name, year=year))
db_session.commit()
"""
JSON = {"Accept": "application/json"}


def test_a_list_is_for_people_and_programs(project: Project) -> None:
    project.new_app("shelf", "--minimal")
    project.apply("api-lists")
    project.migrate()
    project.lback("shell", "-c", MAKE)
    with project.serving() as visitor:
        page = visitor.get("/shelf/songs?ordering=-year")
        assert page.status == 200
        assert re.findall(r"<td>([A-Z]\w+)</td>", page.text) == ["Cleo", "Ben"]
        found = re.search(r'rel="next" href="([^"]*)"', page.text)
        assert found is not None
        following = visitor.get(f"/shelf/songs{found[1].replace('&amp;', '&')}").text
        assert re.findall(r"<td>([A-Z]\w+)</td>", following) == ["Ada"]

        listed = visitor.get("/shelf/api/songs?year=1991", **JSON)
        assert [song["name"] for song in listed.json()["items"]] == ["Ben"]
        refused = visitor.get("/shelf/api/songs?cursor=x&yaer=1", **JSON)
        assert refused.status == 422
        assert refused.headers["content-type"] == "application/problem+json"
        assert {e["parameter"] for e in refused.json()["errors"]} == {"cursor", "yaer"}
