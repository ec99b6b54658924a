# From pictures to bodies in one metric world.


rule build_body:
    output:
        expand("resources/body_models/{{family}}{{kind}}/{file}", file=body_files("open")),
    log:
        "logs/body_models/build_body_{family}{kind}.log",
    benchmark:
        "benchmarks/runs/body_models/build_body_{family}{kind}.tsv"
    wildcard_constraints:
        family="open|anny",
        kind="|-(neutral|female|male)-[0-9]+",
    conda:
        "../envs/core.yaml"
    threads: 2
    params:
        options=lambda wildcards: body_flags(wildcards.family, wildcards.kind),
        code=code_version("build_body"),
    message:
        "build the body model {wildcards.family}{wildcards.kind}"
    shell:
        "exec nlf-pipeline --log {log:q} build-body"
        " --out resources/body_models/{wildcards.family}{wildcards.kind} {params.options}"


for registered in ("smpl", "smplx"):

    rule:
        name:
            f"import_{registered}"
        output:
            expand("resources/body_models/{{family}}-{{gender}}-{{betas}}/{file}", file=body_files(registered)),
        log:
            "logs/body_models/import_body_{family}-{gender}-{betas}.log",
        benchmark:
            "benchmarks/runs/body_models/import_body_{family}-{gender}-{betas}.tsv"
        wildcard_constraints:
            family=registered,
            gender="neutral|female|male",
            betas="[0-9]+",
        conda:
            "../envs/core.yaml"
        params:
            source=flags(source=config["body_models_dir"]),
            code=code_version("import_body"),
        message:
            "import the body model {wildcards.family} ({wildcards.gender}, {wildcards.betas} betas)"
        shell:
            "exec nlf-pipeline --log {log:q} import-body {params.source} --family {wildcards.family}"
            " --gender {wildcards.gender} --betas {wildcards.betas}"
            " --out resources/body_models/{wildcards.family}-{wildcards.gender}-{wildcards.betas}"


rule estimate:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        masks="results/{video}/masks.json",
        detected="results/{video}/detected_masks.json",
        intrinsics="results/{video}/intrinsics.json",
        body=BODY,
        weights=weights_of("estimator"),
    output:
        "results/{video}/predictions.xz",
    log:
        "logs/{video}/estimate.log",
    benchmark:
        "benchmarks/runs/{video}/estimate.tsv"
    conda:
        f"../envs/{environment(config, 'estimator')}.yaml"
    threads: 2
    resources:
        gpu=gpus(config, "estimator"),
        execution=execution_flags("estimator"),
    params:
        options=flags(**backend_options(config, "estimator"), body=BODY_DIR),
        code=code_version("estimate"),
    message:
        "{wildcards.video}: estimate everybody's body in every frame"
    shell:
        "exec nlf-pipeline --log {log:q} estimate --video {input.video:q} --video-facts {input.facts:q}"
        " --masks {input.masks:q} --detected-masks {input.detected:q} --intrinsics {input.intrinsics:q}"
        " --out {output:q} --cache results/{wildcards.video:q}/.people/estimate {params.options}"
        " {resources.execution}"


rule fit:
    input:
        predictions="results/{video}/predictions.xz",
        cameras="results/{video}/cameras.npz",
        facts="results/{video}/video.json",
        body=BODY,
    output:
        "results/{video}/fits.npz",
    log:
        "logs/{video}/fit.log",
    benchmark:
        "benchmarks/runs/{video}/fit.tsv"
    conda:
        "../envs/core.yaml"
    threads: 2
    params:
        options=flags(
            beta_regularizer=config["shape_regularizer"],
            smoothing_s=config["smoothing"],
            max_gap_s=config["max_gap"],
            body=BODY_DIR,
        ),
        code=code_version("fit"),
    message:
        "{wildcards.video}: fit and smooth the bodies"
    shell:
        "exec nlf-pipeline --log {log:q} fit --predictions {input.predictions:q} --cameras {input.cameras:q}"
        " --video-facts {input.facts:q} --out {output:q}"
        " --cache results/{wildcards.video:q}/.people/fit {params.options}"


rule ground:
    input:
        fits="results/{video}/fits.npz",
        cameras="results/{video}/cameras.npz",
        intrinsics="results/{video}/intrinsics.json",
        facts="results/{video}/video.json",
        body=BODY,
    output:
        "results/{video}/ground.json",
    log:
        "logs/{video}/ground.log",
    benchmark:
        "benchmarks/runs/{video}/ground.tsv"
    conda:
        "../envs/core.yaml"
    params:
        options=flags(threshold_m=config["ground_threshold"], seed=config["seed"], body=BODY_DIR),
        code=code_version("ground"),
    message:
        "{wildcards.video}: find the floor"
    shell:
        "exec nlf-pipeline --log {log:q} ground --fits {input.fits:q} --cameras {input.cameras:q}"
        " --intrinsics {input.intrinsics:q} --video-facts {input.facts:q} --out {output:q} {params.options}"


rule world:
    input:
        fits="results/{video}/fits.npz",
        cameras="results/{video}/cameras.npz",
        ground="results/{video}/ground.json",
        facts="results/{video}/video.json",
        body=BODY,
    output:
        bodies="results/{video}/bodies.npz",
        cameras="results/{video}/world_cameras.npz",
    log:
        "logs/{video}/world.log",
    benchmark:
        "benchmarks/runs/{video}/world.tsv"
    conda:
        "../envs/core.yaml"
    params:
        options=flags(contacts=config["plant_feet"], body=BODY_DIR),
        code=code_version("world"),
    message:
        "{wildcards.video}: put everybody on the floor of one world"
    shell:
        "exec nlf-pipeline --log {log:q} world --fits {input.fits:q} --cameras {input.cameras:q}"
        " --ground {input.ground:q} --video-facts {input.facts:q} --bodies-out {output.bodies:q}"
        " --cameras-out {output.cameras:q} {params.options}"
