"""What is kept of the records that a run set aside."""

from connectors.models import RejectedRecord, Run
from connectors.services import pages
from organisation.templatetags.marks import figure


def kept_of(run: Run) -> str:
    """A sentence, if not all are kept that were set aside; they are counted all the same."""
    if run.is_dry or not run.rejected:
        return ""
    kept = RejectedRecord.objects.filter(run=run).count()
    if kept >= run.rejected:
        return ""
    if kept >= pages.MOST_NEW_OF_A_READ:
        return f"Of these, {figure(kept)} are kept with what the source sent: no more new ones are kept of one read."
    unsettled = RejectedRecord.objects.filter(stream_id=run.stream_id, settled_at=None).count()
    if unsettled >= pages.MOST_UNSETTLED_OF_A_STREAM:
        return (
            f"Not all of these are kept: {figure(unsettled)} of the stream are unsettled, and no more are kept "
            "until some are settled or pruned."
        )
    return ""
