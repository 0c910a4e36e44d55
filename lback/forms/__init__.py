"""Forms: validate submitted data, store it, and render it again with error messages."""

from lback.forms.bound_field import BoundField
from lback.forms.choice_fields import ChoiceField, MultipleChoiceField
from lback.forms.choice_widgets import CheckboxMultiple, RadioSelect, Select, SelectMultiple
from lback.forms.errors import ErrorDict, ErrorList, Invalid
from lback.forms.field import Field
from lback.forms.file_fields import FileField, ImageField
from lback.forms.form import Form
from lback.forms.formset import Formset
from lback.forms.inline_formset import InlineFormset
from lback.forms.localized_widgets import (
    LocalizedDateInput,
    LocalizedDateTimeInput,
    LocalizedNumberInput,
    LocalizedTimeInput,
)
from lback.forms.model_fields import ForeignKeyField, ManyToManyField
from lback.forms.model_form import ModelForm, model_form
from lback.forms.number_fields import (
    BooleanField,
    DecimalField,
    FloatField,
    IntegerField,
    NullBooleanField,
)
from lback.forms.text_fields import (
    CharField,
    EmailField,
    JSONField,
    SlugField,
    TextField,
    URLField,
    UUIDField,
)
from lback.forms.time_fields import DateField, DateTimeField, DurationField, TimeField
from lback.forms.widgets import (
    CheckboxInput,
    DateInput,
    DateTimeInput,
    EmailInput,
    FileInput,
    HiddenInput,
    JSONInput,
    NumberInput,
    PasswordInput,
    Textarea,
    TextInput,
    TimeInput,
    URLInput,
    Widget,
)

__all__ = [
    "BooleanField",
    "BoundField",
    "CharField",
    "CheckboxInput",
    "CheckboxMultiple",
    "ChoiceField",
    "DateField",
    "DateInput",
    "DateTimeField",
    "DateTimeInput",
    "DecimalField",
    "DurationField",
    "EmailField",
    "EmailInput",
    "ErrorDict",
    "ErrorList",
    "Field",
    "FileField",
    "FileInput",
    "FloatField",
    "ForeignKeyField",
    "Form",
    "Formset",
    "HiddenInput",
    "ImageField",
    "InlineFormset",
    "IntegerField",
    "Invalid",
    "JSONField",
    "JSONInput",
    "LocalizedDateInput",
    "LocalizedDateTimeInput",
    "LocalizedNumberInput",
    "LocalizedTimeInput",
    "ManyToManyField",
    "ModelForm",
    "MultipleChoiceField",
    "NullBooleanField",
    "NumberInput",
    "PasswordInput",
    "RadioSelect",
    "Select",
    "SelectMultiple",
    "SlugField",
    "TextField",
    "TextInput",
    "Textarea",
    "TimeField",
    "TimeInput",
    "URLField",
    "URLInput",
    "UUIDField",
    "Widget",
    "model_form",
]
