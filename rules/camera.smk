# Where the camera is and what lens it has.


rule track_camera:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        people_mask="results/{video}/people_mask.json",
        camera_file=config["camera_file"] or [],
        weights=weights_of("camera"),
    output:
        intrinsics="results/{video}/intrinsics.json",
        path="results/{video}/camera_path.npz",
        report="results/{video}/camera_report.json",
    log:
        "logs/{video}/track_camera.log",
    benchmark:
        "benchmarks/runs/{video}/track_camera.tsv"
    conda:
        f"../envs/{environment(config, 'camera')}.yaml"
    resources:
        gpu=gpus(config, "camera"),
        execution=execution_flags("camera"),
    params:
        command=or_stop(command_in, config["droid_env"] if config["camera"] == "droid" else None),
        options=flags(
            **backend_options(config, "camera"),
            camera_file=config["camera_file"],
            fov_deg=config["fov"],
            seed=config["seed"],
        ),
        code=code_version("track_camera"),
    message:
        "{wildcards.video}: track the camera"
    shell:
        "exec {params.command} --log {log:q} track-camera --video {input.video:q} --video-facts {input.facts:q}"
        " --people-mask {input.people_mask:q} --out-intrinsics {output.intrinsics:q} --out-path {output.path:q}"
        " --out-report {output.report:q} {params.options} {resources.execution}"


rule scale_camera:
    input:
        intrinsics="results/{video}/intrinsics.json",
        path="results/{video}/camera_path.npz",
        predictions="results/{video}/predictions.xz",
        facts="results/{video}/video.json",
        body=BODY,
        weights=weights_of("depth"),
        pictures=(multiext("results/{video}/", "clip.mp4", "people_mask.json") if config["depth"] else []),
    output:
        "results/{video}/cameras.npz",
    log:
        "logs/{video}/scale_camera.log",
    benchmark:
        "benchmarks/runs/{video}/scale_camera.tsv"
    conda:
        f"../envs/{environment(config, 'depth')}.yaml"
    resources:
        gpu=gpus(config, "depth"),
        execution=execution_flags("depth"),
    params:
        pictures=lambda wildcards, input: flags(**dict(zip(["video", "people_mask"], input.pictures))),
        options=flags(
            **backend_options(config, "depth"),
            person_height=config["person_height"],
            measured_distance=config["measured_distance"],
            body=BODY_DIR,
        ),
        code=code_version("scale_camera"),
    message:
        "{wildcards.video}: bring the camera path to metres"
    shell:
        "exec nlf-pipeline --log {log:q} scale-camera --intrinsics {input.intrinsics:q} --camera-path {input.path:q}"
        " --predictions {input.predictions:q} --video-facts {input.facts:q} --out {output:q}"
        " {params.pictures} {params.options} {resources.execution}"
