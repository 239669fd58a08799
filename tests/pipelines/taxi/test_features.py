from tensorflow_metadata.proto.v0 import schema_pb2

from pipelines.taxi import features

LISTS = (
    features.NUMERIC,
    tuple(features.VOCABULARY),
    tuple(features.HASHED),
    tuple(features.IDENTITY),
    features.UNUSED,
    (features.LABEL,),
)


def test_the_lists_are_disjoint_and_cover_the_schema(schema: schema_pb2.Schema) -> None:
    names = [name for names in LISTS for name in names]

    assert len(names) == len(set(names))
    assert set(names) == {feature.name for feature in schema.feature}


def test_closed_vocabularies_are_the_schemas_domains(schema: schema_pb2.Schema) -> None:
    domains = {domain.name: tuple(domain.value) for domain in schema.string_domain}

    for name, terms in features.VOCABULARY.items():
        assert terms == domains[name]


def test_every_integer_that_the_schema_allows_has_an_id(schema: schema_pb2.Schema) -> None:
    ranges = {f.name: f.int_domain for f in schema.feature if f.HasField("int_domain")}

    for name, size in features.IDENTITY.items():
        assert ranges[name].min >= 0
        assert ranges[name].max == size - 1


def test_nothing_that_serving_lacks_is_an_input(schema: schema_pb2.Schema) -> None:
    lacking = {f.name for f in schema.feature if "SERVING" in f.not_in_environment}

    assert lacking == {features.LABEL}
    assert not lacking & set(features.INPUTS)


def test_ordinal_features_are_among_the_integers() -> None:
    assert set(features.ORDINAL) <= set(features.IDENTITY)
