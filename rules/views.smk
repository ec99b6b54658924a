# Pictures of the result.
CAMERAS_OF_VIEW = {
    "camera": "world_cameras.npz",
    "side": "view_cameras.npz",
    "triptych": "view_cameras.npz",
    "skeletons": "view_cameras.npz",
}


rule plan_view:
    input:
        bodies="results/{video}/bodies.npz",
        cameras="results/{video}/world_cameras.npz",
        facts="results/{video}/video.json",
    output:
        "results/{video}/view_cameras.npz",
    log:
        "logs/{video}/plan_view.log",
    conda:
        "../envs/core.yaml"
    resources:
        **needs("plan_view"),
    params:
        key=key_of("plan_view"),
    message:
        "{wildcards.video}: plan the side view{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} plan-view"
        " --bodies {input.bodies:q} --cameras {input.cameras:q}"
        " --video-facts {input.facts:q} --out {output:q}"


rule interpolate:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        weights=of_video(weight_records, "interpolator"),
    output:
        "results/{video}/clip_x{factor}.mp4",
    log:
        "logs/{video}/interpolate_x{factor}.log",
    wildcard_constraints:
        factor="[2-8]",
    conda:
        of_video(environment_file, "interpolator")
    threads: 2
    resources:
        **needs("interpolate"),
    params:
        key=key_of("interpolate", "logs/{video}/interpolate_x{factor}.log"),
    message:
        "{wildcards.video}: make {wildcards.factor} times as many frames{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q}"
        " --gpus {resources.gpu} --vram-mb {resources.vram_mb} interpolate"
        " --video {input.video:q} --video-facts {input.facts:q}"
        " --out {output:q} --fps-factor {wildcards.factor}"
        " --checkpoints results/{wildcards.video:q}/.checkpoints/interpolate_x{wildcards.factor}"


rule render:
    input:
        video=of_video(shown_clip),
        facts="results/{video}/video.json",
        bodies="results/{video}/bodies.npz",
        cameras=lambda wildcards: f"results/{wildcards.video}/{CAMERAS_OF_VIEW[wildcards.view]}",
        real_cameras="results/{video}/world_cameras.npz",
        body=of_video(body_file),
    output:
        "results/{video}/{view}_view.mp4",
    log:
        "logs/{video}/render_{view}.log",
    wildcard_constraints:
        view="|".join(CAMERAS_OF_VIEW),
    conda:
        of_video(environment_file, "renderer")
    threads: 2
    resources:
        **needs("render"),
    params:
        key=key_of("render", "logs/{video}/render_{view}.log"),
    message:
        "{wildcards.video}: draw the {wildcards.view} view{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q}"
        " --gpus {resources.gpu} --vram-mb {resources.vram_mb} render"
        " --view {wildcards.view} --video {input.video:q}"
        " --video-facts {input.facts:q} --bodies {input.bodies:q} --cameras {input.cameras:q}"
        " --world-cameras {input.real_cameras:q} --out {output:q}"
        " --checkpoints results/{wildcards.video:q}/.checkpoints/render_{wildcards.view}"


rule preview:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        masks=of_preview("masks", "masks.json"),
        intrinsics=of_preview("camera predictions", "intrinsics.json"),
        camera_path=of_preview("camera", "camera_path.npz"),
        camera_report=of_preview("camera", "camera_report.json"),
        predictions=of_preview("predictions", "predictions.xz"),
    output:
        image="results/{video}/previews/{kind}.png",
        video="results/{video}/previews/{kind}.mp4",
    log:
        "logs/{video}/preview_{kind}.log",
    wildcard_constraints:
        kind="masks|camera|predictions",
    conda:
        "../envs/core.yaml"
    resources:
        **needs("preview"),
    params:
        key=key_of("preview", "logs/{video}/preview_{kind}.log", kind=kind_of),
    message:
        "{wildcards.video}: draw a preview of the {wildcards.kind}{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} preview"
        " --video {input.video:q} --video-facts {input.facts:q}"
        " --masks={input.masks:q} --intrinsics={input.intrinsics:q} --camera-path={input.camera_path:q}"
        " --camera-report={input.camera_report:q} --predictions={input.predictions:q}"
        " --image-out {output.image:q} --video-out {output.video:q}"
