"""What each clip shows: a frozen description by name."""

from collections.abc import Callable
from dataclasses import dataclass

from camera_clips import heldout_paths, paths, people
from camera_clips.motion import Motion
from camera_clips.people import People
from camera_clips.scenes import SceneName


@dataclass(frozen=True)
class Shot:
    """Frames between cuts."""

    truth: str
    """The camera's motion in words."""
    n_frames: int
    scene: SceneName
    path: Callable[[int], Motion]
    people: People
    fov_deg: float = 60.0
    """Angle that the longer image side spans, with the distortion."""
    k1: float = 0.0
    """OpenCV's first coefficient of radial distortion."""
    exposures: int = 1
    """Pictures that are averaged over half a frame: motion blur."""
    shutter_bands: int = 1
    """Bands of rows that are exposed one after the other within 20 ms: a rolling shutter."""
    shown_of: int | None = None
    """Length of a longer motion of which only the beginning is shown."""

    def motion(self) -> Motion:
        """The camera's motion."""
        return self.path(self.shown_of or self.n_frames).first(self.n_frames)


@dataclass(frozen=True)
class ClipSpec:
    """A clip of one or more shots."""

    shots: tuple[Shot, ...]
    size_px: tuple[int, int] = (640, 360)
    fps: float = paths.FPS
    crf: int = 21
    noise: float = 2.5
    """Standard deviation of the noise, grey levels."""
    overlay: bool = False
    """A scoreboard and a watermark lie over the picture."""
    held: tuple[int, int] | None = None
    """Frames from, to (exclusive) which the picture of the first of them is repeated."""
    black: tuple[int, int] | None = None
    """Frames from, to (exclusive) which the picture is black."""
    supersampling: int = 2
    """Drawn pixels per pixel and axis."""

    @property
    def n_frames(self) -> int:
        """Frames of all shots."""
        return sum(shot.n_frames for shot in self.shots)


def _one(*shot: object, **more: object) -> ClipSpec:
    """A clip of one shot; `more` goes to the shot or to the clip, whichever knows it."""
    of_clip = {name: more.pop(name) for name in list(more) if name in ClipSpec.__dataclass_fields__}
    return ClipSpec((Shot(*shot, **more),), **of_clip)  # type: ignore[arg-type]


_TUNED = {
    "free": _one("general", 160, "room", paths.free, people.two_cross),
    "walk": _one("general", 180, "room", paths.walk, people.two_pass, exposures=3),
    "walkrs": _one(
        "general", 120, "room", lambda n: paths.walk(n, 4.4), people.two_pass, shutter_bands=9
    ),
    "field": _one("general (plane)", 160, "field", paths.along_field, people.three_play),
    "rot": _one("rotation", 160, "room", paths.turn, people.two_cross),
    "rotzoom": _one("rotation_zoom", 160, "room", paths.turn_and_zoom, people.two_cross),
    "sway": _one("near rotation", 160, "room", paths.sway, people.two_cross),
    "static": _one("static", 160, "room", paths.still, people.three_near),
    "hard": _one("general", 150, "weak_room", paths.arc, people.five_mill, exposures=3, crf=28, noise=4.0),
    "pan360": _one("rotation", 300, "weak_room", paths.turns_360, people.two_swing, exposures=3, crf=24, noise=3.0),
    "mixed": _one("static, rotation, general", 170, "room", paths.stand_turn_walk, people.two_cross),
    "long": _one("general", 600, "room", paths.orbits, people.two_circle),
    "zoomwalk": _one("general, zoom", 160, "room", paths.zoom_walk, people.two_pass),
    "wide": _one("general", 160, "room", paths.wide_walk, people.three_play, fov_deg=95.0, k1=-0.12),
    "overlay": _one("rotation", 150, "field", paths.follow_play, people.six_play, fov_deg=40.0, overlay=True),
    "cuts": ClipSpec(
        (
            Shot("static", 50, "room", paths.still, people.three_near),
            Shot("rotation", 60, "field", paths.follow_play, people.six_play),
            Shot("general", 80, "room", lambda n: paths.walk(n, 3.0), people.two_pass),
        )
    ),
    "tinypan": _one("rotation (0.5 deg)", 120, "field", paths.tiny_turn, people.three_play, fov_deg=40.0),
}  # fmt: skip
_HELDOUT = {
    "heldout_walk": _one(
        "general", 200, "street", heldout_paths.along_street, people.pedestrians, fov_deg=75.0, exposures=3
    ),
    "heldout_orbit": _one("general", 180, "columns", heldout_paths.around_columns, people.couple, fov_deg=45.0),
    "heldout_pan": _one("rotation", 160, "street", heldout_paths.across_street, people.street_crossing, fov_deg=45.0),
    "heldout_stairs": _one(
        "general", 170, "stairs", heldout_paths.up_stairs, people.one_ahead_upstairs, fov_deg=75.0, crf=26
    ),
}
_BAD = {
    "black": _one("unknown", 60, "room", paths.walk, people.nobody, black=(0, 60)),
    "blackout": _one("general", 90, "room", lambda n: paths.walk(n, 3.3), people.two_pass, black=(40, 48)),
    "frozen": _one("static", 60, "room", paths.still, people.three_near, held=(0, 60)),
    "stutter": _one("general", 90, "room", lambda n: paths.walk(n, 3.3), people.two_pass, held=(40, 50)),
    "textureless": _one("unknown", 90, "blank_room", paths.walk, people.two_pass),
    "crowded": _one("unknown", 90, "room", paths.low_walk, people.crowd_ahead),
    "short": _one("general", 8, "room", paths.free, people.two_cross, shown_of=160),
}
_ON_DEMAND = {
    "minutes": _one("general", 18000, "halls", paths.wandering_loop, people.three_residents, supersampling=1),
}
CLIPS: dict[str, ClipSpec] = {**_TUNED, **_HELDOUT, **_BAD, **_ON_DEMAND}
ORDINARY = tuple(name for name in CLIPS if name not in _ON_DEMAND)
"""The clips that are made and tracked unless others are asked for."""
