"""Parameters of a run: texts of a command line as the values that the pipeline declares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.runners.kubeflow.settings import Parameter
from pipelines.submission.asked import key_value
from pipelines.submission.findings import Finding
from pipelines.typed_values import did_you_mean

_GREATEST_INTEGER = 2**53
_WORDS = {"int": "an integer", "float": "a number", "str": "a text", "bool": "true or false"}


def typed(
    texts: Sequence[str], declared: Mapping[str, Parameter]
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Returns the values that were given, by name, and what is wrong with the texts.

    Args:
        texts: `NAME=VALUE`; a number, `true` or `false` is written as in JSON, a text as it is.
        declared: The pipeline's parameters by name.

    Raises:
        UsageError: A text has no `=`.
    """
    values: dict[str, Any] = {}
    findings: list[Finding] = []
    for text in texts:
        name, written = key_value("--param", text)
        problem, value = _read(name, written, declared, values)
        if problem is not None:
            findings.append(problem)
        else:
            values[name] = value
    findings += [
        _finding(f"{name} has no default, and no value was given", f"Give one: --param {name}=…")
        for name, parameter in declared.items()
        if parameter.default is None and name not in values
    ]
    return values, tuple(findings)


def _read(
    name: str, written: str, declared: Mapping[str, Parameter], earlier: Mapping[str, Any]
) -> tuple[Finding | None, Any]:
    parameter = declared.get(name)
    if parameter is None:
        known = ", ".join(sorted(declared)) or "none"
        hint = did_you_mean(name, declared)
        return _finding(f"there is no parameter {name!r}; the pipeline's: {known}", hint), None
    if name in earlier:
        return _finding(f"{name} was given twice", "Keep one of them."), None
    value = written if parameter.type == "str" else _number_or_bool(written)
    if not parameter.accepts(value):
        return _finding(f"{name}: expected {_WORDS[parameter.type]}, received {written!r}"), None
    return None, value


def _number_or_bool(written: str) -> Any:
    try:
        value = json.loads(written, parse_constant=lambda _: None)
    except ValueError:
        return None
    # A server keeps every number as a double.
    exact = not isinstance(value, int) or abs(value) <= _GREATEST_INTEGER
    return value if exact else None


def _finding(problem: str, remedy: str = "") -> Finding:
    return Finding(check="parameters", problem=f"{problem}.", remedy=remedy)
