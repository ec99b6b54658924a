"""The report tells good results from spoilt ones, says where and what to do, and shows it on one page of its own."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from reported_walkers import FPS, GOOD_FLOOR, Scene, make_report, moved, write_run
from walkers import Errors, camera_path, walking_people

from nlf_pipeline.artefact_files import write_json
from nlf_pipeline.artefacts import Bodies, IdentityDoubt
from nlf_pipeline.body_models import BodyMeshes
from nlf_pipeline.errors import ArtefactError
from nlf_pipeline.metrics import jitter
from nlf_pipeline.renderers.palette import person_colours
from nlf_pipeline.reporting.evidence import limb_variation
from nlf_pipeline.reporting.limits import CLIP_LIMITS, PERSON_LIMITS, Limit
from nlf_pipeline.reporting.markup import element
from nlf_pipeline.reporting.motion_measures import find_jumps, jerk_series, longest_off_floor, overlapping
from nlf_pipeline.reporting.page import css_colour
from nlf_pipeline.reporting.plots import Clock, series_plot, timeline
from nlf_pipeline.reporting.presence import find_presence, spans_of, spans_text
from nlf_pipeline.reporting.quality import PersonQuality, QualityReport

FRAMES = 75
CLIP = slice(0, FRAMES)
DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def pair(meshes: BodyMeshes):
    return walking_people(meshes, 2, FRAMES, FPS)


@pytest.fixture(scope="module")
def good_run(tmp_path_factory: pytest.TempPathFactory, meshes: BodyMeshes, pair) -> Path:
    folder = tmp_path_factory.mktemp("good")
    write_run(folder, meshes, pair, FRAMES, Scene())
    return folder


@pytest.fixture
def reported(tmp_path: Path, meshes: BodyMeshes, body_dir: Path, pair, good_run: Path):
    """Write a run as the scene says, of two people unless others are given, and report on it."""

    def run(scene: Scene, walks=None, frames=FRAMES, **options: Path) -> tuple[QualityReport, str]:
        for name in ("clip.mp4", "masks.json", "predictions.xz"):
            (tmp_path / name).unlink(missing_ok=True)
            if walks is None:
                (tmp_path / name).hardlink_to(good_run / name)
        write_run(tmp_path, meshes, pair if walks is None else walks, frames, scene)
        return make_report(tmp_path, body_dir, **options)

    return run


def verdicts(person: PersonQuality) -> dict[str, str | None]:
    return {finding.key: finding.verdict for finding in person.findings}


def drift(metres_per_second: float) -> np.ndarray:
    return np.outer(np.arange(FRAMES) / FPS * metres_per_second, [1.0, 0, 0])


def noisy(bodies: Bodies) -> Bodies:
    noise = np.random.default_rng(0).normal(0, 0.004, bodies.joints[0].shape)
    joints = bodies.joints.copy()
    joints[0] += noise
    return replace(bodies, joints=joints)


def unseen(bodies: Bodies, start: int, stop: int) -> Bodies:
    visible = bodies.visible.copy()
    visible[0, start:stop] = False
    return replace(bodies, visible=visible, filled=bodies.filled & visible)


def guessed(bodies: Bodies, start: int, stop: int) -> Bodies:
    filled = bodies.filled.copy()
    filled[0, start:stop] = True
    return replace(bodies, filled=filled)


def side_by_side(bodies: Bodies) -> Bodies:
    return moved(bodies, 0, bodies.trans[1] - bodies.trans[0])


def thrown(bodies: Bodies) -> Bodies:
    by = np.zeros((FRAMES, 3))
    by[40:, 2] = -0.8
    return moved(bodies, 0, by)


def flying(bodies: Bodies) -> Bodies:
    return moved(replace(bodies, foot_contacts=np.zeros_like(bodies.foot_contacts)), 0, np.array([[0, 0.3, 0]]))


def skating(bodies: Bodies) -> Bodies:
    return moved(replace(bodies, foot_contacts=np.zeros_like(bodies.foot_contacts)), 0, drift(0.9))


def test_good_people_are_good_and_nothing_is_to_do(reported):
    quality, page = reported(Scene(errors=Errors(fast_turn=0.003)))
    assert quality.verdict == "good" and quality.to_do == []
    for person in quality.people:
        assert person.verdict == "good", person.reason
        assert (person.frames_measured, person.frames_filled, person.frames_missing) == (FRAMES, 0, 0)
        assert person.foot_slide_mm_per_frame is not None and person.foot_slide_mm_per_frame < 0.5
        assert person.reprojection_median_px is not None and 0 < person.reprojection_median_px < 4
        assert person.penetration_worst_mm is not None and person.penetration_worst_mm < 5
        assert 1.2 < person.height_m < 2.2
    assert "Nothing: everything" in page


@pytest.mark.parametrize(
    ("spoil", "key", "verdict"),
    [
        (noisy, "jitter", "poor"),
        (lambda b: moved(b, 0, drift(0.5)), "foot_slide", "poor"),
        (skating, "skating", "poor"),
        (lambda b: moved(b, 0, np.array([[0, -0.08, 0]])), "penetration", "poor"),
        (lambda b: moved(b, 0, np.array([[0, -0.03, 0]])), "penetration", "check"),
        (flying, "off_floor", "check"),
        (thrown, "jumps", "check"),
        (lambda b: moved(b, 0, np.array([[0.2, 0, 0]])), "reprojection", "poor"),
        (side_by_side, "overlap", "poor"),
        (lambda b: unseen(b, 30, 50), "missing", "check"),
        (lambda b: unseen(b, 20, 65), "missing", "poor"),
        (lambda b: unseen(b, 10, 75), "seen", "check"),
        (lambda b: guessed(b, 30, 50), "filled", "check"),
        (lambda b: guessed(b, 30, 70), "filled", "poor"),
    ],
)
def test_a_spoilt_person_is_told_and_the_other_one_stays_good(reported, spoil, key: str, verdict: str):
    quality, page = reported(Scene(spoil))
    spoilt, other = quality.people
    assert verdicts(spoilt)[key] == verdict
    if key != "overlap":
        assert other.verdict == "good", other.reason
        assert quality.verdict == ("poor" if spoilt.verdict == "poor" else "check")
    assert any(line.startswith("person 1: ") for line in quality.to_do)
    finding = next(finding for finding in spoilt.findings if finding.key == key)
    assert finding.reason and finding.advice and f">{verdict}<" in page


def test_the_report_says_where_to_look(reported):
    quality, _ = reported(Scene(lambda b: guessed(b, 30, 60)))
    assert quality.people[0].reason.startswith("40 % of the frames filled in: look at 1.0-2.0 s")
    finding = next(f for f in quality.people[0].findings if f.key == "filled")
    assert finding.spans == [(30, 60)]


def test_estimates_whose_bones_change_are_told(reported):
    quality, _ = reported(Scene(errors=Errors(slow_size=0.2)))
    assert {verdicts(person)["limbs"] for person in quality.people} <= {"check", "poor"}


def test_repaired_frames_are_counted_and_judged(reported):
    quality, page = reported(Scene(repaired=0.4))
    person = quality.people[0]
    assert person.frames_repaired == 30 and verdicts(person)["repaired"] == "poor"
    assert 'class="repaired"' in page


@pytest.mark.parametrize(
    ("scene", "key", "verdict"),
    [
        (Scene(focal_source="assumed"), "focal", "check"),
        (Scene(confidence=0.1), "confidence", "poor"),
        (Scene(confidence=0.6), "confidence", "check"),
        (Scene(spread=0.3), "scale", "check"),
        (Scene(spread=np.inf), "scale", "poor"),
        (Scene(notes=("a doubt",)), "camera_notes", "check"),
    ],
)
def test_doubts_about_the_camera_are_told(reported, scene: Scene, key: str, verdict: str):
    quality, _ = reported(scene)
    assert {finding.key: finding.verdict for finding in quality.camera.findings}[key] == verdict
    assert quality.camera.verdict == verdict == quality.verdict
    assert quality.to_do and quality.to_do[0].rstrip(".")


def test_heights_are_not_judged_where_the_floor_is_assumed_or_uneven(reported):
    sunk = Scene(lambda b: moved(b, 0, np.array([[0, -0.3, 0]])))
    for floor in (replace(sunk.floor, source="camera"), replace(sunk.floor, kind="uneven")):
        quality, _ = reported(replace(sunk, floor=floor))
        assert quality.people[0].penetration_mean_mm is None
        assert verdicts(quality.people[0])["penetration"] is None
        assert quality.floors[0].verdict == "check"
    scattered = replace(GOOD_FLOOR, inlier_fraction=0.3, spread_m=0.09)
    assert reported(replace(sunk, floor=scattered))[0].floors[0].verdict == "poor"


def test_heights_over_a_slope_are_along_its_normal(reported):
    """Everybody is moved up and down so that the pelvis keeps its height over a ramp of 10 degrees."""
    rise = np.tan(np.deg2rad(10))
    normal = camera_path(1)[0, :3, :3].T @ (np.array([-rise, 1, 0]) / np.hypot(rise, 1))

    def on_a_ramp(bodies: Bodies) -> Bodies:
        return moved(bodies, 0, bodies.joints[0, :, 0, :1] * rise * [[0, 1, 0]])

    slope = replace(GOOD_FLOOR, kind="slope", normal=tuple(normal.tolist()), up=GOOD_FLOOR.normal, slope_deg=10.0)
    on_slope, _ = reported(Scene(on_a_ramp, floor=slope))
    on_level, _ = reported(Scene(on_a_ramp))
    assert on_slope.floors[0].verdict == "check"
    assert on_slope.people[0].penetration_mean_mm < 60 < 150 < on_level.people[0].penetration_mean_mm


def test_doubts_about_identities_name_the_people_and_the_moment(reported):
    doubts = [IdentityDoubt(30, 36, [1, 2], "crossing", 0.6), IdentityDoubt(60, 62, [2], "reappearance", 0.7)]
    quality, page = reported(Scene(doubts=doubts))
    assert [verdicts(person)["identity"] for person in quality.people] == ["check", "check"]
    told = next(line for line in quality.to_do if line.startswith("person 1"))
    assert "with person 2: look at 1.0-1.2 s" in told and "tracks show --video-id walkers" in told
    assert page.count('class="doubt"') == 3
    assert [person.mix_up_chance for person in quality.people] == pytest.approx([0.2, 1 - 0.8 * 0.85])
    tossed, _ = reported(Scene(doubts=[IdentityDoubt(30, 36, [1, 2], "crossing", 0.0)]))
    assert tossed.verdict == "poor"


def test_one_bad_person_among_many_does_not_make_the_clip_poor(reported, meshes):
    walks = walking_people(meshes, 3, FRAMES, FPS)
    quality, _ = reported(Scene(noisy), walks)
    assert [person.verdict for person in quality.people] == ["poor", "good", "good"]
    assert quality.verdict == "check" and "2 good, 1 poor" in quality.summary and "person 1" in quality.summary


def test_nobody(reported):
    quality, page = reported(Scene(), [])
    assert quality.people == [] and quality.verdict == "check" and quality.summary == "nobody was found"
    assert "Nobody was found" in page
    check_page(page)


def test_a_person_of_three_frames_and_a_clip_of_one(reported, meshes):
    def short(bodies: Bodies) -> Bodies:
        return unseen(unseen(bodies, 0, 40), 43, FRAMES)

    quality, page = reported(Scene(short))
    assert quality.people[0].frames_measured == 3 and quality.people[1].verdict == "good"
    check_page(page)
    one, page = reported(Scene(), walking_people(meshes, 2, 1, FPS), 1)
    assert one.verdict == "check" and one.people[0].jitter_m_per_s3 is None
    check_page(page)


def test_twelve_people_in_twelve_colours_on_a_small_page(reported, meshes):
    walks = walking_people(meshes, 3, 30, FPS) * 4
    quality, page = reported(Scene(), walks, 30)
    assert len(quality.people) == 12 and len(page) < 400_000
    assert all(css_colour(colour) in page for colour in person_colours(12))
    check_page(page)


def test_every_shot_has_its_floor_and_its_plan(reported):
    quality, page = reported(Scene(cuts=(25, 50)))
    assert quality.n_shots == 3 and len(quality.floors) == 3
    assert page.count('class="plan"') == 3 and "Floor of shot 3" in page
    assert quality.people[0].jumps == 0


def test_motion_across_a_cut_is_no_jump(reported):
    def leap(bodies: Bodies) -> Bodies:
        by = np.zeros((FRAMES, 3))
        by[25:, 0] = 3.0
        return moved(bodies, 0, by)

    calm, _ = reported(Scene(leap, cuts=(25,)))
    wild, _ = reported(Scene(leap))
    assert calm.people[0].jumps == 0 and wild.people[0].jumps > 0
    assert calm.people[0].jitter_m_per_s3 < 100 < wild.people[0].jitter_m_per_s3


def test_names_are_shown_and_cannot_become_markup(reported, tmp_path):
    (tmp_path / "tracks.yaml").write_text(
        'people:\n  1: "<script>alert(1)</script> & \\"Zoë\\" 🙂"\n', encoding="utf-8"
    )
    quality, page = reported(Scene(noisy, notes=("<img src=x onerror=1>",)), edits=tmp_path / "tracks.yaml")
    assert quality.people[0].name.startswith("<script>") and quality.people[1].name == "person 2"
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; " in page and "Zoë" in page and "🙂" in page
    check_page(page)


def test_accuracy_is_shown_where_the_truth_is_known_and_changes_no_verdict(reported, tmp_path):
    row = {"name": "PA-MPJPE", "value": 90.0, "unit": "mm", "target": "<= 65", "reached": False}
    write_json({"format_version": 1, "measurements": [row]}, tmp_path / "evaluation.json")
    quality, page = reported(Scene(), evaluation=tmp_path / "evaluation.json")
    assert quality.verdict == "good" and quality.accuracy[0].value == 90
    assert "PA-MPJPE" in page and "missed" in page


def test_files_of_different_clips_are_refused(reported, tmp_path, meshes, body_dir):
    reported(Scene())
    bodies = Bodies.load(tmp_path / "bodies.npz")
    replace(bodies, person_ids=np.array([1, 7])).save(tmp_path / "bodies.npz")
    with pytest.raises(ArtefactError, match="do not belong together"):
        make_report(tmp_path, body_dir)


class _Checker(HTMLParser):
    """Collects what a page loads, and whether its elements are closed in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "data", "srcset", "xlink:href")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in ("meta", "img", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check_page(page: str) -> None:
    """Well formed, without scripts, and nothing that is not in the page itself."""
    checker = _Checker()
    checker.feed(page)
    assert checker.open == [] and not checker.tags & {"script", "link", "iframe", "object", "base"}
    assert all(link.startswith(("data:image/jpeg;base64,", "#")) for link in checker.loads)
    assert "url(" not in page and "@import" not in page and "nan" not in re.sub(r"data:[^\"]*", "", page).lower()


def test_the_page_needs_nothing_else(reported):
    _, page = reported(Scene(lambda b: unseen(b, 30, 50), focal_source="assumed", cuts=(60,)))
    check_page(page)
    assert page.count("<img") == 6 and "prefers-color-scheme" in page and "@media print" in page


def test_plots_stay_small_and_show_peaks_however_long_the_clip():
    clock = Clock(20_000, 30.0, [5000])
    values = np.zeros(20_000)
    values[12_345] = 900.0
    values[100:200] = np.nan
    plot = series_plot(values, clock, "red", [], (0.0, 1.0), "max", "a plot")
    assert len(plot) < 6000 and ">900<" in plot and "nan" not in plot
    presence = find_presence(
        *(np.arange(20_000) % k == 0 for k in (2, 6, 10)), np.ones(20_000, bool), [slice(0, 20_000)]
    )
    assert len(timeline(presence, [(3, 5)], clock, "a bar")) < 60_000


def test_presence_counts_every_frame_once():
    visible = np.array([0, 1, 1, 0, 1, 0, 0, 1, 0], bool)
    filled = np.array([0, 0, 1, 0, 0, 0, 0, 0, 0], bool)
    seen = np.array([1, 1, 0, 0, 1, 0, 0, 1, 0], bool)
    found = find_presence(visible, filled, filled, seen, [slice(0, 6), slice(6, 9)])
    assert np.flatnonzero(found.missing).tolist() == [0, 3]  # not across the cut
    assert np.flatnonzero(found.measured).tolist() == [1, 4, 7] and not found.repaired.any()
    assert found.share(found.filled) == pytest.approx(1 / 6)
    assert find_presence(*[np.zeros(9, bool)] * 4, [slice(0, 9)]).share(filled) is None


def test_moments_are_joined_and_the_worst_are_told_in_order():
    frames = np.zeros(300, bool)
    for start, stop in ((10, 20), (23, 30), (100, 101), (150, 160), (200, 260)):
        frames[start:stop] = True
    assert spans_of(frames, 30.0) == [(10, 30), (150, 160), (200, 260)]
    assert spans_text([(10, 30), (150, 151)], 30.0) == "0.3-1.0 and 5.0 s"
    weight = np.zeros(300)
    weight[100] = 50
    assert (100, 101) in spans_of(frames, 30.0, weight) and spans_text([], 30.0) == ""


def test_jerk_over_one_segment_is_the_field_s_jitter():
    joints = np.random.default_rng(1).normal(size=(40, 24, 3)).cumsum(axis=0)
    series = jerk_series(joints, [slice(0, 40)], 25.0)
    assert np.nanmean(series) == pytest.approx(jitter(joints, np.ones(40, bool), 25.0))
    assert np.isfinite(series).sum() == 37
    assert np.isnan(jerk_series(joints, [slice(0, 3), slice(3, 6)], 25.0)).all()


def test_a_throw_is_a_jump_and_a_sprint_is_not():
    sprint = np.zeros((60, 24, 3))
    sprint[..., 0] = np.arange(60)[:, None] / 30.0 * 12.0
    assert not find_jumps(sprint, [slice(0, 60)], 30.0).any()
    sprint[30:, :, 1] += 0.5
    assert np.flatnonzero(find_jumps(sprint, [slice(0, 60)], 30.0)).tolist() == [29, 30]


def test_time_in_the_air_is_that_of_the_longest_flight():
    height = np.zeros(60)
    height[10:20] = height[30:45] = 0.4
    height[50:] = np.nan
    seconds, frames = longest_off_floor(height, [slice(0, 60)], 30.0)
    assert seconds == pytest.approx(0.5) and np.flatnonzero(frames).tolist() == list(range(30, 45))


def test_two_trunks_in_one_place_overlap_only_while_both_are_there():
    joints = np.zeros((3, 10, 24, 3))
    joints[1, :, :, 0] = 0.05
    joints[2, :, :, 0] = 0.60
    visible = np.ones((3, 10), bool)
    visible[1, 5:] = False
    inside = overlapping(joints, visible)
    assert inside[0].tolist() == inside[1].tolist() == [True] * 5 + [False] * 5 and not inside[2].any()


def test_limb_variation_is_that_of_the_middle_of_the_frames():
    rng = np.random.default_rng(0)
    lengths = 0.4 * (1 + 0.08 * rng.normal(size=(4000, 8)))
    lengths[::10] = 5.0
    lengths[5] = np.nan
    assert limb_variation(lengths) == pytest.approx(0.08, rel=0.2)
    assert limb_variation(lengths[5:6]) is None


def test_limits_judge_in_both_directions():
    less, more = Limit("", "share", 0.1, 0.4, ""), Limit("", "s", 0.5, 0.2, "")
    assert [less.judge(x) for x in (0.1, 0.2, 0.41, float("inf"), None)] == ["good", "check", "poor", "poor", None]
    assert [more.judge(x) for x in (0.5, 0.3, 0.1)] == ["good", "check", "poor"]
    assert less.show(0.0933) == "9.3 %" and less.show(0.54) == "54 %" and more.show(12.3) == "12 s"


def test_the_documented_limits_are_those_in_use():
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|", (DOCS / "report.md").read_text(), re.MULTILINE)
    documented = {title: (good, poor) for title, good, poor in rows}
    for limit in (*PERSON_LIMITS.values(), *CLIP_LIMITS.values()):
        never = np.isinf(limit.poor) or (limit.good > limit.poor and limit.poor == 0)
        poor = "never" if never else limit.show(limit.poor)
        assert documented[limit.title] == (limit.show(limit.good), poor), limit.title


def test_markup_escapes_text_and_attributes():
    made = element("a", "1 < 2", element("b", "&"), href='"x"', class_="y", title=None, data_k=0.5)
    assert made == '<a href="&quot;x&quot;" class="y" data-k="0.5">1 &lt; 2<b>&amp;</b></a>'
