"""What people look like: sizes and clothes drawn by chance, no two shirts alike unless twins are wanted."""

import numpy as np

from nlf_pipeline.demo.cast import Role
from nlf_pipeline.demo.choreography import Script
from nlf_pipeline.demo.clothes import Outfit
from nlf_pipeline.demo.skins import Rgb

_TOPS: tuple[Rgb, ...] = (
    (0.05, 0.12, 0.30),
    (0.62, 0.38, 0.06),
    (0.48, 0.05, 0.07),
    (0.08, 0.25, 0.10),
    (0.60, 0.60, 0.58),
    (0.05, 0.05, 0.06),
    (0.30, 0.12, 0.35),
    (0.10, 0.35, 0.45),
)
_TROUSERS: tuple[Rgb, ...] = ((0.30, 0.25, 0.17), (0.10, 0.13, 0.10), (0.06, 0.08, 0.14), (0.05, 0.05, 0.05))
_SKINS: tuple[Rgb, ...] = ((0.55, 0.32, 0.22), (0.20, 0.10, 0.06), (0.68, 0.44, 0.33), (0.40, 0.22, 0.14))
_HAIR: tuple[Rgb, ...] = ((0.035, 0.022, 0.015), (0.012, 0.010, 0.010), (0.20, 0.09, 0.035))
_SHOES: tuple[Rgb, ...] = ((0.06, 0.05, 0.05), (0.50, 0.50, 0.50))


def draw_roles(scripts: tuple[Script, ...], twins: bool, rng: np.random.Generator) -> list[Role]:
    """Somebody for every script; `twins` are of one size and wear the same."""
    tops = rng.permutation(len(_TOPS))
    roles = [_draw_role(script, _TOPS[tops[k]], rng) for k, script in enumerate(scripts)]
    if not twins:
        return roles
    one = roles[0]
    return [Role(one.stature, one.weight, one.breadth, one.outfit, script) for script in scripts]


def _draw_role(script: Script, top: Rgb, rng: np.random.Generator) -> Role:
    woman = bool(rng.integers(2))
    outfit = Outfit(
        skin=_SKINS[rng.integers(len(_SKINS))],
        hair=_HAIR[rng.integers(len(_HAIR))],
        top=top,
        trousers=_TROUSERS[rng.integers(len(_TROUSERS))],
        shoes=_SHOES[rng.integers(len(_SHOES))],
        sleeve=float(rng.choice([0.4, 0.9])),
        cuff=float(rng.choice([0.06, 0.98])),
        striped=bool(rng.integers(4) == 0),
        ponytail=woman,
    )
    stature = rng.normal(1.65 if woman else 1.77, 0.06)
    return Role(float(stature), float(rng.normal(0, 0.5)), -1.2 if woman else 1.2, outfit, script)
