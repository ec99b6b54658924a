"""The GPUs that jobs on this host may share out, and how much memory each has.

CUDA_VISIBLE_DEVICES, set by the user, Slurm or a container, decides which; NLF_PIPELINE_GPUS which of them, and how
much of their memory. GPUs are told apart by their UUIDs wherever nvidia-smi gives them, so that an index and a UUID of
one GPU mean the same.
"""

import contextlib
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nlf_pipeline.errors import UserError

CHOICE = "NLF_PIPELINE_GPUS"
"""Environment variable: devices to share out, each with or without the MB to share out, as in `0:20000,1`."""
DEV = Path("/dev")
_QUERY = "index,uuid,name,memory.total,memory.free,mig.mode.current"
_TIMEOUT_S = 10.0
_RESERVE_MB = 500
"""Of a GPU's memory that is left for the display and the driver."""
_JOBS_PER_GPU = 4
"""More share a GPU's cores than its memory lets pass each other."""
_MIG_MB_PER_GB = 970
"""A MIG instance called 1g.10gb has somewhat less than its name says (MIG user guide, device profiles)."""
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
_MB = 1 << 20


@dataclass(frozen=True)
class Device:
    """One GPU, or MIG instance of one, that CUDA can be told to use."""

    token: str
    """What CUDA_VISIBLE_DEVICES calls it: an index or a UUID."""
    key: str
    """The same for everyone who means this device, as far as it is known."""
    total_mb: int | None = None
    """Memory to share out; None where it is not known."""
    used_mb: int = 0
    """Of `total_mb`, by all programs, when it was asked."""
    name: str = ""
    """Its index, where it has one."""

    @property
    def label(self) -> str:
        """What a person calls it."""
        return f"GPU {self.name}"


def shared_out_devices(environment: Mapping[str, str]) -> list[Device]:
    """The devices that jobs started with this environment may use; none where there is no GPU.

    Raises:
        UserError: if NLF_PIPELINE_GPUS does not say which GPUs.
    """
    visible, chosen = environment.get("CUDA_VISIBLE_DEVICES"), environment.get(CHOICE)
    wanted = None if visible is None else visible_tokens(visible)
    if wanted == []:
        return []
    nodes = list(DEV.glob("nvidia[0-9]*"))
    found = installed_devices() if nodes or (DEV / "dxg").exists() else []  # dxg: the GPU in Windows' Linux
    if chosen is not None:
        memory = _chosen_memory(chosen)
        named = _named(found, [token for token in memory if wanted is None or token in wanted], environment)
        return [_with_memory(device, memory[device.token]) for device in named]
    found = found or [Device(str(i), f"index-{i}", name=str(i)) for i in range(len(nodes))]
    return found if wanted is None or not found else _named(found, wanted, environment)


def host_resources(environment: Mapping[str, str]) -> dict[str, int]:
    """What Snakemake may hand out on this host, by the names that the rules use.

    Where the GPUs' memory is known, jobs are counted by it; else there is one job per GPU. Without a GPU networks run
    on the CPU, one at a time.
    """
    resources = {"gpu": 1, "mem_mb": physical_memory_mb()}
    with contextlib.suppress(UserError):  # told by the first job that wants one
        devices = shared_out_devices(environment)
        totals = [device.total_mb for device in devices if device.total_mb is not None]
        if devices and len(totals) == len(devices):
            resources |= {"gpu": _JOBS_PER_GPU * len(devices), "vram_mb": sum(totals)}
        elif devices:
            resources["gpu"] = len(devices)
    return resources


def physical_memory_mb() -> int:
    """Of this host, or of the container that this process runs in."""
    host = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # no limit is said in a word
        return min(host, int(_CONTAINER_LIMIT.read_text())) // _MB
    return host // _MB


def visible_tokens(text: str) -> list[str]:
    """Devices that CUDA reads from CUDA_VISIBLE_DEVICES: up to the first word that names none, each once."""
    tokens: list[str] = []
    for word in (part.strip() for part in text.split(",")):
        if not re.fullmatch(r"\d+|(GPU|MIG)-.+", word):
            break
        tokens.append(word)
    return list(dict.fromkeys(tokens))


