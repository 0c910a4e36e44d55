"""docs/guides/admin.md in a real project."""

from tests.guides.conftest import Project

PASSWORD = "correct horse battery"


def test_the_admin_looks_after_the_rows_of_an_app(project: Project) -> None:
    project.new_app("shop", "--minimal")
    # A new project that is not minimal has the admin at this address.
    project.apply("admin", without=("urls.py",) if project.is_full else ())
    project.migrate()
    project.lback("create_superuser", "--username", "ada", "--email", "ada@example.org",
                  LBACK_PASSWORD=PASSWORD)  # fmt: skip
    with project.serving() as visitor:
        assert visitor.get("/admin/").headers["location"].startswith("/admin/sign-in")
        visitor.submit("/admin/sign-in", {"username": "ada", "password": PASSWORD})
        home = visitor.get("/admin/").text
        assert 'href="/admin/maker"' in home
        assert visitor.submit("/admin/maker/add", {"name": "Thonet"}).status == 303
        lamp = {"title": "Chair No. 14", "price": "100.00", "maker": "1"}
        added = visitor.submit("/admin/product/add", lamp)
        assert added.status == 303, added.text
        page = visitor.get("/admin/product?q=thonet").text
        assert "Chair No. 14" in page
        assert "100.00" in page
        assert "Chair No. 14" not in visitor.get("/admin/product?q=nobody").text

        reduce = {"action": "reduce", "key": "1"}
        asked = visitor.submit("/admin/product", reduce)
        assert "Reduce by a tenth: 1 product" in asked.text
        assert visitor.submit("/admin/product", {**reduce, "confirmed": "yes"}).status == 303
        assert "90.00" in visitor.get("/admin/product").text
        assert "Chair No. 14" in visitor.get("/admin/history").text
