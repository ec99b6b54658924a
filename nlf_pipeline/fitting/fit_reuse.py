"""Fitting only people whose predictions are new; who was fitted before is found in the cache."""

import hashlib
import logging
from dataclasses import fields
from importlib.metadata import version

import numpy as np
from smplfitter.pt import BodyFitter

from nlf_pipeline.fitting.person_fits import PersonFit, fit_people
from nlf_pipeline.fitting.pose_fitting import BodyPoints
from nlf_pipeline.fitting.track_smoothing import PoseTrack
from nlf_pipeline.person_cache import PersonCache, digest
from nlf_pipeline.predictions import Predictions
from nlf_pipeline.workflow.versions import code_version

log = logging.getLogger(__name__)


def cached_fits(
    cache: PersonCache, source: Predictions, fitter: BodyFitter, beta_regularizer: float
) -> list[PersonFit]:
    """What `fit_people` finds for everybody, from the cache where it is there.

    Args:
        cache: of one video's people; without a folder the predictions are not read for it.
        source: the predictions.
        fitter: of the body model whose vertices they are.
        beta_regularizer: pull of the shapes towards the average body.

    Returns:
        One fit per row of the predictions.
    """
    if not cache.keeps:
        return fit_people(source, fitter, beta_regularizer)
    model = [[name, tensor.numpy()] for name, tensor in sorted(fitter.body_model.state_dict().items())]
    shared = digest(code_version("fitting.person_fits"), version("smplfitter"), version("torch"), model)
    keys = [cache.key("fit", shared, beta_regularizer, row) for row in row_digests(source)]
    fits: dict[int, PersonFit] = {}
    for row, key in enumerate(keys):
        kept = cache.load(key)
        if kept is not None:
            fits[row] = _from_arrays(kept)
    missing = [row for row in range(len(keys)) if row not in fits]
    log.info("%d of %d people were fitted before", len(fits), len(keys))
    if missing:
        for row, person in zip(missing, fit_people(source, fitter, beta_regularizer, missing), strict=True):
            cache.save(keys[row], _to_arrays(person))
            fits[row] = person
    return [fits[row] for row in range(len(keys))]


def row_digests(source: Predictions) -> list[str]:
    """A digest of each person's predictions in all frames, reading them once."""
    hashed = [hashlib.sha256() for _ in source.person_ids]
    for frame in source:
        for row, state in enumerate(hashed):
            for field in fields(frame):
                state.update(getattr(frame, field.name)[row].tobytes())
    return [digest(source.n_frames, state.digest()) for state in hashed]


def _to_arrays(person: PersonFit) -> dict[str, np.ndarray]:
    parts = {"track": person.track, "sample": person.sample}
    nested = {f"{part}.{f.name}": getattr(value, f.name) for part, value in parts.items() for f in fields(value)}
    return {**nested, "betas": person.betas}


def _from_arrays(arrays: dict[str, np.ndarray]) -> PersonFit:
    track = PoseTrack(**{f.name: arrays[f"track.{f.name}"] for f in fields(PoseTrack)})
    sample = BodyPoints(**{f.name: arrays[f"sample.{f.name}"] for f in fields(BodyPoints)})
    return PersonFit(track, arrays["betas"], sample)
