"""What a person may do to an alarm in the console."""

from datetime import datetime, timedelta
from typing import Any

from django import forms

from organisation.models import User
from telemetry.models import Alarm, AlarmAction, AlarmActionKind
from telemetry.services import alarm_actions

LONGEST_MINUTES = 30 * 24 * 60


class AlarmActionForm(forms.Form):
    """Whether it can be done to the alarm as it stands is for the service to say."""

    kind = forms.TypedChoiceField(
        label="What to do",
        choices=AlarmActionKind.choices,
        coerce=AlarmActionKind,
        widget=forms.RadioSelect,
    )
    minutes = forms.IntegerField(
        label="For how many minutes",
        required=False,
        min_value=1,
        max_value=LONGEST_MINUTES,
        help_text="Only to shelve it for a time. The source may allow less.",
    )
    reason = forms.CharField(
        label="Reason, or the comment itself",
        required=False,
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Confirmations and comments carry it to the source, with your name. Of shelving the source takes "
        "none: it stands here.",
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("kind") == AlarmActionKind.SHELVE_TIMED and not given.get("minutes"):
            self.add_error("minutes", "Say for how many minutes.")
        return given

    def act(self, alarm: Alarm, *, actor: User, now: datetime) -> AlarmAction:
        """
        What was chosen.

        :raises UnableToAct: if it cannot be done
        """
        given = self.cleaned_data
        words = given["reason"]
        match given["kind"]:
            case AlarmActionKind.CONFIRM:
                return alarm_actions.confirm_alarm(alarm=alarm, comment=words, actor=actor, now=now)
            case AlarmActionKind.COMMENT:
                return alarm_actions.comment_on_alarm(alarm=alarm, comment=words, actor=actor, now=now)
            case AlarmActionKind.UNSHELVE:
                return alarm_actions.unshelve_alarm(alarm=alarm, reason=words, actor=actor, now=now)
            case kind:
                is_timed = kind == AlarmActionKind.SHELVE_TIMED
                until = now + timedelta(minutes=given["minutes"]) if is_timed else None
                return alarm_actions.shelve_alarm(alarm=alarm, until=until, reason=words, actor=actor, now=now)
