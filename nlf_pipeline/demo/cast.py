"""The three people of the demo: their sizes, their clothes and what they do."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.demo.choreography import Leg, Script
from nlf_pipeline.demo.clothes import Outfit


@dataclass(frozen=True)
class Role:
    """One person of the cast."""

    stature: float
    """Height of the T-pose, metres."""
    weight: float
    """Standard deviations heavier than usual at this stature."""
    breadth: float
    """Standard deviations towards broad shoulders and narrow hips."""
    outfit: Outfit
    script: Script


_TALL_MAN = Role(
    stature=1.83,
    weight=-0.3,
    breadth=1.2,
    outfit=Outfit(
        skin=(0.55, 0.32, 0.22),
        hair=(0.035, 0.022, 0.015),
        top=(0.05, 0.12, 0.30),
        trousers=(0.30, 0.25, 0.17),
        shoes=(0.06, 0.05, 0.05),
        sleeve=0.36,
        cuff=0.06,
        striped=True,
    ),
    script=Script(
        start_xz=(-2.15, -5.4),
        heading=np.pi / 2,
        legs=(
            Leg(2.8, 1.08),
            Leg(1.7, 0.42, turn=-np.pi),
            Leg(2.8, 1.08),
            Leg(4.2),
            Leg(1.7, 0.42, turn=-np.pi),
        ),
        step_seconds=0.54,
        step_phase=0.4,
    ),
)
_WAVING_MAN = Role(
    stature=1.70,
    weight=0.7,
    breadth=1.3,
    outfit=Outfit(
        skin=(0.20, 0.10, 0.06),
        hair=(0.012, 0.010, 0.010),
        top=(0.62, 0.38, 0.06),
        trousers=(0.10, 0.13, 0.10),
        shoes=(0.50, 0.50, 0.50),
        sleeve=0.40,
        cuff=0.98,
    ),
    script=Script(
        start_xz=(2.4, -8.2),
        heading=-0.15,
        legs=(
            Leg(2.5, 1.05),
            Leg(2.7, wave=True),
            Leg(1.5, 0.3, turn=np.pi),
            Leg(2.5, 1.05),
            Leg(2.5),
            Leg(1.5, 0.3, turn=np.pi),
        ),
        step_seconds=0.53,
        step_phase=1.1,
    ),
)
_SMALL_WOMAN = Role(
    stature=1.60,
    weight=-0.4,
    breadth=-1.2,
    outfit=Outfit(
        skin=(0.68, 0.44, 0.33),
        hair=(0.20, 0.09, 0.035),
        top=(0.48, 0.05, 0.07),
        trousers=(0.06, 0.08, 0.14),
        shoes=(0.55, 0.55, 0.55),
        sleeve=0.93,
        cuff=0.10,
        ponytail=True,
    ),
    script=Script(
        start_xz=(2.95, -6.6),
        heading=-np.pi / 2,
        legs=(Leg(5.1, 1.0), Leg(1.5, 0.25, turn=np.pi), Leg(5.1, 1.0), Leg(1.5, 0.25, turn=np.pi)),
        step_seconds=0.50,
        step_phase=0.0,
        arm_swing=0.45,
    ),
)
CAST = (_TALL_MAN, _WAVING_MAN, _SMALL_WOMAN)
"""The most prominent in the picture first. All scripts take 13.2 s, so whoever keeps clear once does so for ever."""
