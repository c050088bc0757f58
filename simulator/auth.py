"""Who may come in: each system checks credentials in its own way, with the same care."""

import base64
import binascii
import hmac

from starlette.requests import Request


def matches(given: str | None, expected: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())


def bearer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def basic_pair(request: Request) -> tuple[str, str] | None:
    """User and password, or None if there is no such header or it cannot be read."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None


def is_basic(request: Request, *, user: str, password: str) -> bool:
    pair = basic_pair(request)
    return pair is not None and matches(pair[0], user) and matches(pair[1], password)
