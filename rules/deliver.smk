# Results in other forms, and how good they are.


rule evaluate:
    input:
        bodies="results/{video}/bodies.npz",
        cameras="results/{video}/world_cameras.npz",
        ground="results/{video}/ground.json",
        masks="results/{video}/masks.json",
        truth=multiext("truth/{video}/", "bodies.npz", "world_cameras.npz", "masks.json"),
        body=BODY,
    output:
        "results/{video}/evaluation.json",
    log:
        "logs/{video}/evaluate.log",
    benchmark:
        "benchmarks/runs/{video}/evaluate.tsv"
    conda:
        "../envs/core.yaml"
    params:
        options=flags(body=BODY_DIR),
        code=code_version("evaluate"),
    message:
        "{wildcards.video}: compare with the truth"
    shell:
        "exec nlf-pipeline --log {log:q} evaluate --bodies {input.bodies:q} --cameras {input.cameras:q}"
        " --ground {input.ground:q} --masks {input.masks:q} --truth truth/{wildcards.video:q} --out {output:q}"
        " {params.options}"
