"""Inputs, keys and resources of rules, found out per video; what is the same for many videos only once.

Snakemake asks for them for every job, several times: with thousands of videos they must cost next to nothing.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nlf_pipeline.body_kinds import N_BETAS
from nlf_pipeline.workflow.job_resources import UNKNOWN_EXTENT, JobResources, clip_extent, job_resources
from nlf_pipeline.workflow.run_settings import RunSettings
from nlf_pipeline.workflow.stage_keys import StageKey, stage_key
from nlf_pipeline.workflow.stopping import or_stop

Found = str | list[str]


class RuleParts:
    """Makes what rules are given: values, or functions of the wildcards."""

    def __init__(self, settings: RunSettings, source_of: Callable[[str], str], results: Path) -> None:
        """Use the settings of a run.

        Args:
            settings: of its videos.
            source_of: the file that a video's clip is made from.
            results: folder with a folder per video.
        """
        self._settings, self._source_of, self._results = settings, source_of, results

    def of_video(self, function: Callable[..., Found], *arguments: Any) -> Any:
        """The function's result for the settings of each video; with {video} in it, that is replaced.

        Where all videos have the same settings it is no function, which takes less time for many videos.
        """
        if self._settings.are_same_for_all:
            return function(self._settings.common, *arguments)
        known: dict[int, Found] = {}

        def find(wildcards: Any) -> Found:
            settings = self._settings.of(wildcards.video)
            if id(settings) not in known:
                known[id(settings)] = function(settings, *arguments)
            found = known[id(settings)]
            return found.replace("{video}", wildcards.video) if isinstance(found, str) else found

        return find

    def key_of(self, stage: str, log: str | None = None, **more: Callable[[Any], str]) -> Callable[[Any], StageKey]:
        """The key of each job of a stage.

        Args:
            stage: its module's name.
            log: its log file, if that is not called as the stage.
            more: functions of the wildcards that return other parts of the key.
        """
        log_file = log or f"logs/{{video}}/{stage}.log"
        known: dict[tuple[Any, ...], StageKey] = {}

        def find(wildcards: Any) -> StageKey:
            settings = self._settings.of(wildcards.get("video"))
            parts = {name: part(wildcards) for name, part in more.items()}
            what = (id(settings), *parts.values())
            if what not in known or not known[what].is_final:
                known[what] = stage_key(stage, settings, **parts)
            return known[what].of_job(log_file.format(**wildcards))

        return find

    def body_key(self, stage: str, log: str) -> Callable[[Any], StageKey]:
        """The key of each job that makes a body model, whose folder's name tells it: FAMILY or FAMILY-GENDER-BETAS."""

        def find(wildcards: Any) -> StageKey:
            gender, betas = wildcards.get("gender", "neutral"), wildcards.get("betas", N_BETAS)
            if wildcards.get("kind"):
                gender, betas = wildcards.kind[1:].split("-")
            body = {"body_model": wildcards.family, "body_gender": gender, "body_betas": int(betas)}
            return stage_key(stage, {**self._settings.common, **body}).of_job(log.format(**wildcards))

        return find

    def needs(self, stage: str) -> Mapping[str, Any]:
        """What the jobs of a stage need of a machine: a number or a function of the wildcards for each resource."""

        @functools.cache
        def found(video: str | None, attempt: int) -> JobResources:
            settings, extent = self._settings.of(video), UNKNOWN_EXTENT
            if video:
                source = Path(or_stop(self._source_of, video))
                extent = clip_extent(self._results / video / "video.json", source, settings["time_range"])
            return job_resources(stage, settings, extent, attempt)

        def resource(name: str) -> Callable[[Any, int], int]:
            return lambda wildcards, attempt: getattr(found(wildcards.get("video"), attempt), name)

        all_settings = [self._settings.common, *self._settings.variants]
        with_gpu = any(job_resources(stage, settings, UNKNOWN_EXTENT).gpu for settings in all_settings)
        always = {"mem_mb": resource("mem_mb"), "runtime": resource("runtime")}
        return {**always, **({name: resource(name) if with_gpu else 0 for name in ("gpu", "vram_mb")})}
