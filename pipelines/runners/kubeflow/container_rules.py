"""Rules of containers: image, arguments, environment, resources.

Source: backend/src/v2/driver/driver.go (initPodSpecPatch), backend/src/v2/component/launcher_v2.go
(placeholders), and what Argo and Kubernetes themselves do with the strings of a pod.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.runners.kubeflow.violations import (
    ARGUMENT_BYTES,
    Document,
    Rule,
    Violation,
    executor_place,
    mapping,
    sequence,
)

# The server takes these images for orders to itself.
_RESERVED_IMAGES = ("argostub/createpvc", "argostub/deletepvc")
# TFX's entry point imports the type of each output, and fails on that of the logs.
_STOCK_ENTRY_POINT = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
_RESERVED_VARIABLES = ("KFP_POD_NAME", "KFP_POD_UID", "KFP_RETRY_INDEX")
_PLACEHOLDER = re.compile(
    r"\{\{\$(?:"
    r"|\.inputs\.parameters\['(?P<parameters>[^']+)'\]"
    r"|\.inputs\.artifacts\['(?P<artifacts>[^']+)'\]\.(?:uri|path)"
    r"|\.outputs\.artifacts\['(?P<outputs>[^']+)'\]\.(?:uri|path)"
    r"|\.outputs\.parameters\['(?P<results>[^']+)'\]\.output_file"
    r")\}\}"
)
_DECLARED_AT = {
    "parameters": ("inputDefinitions", "parameters"),
    "artifacts": ("inputDefinitions", "artifacts"),
    "outputs": ("outputDefinitions", "artifacts"),
    "results": ("outputDefinitions", "parameters"),
}
_QUANTITY = re.compile(r"(\d+(\.\d*)?|\.\d+)([EPTGMk]|[EPTGMK]i|[mun]|[eE][+-]?\d+)?")
_PARAMETER = re.compile(r"\{\{\$\.inputs\.parameters\['[^']+'\]\}\}")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_STRING_RESOURCES = (
    "resourceCpuLimit",
    "resourceCpuRequest",
    "resourceMemoryLimit",
    "resourceMemoryRequest",
)
_NUMBER_RESOURCES = ("cpuLimit", "cpuRequest", "memoryLimit", "memoryRequest")


def images(document: Document) -> Iterator[Violation]:
    """A container has an image, and none of those that mean something to the server."""
    for label, container in document.containers.items():
        image = str(container.get("image", ""))
        if not image or re.search(r"\s", image) or image in _RESERVED_IMAGES:
            yield Violation(
                rule="image",
                where=f"{executor_place(label)}.image",
                found=repr(image),
                expected="the reference of an image",
                remedy="Name the image to run.",
            )


def commands(document: Document) -> Iterator[Violation]:
    """The launcher starts the first word of the command as it is, and no entry point."""
    for label, container in document.containers.items():
        words = _strings(container)
        first = words[0][1] if words else ""
        if not first or "{{" in first or "command" not in container:
            yield Violation(
                rule="command",
                where=f"{executor_place(label)}.command",
                found=repr(first),
                expected="a program; the image's entry point is not used",
                remedy="Name the program in `command`, without placeholders.",
            )


def entry_point(document: Document) -> Iterator[Violation]:
    """TFX's own entry point fails on the logs that the server adds to what a task puts out."""
    for label, container in document.containers.items():
        if any(_STOCK_ENTRY_POINT in text for _, text in _strings(container)):
            yield Violation(
                rule="entry-point",
                where=f"{executor_place(label)}.command",
                found=_STOCK_ENTRY_POINT,
                expected="an entry point that ignores the output `executor-logs`",
                remedy="Run the node with `python -m pipelines.runners.kubeflow.task`.",
            )


def drivers(document: Document) -> Iterator[Violation]:
    """The server runs no driver of the component's own before its container."""
    for label, container in document.containers.items():
        if mapping(container.get("lifecycle")):
            yield Violation(
                rule="driver",
                where=f"{executor_place(label)}.lifecycle",
                found="a command to run before the cache is asked",
                expected="none, as open-source Kubeflow runs none: spans stay unresolved",
                remedy="Run the driver in the container.",
            )


def argument_sizes(document: Document) -> Iterator[Violation]:
    """Linux bounds each string of a process's arguments."""
    for label, container in document.containers.items():
        for where, text in _strings(container):
            length = len(text.encode())
            if length >= ARGUMENT_BYTES:
                yield Violation(
                    rule="argument-size",
                    where=f"{executor_place(label)}.{where}",
                    found=f"{length:,} bytes",
                    expected=f"less than {ARGUMENT_BYTES:,}",
                    remedy="Compress it, or move it into a file of the image.",
                )


