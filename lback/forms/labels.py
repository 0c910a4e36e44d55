"""Labels made from the names of fields and models, in the language of the reader."""

from lback.translation import get_language, gettext
from lback.translation import gettext_lazy as _

# Languages that write nouns with a capital letter inside a sentence.
_CAPITAL_NOUNS = frozenset({"de", "lb"})

# Labels that are made from names in the framework's own models and forms; marked for translation.
OWN_LABELS = (
    _("Admin user"),
    _("Admin users"),
    _("Created at"),
    _("Current password"),
    _("Email"),
    _("Email verified at"),
    _("Id"),
    _("Is active"),
    _("Is superuser"),
    _("Name"),
    _("New password"),
    _("Password"),
    _("Permissions"),
    _("Role"),
    _("Roles"),
    _("User"),
    _("Username"),
    _("Users"),
)


def in_sentence(label: str) -> str:
    """Return a label as it is written inside a sentence: in small letters, except in German.

    Args:
        label: The label in the current language.

    Example:
        >>> in_sentence("Blog post")
        'blog post'
    """
    keeps = get_language().partition("-")[0].lower() in _CAPITAL_NOUNS
    return str(label) if keeps else label.lower()


def listed_labels(labels: list[str]) -> str:
    """Return labels with "and" between them.

    Args:
        labels: At least one label in the current language.

    Example:
        >>> listed_labels(["title", "year"])
        'title and year'
    """
    text, *others = labels
    for label in others:
        text = gettext("%(first)s and %(second)s", first=text, second=label)
    return text


def name_in_sentence(name: str) -> str:
    """Return the name of rows in small English letters as it is written in a sentence.

    Args:
        name: A name made from that of a model or table, such as "blog posts".

    Returns:
        The name itself if it has no translation.
    """
    label = name.capitalize()
    translated = gettext(label)
    return name if translated == label else in_sentence(translated)
