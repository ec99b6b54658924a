"""Names of the clip's pictures in camera files."""


def frame_name(frame: int) -> str:
    """What `ffmpeg -i clip.mp4 frame_%06d.png` calls a frame: it counts from 1."""
    return f"frame_{frame + 1:06d}.png"
