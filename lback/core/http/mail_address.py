"""Validates email addresses, by the same rules for stored addresses and recipients."""

import re

from lback.core.http.hosts import ascii_name

# RFC 5322 section 3.2.3: a dot-atom. Quoted local parts, comments, routes and address literals are
# not allowed: programs parse them differently, so that an email and a permission could belong to
# different mailboxes.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
# "=?" begins an encoded word (RFC 2047), which some mail servers decode in an address.
_LOCAL_PART = re.compile(rf"(?!.*=\?){_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LONGEST_LOCAL_PART = 64  # RFC 5321 §4.5.3.1
_LONGEST_DOMAIN = 253
_PUNYCODE = "xn--"


def mailed_address(address: str) -> str | None:
    """Return an address in the form for mail servers, or `None` if it is not valid.

    The local part is a dot-atom of ASCII (RFC 5322). The domain follows RFC 1123; an
    internationalised one becomes its `xn--` form, if that decodes to exactly the same letters.

    Args:
        address: One address, without a display name.

    Example:
        >>> mailed_address("ada@bücher.example"), mailed_address("no address")
        ('ada@xn--bcher-kva.example', None)
    """
    local_part, at, domain = address.rpartition("@")
    if not at or len(local_part) > _LONGEST_LOCAL_PART or not _LOCAL_PART.fullmatch(local_part):
        return None
    ascii_domain = _ascii_domain(domain)
    return None if ascii_domain is None else f"{local_part}@{ascii_domain}"


def readable_domain(domain: str) -> str:
    """Return a domain with its `xn--` labels decoded.

    Example:
        >>> readable_domain("xn--bcher-kva.example")
        'bücher.example'
    """
    if _PUNYCODE not in domain or len(domain) > _LONGEST_DOMAIN:
        return domain
    try:
        return domain.encode("ascii").decode("idna")
    except UnicodeError:
        return domain


def _ascii_domain(domain: str) -> str | None:
    if len(domain) > _LONGEST_DOMAIN or not (domain.isascii() or domain == domain.lower()):
        return None
    encoded = ascii_name(domain)
    if encoded is None:
        return None
    labels = encoded.split(".")
    fine = len(encoded) <= _LONGEST_DOMAIN and all(_LABEL.fullmatch(label) for label in labels)
    return encoded if fine and not labels[-1].isdigit() else None
