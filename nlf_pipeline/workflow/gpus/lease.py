"""A GPU, or a share of its memory, for as long as a job lives.

Every job on this host that wants a GPU has a file in one folder per user, held by a kernel lock (flock) that no dead
process can hold. The folder itself is locked while somebody looks and takes. Who came first is served first.
"""

import contextlib
import fcntl
import json
import logging
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from nlf_pipeline.errors import UserError
from nlf_pipeline.workflow.gpus.choice import Lease, chosen_devices, reason_to_wait, too_large, unclaimed
from nlf_pipeline.workflow.gpus.devices import Device, shared_out_devices

VISIBLE = "CUDA_VISIBLE_DEVICES"
_SLURM_JOB = "SLURM_JOB_ID"
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.1, 1.0
_ASKED_AGAIN_S = 15.0
"""nvidia-smi takes long on some hosts."""
_TOLD_AFTER_S, _TOLD_AGAIN_S = 3.0, 300.0
_STOPPED_AFTER_S = 30.0
"""Who waits looks at the queue every second; who has not for so long is stopped, and keeps nobody waiting."""
log = logging.getLogger(__name__)


@contextlib.contextmanager
def leasing_gpus(n: int, vram_mb: int | None, job: str) -> Iterator[Sequence[Device]]:
    """Hold `n` GPUs, waiting until there are, and show CUDA no others; without any GPU here, go on without.

    The lease ends with the context or with the process, however it ends; programs that it starts do not inherit it.

    Args:
        n: how many GPUs.
        vram_mb: memory that the job needs on each; None: all of it.
        job: what others read who wait for it.

    Yields:
        The devices, empty where there is no GPU.

    Raises:
        UserError: if there are fewer than `n` GPUs, or the folder of leases cannot be used.
    """
    devices = shared_out_devices(os.environ) if n > 0 else []
    if not devices:
        yield devices
        return
    if n > len(devices):
        raise UserError(f"{job}: needs {n} GPUs, found {len(devices)} to use. Give it fewer, or make more visible.")
    if too_large(devices, n, vram_mb):
        log.warning("needs %d MB of GPU memory, no GPU here has as much to share: taking a whole one", vram_mb)
        vram_mb = None
    folder = lease_folder(os.environ)
    visible = os.environ.get(VISIBLE)
    with _queued(folder, Lease(0, os.getpid(), job, tuple(device.key for device in devices))) as (descriptor, lease):
        taken = _wait(folder, descriptor, lease, devices, n, vram_mb)
        os.environ[VISIBLE] = ",".join(device.token for device in taken)
        log.info("%s, %s", ", ".join(device.label for device in taken), f"{vram_mb} MB" if vram_mb else "exclusively")
        try:
            yield taken
        finally:
            os.environ.pop(VISIBLE)
            os.environ.update({VISIBLE: visible} if visible is not None else {})


def living_leases(environment: Mapping[str, str]) -> list[Lease]:
    """Who holds GPUs of this host, or waits for them, in order of arrival; of this user's jobs only.

    Raises:
        UserError: if the folder of leases cannot be used.
    """
    folder = lease_folder(environment)
    if not folder.is_dir():
        return []
    with _locked(folder) as descriptor:
        return _living(descriptor)


def lease_folder(environment: Mapping[str, str]) -> Path:
    """Folder of this host's leases. What Slurm gave to one of its jobs is shared out within that job only."""
    slurm_job = environment.get(_SLURM_JOB, "")
    name = f"nlf_pipeline-gpus-{os.getuid()}"
    return Path(tempfile.gettempdir()) / (f"{name}-{slurm_job}" if slurm_job.isdecimal() else name)


@contextlib.contextmanager
def _queued(folder: Path, lease: Lease) -> Iterator[tuple[int, Lease]]:
    """A place at the end of the queue: its file, open and locked, and the lease with its ticket."""
    with _locked(folder) as directory:
        lease = replace(lease, ticket=max((other.ticket for other in _living(directory)), default=0) + 1)
        name = f"{lease.ticket:012d}.json"
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directory)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            _write(descriptor, lease)
        except OSError:
            os.unlink(name, dir_fd=directory)
            raise
    try:
        yield descriptor, lease
    finally:
        # The file goes before its lock, and is still this lease's: sweeping spares what is locked.
        (folder / name).unlink(missing_ok=True)
        os.close(descriptor)


def _wait(
    folder: Path, descriptor: int, lease: Lease, devices: list[Device], n: int, vram_mb: int | None
) -> list[Device]:
    """Wait until `n` devices are free that nobody waits for who came earlier, and take them."""
    started = asked = told = time.monotonic()
    told += _TOLD_AFTER_S - _TOLD_AGAIN_S
    wait_s = _SHORTEST_WAIT_S
    while True:
        now = time.monotonic()
        if now - asked > _ASKED_AGAIN_S:
            devices, asked = shared_out_devices(os.environ) or devices, now
        with _locked(folder) as directory:
            others = [other for other in _living(directory) if other.ticket != lease.ticket]
            taken = chosen_devices(unclaimed(devices, lease, others), others, n, vram_mb, waited_s=now - started)
            if taken:
                share = tuple((device.key, vram_mb if device.total_mb is not None else None) for device in taken)
                _write(descriptor, replace(lease, holds=share))
                return taken
        if now - told > _TOLD_AGAIN_S:
            log.info("waits for a GPU: %s", reason_to_wait(lease, devices, others))
            told = now
        os.utime(descriptor)
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """The folder of leases, open, and nobody else's while inside."""
    try:
        directory = _opened(folder)
        try:
            yield directory
        finally:
            os.close(directory)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot keep who uses which GPU here ({error.strerror}). Make room or give permission, or "
            "choose another folder on this host with the environment variable TMPDIR."
        ) from error


def _opened(folder: Path) -> int:
    """Open and lock the folder, made if need be; only one that nobody else could have prepared or can change."""
    while True:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        try:
            directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # cleaned up in between
        fcntl.flock(directory, fcntl.LOCK_EX)
        facts = os.fstat(directory)
        if facts.st_nlink == 0:  # cleaned up in between
            os.close(directory)
            continue
        if facts.st_uid != os.getuid() or stat.S_IMODE(facts.st_mode) & 0o077:
            os.close(directory)
            raise UserError(
                f"{folder}: found a folder that others own or can change, expected one of your own with permissions "
                "700. Remove it, or choose another place for it with the environment variable TMPDIR."
            )
        return directory


def _living(directory: int) -> list[Lease]:
    """The leases in the locked folder in order of arrival; files of the dead are swept away."""
    leases = []
    for name in sorted(os.listdir(directory)):
        with contextlib.suppress(FileNotFoundError):  # who leaves takes its file along without asking
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name, dir_fd=directory)
            except BlockingIOError:
                leases.append(_read(descriptor))
            finally:
                os.close(descriptor)
    return leases


def _read(descriptor: int) -> Lease:
    facts = os.fstat(descriptor)
    fields = json.loads(os.pread(descriptor, facts.st_size, 0))
    is_stopped = time.time() - facts.st_mtime > _STOPPED_AFTER_S
    holds = tuple((key, share) for key, share in fields["holds"])
    return Lease(fields["ticket"], fields["pid"], fields["job"], tuple(fields["wants"]), holds, is_stopped)


def _write(descriptor: int, lease: Lease) -> None:
    text = json.dumps(asdict(lease)).encode()
    os.pwrite(descriptor, text, 0)  # before it is cut, so that a full disk leaves what was there
    os.ftruncate(descriptor, len(text))
