"""Which GPUs a job may have, given what others hold: rules without side effects."""

from collections.abc import Sequence
from dataclasses import dataclass

from nlf_pipeline.workflow.gpus.devices import Device

_PATIENCE_S = 300.0
"""How long a job waits for memory that only programs outside these leases use: they may never end."""


@dataclass(frozen=True)
class Lease:
    """A job that holds devices, or waits for them."""

    ticket: int
    """Smaller for who came earlier."""
    pid: int
    job: str
    """What it is, for people."""
    wants: tuple[str, ...]
    """Keys of the devices of which it takes any."""
    holds: tuple[tuple[str, int | None], ...] = ()
    """Key of each device that it has, and MB of it; None: all."""
    is_stopped: bool = False
    """It waits, but has not looked for long, as a process that was suspended."""


def unclaimed(devices: Sequence[Device], lease: Lease, others: Sequence[Lease]) -> list[Device]:
    """The devices for which nobody waits who came earlier."""
    claimed = {key for other in others if _waits_before(other, lease) for key in other.wants}
    return [device for device in devices if device.key not in claimed]


def chosen_devices(
    devices: Sequence[Device], others: Sequence[Lease], n: int, vram_mb: int | None, waited_s: float = 0.0
) -> list[Device]:
    """The `n` devices with most room, or none unless there are `n` with enough.

    Args:
        devices: to choose from.
        others: living leases; those that only wait take no room.
        n: how many.
        vram_mb: memory that is needed on each, MB; None: no other lease on it.
        waited_s: how long the job has waited; after five minutes what programs outside the leases use counts no more.
    """
    fitting = [device for device in devices if _fits(device, others, vram_mb, waited_s)]
    fitting.sort(key=lambda device: (len(_shares(device, others)), -_room_mb(device, others)))
    return fitting[:n] if len(fitting) >= n else []


def too_large(devices: Sequence[Device], n: int, vram_mb: int | None) -> bool:
    """Whether fewer than `n` devices could ever have this much memory to share out."""
    able = [device for device in devices if device.total_mb is None or device.total_mb >= (vram_mb or 0)]
    return len(able) < n


def reason_to_wait(lease: Lease, devices: Sequence[Device], others: Sequence[Lease]) -> str:
    """Who is in the way, in words."""
    holders = [
        f"{device.label} is held by {', '.join(map(_named, holding))}"
        for device in devices
        if (holding := [other for other in others if device.key in dict(other.holds)])
    ]
    before = [_named(other) for other in others if _waits_before(other, lease)]
    used = [
        f"{device.used_mb} of {device.total_mb} MB of {device.label} are in use"
        for device in devices
        if device.total_mb is not None
    ]
    return "; ".join([*(holders or used), *([f"before it: {', '.join(before)}"] if before else [])])


def _waits_before(other: Lease, lease: Lease) -> bool:
    is_waiting = not other.holds and not other.is_stopped
    return is_waiting and other.ticket < lease.ticket and not set(other.wants).isdisjoint(lease.wants)


def _fits(device: Device, others: Sequence[Lease], vram_mb: int | None, waited_s: float) -> bool:
    shares = _shares(device, others)
    if vram_mb is None or device.total_mb is None:
        return not shares
    leased_mb = sum(share or 0 for share in shares)
    taken_mb = leased_mb if waited_s > _PATIENCE_S else max(leased_mb, device.used_mb)
    return None not in shares and taken_mb + vram_mb <= device.total_mb


def _room_mb(device: Device, others: Sequence[Lease]) -> int:
    """Memory that nobody uses or has leased; jobs may not have allocated theirs yet."""
    leased_mb = sum(share or 0 for share in _shares(device, others))
    return (device.total_mb or 0) - max(leased_mb, device.used_mb)


def _shares(device: Device, others: Sequence[Lease]) -> list[int | None]:
    return [share for other in others for key, share in other.holds if key == device.key]


def _named(lease: Lease) -> str:
    return f"{lease.job} (process {lease.pid})"
