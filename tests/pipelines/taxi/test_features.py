from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines.taxi.features import COLUMNS

LISTS = (
    tuple(COLUMNS.numeric),
    tuple(COLUMNS.vocabulary),
    tuple(COLUMNS.hashed),
    tuple(COLUMNS.identity),
    COLUMNS.unused,
    (COLUMNS.label,),
)


def test_the_lists_are_disjoint_and_cover_the_schema(schema: schema_pb2.Schema) -> None:
    names = [name for names in LISTS for name in names]

    assert len(names) == len(set(names))
    assert set(names) == {feature.name for feature in schema.feature}


def test_closed_vocabularies_are_the_schemas_domains(schema: schema_pb2.Schema) -> None:
    domains = {domain.name: tuple(domain.value) for domain in schema.string_domain}

    for name, terms in COLUMNS.vocabulary.items():
        assert terms == domains[name]


def test_every_integer_that_the_schema_allows_has_an_id(schema: schema_pb2.Schema) -> None:
    ranges = {f.name: f.int_domain for f in schema.feature if f.HasField("int_domain")}

    for name, size in COLUMNS.identity.items():
        assert ranges[name].min >= 0
        assert ranges[name].max == size - 1


def test_serving_has_the_inputs_and_nothing_else(schema: schema_pb2.Schema) -> None:
    served = {f.name for f in schema.feature if "SERVING" not in f.not_in_environment}

    assert served == set(COLUMNS.inputs)


def test_ordinal_features_are_among_the_integers() -> None:
    assert set(COLUMNS.ordinal) <= set(COLUMNS.identity)
