"""Status codes: severity, symbol, and the reaction that a bad one calls for (OPC 10000-4 §7.39)."""

from enum import StrEnum
from typing import Any

from connectors.protocols.errors import (
    BadConfig,
    ContractBroken,
    SourceError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from connectors.protocols.opcua.status_names import SYMBOLS

_CODES = {symbol: code for code, symbol in SYMBOLS.items()}
_NAME_BITS = 0xFFFF0000  # the low half says how a value was limited or made, not what happened


class Severity(StrEnum):
    GOOD = "GOOD"
    UNCERTAIN = "UNCERTAIN"
    BAD = "BAD"


class StatusCode(int):
    """A 32-bit unsigned status code that knows its name."""

    @property
    def severity(self) -> Severity:
        """From bits 31:30; the reserved value 11 counts as bad (OPC 10000-4 §7.39.1)."""
        return (Severity.GOOD, Severity.UNCERTAIN, Severity.BAD, Severity.BAD)[self >> 30]

    @property
    def symbol(self) -> str:
        """The standard's name for it, or its number in hexadecimal when the standard has none."""
        name = self & _NAME_BITS
        return SYMBOLS.get(name) or f"0x{name:08X}"

    @property
    def is_good(self) -> bool:
        return self.severity is Severity.GOOD

    @property
    def is_bad(self) -> bool:
        return self.severity is Severity.BAD

    def means(self, *symbols: str) -> bool:
        return self.symbol in symbols


GOOD = StatusCode(0)


def read_status(raw: Any) -> StatusCode:
    """
    A status as any of the encodings writes it: a number, a number as text, a name, `{"Code", "Symbol"}`, or
    nothing at all, which is Good (OPC 10000-6 §5.4.2.12).

    :raises ValueError: if it is none of these
    """
    match raw:
        case None:
            return GOOD
        case bool():
            pass
        case int() if 0 <= raw <= 0xFFFFFFFF:
            return StatusCode(raw)
        case int() if -0x80000000 <= raw < 0:
            return StatusCode(raw & 0xFFFFFFFF)  # gateways in signed languages
        case str() if raw.isascii() and raw.isdecimal():
            return read_status(int(raw))
        case str() if raw.replace("_", "") in _CODES:
            return StatusCode(_CODES[raw.replace("_", "")])  # OPC 10000-9 and -11 write Bad_NoData
        case {"Code": code}:
            return read_status(code)
        case {"Symbol": str() as symbol}:
            return read_status(symbol)
        case dict() if not raw:
            return GOOD
    raise ValueError(f"{raw!r} is not a status code")


class NotOffered(BadConfig):
    """The server does not do such a thing, of whatever node: where there is another way, it is to be taken."""


class TooManyOperations(Throttled):
    """The server takes fewer items in one request than it was sent."""


_ASK_A_PERSON = frozenset(
    {
        "BadUserAccessDenied",
        "BadIdentityTokenInvalid",
        "BadIdentityTokenRejected",
        "BadSecurityChecksFailed",
        "BadUserSignatureInvalid",
        "BadNotReadable",
        "BadCertificateUntrusted",
        "BadCertificateUriInvalid",
        "BadCertificateTimeInvalid",
        "BadLicenseExpired",
        "BadLicenseNotAvailable",
    }
)
_TRY_LATER = frozenset(
    {
        "Bad",
        "BadUnexpectedError",
        "BadInternalError",
        "BadOutOfMemory",
        "BadResourceUnavailable",
        "BadCommunicationError",
        "BadTimeout",
        "BadRequestTimeout",
        "BadRequestInterrupted",
        "BadRequestCancelledByClient",
        "BadShutdown",
        "BadServerHalted",
        "BadServerNotConnected",
        "BadNotConnected",
        "BadNoCommunication",
        "BadWaitingForInitialData",
        "BadConnectionClosed",
        "BadDisconnect",
        "BadSecureChannelClosed",
        "BadSecureChannelIdInvalid",
        "BadSessionIdInvalid",
        "BadSessionClosed",
        "BadSessionNotActivated",
        "BadContinuationPointInvalid",
        "BadNoContinuationPoints",
        "BadWouldBlock",
        "BadNoData",
        "BadDataLost",
        "BadDataUnavailable",
        "BadInvalidState",
    }
)
_TRY_AT = frozenset(
    {
        "BadServerTooBusy",
        "BadTcpServerTooBusy",
        "BadTcpNotEnoughResources",
        "BadTooManySessions",
        "BadEncodingLimitsExceeded",
    }
)
_NOT_OFFERED = frozenset(
    {
        "BadServiceUnsupported",
        "BadNotSupported",
        "BadNotImplemented",
        "BadHistoryOperationUnsupported",
        "BadHistoryOperationInvalid",  # so node-opcua, asked for the history of a node that keeps none
    }
)
_WRONG_SETTING = frozenset({"BadNodeIdUnknown", "BadNodeIdInvalid"})


def error_for(status: StatusCode, *, doing: str, field: str | None = None) -> SourceError:
    """
    The error for a bad status.

    :param doing: what failed, as the end of a sentence: `reading the alarms`
    :param field: the form's field to blame when the status says that a setting is wrong
    """
    said = f"The OPC UA server answered {status.symbol} while {doing}"
    match status.symbol:
        case "BadTooManyOperations":
            return TooManyOperations(f"{said}: it takes fewer items in one request. Lower the batch size.")
        case symbol if symbol in _ASK_A_PERSON:
            return Unauthorized(
                f"{said}. Ask the SCADA administrator to let this account do that, or enter the "
                "credentials of another account."
            )
        case symbol if symbol in _TRY_AT:
            return Throttled(f"{said}. It is busy; it is asked again later.")
        case symbol if symbol in _TRY_LATER:
            return Unreachable(f"{said}. It is asked again later.")
        case symbol if symbol in _NOT_OFFERED:
            return NotOffered(f"{said}. It does not know or offer that: check the setting.", field=field)
        case symbol if symbol in _WRONG_SETTING:
            return BadConfig(f"{said}. It does not know or offer that: check the setting.", field=field)
        case _:
            return ContractBroken(f"{said}, which the OPC UA Web API does not foresee here.")


def require_good(status: StatusCode, *, doing: str, field: str | None = None) -> None:
    """
    Refuse a bad status by the reaction that it calls for.

    :raises SourceError: one of its kinds
    """
    if status.is_bad:
        raise error_for(status, doing=doing, field=field)
