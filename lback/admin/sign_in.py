"""Sign-in and sign-out views of the admin."""

from typing import TYPE_CHECKING

from lback.admin.access import address, open_to_all, registry_of, user_of
from lback.admin.page import page
from lback.auth import authenticate, login, logout
from lback.core.exceptions import ConfigurationError
from lback.core.response import RedirectResponse, Response
from lback.core.urls_utils import is_local_url
from lback.forms import CharField, Form, HiddenInput, Invalid, PasswordInput
from lback.translation import gettext

if TYPE_CHECKING:
    from lback.core.request import Request


class SignInForm(Form):
    """Form with username and password."""

    username = CharField(max_length=150)
    password = CharField(widget=PasswordInput, strip=False, max_length=1000)
    next = CharField(widget=HiddenInput, required=False)


@open_to_all
def sign_in(request: "Request") -> Response:
    """Show the sign-in form, or sign in and redirect to `next`.

    Raises:
        ConfigurationError: The request has no session.
        TooManyAttempts: The login rate limit is exceeded.
    """
    registry_of(request)
    if request.session is None:
        raise ConfigurationError(
            "the admin needs sessions: add lback.middleware.SessionMiddleware, "
            "AuthenticationMiddleware and CSRFMiddleware to MIDDLEWARES"
        )
    goal = _goal(request)
    if user_of(request) is not None and request.method == "GET":
        return RedirectResponse(goal, 303)
    form = SignInForm.of(request, initial={"next": goal}, session=None)
    form["username"].widget.attrs.update(autocomplete="username", autofocus=True)
    form["password"].widget.attrs["autocomplete"] = "current-password"
    if form.is_valid() and _signed_in(request, form):
        return RedirectResponse(goal, 303)
    status = 422 if form.is_bound else 200
    return page(request, "sign_in.html", title=gettext("Sign in"), status_code=status, form=form)


def _signed_in(request: "Request", form: SignInForm) -> bool:
    manager = request.get_service("admin_user_manager")
    data = form.cleaned_data
    account = authenticate(request, data["username"], data["password"], manager=manager)
    if account is None:
        form.add_error(
            None, Invalid(gettext("The username or password is wrong. Please try again."))
        )
        return False
    login(request, account)
    return True


def _goal(request: "Request") -> str:
    text = request.POST.get("next") or request.GET.get("next") or ""
    # Only URLs of this site, to avoid an open redirect.
    if isinstance(text, str) and is_local_url(text):
        return text
    return address(request, "admin-home")


@open_to_all
def sign_out(request: "Request") -> Response:
    """Sign out and redirect to the sign-in page."""
    if user_of(request) is not None:
        logout(request)
    return RedirectResponse(address(request, "admin-sign-in"), 303)
