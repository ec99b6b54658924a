"""Which GPUs jobs share out, and who holds them now."""

from collections.abc import Mapping, Sequence

from nlf_pipeline.diagnosis.findings import Finding
from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.gpus.choice import Lease
from nlf_pipeline.workflow.gpus.devices import Device, shared_out_devices
from nlf_pipeline.workflow.gpus.lease import living_leases

_TOPIC = "GPU"


def gpu_job_findings(environment: Mapping[str, str]) -> list[Finding]:
    """What jobs with these environment variables could use, and which of this user's jobs use or wait for it."""
    try:
        devices = shared_out_devices(environment)
        return share_findings(devices, living_leases(environment)) if devices else []
    except UserError as error:
        found, _, cure = str(error).partition(". ")
        return [Finding(_TOPIC, "sharing", "warning", found, cure)]


def share_findings(devices: Sequence[Device], leases: Sequence[Lease]) -> list[Finding]:
    """One line for what there is to share out, and one for each job.

    Args:
        devices: that jobs may use.
        leases: of the jobs that live, in order of arrival.
    """
    told = ", ".join(
        f"{device.label} ({'one job at a time' if device.total_mb is None else f'{device.total_mb} MB'})"
        for device in devices
    )
    labels = {device.key: device.label for device in devices}
    return [
        Finding(_TOPIC, "shared out", "ok", told),
        *(Finding(_TOPIC, f"process {lease.pid}", "ok", _describe(lease, labels)) for lease in leases),
    ]


def _describe(lease: Lease, labels: Mapping[str, str]) -> str:
    held = [f"{labels.get(key, key)} ({'all of it' if share is None else f'{share} MB'})" for key, share in lease.holds]
    return f"{lease.job} holds {', '.join(held)}" if held else f"{lease.job} waits"
