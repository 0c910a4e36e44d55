"""The forms of tickets."""

from lback.forms import CharField, ChoiceField, FileField, Invalid, ModelForm
from lback.i18n import gettext
from lback.i18n import gettext_lazy as _

from tickets.models import TITLE_LENGTH, Comment, Priority, Ticket


class CommentForm(ModelForm):
    """A comment below a ticket."""

    attachment = FileField(
        label=_("Attachment"),
        required=False,
        extensions=("jpg", "pdf", "png", "txt"),
        max_size=5_000_000,
        help_text=_("PDF, PNG, JPEG or text, up to 5 MB"),
    )

    class Meta:
        """What may be entered."""

        model = Comment
        fields = ["body", "attachment"]
        labels = {"body": _("Your answer")}


class TicketForm(ModelForm):
    """A new ticket."""

    title = CharField(
        label=_("Title"),
        min_length=5,
        max_length=TITLE_LENGTH,
        help_text=_("Such as: The printer makes a noise"),
    )
    priority = ChoiceField(Priority, label=_("Priority"), required=False, initial=Priority.NORMAL)

    class Meta:
        """What may be entered; nothing else is ever written."""

        model = Ticket
        fields = ["title", "body", "priority"]
        labels = {"body": _("What happened?")}

    def clean_priority(self) -> Priority:
        """Return the priority that was chosen, or the usual one."""
        return self.cleaned_data["priority"] or Priority.NORMAL

    def clean(self) -> None:
        """Refuse a description that says nothing new."""
        if self.cleaned_data.get("body") == self.cleaned_data.get("title", ""):
            raise Invalid(gettext("Please describe what happened in other words than the title."))
