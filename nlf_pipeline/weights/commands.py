"""`nlf-pipeline weights ...`: files of the reference models."""

import logging
from pathlib import Path

from nlf_pipeline.errors import UserError
from nlf_pipeline.weights.fetching import fetch_weight
from nlf_pipeline.weights.listing import format_states, weights_state
from nlf_pipeline.weights.records import accept_content, changed_error, check_content, digest_of, recorded_digest
from nlf_pipeline.weights.registry import WEIGHTS_DIR, Weight, find_weight, load_registry
from nlf_pipeline.workflow.model_sets import MODEL_SETS, needed_weights

log = logging.getLogger(__name__)


def list_weights(*, folder: Path = WEIGHTS_DIR, body_models_dir: Path | None = None) -> None:
    """List every file: what it is for, its licence, whether it is there and as it was.

    Args:
        folder: of the weights.
        body_models_dir: folder of the registered body models, as the setting of that name.
    """
    for line in format_states(weights_state(folder, body_models_dir)):
        print(line)


def fetch(names: tuple[str, ...] = (), /, *, folder: Path = WEIGHTS_DIR) -> None:
    """Download what is missing, going on where an earlier download ended, and record digests.

    A file that is there already, or a link to one, is checked and kept.

    Args:
        names: which, as `list` shows them; unless given, everything that `models: reference` needs.
        folder: of the weights.
    """
    failed = []
    for weight in [find_weight(name) for name in names or needed_weights(MODEL_SETS["reference"])]:
        try:
            print(fetch_weight(folder, weight))
        except UserError as error:  # the others can be fetched all the same
            failed.append(str(error))
    if failed:
        raise UserError("\n".join(dict.fromkeys(failed)))


def verify(names: tuple[str, ...] = (), /, *, folder: Path = WEIGHTS_DIR) -> None:
    """Read every file that is there and compare it with what is published and recorded; exit status 1 if one differs.

    Args:
        names: which; unless given, all.
        folder: of the weights.
    """
    weights = [find_weight(name) for name in names] or list(load_registry().values())
    wrong = []
    for weight in weights:
        file = folder / weight.file
        if not file.is_file():
            if names:
                wrong.append(f"{file}: not found")
            continue
        if problem := _problem(file, weight):
            wrong.append(problem)
        else:
            print(f"{file}: {digest_of(file)}")
    if wrong:
        raise UserError("\n".join(wrong))


def accept(name: str, /, *, folder: Path = WEIGHTS_DIR) -> None:
    """Go on with the present content of a file that is not the one of the first use.

    What was computed with the old content is computed anew at the next run.

    Args:
        name: which.
        folder: of the weights.
    """
    file = folder / find_weight(name).file
    changed = accept_content(file, find_weight(name))
    print(f"{file}: {recorded_digest(file)} ({'accepted' if changed else 'as recorded before'})")


def _problem(file: Path, weight: Weight) -> str | None:
    """What is wrong with a file, None if nothing is."""
    try:
        check_content(file, weight)
    except UserError as error:
        return str(error)
    found = digest_of(file)
    return None if recorded_digest(file) in (None, found) else str(changed_error(file, weight, found))
