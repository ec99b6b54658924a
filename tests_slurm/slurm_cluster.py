"""A real Slurm of one node with two GPUs that are only device files, for as long as it is held."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = Path("/etc/slurm")
MARK = "# Written by the tests in tests_slurm, which remove it again.\n"
"""First line of every file that this module puts into `CONFIGURATION`."""
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
N_GPUS, N_CPUS, MEMORY_MB = 2, 16, 64_000
_SEARCHED = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
_SLURM_CONF = """ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldDebug=info
KillWait=5
MinJobAge=3600
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} CoresPerSocket={cpus} RealMemory={memory_mb} Gres=gpu:{gpus}
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class SlurmJob:
    """A job as Slurm tells it."""

    job_id: str
    state: str
    comment: str
    partition: str
    started: str
    ended: str
    min_memory: str
    tres: str


@dataclass(frozen=True)
class SlurmCluster:
    """The daemons' folder, and what they tell."""

    folder: Path

    def jobs(self) -> list[SlurmJob]:
        """All jobs since the start, in order of submission."""
        shown = _told("squeue", "--noheader", "--states=all", "--sort=i", "--format=%A|%T|%k|%P|%S|%e|%m|%b")
        return [SlurmJob(*line.split("|")) for line in shown.splitlines()]

    def log(self) -> str:
        """What the controller wrote so far."""
        return (self.folder / "slurmctld.log").read_text()


def reason_against() -> str | None:
    """Why no cluster can be made here, None if it can."""
    if os.geteuid() != 0:
        return "making a Slurm of one node takes root"
    missing = [name for name in PROGRAMS if not _program(name)]
    if missing:
        return f"{', '.join(missing)}: not installed (apt-get install --no-install-recommends slurm-wlm munge)"
    foreign = [path for path in _configuration_files() if path.exists() and not _is_ours(path)]
    if foreign:
        return f"{foreign[0]} is there: this host has a Slurm of its own, which is left alone"
    return None


@contextlib.contextmanager
def running_cluster(folder: Path) -> Iterator[SlurmCluster]:
    """Start the daemons; end them and every job of theirs however the context ends."""
    cluster, daemons = SlurmCluster(folder), []
    made = [path for path in (CONFIGURATION,) if not path.exists()]
    try:
        _write_configuration(folder)
        sock, key = folder / "munge.sock", folder / "munge.key"
        files = {"log-file": "munged.log", "pid-file": "munged.pid", "seed-file": "munged.seed"}
        options = [f"--{name}={folder / file}" for name, file in files.items()]
        daemons.append(_daemon("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={sock}", *options))
        _wait_until(sock.exists, "munged opens its socket")
        daemons.append(_daemon("slurmctld", "-D", "-c"))
        daemons.append(_daemon("slurmd", "-D", "-c"))
        _wait_until(lambda: _told("sinfo", "-h", "-o", "%T", "-p", "gpu").strip() == "idle", "the node is idle")
        yield cluster
    finally:
        _end(daemons)
        for path in _configuration_files():
            if path.exists() and _is_ours(path):
                path.unlink()
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()


def _write_configuration(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    for number in range(N_GPUS):
        os.mknod(folder / f"gpu{number}", 0o666 | 0o020000, os.makedev(1, 3))
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    CONFIGURATION.mkdir(exist_ok=True)
    host = socket.gethostname().split(".")[0]
    text = _SLURM_CONF.format(
        host=host, folder=folder, ports=_free_ports(), cpus=N_CPUS, memory_mb=MEMORY_MB, gpus=N_GPUS
    )
    texts = (text, f"Name=gpu File={folder}/gpu[0-{N_GPUS - 1}]\n", "")
    for path, content in zip(_configuration_files(), texts, strict=True):
        path.write_text(MARK + content)


def _configuration_files() -> list[Path]:
    return [CONFIGURATION / name for name in ("slurm.conf", "gres.conf", "cgroup.conf")]


def _is_ours(path: Path) -> bool:
    return path.read_text(errors="replace").startswith(MARK)


def _free_ports() -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _program(name: str) -> str | None:
    paths = (Path(folder) / name for folder in _SEARCHED.split(":"))
    return next((str(path) for path in paths if os.access(path, os.X_OK)), None)


def _daemon(name: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [_program(name) or name, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PATH": _SEARCHED},
        preexec_fn=_die_with_parent,  # noqa: PLW1509
        start_new_session=True,
    )


def _die_with_parent() -> None:
    """Also where the tests themselves are killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _end(daemons: list[subprocess.Popen[bytes]]) -> None:
    if len(daemons) == 3:
        subprocess.run(["scancel", "--quiet", "--user=root"], check=False, timeout=20)
        with contextlib.suppress(AssertionError):
            _wait_until(lambda: not _told("squeue", "--noheader"), "the jobs end", seconds=15)
    for daemon in reversed(daemons):
        daemon.terminate()
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def _told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout


def _wait_until(holds, what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"Slurm: {what}: not within {seconds} s"
        time.sleep(0.2)
