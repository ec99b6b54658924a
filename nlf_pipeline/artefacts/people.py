"""Where it is uncertain who is who."""

from dataclasses import dataclass, field
from typing import Literal

from nlf_pipeline.artefact_files import JsonArtefact

DoubtReason = Literal["crossing", "occlusion", "reappearance", "appearance"]


@dataclass(frozen=True)
class IdentityDoubt:
    """Frames after which people may have been mixed up."""

    start: int
    """First frame."""
    stop: int
    """The frame after the last."""
    person_ids: list[int]
    """Who may have been mixed up with whom; one person alone: perhaps not the same before and after."""
    reason: DoubtReason
    """What happened."""
    margin: float
    """By how much the chosen identities beat the best others, 0 (a coin's toss) to 1 (no doubt)."""


@dataclass(frozen=True)
class IdentityDoubts(JsonArtefact):
    """identity_doubts.json: the moments at which a user should look who is who."""

    doubts: list[IdentityDoubt] = field(default_factory=list)
    """In order of `start`."""
