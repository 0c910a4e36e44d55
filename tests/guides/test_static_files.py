"""docs/guides/static-files.md in a real project."""

import re

from tests.guides.conftest import DEPLOYED, Project


def test_a_template_names_a_file_that_browsers_keep(project: Project) -> None:
    project.apply("static-files")
    project.paste("static/css/paper.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    project.lback("collectstatic", "--strict", **DEPLOYED)
    with project.serving() as visitor:
        (url,) = re.findall(r'href="(/static/css/site\.\w+\.css)"', visitor.get("/shelf").text)
        style = visitor.get(url)
        assert "immutable" in style.headers["cache-control"]
        (picture,) = re.findall(r'url\("(paper\.\w+\.svg)"\)', style.text)
        assert visitor.get(f"/static/css/{picture}").status == 200
