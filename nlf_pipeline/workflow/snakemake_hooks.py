"""The few places where the workflow reaches into Snakemake, whose minor version is pinned for that."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

from snakemake.jobs import Job
from snakemake.persistence import PersistenceBase
from snakemake.scheduling.job_scheduler import JobScheduler
from snakemake.settings.enums import Quietness


def before_dag(workflow: Any, prepare: Callable[[], None]) -> None:
    """Call `prepare` when jobs are about to be run, before Snakemake looks at what is there and what is missing.

    Not for a dry run, nor for commands that run nothing, such as --lint or --summary.

    Args:
        workflow: Snakemake's.
        prepare: is given nothing.
    """
    execute = workflow.execute

    @functools.wraps(execute)
    def prepare_and_execute(executor_plugin: Any, *arguments: Any, **named: Any) -> Any:
        common = executor_plugin.common_settings
        if not (common.dryrun_exec or common.touch_exec):
            prepare()
        return execute(executor_plugin, *arguments, **named)

    workflow.execute = prepare_and_execute


def let_jobs_record() -> None:
    """Have a job on another machine note by itself what it has made, and from what, as soon as it is done.

    Snakemake leaves that to the process that submitted the job, but for `--immediate-submit`, when there is none any
    more. That process can be killed, and the job's result would be done anew, or kept although settings have changed.
    """
    finished = PersistenceBase.finished

    @functools.wraps(finished)
    async def record(self: PersistenceBase, job: Any) -> None:
        settings = self.dag.workflow.remote_execution_settings
        given, settings.immediate_submit = settings.immediate_submit, True
        try:
            await finished(self, job)
        finally:
            settings.immediate_submit = given

    PersistenceBase.finished = record


def compare_parameters_as_text() -> None:
    """Have Snakemake compare parameters, which are all text here, without looking whether they are tables.

    For that it would load pandas, which takes a sixth of a run with nothing to do.
    """
    PersistenceBase._serialize_param = PersistenceBase._serialize_param_builtin  # type: ignore[assignment]


def leave_out_what_is_not_said(workflow: Any) -> None:
    """Have a dry run that says nothing of its jobs (`--quiet rules`) not make up what it would say.

    That is a third of its time.

    Args:
        workflow: Snakemake's.
    """
    said = workflow.output_settings
    if said.dryrun and Quietness.RULES in (said.quiet or ()) and not said.log_handler_settings:
        Job.log_info = lambda *_arguments, **_named: None


def measure_inputs_once() -> None:
    """Have the scheduler ask for the size of a job's inputs once, instead of at every job's end for all that wait.

    With hundreds of videos that takes longer than all else that Snakemake does for a job. It needs the sizes only to
    begin with the largest.
    """

    async def measure(self: JobScheduler, jobs: Iterable[Any]) -> None:
        for path in {path for job in jobs for path in job.input}.difference(self._input_sizes):
            self._input_sizes[path] = await path.size() if await path.exists() else None

    JobScheduler.update_input_sizes = measure


def slurm_run(workflow: Any) -> str | None:
    """The name that all jobs of this run bear in Slurm, None if jobs are not given to Slurm."""
    return getattr(getattr(workflow.scheduler, "_executor", None), "run_uuid", None)
