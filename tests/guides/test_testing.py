"""docs/guides/testing.md in a real project."""

from tests.guides.conftest import Project


def test_the_tests_of_a_project_run(project: Project) -> None:
    project.new_app("orders")
    project.apply("testing")
    printed = project.lback("test", "-q", "-p", "no:cacheprovider")
    assert " passed" in printed
