"""The GPU, its driver, and whether torch's CUDA fits both."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from nlf_pipeline.diagnosis.findings import Finding, ModelSet, State

_TOPIC = "GPU"
_QUERY = ("name", "memory.total", "driver_version")
_TIMEOUT_S = 20
_MIB_PER_GIB = 1024
_OLDEST_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
"""Linux driver that runs every minor version of a CUDA major version (CUDA Toolkit release notes, table of minimum
driver versions for CUDA minor version compatibility)."""
_DRIVER_CURE = "update the NVIDIA driver: on Ubuntu sudo ubuntu-drivers install, else https://www.nvidia.com/drivers"
_NO_TOOL = "nvidia-smi was not found"
_NO_DRIVER_CURE = "use a machine with an NVIDIA GPU, and install its driver: on Ubuntu sudo ubuntu-drivers install"
_GPU_USE: dict[ModelSet, str] = {
    "embedded": "; not needed",
    "reference": "; the models run without, slowly, all but DROID-SLAM",
}
_CUDA_TORCH_CURE = "make install-reference, whose torch is built with CUDA"


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU, as its driver tells."""

    name: str
    memory_gib: float
    driver: str
    capability: tuple[int, int] | None
    """Compute capability; None where an old driver does not tell."""


@dataclass(frozen=True)
class TorchFacts:
    """What torch says about CUDA."""

    version: str
    cuda: str | None
    """CUDA version that torch is built with; None for a build without."""
    available: bool
    """A computation on the GPU gave its result."""
    reason: str
    """Why not, in torch's words."""
    archs: tuple[str, ...]
    """Architectures that its kernels are built for, such as sm_90 and compute_90."""


def installed_gpus() -> tuple[list[Gpu], str]:
    """The GPUs that nvidia-smi lists, and its complaint where it lists none."""
    complaint = ""
    # Older drivers do not know the last field, and then answer nothing.
    for query in ((*_QUERY, "compute_cap"), _QUERY):
        command = ["nvidia-smi", f"--query-gpu={','.join(query)}", "--format=csv,noheader,nounits"]
        try:
            answer = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
            )
        except FileNotFoundError:
            return [], _NO_TOOL
        except (OSError, subprocess.TimeoutExpired) as error:
            return [], f"nvidia-smi does not answer ({type(error).__name__})"
        if gpus := parse_nvidia_smi(answer.stdout):
            return gpus, ""
        complaint = next(iter((answer.stdout + answer.stderr).strip().splitlines()), "nvidia-smi lists none")
    return [], complaint


def parse_nvidia_smi(text: str) -> list[Gpu]:
    """GPUs from lines of `name, memory in MiB, driver[, compute capability]`; other lines are passed over."""
    gpus = []
    for line in text.splitlines():
        # A name may hold commas, the other fields do not.
        match = re.fullmatch(r"(.+?), *(\S+), *(\d+(?:\.\d+)+)(?:, *(\S+))?", line.strip())
        if match:
            name, memory_mib, driver, capability = match.groups()
            gpus.append(
                Gpu(
                    name,
                    float(memory_mib) / _MIB_PER_GIB if re.fullmatch(r"\d+", memory_mib) else 0.0,
                    driver,
                    _capability(capability or ""),
                )
            )
    return gpus


def needed_driver(cuda: str) -> str | None:
    """The oldest Linux driver for programs built with this CUDA version; None where it is not known here."""
    return _OLDEST_DRIVER.get(int(cuda.partition(".")[0]))


def is_too_old(driver: str, needed: str) -> bool:
    """Whether one version of a driver comes before another."""
    return _numbers(driver) < _numbers(needed)


def is_supported(capability: tuple[int, int], archs: Sequence[str]) -> bool:
    """Whether kernels built for `archs` run on a GPU of this compute capability.

    Machine code (sm_XY) runs on the same major and the same or a later minor version, portable code (compute_XY) on
    all later ones.
    """
    for arch in archs:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-z]?", arch)
        if match:
            major, minor = int(match[2]), int(match[3])
            if match[1] == "compute" and capability >= (major, minor):
                return True
            if match[1] == "sm" and capability[0] == major and capability[1] >= minor:
                return True
    return False


def gpu_findings(gpus: Sequence[Gpu], complaint: str, torch: TorchFacts | None, models: ModelSet) -> list[Finding]:
    """Judge GPUs, driver and torch together.

    Args:
        gpus: that nvidia-smi lists.
        complaint: of nvidia-smi, where it lists none.
        torch: None where it was not asked, or does not load.
        models: what is to run; the embedded ones use no GPU.
    """
    wanted: State = "warning" if models == "reference" else "absent"
    if not gpus:
        cure = None if models == "embedded" else _NO_DRIVER_CURE if complaint == _NO_TOOL else _DRIVER_CURE
        return [Finding(_TOPIC, "GPU", wanted, f"none ({complaint}){_GPU_USE[models]}", cure)]
    findings = [
        Finding(_TOPIC, "GPU" if len(gpus) == 1 else f"GPU {i}", "ok", _describe(gpu)) for i, gpu in enumerate(gpus)
    ]
    return findings if torch is None else [*findings, *_fit_findings(gpus, torch, wanted)]


def _fit_findings(gpus: Sequence[Gpu], torch: TorchFacts, wanted: State) -> list[Finding]:
    driver = gpus[0].driver
    if torch.cuda is None:
        found = f"torch {torch.version} is built without CUDA"
        return [Finding(_TOPIC, "driver", "ok", driver), Finding(_TOPIC, "CUDA", wanted, found, _CUDA_TORCH_CURE)]
    needed = needed_driver(torch.cuda)
    if needed and is_too_old(driver, needed):
        found = f"{driver} is too old for CUDA {torch.cuda}; {needed} or later expected"
        return [Finding(_TOPIC, "driver", wanted, found, _DRIVER_CURE)]
    findings = [Finding(_TOPIC, "driver", "ok", f"{driver} (CUDA {torch.cuda} needs {needed or 'an unknown one'})")]
    for capability in sorted({gpu.capability for gpu in gpus if gpu.capability}):
        if not is_supported(capability, torch.archs):
            found = f"torch {torch.version} has no kernels for compute capability {capability[0]}.{capability[1]}"
            cure = "install a torch that is built for this GPU: https://pytorch.org/get-started/previous-versions"
            return [*findings, Finding(_TOPIC, "CUDA", wanted, found, cure)]
    if not torch.available:
        found = f"torch {torch.version} with CUDA {torch.cuda} cannot use it: {torch.reason}"
        cure = "make the GPU visible (CUDA_VISIBLE_DEVICES; in a container: docker run --gpus all), or restart"
        return [*findings, Finding(_TOPIC, "CUDA", wanted, found, cure)]
    return [*findings, Finding(_TOPIC, "CUDA", "ok", f"{torch.cuda} in torch {torch.version}: computes")]


def _describe(gpu: Gpu) -> str:
    memory = f", {gpu.memory_gib:.0f} GiB" if gpu.memory_gib else ""
    capability = f", compute capability {gpu.capability[0]}.{gpu.capability[1]}" if gpu.capability else ""
    return f"{gpu.name}{memory}{capability}"


def _capability(text: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