def placeholders(document: Document) -> Iterator[Violation]:
    """The launcher replaces placeholders of what is declared; Argo takes all else for its own."""
    for label, container in document.containers.items():
        components = document.components_of(label).values()
        for where, text in [*_strings(container), *_variables(container)]:
            in_variable = where.startswith("env.")
            for fault, known in _unresolved(text, list(components), in_variable):
                yield Violation(
                    rule="placeholders",
                    where=f"{executor_place(label)}.{where}",
                    found=fault,
                    expected=known,
                    remedy="Declare it and pass it as an input, or encode the text.",
                )


def _unresolved(
    text: str, components: list[Mapping[str, Any]], in_variable: bool
) -> Iterator[tuple[str, str]]:
    """Yields what stays as written, and what could have stood there."""
    for match in _PLACEHOLDER.finditer(text):
        if in_variable:
            yield match[0], "no placeholder, as none is replaced in environment variables"
            continue
        for group, name in match.groupdict().items():
            side, kind = _DECLARED_AT[group]
            for component in components if name else ():
                declared = mapping(mapping(component.get(side)).get(kind))
                if name not in declared:
                    yield match[0], f"one of {', '.join(sorted(declared)) or 'none'}"
    for match in re.finditer(r"\{\{.{0,60}", _PLACEHOLDER.sub("", text), re.DOTALL):
        yield (
            match[0],
            "`{{$}}`, `{{$.inputs.…}}` or `{{$.outputs.…}}`; what tells the run is an input",
        )


def expansions(document: Document) -> Iterator[Violation]:
    """Kubernetes replaces $(NAME) and $$ in arguments and variables."""
    for label, container in document.containers.items():
        for where, text in [*_strings(container), *_variables(container)]:
            match = re.search(r"\$\([^)]*\)|\$\$", text)
            if match:
                yield Violation(
                    rule="expansion",
                    where=f"{executor_place(label)}.{where}",
                    found=match[0],
                    expected="no `$(` and no `$$`, which Kubernetes changes",
                    remedy="Encode the text, such as in base64.",
                )


def environment(document: Document) -> Iterator[Violation]:
    """Variables have valid names, each once, and leave the launcher's own alone."""
    for label, container in document.containers.items():
        names = [
            str(mapping(variable).get("name", "")) for variable in sequence(container.get("env"))
        ]
        for name in sorted(set(names)):
            wrong = not _VARIABLE.fullmatch(name) or name in _RESERVED_VARIABLES
            if wrong or names.count(name) > 1:
                yield Violation(
                    rule="environment",
                    where=f"{executor_place(label)}.env",
                    found=f"{name!r}, {names.count(name)} times",
                    expected="a name of letters, digits, `_`, `-` and `.`, once, none of "
                    + ", ".join(_RESERVED_VARIABLES),
                    remedy="Rename the variable, or remove one of them.",
                )


def resources(document: Document) -> Iterator[Violation]:
    """Resources are Kubernetes quantities as strings, or numbers of cores and of GB."""
    for label, container in document.containers.items():
        given = mapping(container.get("resources"))
        accelerator = mapping(given.get("accelerator"))
        texts = {k: given[k] for k in _STRING_RESOURCES if k in given}
        texts |= {k: accelerator[k] for k in ("resourceCount", "count") if k in accelerator}
        numbers = {k: given[k] for k in _NUMBER_RESOURCES if k in given}
        wrong = {k: v for k, v in texts.items() if not _is_quantity(str(v))}
        wrong |= {k: v for k, v in numbers.items() if not _is_amount(v)}
        if accelerator and not (accelerator.get("resourceType") or accelerator.get("type")):
            wrong["accelerator"] = "without a type"
        for name, value in wrong.items():
            yield Violation(
                rule="resources",
                where=f"{executor_place(label)}.resources.{name}",
                found=repr(value),
                expected="a quantity such as '500m', '2' or '4Gi'; a number above 0 in the older "
                "fields; nvidia.com/gpu or the like as an accelerator's type",
                remedy="Mend the value.",
            )


def _is_quantity(text: str) -> bool:
    return bool(_QUANTITY.fullmatch(text) or _PARAMETER.fullmatch(text))


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _strings(container: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns place and text of each word of command and arguments."""
    return [
        (f"{field}[{index}]", str(text))
        for field in ("command", "args")
        for index, text in enumerate(sequence(container.get(field)))
    ]


def _variables(container: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns place and text of each environment variable."""
    variables = [mapping(variable) for variable in sequence(container.get("env"))]
    return [(f"env.{v.get('name')}", str(v.get("value", ""))) for v in variables]


RULES: tuple[Rule, ...] = (
    images,
    commands,
    entry_point,
    drivers,
    argument_sizes,
    placeholders,
    expansions,
    environment,
    resources,
)
