from connectors.models.connectors import Connector, ConnectorProbe, ConnectorToken, DraftRequest, State
from connectors.models.kept import ChangeKind, RecordChange, RejectedRecord, Retention
from connectors.models.outbox import OutboxItem, OutboxKind
from connectors.models.runs import UNDER_WAY, KnownPage, Lease, LeasePhase, Phase, Run, RunStatus, SeenPage, Trigger
from connectors.models.streams import Mode, Outcome, Schedule, Stream, StreamQuerySet, StreamState

__all__ = [
    "UNDER_WAY",
    "ChangeKind",
    "Connector",
    "ConnectorProbe",
    "ConnectorToken",
    "DraftRequest",
    "KnownPage",
    "Lease",
    "LeasePhase",
    "Mode",
    "OutboxItem",
    "OutboxKind",
    "Outcome",
    "Phase",
    "RecordChange",
    "RejectedRecord",
    "Retention",
    "Run",
    "RunStatus",
    "Schedule",
    "SeenPage",
    "State",
    "Stream",
    "StreamQuerySet",
    "StreamState",
    "Trigger",
]
