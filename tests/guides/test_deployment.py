"""docs/guides/deployment.md in a real project."""

import re

from tests.guides.conftest import DEPLOYED, Project


def test_a_project_is_served_as_the_guide_says(project: Project) -> None:
    assert "DEBUG is on" in project.lback_fails("check", "--deploy")
    project.lback("collectstatic", **DEPLOYED)
    project.lback("migrate", **DEPLOYED)
    if not project.is_full:  # a minimal project has none yet
        project.lback("routes", "--lock", **DEPLOYED)
    project.lback("routes", "--audit", **DEPLOYED)
    assert "0 errors" in project.lback("check", "--deploy", **DEPLOYED)
    with project.serving("serve", "--workers", "1") as visitor:
        page = visitor.get("/")
        assert page.status == 200
        (style,) = re.findall(r'href="(/static/style\.\w+\.css)"', page.text)
        assert "immutable" in visitor.get(style).headers["cache-control"]


def test_a_server_does_not_start_while_debug_is_on(project: Project) -> None:
    assert "DEBUG is on" in project.lback_fails("serve")