def installed_devices() -> list[Device]:
    """GPUs in nvidia-smi's order, those cut up by MIG as their instances; none where it does not answer."""
    gpus, cut_up = parse_gpus(_nvidia_smi(f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"))
    if not cut_up:
        return gpus
    instances = parse_instances(_nvidia_smi("-L"))
    return [device for gpu in gpus for device in (instances.get(gpu.key, []) if gpu.key in cut_up else [gpu])]


def parse_gpus(text: str) -> tuple[list[Device], set[str]]:
    """GPUs from lines of `index, UUID, name, MB, free MB, MIG mode`, and the UUIDs of those that MIG cut up."""
    gpus: list[Device] = []
    cut_up: set[str] = set()
    for line in text.splitlines():
        match = re.fullmatch(r"(\d+), *(GPU-\S+), *.*, *(\S+), *(\S+), *(\S+)", line.strip())
        if match:
            index, uuid, total, free, mig = match.groups()
            known = total.isdecimal() and free.isdecimal()
            total_mb, used_mb = (int(total) - _RESERVE_MB, int(total) - int(free)) if known else (None, 0)
            gpus.append(Device(uuid, uuid, total_mb, used_mb, index))
            cut_up |= {uuid} if mig == "Enabled" else set()
    return gpus, cut_up


def parse_instances(text: str) -> dict[str, list[Device]]:
    """MIG instances by their GPU's UUID, from `nvidia-smi -L`."""
    instances: dict[str, list[Device]] = {}
    gpu, index = "", ""
    for line in text.splitlines():
        if match := re.match(r"GPU (\d+): .*\(UUID: (GPU-[^)]+)\)", line):
            index, gpu = match.groups()
        elif match := re.match(r"\s+MIG \S*?\.(\d+)gb\S*\s.*Device\s+(\d+):.*\(UUID: (MIG-[^)]+)\)", line):
            gigabytes, number, uuid = match.groups()
            device = Device(uuid, uuid, int(gigabytes) * _MIG_MB_PER_GB, 0, f"{index} instance {number}")
            instances.setdefault(gpu, []).append(device)
    return instances


def _named(found: Sequence[Device], tokens: Sequence[str], environment: Mapping[str, str]) -> list[Device]:
    """The devices that tokens mean, under the tokens' names; one that was not found has no known memory.

    CUDA counts the fastest GPU first, nvidia-smi by the bus: an index means the same where CUDA_DEVICE_ORDER says so,
    and where all have the same memory, which those of one kind do.
    """
    same_order = environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len({gpu.total_mb for gpu in found}) == 1
    by_index = {gpu.name: gpu for gpu in found} if same_order else {}
    devices: dict[str, Device] = {}
    for token in tokens:
        matches = [gpu for gpu in found if not token.isdecimal() and gpu.key.startswith(token)]
        matches = [by_index[token]] if token in by_index else matches
        device = replace(matches[0], token=token) if len(matches) == 1 else Device(token, f"index-{token}", name=token)
        devices.setdefault(device.key, device)
    return list(devices.values())


def _with_memory(device: Device, total_mb: int | None) -> Device:
    """The device with as much memory as the user shares out of it, if he says how much."""
    return device if total_mb is None else replace(device, total_mb=total_mb, used_mb=0)


def _chosen_memory(text: str) -> dict[str, int | None]:
    """Token -> MB, from `0:20000,1`."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    memory: dict[str, int | None] = {}
    for word in words:
        match = re.fullmatch(r"(\d+|(?:GPU|MIG)-[^:]+)(?::(\d+))?", word)
        if match is None:
            raise UserError(
                f"{CHOICE}: found {word!r} in {text!r}, expected indices or UUIDs of GPUs, each with the MB to share "
                "out or without, such as 0:20000,1. Correct it, or unset it to use all GPUs."
            )
        memory[match[1]] = int(match[2]) if match[2] else None
    return memory


def _nvidia_smi(*arguments: str) -> str:
    """What nvidia-smi prints; nothing where it is missing or does not answer, as with a driver that hangs."""
    try:
        process = subprocess.Popen(
            ["nvidia-smi", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace"
        )
    except OSError:
        return ""
    try:
        return process.communicate(timeout=_TIMEOUT_S)[0] if process.stdout else ""
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # inside the driver it does not even die
            process.communicate(timeout=1)
        return ""
