"""Compares an inferred schema with a curated one, feature by feature.

Pure functions over two `Schema` protos. Whatever the two say of a feature is put into words, one
text per aspect, and an aspect differs when the words do; a field that has no words of its own is
compared as protocol buffer text, so that nothing is passed over. Finding or making the inferred
schema is left to `pipelines.inferred_schema`, showing the result to `pipelines.cli.schema`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import schema_pb2

WHOLE_SCHEMA = "(schema)"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """One aspect in which two schemas differ.

    Attributes:
        feature: Path of the feature, or `WHOLE_SCHEMA`.
        aspect: "added" (only inferred), "missing" (only curated), "type", "presence", "valency",
            "domain", "range", "environments", "comparators", or a field of the proto.
        inferred: What the inferred schema says; empty for nothing.
        curated: What the curated schema says; empty for nothing.
        values_added: Values that only the inferred domain has.
        values_removed: Values that only the curated domain has.
    """

    feature: str
    aspect: str
    inferred: str
    curated: str
    values_added: tuple[str, ...] = ()
    values_removed: tuple[str, ...] = ()


def compare(inferred: schema_pb2.Schema, curated: schema_pb2.Schema) -> list[Difference]:
    """Returns how the inferred schema differs, in the order of the curated one's features."""
    left, right = dict(_features(inferred.feature)), dict(_features(curated.feature))
    differences = _compare_whole(inferred, curated)
    for name, feature in right.items():
        if name in left:
            differences += _compare_feature(name, left[name], inferred, feature, curated)
        else:
            differences.append(
                Difference(
                    feature=name, aspect="missing", inferred="", curated=_summary(feature, curated)
                )
            )
    differences += [
        Difference(feature=name, aspect="added", inferred=_summary(feature, inferred), curated="")
        for name, feature in left.items()
        if name not in right
    ]
    return differences


def _features(
    features: Sequence[schema_pb2.Feature], prefix: str = ""
) -> Iterator[tuple[str, schema_pb2.Feature]]:
    for feature in features:
        name = prefix + feature.name
        yield name, feature
        yield from _features(feature.struct_domain.feature, f"{name}.")


def _compare_feature(
    name: str,
    left: schema_pb2.Feature,
    inferred: schema_pb2.Schema,
    right: schema_pb2.Feature,
    curated: schema_pb2.Schema,
) -> list[Difference]:
    found = []
    added, removed = _value_changes(_values(left, inferred), _values(right, curated))
    for aspect, say in _ASPECTS.items():
        said = say(left, inferred), say(right, curated)
        changed = aspect == "domain" and (added or removed)
        if said[0] != said[1] or changed:
            found.append(
                Difference(
                    feature=name,
                    aspect=aspect,
                    inferred=said[0],
                    curated=said[1],
                    values_added=added if changed else (),
                    values_removed=removed if changed else (),
                )
            )
    return found + _compare_fields(name, left, right, _SAID_FIELDS)


def _compare_whole(inferred: schema_pb2.Schema, curated: schema_pb2.Schema) -> list[Difference]:
    said = [", ".join(sorted(schema.default_environment)) for schema in (inferred, curated)]
    environments = Difference(
        feature=WHOLE_SCHEMA, aspect="environments", inferred=said[0], curated=said[1]
    )
    # Shared domains are compared where a feature uses them.
    known = ("feature", "default_environment", "string_domain", "int_domain", "float_domain")
    rest = _compare_fields(WHOLE_SCHEMA, inferred, curated, known)
    return ([environments] if said[0] != said[1] else []) + rest


def _compare_fields(
    name: str, left: Message, right: Message, known: Sequence[str]
) -> list[Difference]:
    return [
        Difference(feature=name, aspect=field.name, inferred=said[0], curated=said[1])
        for field in left.DESCRIPTOR.fields
        if field.name not in known
        and (said := (_field_text(left, field.name), _field_text(right, field.name)))
        and said[0] != said[1]
    ]


def _field_text(message: Message, field: str) -> str:
    only = type(message)()
    set_fields = [descriptor.name for descriptor, _ in message.ListFields()]
    if field not in set_fields:
        return ""
    only.CopyFrom(message)
    for other in set_fields:
        if other != field:
            only.ClearField(other)
    return text_format.MessageToString(only, as_one_line=True)


