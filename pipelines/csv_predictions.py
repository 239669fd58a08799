"""A CSV file with predictions appended, in one pass and in memory that does not grow with it.

Every row of the input is in the output, in its place. A row that cannot be read, or that the model
refuses, has empty cells where its predictions belong and is reported by its line. When the server
refuses a batch, it is halved until the rows are found that it refuses.

What a cell becomes on the way is left to `pipelines.request_rows`, and what comes back to
`pipelines.prediction_rows`.
"""

from __future__ import annotations

import csv
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from pipelines import prediction_rows, request_rows
from pipelines.cell_rules import Kind
from pipelines.errors import DataError
from pipelines.request_rows import RequestForm, RowError

if TYPE_CHECKING:
    from serving.client import Prediction

# So many rows without a prediction and none with one: it is not the rows that are wrong.
GIVE_UP_AFTER = 20

Ask = Callable[[dict[str, Any]], "Prediction"]


@dataclasses.dataclass(frozen=True, slots=True)
class CsvRow:
    """One row as it was read.

    Attributes:
        line: Number of its first line in the file, from 1.
        cells: Its texts; may be more or fewer than the header has.
        problem: Why it cannot be read, or "".
    """

    line: int
    cells: list[str]
    problem: str = ""


@dataclasses.dataclass(slots=True)
class Count:
    """What became of the rows so far.

    Attributes:
        rows: Written.
        bad: Of those, the ones without a prediction.
    """

    rows: int = 0
    bad: int = 0


def read(source: TextIO, name: str) -> tuple[list[str], Iterator[CsvRow]]:
    """Returns the header of a CSV file and its rows, one after another; blank lines are skipped.

    Raises:
        DataError: There is no header, or it names a column twice or not at all.
    """
    reader = csv.reader(source)
    columns = next(reader, [])
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    if not columns or "" in columns or repeated:
        found = f"received {', '.join(map(repr, repeated))} twice" if repeated else ""
        raise DataError(
            f"{name}, line 1: expected the names of the columns, {found or f'received {columns}'}",
            remedy="Write a header in the first line that names each column once.",
        )
    return columns, _rows(reader, len(columns))


