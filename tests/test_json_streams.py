"""Reading and writing JSON piece by piece agrees with the json module's doing it at once."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlf_pipeline.artefact_files import write_json
from nlf_pipeline.json_streams import JsonReader, StreamedList, stream_json

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DOCUMENTS = st.recursive(PLAIN, lambda part: st.lists(part) | st.dictionaries(st.text(), part), max_leaves=30)
CHUNKS = st.sampled_from([1, 7, 1 << 20])
INDENTS = st.sampled_from([None, 0, 3])


def read_in_pieces(reader: JsonReader) -> Any:
    if reader.is_at("{"):
        return {name: read_in_pieces(reader) for name in reader.members()}
    if reader.is_at("["):
        return [read_in_pieces(reader) for _ in reader.elements()]
    return reader.value()


def reader_of(text: str, chunk: int) -> JsonReader:
    return JsonReader(io.StringIO(text), chunk)


@given(DOCUMENTS, CHUNKS, INDENTS)
def test_a_document_is_the_same_in_pieces_and_at_once(document: Any, chunk: int, indent: int | None):
    text = json.dumps(document, indent=indent)
    for read in (read_in_pieces, JsonReader.value):
        reader = reader_of(text, chunk)
        assert read(reader) == document
        reader.end()


@given(DOCUMENTS, CHUNKS, st.data())
def test_what_is_cut_short_or_followed_by_more_is_refused(document: Any, chunk: int, data: st.DataObject):
    text = json.dumps([document])
    cut = data.draw(st.integers(0, len(text) - 1))
    for wrong in (text[:cut], text + "]"):
        for read in (read_in_pieces, JsonReader.value):
            with pytest.raises(ValueError):
                reader = reader_of(wrong, chunk)
                read(reader)
                reader.end()


@pytest.mark.parametrize("text", ["[1 2]", "[1,]", '{"a" 1}', '{1: "a"}', "{,}", "[truefalse]"])
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_what_the_json_module_refuses_is_refused(text: str, chunk: int):
    with pytest.raises(ValueError):
        read_in_pieces(reader_of(text, chunk))
    with pytest.raises(ValueError):
        json.loads(text)


@given(st.lists(DOCUMENTS), DOCUMENTS)
def test_streamed_lists_are_written_like_lists(tmp_path_factory: pytest.TempPathFactory, elements: list, other: Any):
    folder: Path = tmp_path_factory.mktemp("json")
    write_json({"before": other, "list": elements, "nested": [{"list": elements}]}, folder / "plain.json")
    streamed = StreamedList(len(elements), lambda: (element for element in elements))
    stream_json({"before": other, "list": streamed, "nested": [{"list": streamed}]}, folder / "streamed.json")
    assert (folder / "streamed.json").read_bytes() == (folder / "plain.json").read_bytes()
