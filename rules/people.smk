# Who is where in the picture.


rule segment:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        weights=weights_of("segmenter"),
    output:
        masks="results/{video}/detected_masks.json",
        bystanders="results/{video}/bystanders.json",
        doubts="results/{video}/identity_doubts.json",
    log:
        "logs/{video}/segment.log",
    benchmark:
        "benchmarks/runs/{video}/segment.tsv"
    conda:
        f"../envs/{environment(config, 'segmenter')}.yaml"
    threads: 2
    resources:
        gpu=gpus(config, "segmenter"),
        execution=execution_flags("segmenter"),
    params:
        options=flags(
            **backend_options(config, "segmenter"),
            max_persons=config["max_persons"],
            select_points=config["select_points"],
            seg_init_time=config["seg_init_time"],
        ),
        code=code_version("segment"),
    message:
        "{wildcards.video}: find and follow people"
    shell:
        "exec nlf-pipeline --log {log:q} segment --video {input.video:q} --video-facts {input.facts:q}"
        " --out {output.masks:q} --bystanders-out {output.bystanders:q}"
        " --doubts-out {output.doubts:q} {params.options} {resources.execution}"


# The edits count by what they say, so that a comment or a name in their file makes nothing anew.
rule edit_tracks:
    input:
        "results/{video}/detected_masks.json",
    output:
        "results/{video}/masks.json",
    log:
        "logs/{video}/edit_tracks.log",
    benchmark:
        "benchmarks/runs/{video}/edit_tracks.tsv"
    conda:
        "../envs/core.yaml"
    params:
        edits=lambda wildcards: edits_of(wildcards.video),
        code=code_version("edit_tracks"),
    message:
        "{wildcards.video}: correct who is who"
    shell:
        "exec nlf-pipeline --log {log:q} edit-tracks --detected-masks {input:q} --out {output:q}"
        " --edits results/{wildcards.video:q}/tracks.yaml"


rule semantic_masks:
    input:
        video="results/{video}/clip.mp4",
        masks="results/{video}/detected_masks.json",
        bystanders="results/{video}/bystanders.json",
        weights=weights_of("semantics"),
    output:
        "results/{video}/people_mask.json",
    log:
        "logs/{video}/semantic_masks.log",
    benchmark:
        "benchmarks/runs/{video}/semantic_masks.tsv"
    conda:
        f"../envs/{environment(config, 'semantics')}.yaml"
    resources:
        gpu=gpus(config, "semantics"),
        execution=execution_flags("semantics"),
    params:
        options=flags(**backend_options(config, "semantics"), dilation=config["people_margin"]),
        code=code_version("semantic_masks"),
    message:
        "{wildcards.video}: mark every person's pixels"
    shell:
        "exec nlf-pipeline --log {log:q} semantic-masks --video {input.video:q} --masks {input.masks:q}"
        " --bystanders {input.bystanders:q} --out {output:q} {params.options} {resources.execution}"
