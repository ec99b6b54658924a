"""The tag in which phones write their lens's focal length into a video."""

from pathlib import Path

import av

from nlf_pipeline.files import atomic_path

_FOCAL_KEY = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
_FILM_WIDTH_MM = 36.0


def tag_focal_length(path: Path, focal_px: float, width_px: int) -> None:
    """Write the 35 mm equivalent of `focal_px` into the mp4 at `path`, in whole millimetres as phones do.

    Args:
        path: the video, whose packets stay as they are.
        focal_px: focal length in pixels.
        width_px: longer side of the picture.
    """
    with (
        atomic_path(path) as temporary,
        av.open(str(path)) as source,
        av.open(str(temporary), "w", options={"movflags": "use_metadata_tags"}) as tagged,
    ):
        tagged.metadata[_FOCAL_KEY] = str(round(focal_px / width_px * _FILM_WIDTH_MM))
        video = source.streams.video[0]
        copy = tagged.add_stream_from_template(video)
        for packet in source.demux(video):
            if packet.dts is not None:  # the last one only flushes
                packet.stream = copy
                tagged.mux(packet)
