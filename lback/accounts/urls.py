"""URL patterns of the account pages: `include("lback.accounts.urls", "/accounts/")`."""

from lback.accounts.account_views import account, change_email, verify_email
from lback.accounts.mail_previews import mail_previews
from lback.accounts.mailbox import mailbox
from lback.accounts.passwords import change_password, forgot_password, reset_password
from lback.accounts.sign_in import sign_in, sign_out, sign_out_everywhere
from lback.accounts.sign_up import sign_up, sign_up_finish
from lback.core.urls_utils import path

FORM = ["GET", "POST"]

urlpatterns = [
    path("/", account, ["GET"], "accounts.account"),
    path("/sign-in", sign_in, FORM, "accounts.sign_in", requires_auth=False),
    path("/sign-out", sign_out, FORM, "accounts.sign_out", requires_auth=False),
    path("/sign-out-everywhere", sign_out_everywhere, ["POST"], "accounts.sign_out_everywhere"),
    path("/sign-up", sign_up, FORM, "accounts.sign_up", requires_auth=False),
    path("/sign-up/{token}", sign_up_finish, FORM, "accounts.sign_up_finish", requires_auth=False),
    path("/forgot", forgot_password, FORM, "accounts.forgot_password", requires_auth=False),
    path("/reset/{token}", reset_password, FORM, "accounts.reset_password", requires_auth=False),
    path("/password", change_password, FORM, "accounts.change_password"),
    path("/email", change_email, FORM, "accounts.change_email"),
    path("/verify/{token}", verify_email, FORM, "accounts.verify_email", requires_auth=False),
    path("/mailbox", mailbox, ["GET"], "accounts.mailbox", requires_auth=False),
    path(
        "/mailbox/templates", mail_previews, ["GET"], "accounts.mail_previews", requires_auth=False
    ),
]
