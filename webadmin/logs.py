"""Log lines that say what happened and never to whom.

No address, IP address, subject or message id may stand in any log line. Three things see to it. A line is a
fixed sentence with values under a few known keys (`KEYS`), each with the shape it must have: what has another
shape is masked, what has another key is refused. An exception becomes its class and the place it came from; its
text, its chain and its local variables, which quote what users sent, are never written. And the sentence itself
is searched for what looks like an address, in case a library put one there.

Libraries log through the standard library; of them only warnings are kept, their arguments and everything in quotes
are masked. Lines go to stderr, as JSON or for people; whoever starts the process keeps them.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

MASKED: Final = "[masked]"
REFUSED: Final = "[refused]"
MAX_SENTENCE = 300  # characters; a longer one quotes something

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,63}")
_PLACE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*){0,7}:\d{1,6}")
# Keys a line may have, and the shape of each value; numbers and booleans are always fine.
KEYS: Final[dict[str, re.Pattern[str]]] = {
    "cell": _WORD,
    "count": _WORD,
    "error": _WORD,
    "kind": _WORD,
    "process": _WORD,
    "reason": _WORD,
    "seconds": _WORD,
    "signal": _WORD,
    "where": _PLACE,
}
# What the logging machinery itself adds.
_OWN_KEYS = frozenset({"event", "level", "logger", "timestamp"})
# Our own packages: their arguments are words that we chose, and they may log below warning.
_OURS = ("mailhost", "webadmin", "jurisdiction", "directory")
# aiosmtpd logs addresses at INFO and message bodies at DEBUG; uvicorn logs clients.
_SILENT = ("mail.log", "mail.debug", "uvicorn.access")
# Django warns of each page that is not there, which is an answer and no event; without its address it says nothing.
_ERRORS_ONLY = ("django.request",)

_ADDRESS = re.compile(r"\S*@\S*")
_IP_CANDIDATE = re.compile(r"[0-9A-Fa-f:.]*(?:\.\d|:)[0-9A-Fa-f:.]*")
_BRACKETS = re.compile(r"<[^<>]*>")
_PLACEHOLDER = re.compile(r"%(?:\([a-z_]+\))?[0-9.]*[a-z]")
_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`""")
_SUBJECT = re.compile(r"(?i)(subject|message-id|from|to)\s*[:=].*")


def configure(style: str, level: str, stream: TextIO | None = None) -> None:
    """Send every line of this process through the rules above to `stream` (stderr). `style`: console or json."""
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    stamped: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*stamped, structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, renderer],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(_strip)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        logging.getLogger(name).propagate = False
    for name in _ERRORS_ONLY:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[*stamped, _name_exception, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def catch_uncaught() -> None:
    """Log what nobody caught, in place of Python's own traceback on stderr. For daemons."""
    log = logging.getLogger("webadmin.uncaught")

    def of_main(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.critical("uncaught exception, the process ends", extra=named(error))

    def of_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            log.critical("uncaught exception, a thread ends", extra=named(arguments.exc_value))

    def of_finalizer(arguments: Any) -> None:
        if arguments.exc_value is not None:
            log.error("exception in a finalizer", extra=named(arguments.exc_value))

    sys.excepthook = of_main
    threading.excepthook = of_thread
    sys.unraisablehook = of_finalizer


def named(error: BaseException) -> dict[str, str]:
    """An exception as a log line may have it: its class and the module and line it was raised at."""
    trace = error.__traceback__
    where = "unknown:0"
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", "unknown"))
        # The innermost place of ours tells more than the line of a library below it.
        if where == "unknown:0" or _is_ours(module) or not _is_ours(where):
            where = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return {"error": type(error).__name__, "where": where}


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in _OURS


def _strip(record: logging.LogRecord) -> bool:
    """Take from a record what may quote a user, before anything formats it; whether it is kept at all."""
    if isinstance(record.msg, dict):  # from structlog, already in order
        return True
    ours = _is_ours(record.name)
    if not ours and record.levelno < logging.WARNING:
        return False
    if record.exc_info and record.exc_info[1] is not None:
        record.__dict__.update(named(record.exc_info[1]))
    record.exc_info = record.exc_text = record.stack_info = None
    template = str(record.msg)
    if ours:
        arguments = record.args if isinstance(record.args, tuple) else ()
        record.args = tuple(_argument(argument) for argument in arguments)
        return True
    record.msg, record.args = _PLACEHOLDER.sub(MASKED, _QUOTED.sub(MASKED, template.partition("\n")[0])), ()
    return True


def _argument(value: object) -> object:
    """A value put into one of our own sentences: numbers and plain words pass."""
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else type(value).__name__
    # A dotted word is a place in a program only with a line number behind it; without one it may be a domain.
    shaped = _WORD.fullmatch(text) or _PLACE.fullmatch(text)
    return text if shaped and clean(text) == text else MASKED


def _name_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog's `exc_info` as class and place."""
    info = event.pop("exc_info", None)
    error = info if isinstance(info, BaseException) else sys.exc_info()[1] if info else None
    if error is not None:
        event.update(named(error))
    event.pop("stack_info", None)
    return event


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask every value that has not the shape of its key, and refuse keys nobody declared."""
    for key, value in list(event.items()):
        if key == "event":
            event[key] = clean(str(value))
        elif key not in _OWN_KEYS:
            event[key] = _permitted(key, value)
    return event


def _permitted(key: str, value: object) -> object:
    shape = KEYS.get(key)
    if shape is None:
        return REFUSED
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    return text if shape.fullmatch(text) and clean(text) == text else MASKED


def clean(sentence: str) -> str:
    """The sentence on one line, with everything masked that looks like an address, an IP, a name in brackets."""
    line = "".join(letter if letter.isprintable() else " " for letter in sentence)[:MAX_SENTENCE]
    for pattern in (_BRACKETS, _ADDRESS, _SUBJECT):
        line = pattern.sub(MASKED, line)
    return _IP_CANDIDATE.sub(_mask_ip, line)


def _mask_ip(found: re.Match[str]) -> str:
    text = found[0].strip(".")
    for candidate in (text, text.rpartition(":")[0], text.removesuffix(":")):
        try:
            ipaddress.ip_address(candidate)
        except ValueError:
            continue
        return MASKED
    return found[0]
