"""Structured logs: events, not sentences. Secrets are redacted here and nowhere else."""

import logging.config
import re
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_NAME = re.compile(
    r"pass(word|wd)?|secret|token|api_?key|authori[sz]ation|cookie|credential|maxauth", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"(?P<lead>\b(?:bearer|basic)\s+|://[^/\s:@]*:|\b(?:api_?key|token|password|secret|code|sig)=)(?P<secret>[^\s&@\"']+)",
    re.IGNORECASE,
)
REDACTED = "•••"


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The one choke point: no value under a secret's name, and no credential inside a text, leaves the process."""
    return {name: REDACTED if _SECRET_NAME.search(name) and value else redacted(value) for name, value in event.items()}


def redacted(value: Any) -> Any:
    match value:
        case str():
            return _SECRET_TEXT.sub(lambda match: match["lead"] + REDACTED, value)
        case dict():
            return {
                key: REDACTED if isinstance(key, str) and _SECRET_NAME.search(key) and item else redacted(item)
                for key, item in value.items()
            }
        case list() | tuple():
            return [redacted(item) for item in value]
        case _:
            return value


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(*, format_: str, level: str) -> dict[str, Any]:
    renderer: Processor = (
        structlog.processors.JSONRenderer() if format_ == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    redact,
                    renderer,
                ],
                "foreign_pre_chain": [structlog.stdlib.PositionalArgumentsFormatter(), *_SHARED],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.server": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: the standard library's handlers, and structlog in front of them."""
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED[:1],
            *_SHARED[1:3],
            *_SHARED[4:],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
