from django import forms

from connectors.contracts.cap_alert import MessageType
from outage.models import Cause, Status


class TransitionForm(forms.Form):
    """A move of an outage. Whether it is legal, and that it has a reason, is for the service to say."""

    to = forms.TypedChoiceField(choices=Status.choices, coerce=Status)
    reason = forms.CharField(required=False, max_length=2_000)
    cause = forms.TypedChoiceField(choices=Cause.choices, coerce=Cause, required=False, empty_value=None)


class AcknowledgeForm(forms.Form):
    alarm = forms.IntegerField()
    comment = forms.CharField(required=False, max_length=1_000)


class AlertForm(forms.Form):
    """Which message is to be issued. Whether it may be is for the service to say."""

    type = forms.TypedChoiceField(choices=[(one.value, one.value) for one in MessageType], coerce=MessageType)
    seen = forms.CharField(required=False)
    reason = forms.CharField(required=False, max_length=2_000)
