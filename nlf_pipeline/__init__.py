"""One ordinary video of several people to everybody's 3D motion in one metric, gravity-aligned world.

Every stage is a module with one public function of the same name; the workflow (Snakefile) chains them:

    fetch -> segment -> semantic_masks -> track_camera -> estimate -> scale_camera -> fit -> ground
          -> world -> plan_view -> interpolate -> render -> evaluate

artefacts/, masks.py and predictions.py define the files between stages; docs/conventions.md has frames
and units. Backends (segmenters, semantics, cameras, estimators, interpolators, renderers) are small files
behind a Protocol.
"""
