"""Structured logs: a short constant message with bound fields, one JSON object a line, or coloured for a terminal."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger

from antiphon.process import tracing

Log = FilteringBoundLogger


def _with_trace(_logger: object, _method: str, event: EventDict) -> EventDict:
    trace = tracing.trace_id(tracing.current())
    if trace:
        event.setdefault("trace_id", trace)
    return event


def _client_troubles_pass(record: logging.LogRecord) -> bool:
    # The Kafka client calls every retry an error; what does not pass is raised to us and logged by us.
    if record.name.startswith("aiokafka") and record.levelno > logging.WARNING:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def configure(service: str, log_format: Literal["json", "console"]) -> None:
    """Sends the logs of this process, and those of its libraries, to standard error."""
    shared_steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_trace,
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format == "json"
        # The prettier one prints what variables held: customers' words, and secrets.
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[*shared_steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_steps,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.addFilter(_client_troubles_pass)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("uvicorn.access", "uvicorn.error", "aiokafka", "httpx", "alembic", "mail.log"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def get(name: str) -> Log:
    """The logger of a module."""
    log: Log = structlog.get_logger(name)
    return log
