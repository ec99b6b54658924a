# Pictures of the result.
CAMERAS_OF_VIEW = {"camera": "world_cameras.npz", "side": "view_cameras.npz"}
SHOWN_CLIP = "clip.mp4" if config["fps_factor"] == 1 else f"clip_x{config['fps_factor']}.mp4"


rule plan_view:
    input:
        bodies="results/{video}/bodies.npz",
        cameras="results/{video}/world_cameras.npz",
        facts="results/{video}/video.json",
    output:
        "results/{video}/view_cameras.npz",
    log:
        "logs/{video}/plan_view.log",
    benchmark:
        "benchmarks/runs/{video}/plan_view.tsv"
    conda:
        "../envs/core.yaml"
    params:
        options=flags(
            azimuth_deg=config["side_azimuth"],
            elevation_deg=config["side_elevation"],
            fov_deg=config["side_fov"],
        ),
        code=code_version("plan_view"),
    message:
        "{wildcards.video}: plan the side view"
    shell:
        "exec nlf-pipeline --log {log:q} plan-view --bodies {input.bodies:q} --cameras {input.cameras:q}"
        " --video-facts {input.facts:q} --out {output:q} {params.options}"


rule interpolate:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        weights=weights_of("interpolator"),
    output:
        "results/{video}/clip_x{factor}.mp4",
    log:
        "logs/{video}/interpolate_x{factor}.log",
    benchmark:
        "benchmarks/runs/{video}/interpolate_x{factor}.tsv"
    wildcard_constraints:
        factor="[2-8]",
    conda:
        f"../envs/{environment(config, 'interpolator')}.yaml"
    threads: 2
    resources:
        gpu=gpus(config, "interpolator"),
        execution=execution_flags("interpolator"),
    params:
        options=flags(**backend_options(config, "interpolator")),
        code=code_version("interpolate"),
    message:
        "{wildcards.video}: make {wildcards.factor} times as many frames"
    shell:
        "exec nlf-pipeline --log {log:q} interpolate --video {input.video:q} --video-facts {input.facts:q}"
        " --out {output:q} --fps-factor {wildcards.factor} {params.options} {resources.execution}"


rule render:
    input:
        video=f"results/{{video}}/{SHOWN_CLIP}",
        facts="results/{video}/video.json",
        bodies="results/{video}/bodies.npz",
        cameras=lambda wildcards: f"results/{wildcards.video}/{CAMERAS_OF_VIEW[wildcards.view]}",
        real_cameras="results/{video}/world_cameras.npz",
        body=BODY,
    output:
        "results/{video}/{view}_view.mp4",
    log:
        "logs/{video}/render_{view}.log",
    benchmark:
        "benchmarks/runs/{video}/render_{view}.tsv"
    wildcard_constraints:
        view="camera|side",
    conda:
        f"../envs/{environment(config, 'renderer')}.yaml"
    threads: 2
    resources:
        gpu=gpus(config, "renderer"),
        execution=execution_flags("renderer"),
    params:
        options=flags(
            **backend_options(config, "renderer"),
            opacity=config["opacity"],
            resolution=config["resolution"],
            fps_factor=config["fps_factor"],
            body=BODY_DIR,
        ),
        code=code_version("render"),
    message:
        "{wildcards.video}: draw the {wildcards.view} view"
    shell:
        "exec nlf-pipeline --log {log:q} render --view {wildcards.view} --video {input.video:q}"
        " --video-facts {input.facts:q} --bodies {input.bodies:q} --cameras {input.cameras:q}"
        " --world-cameras {input.real_cameras:q} --out {output:q} {params.options} {resources.execution}"
