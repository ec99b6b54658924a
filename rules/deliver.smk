# Results in other forms, and how good they are.
EXPORT_FORMATS = [name for name in SCHEMA["properties"]["export"]["items"]["enum"] if name not in ("fbx", "reference")]


rule evaluate:
    input:
        bodies="results/{video}/bodies.npz",
        cameras="results/{video}/world_cameras.npz",
        ground="results/{video}/ground.json",
        masks="results/{video}/masks.json",
        truth=multiext("truth/{video}/", "bodies.npz", "world_cameras.npz", "masks.json"),
        body=of_video(body_file),
    output:
        "results/{video}/evaluation.json",
    log:
        "logs/{video}/evaluate.log",
    conda:
        "../envs/core.yaml"
    resources:
        **needs("evaluate"),
    params:
        key=key_of("evaluate"),
    message:
        "{wildcards.video}: compare with the truth{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} evaluate"
        " --bodies {input.bodies:q} --cameras {input.cameras:q}"
        " --ground {input.ground:q} --masks {input.masks:q} --truth truth/{wildcards.video:q} --out {output:q}"


rule report:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        masks="results/{video}/masks.json",
        doubts="results/{video}/identity_doubts.json",
        intrinsics="results/{video}/intrinsics.json",
        camera_path="results/{video}/camera_path.npz",
        camera_report="results/{video}/camera_report.json",
        cameras="results/{video}/cameras.npz",
        predictions="results/{video}/predictions.xz",
        fits="results/{video}/fits.npz",
        ground="results/{video}/ground.json",
        bodies="results/{video}/bodies.npz",
        world_cameras="results/{video}/world_cameras.npz",
        evaluation=lambda wildcards: (
            f"results/{wildcards.video}/evaluation.json" if INPUTS.has_truth(wildcards.video) else []
        ),
        body=of_video(body_file),
    output:
        html=report("results/{video}/report.html", category="Quality", labels={"video": "{video}"}),
        json="results/{video}/report.json",
    log:
        "logs/{video}/report.log",
    conda:
        "../envs/core.yaml"
    resources:
        **needs("report"),
    params:
        key=key_of("report", names=names_of),
    message:
        "{wildcards.video}: say how far the result can be trusted{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} report"
        " --video {input.video:q} --video-facts {input.facts:q}"
        " --masks {input.masks:q} --doubts {input.doubts:q} --intrinsics {input.intrinsics:q}"
        " --camera-path {input.camera_path:q} --camera-report {input.camera_report:q} --cameras {input.cameras:q}"
        " --predictions {input.predictions:q} --fits {input.fits:q} --ground {input.ground:q} --bodies {input.bodies:q}"
        " --world-cameras {input.world_cameras:q} --edits results/{wildcards.video:q}/tracks.yaml"
        " --html-out {output.html:q} --json-out {output.json:q}"
        " --evaluation={input.evaluation:q}"


rule player:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        bodies="results/{video}/bodies.npz",
        world_cameras="results/{video}/world_cameras.npz",
        body=of_video(body_file),
    output:
        report("results/{video}/player.html", category="Player", labels={"video": "{video}"}),
    log:
        "logs/{video}/player.log",
    conda:
        "../envs/core.yaml"
    threads: 2
    resources:
        **needs("player"),
    params:
        key=key_of("player", names=names_of, page=page_of),
    message:
        "{wildcards.video}: make the player{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} player"
        " --video {input.video:q} --video-facts {input.facts:q} --bodies {input.bodies:q}"
        " --world-cameras {input.world_cameras:q} --edits results/{wildcards.video:q}/tracks.yaml --out {output:q}"


rule export:
    input:
        facts="results/{video}/video.json",
        bodies="results/{video}/bodies.npz",
        world_cameras="results/{video}/world_cameras.npz",
        body=of_video(body_file),
    output:
        directory("results/{video}/export/{format}"),
    log:
        "logs/{video}/export_{format}.log",
    wildcard_constraints:
        format="|".join(EXPORT_FORMATS),
    conda:
        "../envs/core.yaml"
    resources:
        **needs("export"),
    params:
        key=key_of("export", "logs/{video}/export_{format}.log", format=format_of, names=names_of),
    message:
        "{wildcards.video}: export as {wildcards.format}{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} write-export"
        " --video-facts {input.facts:q} --bodies {input.bodies:q} --world-cameras {input.world_cameras:q}"
        " --edits results/{wildcards.video:q}/tracks.yaml --out {output:q}"


rule export_fbx:
    input:
        "results/{video}/export/glb",
    output:
        directory("results/{video}/export/fbx"),
    log:
        "logs/{video}/export_fbx.log",
    conda:
        "../envs/blender.yaml"
    threads: 2
    resources:
        **needs("export_fbx"),
    params:
        key=key_of("export_fbx"),
    message:
        "{wildcards.video}: export as fbx{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} export-fbx --glb {input:q} --out {output:q}"


rule export_reference:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        masks="results/{video}/masks.json",
        people_mask="results/{video}/people_mask.json",
        predictions="results/{video}/predictions.xz",
        bodies="results/{video}/bodies.npz",
        world_cameras="results/{video}/world_cameras.npz",
        view_cameras="results/{video}/view_cameras.npz",
        interpolated=of_video(interpolated_clip),
        body=of_video(body_file),
    output:
        directory("results/{video}/export/reference"),
    log:
        "logs/{video}/export_reference.log",
    conda:
        "../envs/core.yaml"
    resources:
        **needs("export_reference"),
    params:
        key=key_of("export_reference"),
    message:
        "{wildcards.video}: export as the reference pipeline's files{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} export-reference"
        " --video {input.video:q} --video-facts {input.facts:q} --masks {input.masks:q}"
        " --people-mask {input.people_mask:q} --predictions {input.predictions:q} --bodies {input.bodies:q}"
        " --world-cameras {input.world_cameras:q} --view-cameras {input.view_cameras:q} --out {output:q}"
        " --interpolated-video={input.interpolated:q}"
