"""What a cluster needs beside the rules: the profile, the environments of envs/, the plugin's version."""

import re
import subprocess
import tomllib

import pytest
import yaml
from workflow_runs import REPOSITORY

from nlf_pipeline.workflow.model_sets import BACKEND_SETTINGS, environment

PROFILES = REPOSITORY / "profiles"
SCHEMA = yaml.safe_load((REPOSITORY / "config.schema.yaml").read_text())["properties"]
RULES = "\n".join(path.read_text() for path in sorted((REPOSITORY / "rules").glob("*.smk")))
OF_ONE_HOST = {"cores", "resources", "__use_yte__", "__definitions__"}


def test_the_profile_for_slurm_repeats_the_default_one_but_for_what_is_about_one_host():
    default, slurm = (yaml.safe_load((PROFILES / name / "config.yaml").read_text()) for name in ("default", "slurm"))
    for name in set(default) - OF_ONE_HOST:
        assert slurm[name] == default[name], name
    assert slurm["executor"] == "slurm" and slurm["retries"] == 2


def test_the_profile_names_a_file_of_partitions_some_of_which_have_gpus():
    name = yaml.safe_load((PROFILES / "slurm/config.yaml").read_text())["slurm-partition-config"]
    partitions = yaml.safe_load((PROFILES / "slurm" / name).read_text())["partitions"]
    assert {bool(limits.get("max_gpu")) for limits in partitions.values()} == {True, False}


def test_every_rule_that_runs_a_stage_names_an_environment():
    rules = re.split(r"^ *rule\b", RULES, flags=re.MULTILINE)[1:]
    assert len(rules) >= 15
    assert all(re.search(r"^ *conda:$", rule, re.MULTILINE) for rule in rules)


@pytest.mark.parametrize("stage", BACKEND_SETTINGS)
def test_the_environment_of_every_backend_is_there(stage):
    key = BACKEND_SETTINGS[stage]
    for backend in SCHEMA[key]["enum"]:
        assert (REPOSITORY / "envs" / f"{environment({key: backend}, key)}.yaml").is_file()


def test_environments_named_in_the_rules_are_there():
    named = set(re.findall(r"envs/(\w+)\.yaml", RULES))
    assert named
    assert all((REPOSITORY / "envs" / f"{name}.yaml").is_file() for name in named)


def test_the_plugin_for_slurm_has_one_version_and_needs_what_the_extra_has():
    pin = re.search(
        r"^SLURM := (snakemake-executor-plugin-slurm)==([\d.]+)$", (REPOSITORY / "Makefile").read_text(), re.M
    )
    assert pin
    documented = re.findall(rf"{pin[1]}[= ]+([\d.]+\d)", (REPOSITORY / "docs/cluster.md").read_text())
    assert set(documented) == {pin[2]}
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert f"{pin[1]}-jobstep" in extras["slurm"]


def test_make_help_names_every_target_and_nothing_else():
    makefile = (REPOSITORY / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    shown = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^make (\S+)", shown, re.MULTILINE)) == set(phony[1].split()) - {"help"}
