# Who is where in the picture.


rule segment:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        weights=of_video(weight_records, "segmenter"),
        masks_file=of_video(given_file, "masks_file"),
    output:
        masks="results/{video}/detected_masks.json",
        bystanders="results/{video}/bystanders.json",
        doubts="results/{video}/identity_doubts.json",
    log:
        "logs/{video}/segment.log",
    conda:
        of_video(environment_file, "segmenter")
    threads: 2
    resources:
        **needs("segment"),
    params:
        key=key_of("segment"),
    message:
        "{wildcards.video}: find and follow people{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q}"
        " --gpus {resources.gpu} --vram-mb {resources.vram_mb} segment"
        " --video {input.video:q} --video-facts {input.facts:q}"
        " --out {output.masks:q} --bystanders-out {output.bystanders:q}"
        " --doubts-out {output.doubts:q}"
        " --checkpoints results/{wildcards.video:q}/.checkpoints/segment"


# The edits count by what they say, so that a comment or a name in their file makes nothing anew.
rule edit_tracks:
    input:
        "results/{video}/detected_masks.json",
    output:
        "results/{video}/masks.json",
    log:
        "logs/{video}/edit_tracks.log",
    conda:
        "../envs/core.yaml"
    resources:
        **needs("edit_tracks"),
    params:
        key=key_of("edit_tracks", edits=edits_of),
    message:
        "{wildcards.video}: correct who is who{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} edit-tracks"
        " --detected-masks {input:q} --out {output:q}"
        " --edits results/{wildcards.video:q}/tracks.yaml"


rule semantic_masks:
    input:
        video="results/{video}/clip.mp4",
        masks="results/{video}/detected_masks.json",
        bystanders="results/{video}/bystanders.json",
        weights=of_video(weight_records, "semantics"),
    output:
        "results/{video}/people_mask.json",
    log:
        "logs/{video}/semantic_masks.log",
    conda:
        of_video(environment_file, "semantics")
    resources:
        **needs("semantic_masks"),
    params:
        key=key_of("semantic_masks"),
    message:
        "{wildcards.video}: mark every person's pixels{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q}"
        " --gpus {resources.gpu} --vram-mb {resources.vram_mb} semantic-masks"
        " --video {input.video:q} --masks {input.masks:q}"
        " --bystanders {input.bystanders:q} --out {output:q}"
