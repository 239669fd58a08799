from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines.flights import source
from pipelines.flights.features import COLUMNS

LISTS = (
    tuple(COLUMNS.numeric),
    tuple(COLUMNS.vocabulary),
    tuple(COLUMNS.identity),
    COLUMNS.unused,
    (COLUMNS.label,),
)


def test_the_lists_are_disjoint_and_cover_the_schema_and_the_data(
    schema: schema_pb2.Schema,
) -> None:
    names = [name for names in LISTS for name in names]

    assert len(names) == len(set(names))
    assert set(names) == {feature.name for feature in schema.feature} == set(source.COLUMNS)


def test_closed_vocabularies_are_the_schemas_domains(schema: schema_pb2.Schema) -> None:
    domains = {domain.name: tuple(domain.value) for domain in schema.string_domain}

    assert domains == COLUMNS.vocabulary


def test_every_integer_that_the_schema_allows_has_an_id(schema: schema_pb2.Schema) -> None:
    ranges = {f.name: f.int_domain for f in schema.feature if f.HasField("int_domain")}

    for name, size in COLUMNS.identity.items():
        assert ranges[name].min >= 0
        assert ranges[name].max == size - 1


def test_serving_has_the_inputs_and_the_id_of_the_departure(schema: schema_pb2.Schema) -> None:
    served = {f.name for f in schema.feature if "SERVING" not in f.not_in_environment}

    assert served == {*COLUMNS.inputs, source.ENTITY}


def test_what_is_often_missing_has_a_value_below_all_others(schema: schema_pb2.Schema) -> None:
    for feature in schema.feature:
        often = feature.name in COLUMNS.numeric and feature.presence.min_fraction < 0.9
        domain = feature.int_domain if feature.HasField("int_domain") else feature.float_domain
        if often:
            assert COLUMNS.numeric[feature.name] <= domain.min
