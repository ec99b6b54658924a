"""Ids of videos, and of files whose names cannot be ids."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlf_pipeline.workflow.videos.ids import id_of_name, is_video_id

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=()), min_size=1, max_size=80)


@given(NAMES)
def test_every_name_gets_an_id_and_an_id_stays(name):
    made = id_of_name(name)
    assert is_video_id(made) and id_of_name(made) == made
    assert made == name or not is_video_id(name)


@given(st.lists(NAMES, unique_by=lambda name: unicodedata.normalize("NFC", name), min_size=2, max_size=20))
def test_different_names_get_different_ids(names):
    assert len({id_of_name(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("Müller tanzt (1)", "Muller-tanzt-1-"),
        ("mein video", "mein-video-"),
        ("\N{DANCER}", "video-"),
        ("日本", "video-"),
        ("_draft", "draft-"),
        ("a.b", "a-b-"),
    ],
)
def test_what_is_readable_of_a_name_stays(name, starts):
    made = id_of_name(name)
    assert made.startswith(starts) and len(made) == len(starts) + 6


def test_the_id_does_not_depend_on_how_an_accent_is_written():
    assert id_of_name(unicodedata.normalize("NFD", "Bär 1")) == id_of_name(unicodedata.normalize("NFC", "Bär 1"))
