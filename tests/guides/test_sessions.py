"""docs/guides/sessions.md in a real project."""

from tests.guides.conftest import Project, Visitor


def test_a_visitor_has_a_session_of_their_own(project: Project) -> None:
    project.apply("sessions")
    with project.serving() as visitor:
        other = Visitor(visitor.port, visitor.log)
        assert "Visit number 1" in visitor.get("/visits").text
        assert "Visit number 2" in visitor.get("/visits").text
        assert "Visit number 1" in other.get("/visits").text
        assert visitor.get("/visits").headers["vary"] == "Cookie"

        assert visitor.submit("/visits", {}, to="/forget").status == 303
        page = visitor.get("/visits").text
        assert '<p class="success">Forgotten.</p>' in page
        assert "Visit number 1" in page
        assert "Forgotten." not in visitor.get("/visits").text
