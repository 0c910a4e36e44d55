"""docs/guides/migrations.md in a real project."""

from tests.guides.conftest import Project


def test_tables_follow_the_models_and_back(project: Project) -> None:
    project.new_app("shop", "--minimal")
    project.apply("migrations")
    project.migrate()
    assert "0002" in project.lback("showmigrations")
    project.lback("db", "seed")
    project.lback("db", "seed", "shop")
    models = project.folder / "shop" / "models.py"
    models.write_text(f"{models.read_text()}    people: Mapped[int]\n")
    project.lback("makemigrations", "--no-input", "--fill", "countries.people=3")
    project.lback("migrate")
    seen = "from shop.models import Country; print(db_session.get(Country, 'TN').{})"
    assert project.lback("shell", "-c", seen.format("people")) == "3\n"

    models.write_text(models.read_text().replace("people:", "inhabitants:"))
    project.lback("makemigrations", "--rename", "countries.people=inhabitants")
    project.lback("migrate")
    assert project.lback("shell", "-c", seen.format("inhabitants")) == "3\n"
    project.lback("rollback", "3")
    assert project.lback("showmigrations").count("[x]") == 1
    project.lback("migrate", "0002")
    project.lback("migrate")
    project.lback("rollback", "base")
