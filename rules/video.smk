# From a file or an id to an upright clip of constant frame rate.


rule download:
    output:
        "resources/downloads/{video}.mp4",
    log:
        "logs/{video}/download.log",
    conda:
        "../envs/core.yaml"
    resources:
        **needs("download"),
    params:
        key=key_of("download"),
    message:
        "{wildcards.video}: download{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} download"
        " --video-id={wildcards.video:q} --out {output:q}"


rule fetch:
    input:
        source=lambda wildcards: or_stop(INPUTS.source_of, wildcards.video),
    output:
        clip="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
    log:
        "logs/{video}/fetch.log",
    conda:
        "../envs/core.yaml"
    threads: 2
    resources:
        **needs("fetch"),
    params:
        key=key_of("fetch"),
    message:
        "{wildcards.video}: make the clip{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} fetch"
        " --video-id={wildcards.video:q} --source {input.source:q}"
        " --out {output.clip:q} --facts-out {output.facts:q}"
