"""Log lines as JSON and as text."""

from __future__ import annotations

import io
import json
import logging

import pytest

from serving.monitoring import logs


@pytest.fixture(autouse=True)
def _logger_as_it_was():
    logger = logging.getLogger("serving")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def lines(log_format, write):
    stream = io.StringIO()
    logs.configure(log_format, stream=stream)
    write(logging.getLogger("serving.somewhere"))
    return stream.getvalue().splitlines()


def test_json_lines_hold_message_and_fields():
    (line,) = lines(
        "json", lambda log: log.info("loaded %s", "taxi", extra={"fields": {"version": 3}})
    )
    entry = json.loads(line)
    assert entry["message"] == "loaded taxi"
    assert (entry["level"], entry["logger"], entry["version"]) == ("INFO", "serving.somewhere", 3)
    assert entry["time"].endswith("Z")


def test_an_exception_stays_on_its_line():
    def write(log):
        try:
            raise ValueError("two\nlines")
        except ValueError:
            log.exception("failed")

    (line,) = lines("json", write)
    assert "ValueError: two\nlines" in json.loads(line)["exception"]


def test_text_lines_end_with_the_fields():
    (line,) = lines("text", lambda log: log.warning("slow", extra={"fields": {"ms": 12}}))
    assert line.endswith("WARNING slow ms=12")


def test_what_is_less_than_info_is_not_shown():
    assert lines("text", lambda log: log.debug("detail")) == []
