"""The command line: ``teamcredits <command>``. Every error is one line on standard error.

Exit codes: 0 success, 1 refused or failed, 2 wrong usage or a wrong setting, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError
from typer.exceptions import Abort, TyperException

from core.cli.app import app
from core.cli.socket import ListenError
from core.ledger.errors import Refused
from core.settings import SettingsError
from core.store.engine import StoreError

REFUSED = 1
USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``teamcredits`` and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(args=given or ["--help"], prog_name="teamcredits", standalone_mode=False)
        sys.stdout.flush()
    except TyperException as wrong:
        return _fail(_usage_error(wrong), wrong.exit_code)
    except Abort:
        return _fail("aborted", REFUSED)
    except SettingsError as wrong:
        return _fail(str(wrong), USAGE_ERROR)
    except Refused as refused:
        return _fail(refused.detail, REFUSED)
    except (StoreError, ListenError) as failure:
        return _fail(str(failure), REFUSED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python reports it again when it exits
        return REFUSED
    except SQLAlchemyError as failure:
        return _fail(f"database error: {_cause(failure)}", REFUSED)
    except OSError as failure:
        return _fail(f"{failure.filename or 'system error'}: {failure.strerror or failure}", REFUSED)
    return code if isinstance(code, int) else 0


def _fail(sentence: str, code: int) -> int:
    line = " ".join(sentence.split())
    sys.stderr.write(f"teamcredits: {line}\n")
    return code


def _usage_error(wrong: TyperException) -> str:
    sentence = wrong.format_message().replace("Value error, ", "").rstrip(".")
    context = getattr(wrong, "ctx", None)
    end = "" if sentence.endswith("?") else "."
    return sentence if context is None else f"{sentence}{end} See: {context.command_path} --help"


def _cause(failure: SQLAlchemyError) -> str:
    """Return the driver's message, without the statement and its values."""
    message = str(getattr(failure, "orig", None) or "").strip()
    return message.splitlines()[0] if message else type(failure).__name__
