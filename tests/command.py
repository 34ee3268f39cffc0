"""The command line, run in this process: a new one takes seconds to load Great Expectations."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

from gx_leakage import cli


def gx_leakage(*arguments: object, cwd: Path, **environment: str) -> CompletedProcess[str]:
    """Run ``gx-leakage`` as a shell would in a folder, and return its exit code, stdout and stderr."""
    words = list(map(str, arguments))
    out, err = io.StringIO(), io.StringIO()
    with (
        _as_it_was(),
        mock.patch.object(sys, "argv", ["gx-leakage", *words]),
        mock.patch.dict(os.environ, {"COLUMNS": "80", **environment}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        os.chdir(cwd)
        try:
            cli.main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        else:
            code = 0
    return CompletedProcess(["gx-leakage", *words], code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    """Put back what a process of its own would take with it."""
    folder, logger, threshold = Path.cwd(), logging.getLogger("great_expectations"), gc.get_threshold()
    level, handlers = logger.level, {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        os.chdir(folder)
        gc.set_threshold(*threshold)
        logger.setLevel(level)
        for one, handler in handlers.items():
            signal.signal(one, handler)
