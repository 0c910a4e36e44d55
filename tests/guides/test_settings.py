"""docs/guides/settings.md in a real project."""

from tests.guides.conftest import Project


def test_a_setting_of_the_project_is_read_and_overridden(project: Project) -> None:
    project.apply("settings")
    with project.serving() as visitor:
        assert visitor.get("/about").text == "This is Corner"
    with project.serving(SHOP_NAME="Market") as visitor:
        assert visitor.get("/about").text == "This is Market"
    env = project.folder / ".env"
    env.write_text(f"{env.read_text()}\nSHOP_NAME=Bazaar\n")
    with project.serving() as visitor:
        assert visitor.get("/about").text == "This is Bazaar"
    assert ".env" in project.lback("config", "explain", "SHOP_NAME")


def test_a_public_server_must_set_what_the_guide_names(project: Project) -> None:
    (project.folder / ".env").write_text("")
    told = project.lback_fails("serve")
    assert "SECRET_KEY" in told
    assert "ALLOWED_HOSTS" in told
