# A synthetic video with exact truth, for trying and measuring the pipeline.

if RENDERS_DEMO:

    rule render_demo:
        input:
            "resources/body_models/open/base_mesh.npz",
        output:
            video="videos_in/demo.mp4",
            truth=multiext("truth/demo/", "bodies.npz", "world_cameras.npz", "masks.json"),
        log:
            "logs/demo/render_demo.log",
        benchmark:
            "benchmarks/runs/demo/render_demo.tsv"
        conda:
            "../envs/core.yaml"
        threads: 2
        params:
            code=code_version("render_demo"),
        message:
            "render the demo video"
        shell:
            "exec nlf-pipeline --log {log:q} render-demo --body resources/body_models/open --out {output.video:q}"
            " --truth truth/demo"
