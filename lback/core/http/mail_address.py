"""Mail addresses: a short list of what one may consist of, the same for those kept and mailed."""

import re

# RFC 5322 §3.2.3: a dot-atom. Quoted local parts, comments, routes and address literals are left
# out: what two programs read in two ways leads a mail to one mailbox and a right to another.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
# "=?" begins an encoded word (RFC 2047), which some mail servers decode in an address.
_LOCAL_PART = re.compile(rf"(?!.*=\?){_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LONGEST_LOCAL_PART = 64  # RFC 5321 §4.5.3.1
_LONGEST_DOMAIN = 253
_PUNYCODE = "xn--"


def mailed_address(address: str) -> str | None:
    """Return an address as a mail server gets it, or `None` if it is not allowed.

    The local part is a dot-atom of ASCII. The domain is that of RFC 1123; one with other letters
    becomes its `xn--` form, if that form means exactly these letters again.

    Args:
        address: One address, without a name beside it.
    """
    local_part, at, domain = address.rpartition("@")
    if not at or len(local_part) > _LONGEST_LOCAL_PART or not _LOCAL_PART.fullmatch(local_part):
        return None
    ascii_domain = _ascii_domain(domain)
    return None if ascii_domain is None else f"{local_part}@{ascii_domain}"


def readable_domain(domain: str) -> str:
    """Return a domain with its letters instead of their `xn--` form, where it has one."""
    if _PUNYCODE not in domain or len(domain) > _LONGEST_DOMAIN:
        return domain
    try:
        return domain.encode("ascii").decode("idna")
    except UnicodeError:
        return domain


def _ascii_domain(domain: str) -> str | None:
    if len(domain) > _LONGEST_DOMAIN:
        return None
    encoded = domain
    if not domain.isascii():
        try:
            encoded = domain.encode("idna").decode("ascii")
            # A letter that the encoding replaces, such as "ß" by "ss", names another host.
            if encoded.encode("ascii").decode("idna") != domain:
                return None
        except UnicodeError:
            return None
    labels = encoded.split(".")
    fine = len(encoded) <= _LONGEST_DOMAIN and all(_LABEL.fullmatch(label) for label in labels)
    return encoded if fine and not labels[-1].isdigit() else None
