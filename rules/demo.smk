# Synthetic videos with exact truth, for trying and measuring the pipeline.

if INPUTS.rendered:

    rule render_demo:
        input:
            "resources/body_models/open/base_mesh.npz",
        output:
            video="videos_in/{demo}.mp4",
            truth=multiext("truth/{demo}/", "bodies.npz", "world_cameras.npz", "masks.json"),
        log:
            "logs/{demo}/render_demo.log",
        wildcard_constraints:
            demo="|".join(INPUTS.rendered),
        conda:
            "../envs/core.yaml"
        threads: 2
        resources:
            **needs("render_demo"),
        params:
            key=key_of("render_demo", "logs/{demo}/render_demo.log", clip=clip_of),
        message:
            "{wildcards.demo}: render the video{params.key.change}"
        shell:
            "exec nlf-pipeline --log {log:q} --key {params.key:q} render-demo"
            " --body resources/body_models/open --out {output.video:q}"
            " --truth truth/{wildcards.demo:q}"
