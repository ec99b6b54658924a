# Files of the real models. They are no outputs, which Snakemake would delete before it makes them anew: the record of a
# file's digest stands for it.
WEIGHT_NAMES = {weight.file: name for name, weight in load_registry().items()}


rule weights:
    output:
        f"{WEIGHTS_DIR}/{{file}}.sha256.json",
    log:
        "logs/weights/{file}.log",
    wildcard_constraints:
        file="|".join(map(re.escape, WEIGHT_NAMES)),
    localrule: True
    conda:
        "../envs/core.yaml"
    params:
        key=key_of("weights", "logs/weights/{file}.log"),
    message:
        "get the weights {wildcards.file}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} weights fetch {wildcards.file:q}"
