"""Keys under which the parts of `lback.auth` leave values in the WSGI environ of a request."""

# Cookies that are still to be sent; see `lback.auth.devices`.
DEVICE_COOKIES = "lback.device_cookies"
# The account whose password `lback.auth.authenticate` has verified.
PASSWORD_CHECKED = "lback.password_checked"  # noqa: S105  the name of a key
