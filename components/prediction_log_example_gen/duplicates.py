"""Which of several rows with one id are kept. Pure.

A client that retries with its own id, or a proxy that does, has a request answered and logged
twice. Of rows that agree in request, model, place in the request and inputs, the one that came
first is kept; the others are duplicates. Rows with other inputs are no retry, but an id used twice,
as when a caller gives one id to all that a page asks for. They were served, so they are kept, and
counted as conflicting: who joins by id has to know.

Only records of one window are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from components.prediction_log_example_gen.records import Made
from components.prediction_log_example_gen.tally import Tally


def first_rows(same_key: Iterable[Made], tally: Tally) -> Iterator[bytes]:
    """Yields the tf.Examples of a request, in the order of the records, and within of the rows.

    Args:
        same_key: What records of one key gave, in any order.
        tally: Is added to.
    """
    seen: dict[int, set[bytes]] = {}
    for made in sorted(same_key, key=lambda made: made.order):
        for row, example, served in made.rows:
            before = seen.setdefault(row, set())
            if served in before:
                tally.count("rows", "duplicate")
                continue
            if before:
                name = repr(made.key.decode(errors="replace").split("\0")[-1])
                tally.count("rows", "conflicting", example=f"request {name}, row {row}")
            before.add(served)
            tally.count("rows", "written")
            yield example
