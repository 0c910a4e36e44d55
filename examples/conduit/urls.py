"""URL patterns of conduit."""

from lback import path

import views

ARTICLE = "/api/articles/{slug}"

urlpatterns = [
    path("/api/users", views.sign_up, ["POST"], requires_auth=False),
    path("/api/users/login", views.sign_in, ["POST"], requires_auth=False),
    path("/api/user", views.current_user, ["GET"]),
    path("/api/user", views.update_user, ["PUT"]),
    path("/api/profiles/{username}", views.profile, ["GET"], requires_auth=False),
    path("/api/profiles/{username}/follow", views.profile, ["POST", "DELETE"]),
    path("/api/articles", views.list_articles, ["GET"], requires_auth=False),
    path("/api/articles", views.create_article, ["POST"]),
    path("/api/articles/feed", views.feed, ["GET"]),
    path(ARTICLE, views.show_article, ["GET"], requires_auth=False),
    path(ARTICLE, views.update_article, ["PUT"]),
    path(ARTICLE, views.delete_article, ["DELETE"]),
    path(f"{ARTICLE}/favorite", views.favorite, ["POST", "DELETE"]),
    path(f"{ARTICLE}/comments", views.list_comments, ["GET"], requires_auth=False),
    path(f"{ARTICLE}/comments", views.add_comment, ["POST"]),
    path(f"{ARTICLE}/comments/{{comment_id:int}}", views.delete_comment, ["DELETE"]),
    path("/api/tags", views.list_tags, ["GET"], requires_auth=False),
]
