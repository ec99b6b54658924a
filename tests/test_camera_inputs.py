"""A camera of the user's own counts by its files: one that is written anew reruns what reads it."""

from workflow_runs import Run


def test_a_file_written_anew_in_a_folder_reruns_the_camera(tmp_path):
    run = Run(tmp_path)
    run.add_video("clip.mp4")
    model = run.folder / "model"
    model.mkdir()
    for name in ("cameras.txt", "images.txt"):
        (model / name).write_text("one")
    settings = ("video_id=clip", "camera_file=model")
    assert "track-camera" in run.stages(*settings)
    assert run.planned(*settings) == set()
    folder_time = model.stat().st_mtime_ns
    (model / "images.txt").write_text("two")
    assert model.stat().st_mtime_ns == folder_time
    planned = run.planned(*settings)
    assert "track_camera" in planned and "segment" not in planned
    (model / "images.txt").write_text("one")
    assert run.planned(*settings) == set()
