# From pictures to bodies in one metric world.


rule build_body:
    output:
        expand("resources/body_models/{{family}}{{kind}}/{file}", file=body_files("open")),
    log:
        "logs/body_models/build_body_{family}{kind}.log",
    wildcard_constraints:
        family="open|anny",
        kind="|-(neutral|female|male)-[0-9]+",
    conda:
        "../envs/core.yaml"
    threads: 2
    resources:
        **needs("build_body"),
    params:
        key=body_key("build_body", "logs/body_models/build_body_{family}{kind}.log"),
    message:
        "build the body model {wildcards.family}{wildcards.kind}{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} build-body"
        " --out resources/body_models/{wildcards.family}{wildcards.kind}"


for registered in ("smpl", "smplx"):

    rule:
        name:
            f"import_{registered}"
        output:
            expand("resources/body_models/{{family}}-{{gender}}-{{betas}}/{file}", file=body_files(registered)),
        log:
            "logs/body_models/import_body_{family}-{gender}-{betas}.log",
        wildcard_constraints:
            family=registered,
            gender="neutral|female|male",
            betas="[0-9]+",
        conda:
            "../envs/core.yaml"
        resources:
            **needs("import_body"),
        params:
            key=body_key("import_body", "logs/body_models/import_body_{family}-{gender}-{betas}.log"),
        message:
            "import the body model {wildcards.family} ({wildcards.gender}, {wildcards.betas} betas){params.key.change}"
        shell:
            "exec nlf-pipeline --log {log:q} --key {params.key:q} import-body"
            " --out resources/body_models/{wildcards.family}-{wildcards.gender}-{wildcards.betas}"


rule estimate:
    input:
        video="results/{video}/clip.mp4",
        facts="results/{video}/video.json",
        masks="results/{video}/masks.json",
        detected="results/{video}/detected_masks.json",
        intrinsics="results/{video}/intrinsics.json",
        body=of_video(body_file),
        weights=of_video(weight_records, "estimator"),
        predictions_file=of_video(given_file, "predictions_file"),
        masks_file=of_video(masks_of_bodies),
    output:
        "results/{video}/predictions.xz",
    log:
        "logs/{video}/estimate.log",
    conda:
        of_video(environment_file, "estimator")
    threads: 2
    resources:
        **needs("estimate"),
    params:
        key=key_of("estimate"),
    message:
        "{wildcards.video}: estimate everybody's body in every frame{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q}"
        " --gpus {resources.gpu} --vram-mb {resources.vram_mb} estimate"
        " --video {input.video:q} --video-facts {input.facts:q}"
        " --masks {input.masks:q} --detected-masks {input.detected:q} --intrinsics {input.intrinsics:q}"
        " --out {output:q} --cache results/{wildcards.video:q}/.people/estimate"
        " --checkpoints results/{wildcards.video:q}/.checkpoints/estimate"
        " --masks-file={input.masks_file:q}"


rule fit:
    input:
        predictions="results/{video}/predictions.xz",
        cameras="results/{video}/cameras.npz",
        facts="results/{video}/video.json",
        body=of_video(body_file),
        fits_file=of_video(given_file, "fits_file"),
    output:
        "results/{video}/fits.npz",
    log:
        "logs/{video}/fit.log",
    conda:
        "../envs/core.yaml"
    threads: 2
    resources:
        **needs("fit"),
    params:
        key=key_of("fit"),
    message:
        "{wildcards.video}: fit and smooth the bodies{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} fit"
        " --predictions {input.predictions:q} --cameras {input.cameras:q}"
        " --video-facts {input.facts:q} --out {output:q}"
        " --cache results/{wildcards.video:q}/.people/fit"


rule ground:
    input:
        fits="results/{video}/fits.npz",
        cameras="results/{video}/cameras.npz",
        intrinsics="results/{video}/intrinsics.json",
        facts="results/{video}/video.json",
        body=of_video(body_file),
    output:
        "results/{video}/ground.json",
    log:
        "logs/{video}/ground.log",
    conda:
        "../envs/core.yaml"
    resources:
        **needs("ground"),
    params:
        key=key_of("ground"),
    message:
        "{wildcards.video}: find the floor{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} ground"
        " --fits {input.fits:q} --cameras {input.cameras:q}"
        " --intrinsics {input.intrinsics:q} --video-facts {input.facts:q} --out {output:q}"


rule world:
    input:
        fits="results/{video}/fits.npz",
        cameras="results/{video}/cameras.npz",
        ground="results/{video}/ground.json",
        facts="results/{video}/video.json",
        body=of_video(body_file),
    output:
        bodies="results/{video}/bodies.npz",
        cameras="results/{video}/world_cameras.npz",
    log:
        "logs/{video}/world.log",
    conda:
        "../envs/core.yaml"
    resources:
        **needs("world"),
    params:
        key=key_of("world"),
    message:
        "{wildcards.video}: put everybody on the floor of one world{params.key.change}"
    shell:
        "exec nlf-pipeline --log {log:q} --key {params.key:q} world"
        " --fits {input.fits:q} --cameras {input.cameras:q}"
        " --ground {input.ground:q} --video-facts {input.facts:q} --bodies-out {output.bodies:q}"
        " --cameras-out {output.cameras:q}"
