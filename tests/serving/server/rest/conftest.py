import pytest
from rest_servers import running


@pytest.fixture(scope="module")
def server():
    with running() as started:
        yield started
