# From pictures to bodies in one metric world.


rule build_body:
    output:
        expand("resources/body_models/open/{file}", file=[*BODY_FILES, "base_mesh.npz"]),
    log:
        "logs/body_models/build_body.log",
    benchmark:
        "benchmarks/runs/body_models/build_body.tsv"
    conda:
        "../envs/core.yaml"
    threads: 2
    params:
        code=code_version("build_body"),
    message:
        "build the open body model"
    shell:
        "exec nlf-pipeline --log {log:q} build-body --out resources/body_models/open"


rule import_body:
    output:
        expand("resources/body_models/smpl/{file}", file=BODY_FILES),
    log:
        "logs/body_models/import_body.log",
    benchmark:
        "benchmarks/runs/body_models/import_body.tsv"
    conda:
        "../envs/core.yaml"
    params:
        options=flags(source=config["body_models_dir"], gender=config["body_gender"]),
        code=code_version("import_body"),
    message:
        "import the SMPL body model"
    shell:
        "exec nlf-pipeline --log {log:q} import-body --out resources/body_models/smpl {params.options}"


rule estimate:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        masks="results/{video}/masks.json",
        detected="results/{video}/detected_masks.json",
        intrinsics="results/{video}/intrinsics.json",
        body=BODY,
    output:
        "results/{video}/predictions.xz",
    log:
        "logs/{video}/estimate.log",
    benchmark:
        "benchmarks/runs/{video}/estimate.tsv"
    conda:
        "../envs/core.yaml"
    threads: 2
    params:
        options=flags(estimator=config["estimator"], body=BODY_DIR),
        code=code_version("estimate"),
    message:
        "{wildcards.video}: estimate everybody's body in every frame"
    shell:
        "exec nlf-pipeline --log {log:q} estimate --video {input.video:q} --video-facts {input.facts:q}"
        " --masks {input.masks:q} --detected-masks {input.detected:q} --intrinsics {input.intrinsics:q}"
        " --out {output:q} --cache results/{wildcards.video:q}/.people/estimate {params.options}"


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
        options=flags(contacts=config["plant_feet"], body_model=config["body_model"], body=BODY_DIR),
        code=code_version("world"),
    message:
        "{wildcards.video}: put everybody on the floor of one world"
    shell:
        "exec nlf-pipeline --log {log:q} world --fits {input.fits:q} --cameras {input.cameras:q}"
        " --ground {input.ground:q} --video-facts {input.facts:q} --bodies-out {output.bodies:q}"
        " --cameras-out {output.cameras:q} {params.options}"