class CsvPredictor:
    """Asks for predictions batch by batch and writes them.

    Args:
        columns: The input's header.
        form: How rows reach the signature.
        ask: Sends one batch; given the keyword arguments of `RequestForm.inputs`.
        refusal: The exception with which `ask` says that the server refuses what was sent.
        report: Called with the line and what is wrong, for each row without a prediction.
    """

    def __init__(
        self,
        columns: Sequence[str],
        form: RequestForm,
        *,
        ask: Ask,
        refusal: type[Exception],
        report: Callable[[int, str], None],
    ) -> None:
        self.count = Count()
        self._columns = columns
        self._form = form
        self._ask = ask
        self._refusal = refusal
        self._report = report
        self._answered = False
        self._refusals = 0
        self._problems: list[tuple[int, str]] = []
        self._header_written = False
        self._kinds: dict[str, Kind] = {}
        self._outputs: list[str] = []

    def ignored(self) -> list[str]:
        """Returns the columns that the signature has no use for."""
        return [column for column in self._columns if not self._form.takes(column)]

    def run(self, rows: Iterable[CsvRow], target: TextIO, batch_size: int) -> Iterator[Count]:
        """Writes all rows; yields the count after each batch.

        Raises:
            DataError: The first `GIVE_UP_AFTER` rows and more got no prediction, and none did.
        """
        writer = csv.writer(target, lineterminator="\n")
        iterator = iter(rows)
        held: list[tuple[CsvRow, dict[str, str] | None]] = []
        while batch := list(itertools.islice(iterator, batch_size)):
            try:
                held += self._batch(batch)
            finally:
                self._report_problems()
            # The header needs to know the outputs, so nothing is written before there are some.
            if self._outputs:
                self._write(writer, held)
                held = []
            yield self.count
        if not self._outputs:
            writer.writerow(self._columns)
        self._write(writer, held)

    def _batch(self, batch: list[CsvRow]) -> list[tuple[CsvRow, dict[str, str] | None]]:
        if not self._kinds:
            self._kinds = self._chosen_kinds(batch)
        answers: dict[int, dict[str, str]] = {}
        typed: list[tuple[int, dict[str, Any]]] = []
        for row in batch:
            try:
                typed.append((row.line, self._typed(row)))
            except RowError as error:
                self._bad(row.line, str(error))
        self._answers(typed, answers)
        self.count.rows += len(batch)
        if not self._answered and self.count.bad >= GIVE_UP_AFTER:
            raise _nothing_fits(self.count.bad)
        return [(row, answers.get(row.line)) for row in batch]

    def _chosen_kinds(self, batch: list[CsvRow]) -> dict[str, Kind]:
        """Returns what the columns hold that are sent; guessed from a batch if nobody knows."""
        whole = [row.cells for row in batch if not row.problem]
        return {
            column: self._form.kinds[column]
            if column in self._form.kinds
            else request_rows.guessed(cells[place] for cells in whole)
            for place, column in enumerate(self._columns)
            if self._form.takes(column)
        }

    def _typed(self, row: CsvRow) -> dict[str, Any]:
        if row.problem:
            raise RowError(row.problem)
        named = zip(self._columns, row.cells, strict=True)
        return request_rows.from_cells(
            ((name, text) for name, text in named if name in self._kinds), self._kinds
        )

    def _answers(
        self, typed: list[tuple[int, dict[str, Any]]], answers: dict[int, dict[str, str]]
    ) -> None:
        if not typed:
            return
        try:
            prediction = self._ask(self._form.inputs([row for _, row in typed]))
        except self._refusal as error:
            if len(typed) == 1:
                self._refused(typed[0][0], error)
                return
            middle = len(typed) // 2
            self._answers(typed[:middle], answers)
            self._answers(typed[middle:], answers)
            return
        self._answered = True
        rows = prediction_rows.by_row(prediction, len(typed))
        answers.update(
            (line, prediction_rows.cells(outputs))
            for (line, _), outputs in zip(typed, rows, strict=True)
        )
        self._outputs = self._outputs or list(answers[typed[0][0]])

    def _refused(self, line: int, error: Exception) -> None:
        self._bad(line, str(error))
        self._refusals += 1
        if not self._answered and self._refusals >= GIVE_UP_AFTER:
            raise _nothing_fits(self.count.bad)

    def _bad(self, line: int, problem: str) -> None:
        self.count.bad += 1
        self._problems.append((line, problem))

    def _report_problems(self) -> None:
        for line, problem in sorted(self._problems):
            self._report(line, problem)
        self._problems.clear()

    def _write(self, writer: Any, held: list[tuple[CsvRow, dict[str, str] | None]]) -> None:
        width = len(self._columns)
        if held and self._outputs and not self._header_written:
            names = prediction_rows.column_names(self._outputs, self._columns)
            writer.writerow([*self._columns, *names])
            self._header_written = True
        for row, cells in held:
            kept = [*row.cells[:width], *[""] * (width - len(row.cells))]
            writer.writerow([*kept, *((cells or {}).get(name, "") for name in self._outputs)])


def _nothing_fits(count: int) -> DataError:
    return DataError(
        f"none of the first {count} rows got a prediction; the lines above say why",
        remedy="Compare the header with what the model takes: ringway status MODEL",
    )


def _rows(reader: Any, width: int) -> Iterator[CsvRow]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield CsvRow(line, [], f"not a row of CSV: {error}")
            continue
        if cells:
            yield CsvRow(line, cells, _width_problem(cells, width))


def _width_problem(cells: list[str], width: int) -> str:
    if len(cells) == width:
        return ""
    surplus = f"; not in the output: {cells[width:]}" if len(cells) > width else ""
    return f"expected {width} cells as in the header, received {len(cells)}{surplus}"
