"""What a piece of work with a network costs: time, processor, memory, and how busy the GPU was."""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    import torch

HEADER = (
    "| stage | model | frames | wall s/frame | CPU s/frame | frames/s | peak RSS, MiB | peak CUDA, MiB | GPU busy "
    "| in the network |\n|---|---|---|---|---|---|---|---|---|---|"
)
_SAMPLE_MS = 200
_BYTES_PER_MIB = 1 << 20
_KIB_PER_MIB = 1024
_UNKNOWN = "-"


@dataclass(frozen=True)
class Cost:
    """Of one run over a clip."""

    wall_s: float
    cpu_s: float
    """Of this process and those that it waited for, all threads together."""
    rss_mib: float
    """The most that the process ever held, imports, weights and warm-up included."""
    cuda_mib: float | None
    """The most that torch held at once on the GPU, weights included; None without a GPU."""
    gpu_busy: float | None
    """Share of the time in which the GPU computed something, 0-1; None where nvidia-smi does not tell."""
    in_network: float | None
    """Share of the wall time inside the network, 0-1; None where it cannot be told."""


def measure(work: Callable[[], str], device: torch.device, network: Sequence[tuple[type, str]]) -> tuple[Cost, str]:
    """What `work` costs, and what it returns.

    Args:
        work: to be done once, when all is loaded and warm.
        device: where its network runs.
        network: methods (class, name) that are the network; none if it cannot be told apart.
    """
    import torch

    on_gpu = device.type == "cuda"
    # On a GPU, calls return before their work is done, so the time inside them says nothing.
    clock = CallClock(() if on_gpu else network)
    if on_gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    with sampling(_nvidia_smi(device) if on_gpu else ()) as samples, clock.running():
        wall_s, cpu_s = time.perf_counter(), _processor_s()
        told = work()
        if on_gpu:
            torch.cuda.synchronize()
        wall_s, cpu_s = time.perf_counter() - wall_s, _processor_s() - cpu_s
        said = samples()
    cost = Cost(
        wall_s,
        cpu_s,
        peak_rss_mib(Path("/proc/self/status").read_text()),
        torch.cuda.max_memory_allocated() / _BYTES_PER_MIB if on_gpu else None,
        mean_utilisation(said),
        clock.seconds / wall_s if clock.methods else None,
    )
    return cost, told


def peak_rss_mib(status: str) -> float:
    """The most that a process ever held.

    Args:
        status: text of its /proc/PID/status; what getrusage says may be the process's that started it.
    """
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / _KIB_PER_MIB


def _processor_s() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


@dataclass
class CallClock:
    """Seconds of wall time inside some methods, of all their objects, in one thread."""

    methods: Sequence[tuple[type, str]]
    seconds: float = 0.0
    _depth: int = 0
    """Calls that have not returned; the outermost counts."""

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Count all calls within."""
        with contextlib.ExitStack() as patches:
            for owner, name in self.methods:
                patches.enter_context(patch.object(owner, name, self._timed(getattr(owner, name))))
            yield

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            self._depth += 1
            try:
                return method(*args, **kwargs)
            finally:
                self._depth -= 1
                self.seconds += 0.0 if self._depth else time.perf_counter() - started

        return timed


def _nvidia_smi(device: torch.device) -> list[str]:
    """The command that says again and again how busy the GPU `device` is."""
    import torch

    # By its own number, since CUDA_VISIBLE_DEVICES may have given it another.
    uuid = torch.cuda.get_device_properties(device).uuid
    query = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    return ["nvidia-smi", f"--id=GPU-{uuid}", *query, "-lms", str(_SAMPLE_MS)]


@contextlib.contextmanager
def sampling(command: Sequence[str]) -> Iterator[Callable[[], str]]:
    """Run a program meanwhile; gives what it has written so far: nothing if it is not there, or there is no command."""
    with tempfile.NamedTemporaryFile("w+") as said, contextlib.ExitStack() as running:
        if command:
            with contextlib.suppress(OSError):
                sampler = running.enter_context(subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL))
                running.callback(sampler.terminate)
        yield Path(said.name).read_text


def mean_utilisation(text: str) -> float | None:
    """Mean share of busy time, 0-1, of what nvidia-smi said; None if no line is a percentage.

    Args:
        text: a number from 0 to 100 per line; complaints, and a last line that is cut off, may be among them.
    """
    complete = text[: text.rfind("\n") + 1].splitlines()
    values = [float(line) for line in complete if line.strip().isdigit()]
    return statistics.mean(values) / 100 if values else None


def table_row(stage: str, model: str, n_frames: int, cost: Cost) -> str:
    """A line below HEADER."""
    cells = [
        stage,
        model,
        str(n_frames),
        f"{cost.wall_s / n_frames:.3g}",
        f"{cost.cpu_s / n_frames:.3g}",
        f"{n_frames / cost.wall_s:.3g}",
        f"{cost.rss_mib:.0f}",
        _or_unknown(cost.cuda_mib, ".0f"),
        _or_unknown(cost.gpu_busy, ".0%"),
        _or_unknown(cost.in_network, ".0%"),
    ]
    return f"| {' | '.join(cells)} |"


def _or_unknown(value: float | None, form: str) -> str:
    return _UNKNOWN if value is None else format(value, form)


def machine(device: torch.device, cpuinfo: str) -> str:
    """The machine in one line.

    Args:
        device: where the networks run.
        cpuinfo: text of /proc/cpuinfo.
    """
    import torch

    name = next((line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line[:10] == "model name"), "CPU")
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU used, 1 thread of torch"
    return f"{name}, {os.cpu_count()} cores, {gpu}, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}"
