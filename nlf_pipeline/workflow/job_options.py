"""What stands before the stage on a job's command line: where its log goes, its key, its share of GPUs."""

from dataclasses import dataclass
from pathlib import Path

from nlf_pipeline.errors import UserError

USAGE = "nlf-pipeline [--log FILE] [--key JSON] [--gpus N] [--vram-mb M]"


@dataclass(frozen=True)
class JobOptions:
    """Options of a job, whichever stage it runs."""

    log: Path | None = None
    key: str | None = None
    gpus: int = 0
    vram_mb: int | None = None
    """Memory of each GPU, None: all of it."""


def take_job_options(arguments: list[str]) -> JobOptions:
    """Remove the options before the stage from a command line, and return them.

    Raises:
        UserError: if one has no value, or none that it can have.
    """
    found: dict[str, str] = {}
    while arguments and arguments[0] in ("--log", "--key", "--gpus", "--vram-mb"):
        if len(arguments) < 2:
            raise UserError(f"{arguments[0]}: found nothing behind it. Usage: {USAGE} STAGE ...")
        name = arguments.pop(0)
        found[name] = arguments.pop(0)
    return JobOptions(
        log=Path(found["--log"]) if "--log" in found else None,
        key=found.get("--key"),
        gpus=_number("--gpus", found.get("--gpus", "0")),
        vram_mb=_number("--vram-mb", found["--vram-mb"]) or None if "--vram-mb" in found else None,
    )


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise UserError(f"{name}: found {text!r}, expected a whole number, 0 or more.")
    return int(text)
