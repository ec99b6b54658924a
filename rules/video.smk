# From a file or an id to an upright clip of constant frame rate.


rule download:
    output:
        "resources/downloads/{video}.mp4",
    log:
        "logs/{video}/download.log",
    benchmark:
        "benchmarks/runs/{video}/download.tsv"
    conda:
        "../envs/core.yaml"
    params:
        code=code_version("download"),
    message:
        "{wildcards.video}: download"
    shell:
        "exec nlf-pipeline --log {log:q} download --video-id={wildcards.video:q} --out {output:q}"


rule fetch:
    input:
        source=lambda wildcards: source_of(wildcards.video),
    output:
        clip="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
    log:
        "logs/{video}/fetch.log",
    benchmark:
        "benchmarks/runs/{video}/fetch.tsv"
    conda:
        "../envs/core.yaml"
    threads: 2
    params:
        options=flags(time_range=config["time_range"]),
        code=code_version("fetch"),
    message:
        "{wildcards.video}: make the clip"
    shell:
        "exec nlf-pipeline --log {log:q} fetch --video-id={wildcards.video:q} --source {input.source:q}"
        " --out {output.clip:q} --facts-out {output.facts:q} {params.options}"
