# Where the camera is and what lens it has.


rule track_camera:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        people_mask="results/{video}/people_mask.json",
        camera_file=of_video(camera_files),
        weights=of_video(weight_records, "camera"),
    output:
        intrinsics="results/{video}/intrinsics.json",
        path="results/{video}/camera_path.npz",
        report="results/{video}/camera_report.json",
    log:
        "logs/{video}/track_camera.log",
    conda:
        of_video(environment_file, "camera")
    resources:
        **needs("track_camera"),
    params:
        key=key_of("track_camera"),
    message:
        "{wildcards.video}: track the camera{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q}"
        " --gpus {resources.gpu} --vram-mb {resources.vram_mb} track-camera"
        " --video {input.video:q} --video-facts {input.facts:q}"
        " --people-mask {input.people_mask:q} --out-intrinsics {output.intrinsics:q} --out-path {output.path:q}"
        " --out-report {output.report:q}"
        " --checkpoints results/{wildcards.video:q}/.checkpoints/track_camera"


rule scale_camera:
    input:
        intrinsics="results/{video}/intrinsics.json",
        path="results/{video}/camera_path.npz",
        predictions="results/{video}/predictions.xz",
        facts="results/{video}/video.json",
        body=of_video(body_file),
        weights=of_video(weight_records, "depth"),
        video=of_video(for_depth, "clip.mp4"),
        people_mask=of_video(for_depth, "people_mask.json"),
    output:
        "results/{video}/cameras.npz",
    log:
        "logs/{video}/scale_camera.log",
    conda:
        of_video(environment_file, "depth")
    resources:
        **needs("scale_camera"),
    params:
        key=key_of("scale_camera"),
    message:
        "{wildcards.video}: bring the camera path to metres{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q}"
        " --gpus {resources.gpu} --vram-mb {resources.vram_mb} scale-camera"
        " --intrinsics {input.intrinsics:q} --camera-path {input.path:q}"
        " --predictions {input.predictions:q} --video-facts {input.facts:q} --out {output:q}"
        " --video={input.video:q} --people-mask={input.people_mask:q}"
