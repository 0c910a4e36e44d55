"""URL patterns of tickets, included by the `urls.py` of the project with a prefix."""

from lback import path

from tickets import views

# None of them says requires_auth=False: all are for signed-in users.
urlpatterns = [
    path("/", views.show_all, ["GET"], "tickets"),
    path("/new", views.add, ["GET", "POST"], "ticket_add"),
    path("/{ticket_id:int}", views.show, ["GET", "POST"], "ticket"),
    path("/{ticket_id:int}/close", views.close, ["POST"], "ticket_close"),
    path("/attachments/{comment_id:int}", views.attachment, ["GET"], "attachment"),
]
