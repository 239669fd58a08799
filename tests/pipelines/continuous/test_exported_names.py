import pipelines.continuous as package


def test_every_exported_name_is_there_and_listed_in_order() -> None:
    assert sorted(package.__all__) == list(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)
    public = {name for name, value in vars(package).items() if isinstance(value, type)}
    assert public == set(package.__all__) - {"decide"}
