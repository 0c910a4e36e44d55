"""URL patterns of the admin: `include("lback.admin.urls", "/admin")`."""

from lback.admin.asset_files import send_asset
from lback.admin.bulk_views import act, delete_row
from lback.admin.edit_views import add_row, edit_row, send_file
from lback.admin.home_views import history, home, row_history
from lback.admin.list_views import export, find, show_list
from lback.admin.sign_in import sign_in, sign_out
from lback.admin.task_views import change_queue, change_task, show_task, show_tasks
from lback.core.urls_utils import path

READ, WRITE, BOTH = ["GET"], ["POST"], ["GET", "POST"]

# requires_auth is False, because it checks for users of the site. All views except sign-in and
# assets check for an admin user themselves (see `guarded`).
urlpatterns = [
    path("/", home, READ, "admin-home", requires_auth=False),
    path("/sign-in", sign_in, BOTH, "admin-sign-in", requires_auth=False),
    path("/sign-out", sign_out, WRITE, "admin-sign-out", requires_auth=False),
    path("/static/{name}", send_asset, READ, "admin-asset", requires_auth=False),
    path("/history", history, READ, "admin-history", requires_auth=False),
    # No model has the slug "-".
    path("/-/tasks", show_tasks, READ, "admin-tasks", requires_auth=False),
    path("/-/tasks/{task_id}", show_task, READ, "admin-task", requires_auth=False),
    path(
        "/-/tasks/{task_id}/{action}", change_task, WRITE, "admin-task-change", requires_auth=False
    ),
    path(
        "/-/queues/{queue}/{action}", change_queue, WRITE, "admin-queue-change", requires_auth=False
    ),
    path("/{section}", show_list, READ, "admin-list", requires_auth=False),
    path("/{section}", act, WRITE, "admin-act", requires_auth=False),
    path("/{section}/add", add_row, BOTH, "admin-add", requires_auth=False),
    path("/{section}/find", find, READ, "admin-find", requires_auth=False),
    path("/{section}/export.{kind}", export, READ, "admin-export", requires_auth=False),
    path("/{section}/row/{key}", edit_row, BOTH, "admin-row", requires_auth=False),
    path("/{section}/row/{key}/delete", delete_row, BOTH, "admin-delete", requires_auth=False),
    path(
        "/{section}/row/{key}/history", row_history, READ, "admin-row-history", requires_auth=False
    ),
    path("/{section}/row/{key}/file/{name}", send_file, READ, "admin-file", requires_auth=False),
]
