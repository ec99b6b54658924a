"""The settings of a run as the workflow checks and completes them."""

from pathlib import Path

import yaml

from nlf_pipeline.workflow.settings import completed_settings, given_settings
from nlf_pipeline.workflow.videos.lists import videos_of_run

REPOSITORY = Path(__file__).resolve().parents[1]
DEFAULTS = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
SCHEMA = yaml.safe_load((REPOSITORY / "config.schema.yaml").read_text())


def checked_settings(*arguments, config=DEFAULTS):
    """The complete settings of `--config` with these arguments; raises UserError as a run would."""
    given = given_settings(config, arguments, SCHEMA)
    videos_of_run(given, SCHEMA)
    return completed_settings(given)