def _summary(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> str:
    said = (say(feature, schema) for say in _ASPECTS.values())
    return ", ".join(text for text in said if text)


def _type(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> str:
    del schema
    return str(schema_pb2.FeatureType.Name(feature.type))


def _presence(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> str:
    del schema
    fraction, count = feature.presence.min_fraction, feature.presence.min_count
    if fraction >= 1:
        said = "in every example"
    elif fraction > 0:
        said = f"in at least {fraction:.6g} of the examples"
    else:
        said = "optional" if count <= 0 else ""
    if count > 0 and (fraction <= 0 or count > 1):
        said += f"{', ' if said else ''}in at least {_count(count, 'example')}"
    return said


def _valency(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> str:
    del schema
    if feature.HasField("shape"):
        return f"shape [{', '.join(str(dim.size) for dim in feature.shape.dim)}]"
    if feature.HasField("value_counts"):
        return "; ".join(map(_value_count, feature.value_counts.value_count))
    return _value_count(feature.value_count) if feature.HasField("value_count") else ""


def _value_count(count: schema_pb2.ValueCount) -> str:
    low = count.min if count.HasField("min") else 0
    if not count.HasField("max"):
        return f"{low} or more values"
    if low == count.max:
        return f"exactly {_count(low, 'value')}"
    return f"{low} to {count.max} values"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _domain(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> str:
    if feature.HasField("bool_domain"):
        named = (feature.bool_domain.true_value, feature.bool_domain.false_value)
        return "boolean" + (f" ({named[0]!r}, {named[1]!r})" if any(named) else "")
    shared = _shared_domain(feature, schema)
    if isinstance(shared, schema_pb2.StringDomain):
        return _count(len(shared.value), "value")
    kinds = (schema_pb2.IntDomain, schema_pb2.FloatDomain)
    if isinstance(shared, kinds):
        return "categorical" if shared.is_categorical else ""
    if feature.HasField("domain"):
        return f"undefined domain {feature.domain!r}"
    return ""


def _range(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> str:
    domain = _shared_domain(feature, schema)
    if not isinstance(domain, (schema_pb2.IntDomain, schema_pb2.FloatDomain)):
        return ""
    said = [
        f"{bound} {getattr(domain, bound)}" for bound in ("min", "max") if domain.HasField(bound)
    ]
    if isinstance(domain, schema_pb2.FloatDomain):
        said += ["no NaN"] if domain.disallow_nan else []
        said += ["no infinity"] if domain.disallow_inf else []
    return ", ".join(said)


def _environments(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> str:
    del schema
    said = [f"in {name}" for name in sorted(feature.in_environment)]
    said += [f"not in {name}" for name in sorted(feature.not_in_environment)]
    return ", ".join(said)


def _comparators(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> str:
    del schema
    return "; ".join(
        f"{kind}: {text_format.MessageToString(comparator, as_one_line=True)}"
        for kind, comparator in (
            ("skew", feature.skew_comparator),
            ("drift", feature.drift_comparator),
        )
        if comparator.ByteSize()
    )


def _shared_domain(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> Message | None:
    for kind in ("string_domain", "int_domain", "float_domain"):
        if feature.HasField(kind):
            return getattr(feature, kind)
        if feature.HasField("domain"):
            for domain in getattr(schema, kind):
                if domain.name == feature.domain:
                    return domain
    return None


def _values(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> list[str] | None:
    domain = _shared_domain(feature, schema)
    return list(domain.value) if isinstance(domain, schema_pb2.StringDomain) else None


def _value_changes(
    left: list[str] | None, right: list[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    # Where one side has no domain at all, each of the other's values would be noise.
    if left is None or right is None:
        return (), ()
    return tuple(sorted(set(left) - set(right))), tuple(sorted(set(right) - set(left)))


_ASPECTS: Mapping[str, Callable[[schema_pb2.Feature, schema_pb2.Schema], str]] = {
    "type": _type,
    "presence": _presence,
    "valency": _valency,
    "domain": _domain,
    "range": _range,
    "environments": _environments,
    "comparators": _comparators,
}

# Fields that the aspects above put into words.
_SAID_FIELDS = (
    "name",
    "type",
    "presence",
    "shape",
    "value_count",
    "value_counts",
    "domain",
    "int_domain",
    "float_domain",
    "string_domain",
    "bool_domain",
    "struct_domain",
    "in_environment",
    "not_in_environment",
    "skew_comparator",
    "drift_comparator",
)
