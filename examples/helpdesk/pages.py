"""Pages that belong to no app."""

from lback import Request, Response, render


def home(request: Request) -> Response:
    """Show the first page."""
    return render(request, "home.html")
