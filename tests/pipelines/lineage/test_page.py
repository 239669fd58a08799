import html.parser
import re
from pathlib import Path
from typing import Any

from pipelines.lineage import contents, documents, graph, page
from pipelines.lineage.model_lineage import find_model, lineage_of


def _page(writer: Any, wanted: str | None = None) -> str:
    history = graph.load(writer.store, "taxi")
    found = lineage_of(history, find_model(history, wanted))
    return page.lineage(documents.lineage(history, found, contents.read(found)))


class _Checker(html.parser.HTMLParser):
    """Collects ids, inner links and anything that would be fetched; checks that tags close."""

    VOID = ("meta", "rect", "path", "link", "br", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [values["id"] or ""] if "id" in values else []
        if tag == "a":
            self.links.append(values.get("href") or "")
        if tag in ("script", "link", "img", "iframe") or "src" in values:
            self.fetched.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _checked(text: str) -> _Checker:
    checker = _Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    assert checker.fetched == []
    assert len(set(checker.ids)) == len(checker.ids)
    assert {link.removeprefix("#") for link in checker.links} <= set(checker.ids)
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    return checker


def test_the_page_opens_offline_and_tells_everything(writer: Any, tmp_path: Path) -> None:
    first = writer.taxi_run("taxi-1", tmp_path)
    writer.taxi_run("taxi-2", tmp_path, span=2, baseline=first["model"])
    text = "".join(_checked(_page(writer)).text)
    for expected in (
        "BLESSED",
        "taxi-2",
        "split:single,num_files:1,total_bytes:200,xor_checksum:2",
        "payment_type=Cash",
        "0.8",
        "units",
        "bbbbbbbbbbbb",
        "custom_config",
        "1767323002",
        "held against model",
    ):
        assert expected in text


def test_every_execution_and_artifact_has_its_box(writer: Any, tmp_path: Path) -> None:
    writer.taxi_run("taxi-1", tmp_path)
    checker = _checked(_page(writer))
    boxes = [link.removeprefix("#") for link in checker.links]
    for id_ in checker.ids:
        if re.fullmatch(r"(execution|artifact)-\d+", id_):
            assert id_ in boxes


def test_what_stands_in_the_store_is_never_markup(writer: Any) -> None:
    evil = "<script>alert('x')</script>\"&"
    writer.pipeline = "taxi"
    writer.run(f"run {evil}")
    writer.execution(
        f"run {evil}",
        f"Trainer{evil}",
        outputs={"model": ("Model", f"/m{evil}", {})},
        properties={f"key{evil}": evil},
    )
    text = _page(writer)
    assert "<script" not in text
    assert evil in "".join(_checked(text).text)


def test_a_model_from_elsewhere_has_a_page_too(writer: Any) -> None:
    writer.run("r")
    model = writer.artifact("Model", "/elsewhere")
    writer.execution("r", "Evaluator", inputs={"baseline_model": model})
    assert "Made elsewhere" in "".join(_checked(_page(writer)).text)
