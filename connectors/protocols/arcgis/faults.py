"""What ArcGIS means when it refuses: its errors come in the body of an answer, mostly with HTTP 200."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from connectors.protocols.errors import (
    BadConfig,
    ContractBroken,
    SourceError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from connectors.protocols.wire import RequestRefused

INVALID_TOKEN, TOKEN_REQUIRED = 498, 499
NOT_SHARED = "CONT_0001"
"""The `messageCode` for what is not there, or not shared with us: it does not tell which."""


@dataclass(frozen=True)
class Fault:
    """
    :param code: the error's own code, which is like an HTTP status; `None` if it has none
    :param words: message and details as they were sent
    """

    code: int | None
    words: str
    message_code: str = ""

    @property
    def is_about_token(self) -> bool:
        return self.code in (INVALID_TOKEN, TOKEN_REQUIRED)


def fault_in(answer: Any) -> Fault | None:
    """
    The error in an answer, in the shapes that it comes in: `{"error": {"code", "message", "details"}}`, that of
    OAuth, `{"status": "error", "messages", "code"}` of the administrator's API, and `{"code", "message", "status":
    "failure"}`.
    """
    match answer:
        case {"error": dict() as error}:
            return Fault(_code(error), _words(error), str(error.get("messageCode") or ""))
        case {"error": str() as error}:
            return Fault(_code(answer), f"{error}: {answer.get('error_description') or ''}".rstrip(": "))
        case {"status": "error" | "failure" | "failed"}:
            return Fault(_code(answer), _words(answer))
    return None


def _code(error: Mapping[str, Any]) -> int | None:
    try:
        return int(error["code"])
    except (KeyError, TypeError, ValueError):
        return None


def _words(error: Mapping[str, Any]) -> str:
    details = error.get("details") or error.get("messages") or ()
    parts = [error.get("message"), *(details if isinstance(details, list) else [details])]
    said = [part.strip().rstrip(".") for part in parts if isinstance(part, str)]
    return ". ".join(dict.fromkeys(filter(None, said)))


def error_of(fault: Fault, *, host: str, said: str, signs_in: bool) -> SourceError:
    """
    The named error for a fault, by who must act.

    :param said: the fault's words, safe to show
    :param signs_in: whether we sent a token
    """
    quoted = f" (it says: {said})" if said else ""
    if fault.message_code == NOT_SHARED:
        return BadConfig(f"{host} has no such item, or does not share it with us{quoted}.")
    match fault.code:
        case 498 | 499 | 401 if not signs_in:
            return Unauthorized(f"{host} wants us to sign in{quoted}. Choose a sign-in in the settings.")
        case 498 | 499:
            return Unauthorized(
                f"{host} does not accept our token, though it is new{quoted}. Ask its administrator whether our "
                "account may read this service."
            )
        case 401:
            return Unauthorized(f"{host} does not accept our credentials{quoted}.")
        case 403:
            return Unauthorized(f"{host} accepts our credentials but forbids this{quoted}.")
        case 404:
            return BadConfig(f"{host} has no such service or layer{quoted}.")
        case 429:
            return Throttled(f"{host} asks us to slow down{quoted}.")
        case 400:
            return RequestRefused(
                f"{host} refuses the question{quoted}. Check the names of fields and the condition in the settings.",
                status=400,
            )
        case int() as code if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unreachable(f"{host} has an error of its own{quoted}.")
    return ContractBroken(f"{host} answered with an error{quoted or ' that it does not explain'}.")
