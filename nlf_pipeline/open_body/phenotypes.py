"""MakeHuman's description of a person, and how it blends shape targets."""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nlf_pipeline.body_kinds import BodyGender
from nlf_pipeline.open_body.makehuman import read_target

_ADULT_AGE = 0.67
_RACES = ("african", "asian", "caucasian")
_SCALES = {
    "gender": {"female": 0.0, "male": 1.0},
    "age": {"baby": 0.0, "child": 1 / 3, "young": 2 / 3, "old": 1.0},
    "muscle": {"minmuscle": 0.0, "averagemuscle": 0.5, "maxmuscle": 1.0},
    "weight": {"minweight": 0.0, "averageweight": 0.5, "maxweight": 1.0},
    "height": {"minheight": 0.0, "maxheight": 1.0},
    "proportions": {"uncommonproportions": 0.0, "idealproportions": 1.0},
}
"""Where each named shape lies on its scale from 0 to 1."""


@dataclass(frozen=True)
class Phenotypes:
    """People on MakeHuman's scales, each (people,) in [0, 1]."""

    gender: np.ndarray
    """0 female, 1 male."""
    age: np.ndarray
    """0 newborn, 1/3 child, 2/3 young adult, 1 old."""
    muscle: np.ndarray
    weight: np.ndarray
    height: np.ndarray
    proportions: np.ndarray
    races: np.ndarray
    """(people, 3) shares of MakeHuman's African, Asian and Caucasian shapes, rows sum to 1."""


def sample_adults(n: int, rng: np.random.Generator, gender: BodyGender = "neutral") -> Phenotypes:
    """`n` adults. The spread of `height` makes men 1.76 +- 0.08 m and women 1.63 +- 0.08 m tall.

    Args:
        n: how many.
        rng: draws them.
        gender: "neutral" for as many women as men, and a few in between.
    """
    choice = rng.random(n)
    between = rng.random(n)
    mixed = np.where(choice < 0.45, 0.0, np.where(choice < 0.9, 1.0, between))
    return Phenotypes(
        gender=mixed if gender == "neutral" else np.full(n, _SCALES["gender"][gender]),
        age=rng.uniform(_ADULT_AGE, 0.93, n),
        muscle=rng.beta(2.0, 2.0, n),
        weight=rng.beta(1.4, 1.4, n),
        height=np.clip(rng.normal(0.375, 0.065, n), 0, 1),
        proportions=rng.beta(2.0, 2.0, n),
        races=rng.dirichlet(np.ones(3), n),
    )


def sample_all_ages(n: int, rng: np.random.Generator, gender: BodyGender = "neutral") -> Phenotypes:
    """`n` people from newborn to old, every other an adult; arguments are those of `sample_adults`."""
    people = sample_adults(n, rng, gender)
    return replace(people, age=np.where(np.arange(n) % 2, rng.uniform(0, _ADULT_AGE, n), people.age))


def is_adult(people: Phenotypes) -> np.ndarray:
    """(people,) bool."""
    return people.age >= _ADULT_AGE


def average_adult() -> Phenotypes:
    """One adult in the middle of those that `sample_adults` draws."""
    return _average(age=0.8, height=0.375)


def infant() -> Phenotypes:
    """One infant of 0.72 m, the far end of SMPL's kid axis."""
    return _average(age=0.05, height=0.4)


def _average(age: float, height: float) -> Phenotypes:
    half = np.array([0.5])
    return Phenotypes(half, np.array([age]), half, half, np.array([height]), half, np.full((1, 3), 1 / 3))


def blend_targets(folder: Path, people: Phenotypes, n_vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """What to add to the base mesh for each person: `coefficients @ targets`.

    A target that is named after several phenotypes counts as much as the product of their hat functions.

    Args:
        folder: MakeHuman's data folder.
        people: n people.
        n_vertices: of the base mesh.

    Returns:
        (n, targets) coefficients and (targets, vertices, 3) float32 displacements in metres, of the targets that
        anybody needs.
    """
    shares = _shares(people)
    used = {}
    for name, words in _targets():
        coefficients = np.prod([shares[word] for word in words], axis=0)
        if coefficients.any():
            used[name] = coefficients
    targets = np.stack([read_target(folder, name, n_vertices) for name in used])
    return np.stack(list(used.values()), axis=1), targets


def _shares(people: Phenotypes) -> dict[str, np.ndarray]:
    shares: dict[str, np.ndarray] = dict(zip(_RACES, people.races.T, strict=True))
    for scale, anchors in _SCALES.items():
        positions = np.array(list(anchors.values()))
        for word, hat in zip(anchors, np.eye(len(anchors)), strict=True):
            shares[word] = np.interp(getattr(people, scale), positions, hat)
    return shares


def _targets() -> list[tuple[str, tuple[str, ...]]]:
    """File name of every macro target, and the words that it depends on."""
    targets: list[tuple[str, tuple[str, ...]]] = []
    for gender, age in itertools.product(_SCALES["gender"], _SCALES["age"]):
        targets += [(f"{race}-{gender}-{age}", (race, gender, age)) for race in _RACES]
        for muscle, weight in itertools.product(_SCALES["muscle"], _SCALES["weight"]):
            words = (gender, age, muscle, weight)
            stem = "-".join(words)
            targets.append((f"universal-{stem}", words))
            targets += [(f"height/{stem}-{height}", (*words, height)) for height in _SCALES["height"]]
            if age != "baby":
                targets += [(f"proportions/{stem}-{kind}", (*words, kind)) for kind in _SCALES["proportions"]]
    return targets
