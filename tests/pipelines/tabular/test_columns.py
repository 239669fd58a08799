from pipelines.tabular.columns import Columns, transformed_name

COLUMNS = Columns(
    label="tips",
    numeric={"fare": 0.0},
    vocabulary={"payment_type": ("Cash", "Credit Card")},
    hashed={"company": 128},
    identity={"hour": 24},
    unused=("timestamp",),
    quantile_buckets=8,
)


def test_a_closed_set_has_an_id_more_than_terms() -> None:
    assert COLUMNS.categorical == {"payment_type": 3, "company": 128, "hour": 24}


def test_a_request_carries_neither_the_label_nor_unused_columns() -> None:
    assert COLUMNS.inputs == ("fare", "payment_type", "company", "hour")


def test_transformed_columns_have_names_of_their_own() -> None:
    assert transformed_name("fare") == "fare_xf"
