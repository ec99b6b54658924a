"""Settings that are each allowed but make no sense together, told in words."""

from collections.abc import Iterable, Mapping
from typing import Any

from nlf_pipeline.weights.registry import load_body_models
from nlf_pipeline.workflow.videos.ids import ID_RULE, is_video_id


def contradictions(settings: Mapping[str, Any]) -> Iterable[str]:
    """One line for everything that a schema cannot say.

    Args:
        settings: complete, each of the right form, backends filled in.
    """
    for video_id in settings["video_id"] or ():
        if not is_video_id(video_id):
            yield f"video_id: found {video_id!r}, expected {ID_RULE}. Rename the file in videos_in/ to match."
    yield from _about_the_camera(settings)
    yield from _about_given_files(settings)
    yield from _about_the_body(settings)
    if settings["person_height"] and settings["measured_distance"]:
        yield "measured_distance: given together with person_height, expected only one of them"
    if settings["measured_distance"] and settings["measured_distance"][0] <= 0:
        yield f"measured_distance: found {settings['measured_distance'][0]} metres, expected more than 0"
    if settings["time_range"] and not settings["time_range"][0] < settings["time_range"][1]:
        yield f"time_range: found {settings['time_range']}, expected the start before the end"


def _about_the_camera(settings: Mapping[str, Any]) -> Iterable[str]:
    camera = settings["camera"]
    if settings["camera_file"] and (settings["static_camera"] or camera != "file"):
        yield "camera_file: given, expected camera to be null or file, and static_camera to be false"
    elif settings["static_camera"] and camera != "static":
        yield f"static_camera: found True with camera={camera}, expected only one of them"
    if camera == "file" and not settings["camera_file"]:
        yield "camera: 'file' needs camera_file, the file or folder that holds the camera"
    if settings["droid_fov_min"] > settings["droid_fov_max"]:
        yield f"droid_fov_min: found {settings['droid_fov_min']}, expected at most droid_fov_max"
    if camera == "droid" and settings["device"] == "cpu":
        yield "camera: 'droid' runs on a GPU only; found device=cpu. Choose camera=klt, or device=auto"


def _about_given_files(settings: Mapping[str, Any]) -> Iterable[str]:
    for backend, file in (("segmenter", "masks_file"), ("estimator", "predictions_file")):
        if settings[file] and settings[backend] != "file":
            yield f"{file}: given, expected {backend} to be null or file"
        elif settings[backend] == "file" and not settings[file]:
            yield f"{backend}: 'file' needs {file}"
    if settings["predictions_file"] and not settings["masks_file"]:
        yield "predictions_file: needs masks_file, the masks of the people in it"


def _about_the_body(settings: Mapping[str, Any]) -> Iterable[str]:
    file = load_body_models().get(f"{settings['body_model']}-{settings['body_gender']}")
    if file is None or file.registration is None or settings["body_models_dir"]:
        return
    whose = " (from models: reference)" if settings["models"] == "reference" else ""
    yield (
        f"body_model: {settings['body_model']!r}{whose} needs body_models_dir, the folder that holds {file.file}. "
        f"At {file.registration.url}: {file.registration.todo}. Or choose body_model=open, which needs no registration"
    )
