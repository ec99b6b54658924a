"""Clips of people on floors that are not level, and of jumps."""

from motion_clips.specs import CLIPS, MotionClip
from motion_clips.terrain import Terrain, TerrainClip

TERRAIN: dict[str, MotionClip] = {
    "ramp_5_deg": TerrainClip(n_frames=450, seed=10, terrain=Terrain("ramp", 5, 60)),
    "ramp_10_deg": TerrainClip(n_frames=450, seed=11, terrain=Terrain("ramp", 10, 180)),
    "stairs": TerrainClip(n_frames=450, seed=12, terrain=Terrain("stairs", 0, 60)),
    "jumps": TerrainClip(n_frames=450, seed=13, terrain=Terrain("jumps")),
}
ALL_CLIPS = CLIPS | TERRAIN
