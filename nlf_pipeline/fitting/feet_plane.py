"""The plane under everybody's planted feet: RANSAC for the consensus, then the most probable plane.

What is seen of a foot is uncertain along its viewing ray, where it moves the foot down as well as away, and a person
estimated a little too large has all feet too low. Both would tilt a plane through the bare points.
"""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.fitting.contacts import Stances
from nlf_pipeline.fitting.floor_plane import consensus
from nlf_pipeline.geometry import tangent_axes

_HEIGHT_SD = 0.01
"""Error in the height of a planted foot, metres; how many times more or less it is comes from the feet."""
_NOISE_RANGE = (0.5, 2.5)
_DISTANCE_SD = 0.02
"""Relative error of a foot's distance that changes from step to step."""
_SIZE_SD, _BUILD_SD = 0.01, 0.005
"""Relative error of a person's size, which moves the soles along their rays; error of the body's soles, metres."""
_SIZE_DOF = 3.0
"""Degrees of freedom of its heavy tail: some people are estimated far too large or too small."""
_INDEPENDENT = 0.3
"""Of the feet planted one after the other, since errors of a pose last for some steps."""
_OUTLIER = 2.0
"""A foot so many standard deviations away gets a quarter of the weight (Geman and McClure's)."""
_ITERATIONS = 25


@dataclass(frozen=True)
class FeetPlane:
    """Points x with normal · x = offset, and how well the feet support it."""

    normal: np.ndarray
    """(3,) unit vector, up."""
    offset: float
    covariance: np.ndarray
    """(3, 3) of the normal, radians squared."""
    heights: np.ndarray
    """(n,) of the feet over the plane, metres."""
    own_heights: np.ndarray
    """(n,) the same without what all feet of their owner have in common, which is rather an error of their size."""


def fit_feet_plane(
    stances: Stances, shares: np.ndarray, up: np.ndarray, up_covariance: np.ndarray, threshold: float, seed: int
) -> FeetPlane:
    """The most probable plane: Gauss-Newton on tilt, offset and everybody's own height, reweighted against outliers.

    Args:
        stances: everybody's, at least one.
        shares: (n,) how far each stance counts, > 0.
        up: (3,) expected normal.
        up_covariance: (3, 3) of that, radians squared; none along `up`.
        threshold: feet farther from the plane than this do not stand on it, metres.
        seed: of RANSAC's draws.
    """
    axes = tangent_axes(up)
    centre = np.median(stances.point, axis=0)
    local = (stances.point - centre) @ np.vstack([axes, up]).T
    on_it = consensus(local, threshold, seed)
    people, owner = np.unique(stances.person, return_inverse=True)
    model = _Model(stances, owner, axes, up, centre, np.linalg.inv(axes @ up_covariance @ axes.T))
    unknowns = np.zeros(3 + len(people))
    unknowns[:3] = np.linalg.lstsq(
        np.column_stack([-local[on_it, :2], np.ones(int(on_it.sum()))]), local[on_it, 2], rcond=1e-3
    )[0]
    unknowns, covariance = _solve(model, unknowns, _INDEPENDENT * shares, on_it)
    normal = model.normal(unknowns)
    heights = (stances.point - centre) @ normal - unknowns[2]
    to_normal = axes - np.outer(axes @ normal, normal)
    return FeetPlane(
        normal=normal,
        offset=float(normal @ centre + unknowns[2]),
        covariance=to_normal.T @ covariance @ to_normal,
        heights=heights,
        own_heights=heights - unknowns[3:][owner],
    )


@dataclass(frozen=True)
class _Model:
    """Residuals of the unknowns: 2 tilts, the offset from `centre`, everybody's own height."""

    stances: Stances
    owner: np.ndarray
    axes: np.ndarray
    up: np.ndarray
    centre: np.ndarray
    precision: np.ndarray
    """(2, 2) of the tilts."""

    def normal(self, unknowns: np.ndarray) -> np.ndarray:
        """(3,) unit vector."""
        lean = self.up + unknowns[:2] @ self.axes
        return lean / np.linalg.norm(lean)

    def residuals(self, unknowns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) heights in standard deviations, and their (n, unknowns) derivatives."""
        normal, rays = self.normal(unknowns), self.stances.point - self.stances.centre
        across = (self.axes - np.outer(self.axes @ normal, normal)) / np.linalg.norm(self.up + unknowns[:2] @ self.axes)
        fall = rays @ normal
        sd = np.sqrt(_HEIGHT_SD**2 + (_DISTANCE_SD * fall) ** 2)
        local = self.stances.point - self.centre
        residuals = (local @ normal - unknowns[2] - unknowns[3:][self.owner]) / sd
        slopes = np.zeros((len(sd), len(unknowns)))
        sd_slopes = (_DISTANCE_SD**2 * fall / sd)[:, None] * (rays @ across.T)
        slopes[:, :2] = (local @ across.T - residuals[:, None] * sd_slopes) / sd[:, None]
        slopes[:, 2] = -1 / sd
        slopes[np.arange(len(sd)), 3 + self.owner] = -1 / sd
        return residuals, slopes

    def prior(self, unknowns: np.ndarray) -> np.ndarray:
        """(unknowns, unknowns) precision of a prior of mean 0."""
        rays = self.stances.point - self.stances.centre
        sd = np.hypot(_BUILD_SD, _SIZE_SD * np.median(np.abs(rays @ self.normal(unknowns))))
        precision = np.diag(np.concatenate([np.zeros(3), np.full(len(unknowns) - 3, 1.0)]))
        precision *= (_SIZE_DOF + 1) / (_SIZE_DOF * sd**2 + np.append(np.zeros(3), unknowns[3:]) ** 2)
        precision[:2, :2] = self.precision
        precision[2, 2] = 1e-6
        return precision


def _solve(model: _Model, unknowns: np.ndarray, shares: np.ndarray, on_it: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The unknowns, and the (2, 2) covariance of the tilts; the feet `on_it` (n,) tell how noisy all are."""
    residuals, slopes = model.residuals(unknowns)
    for _ in range(_ITERATIONS):
        noise = np.clip(1.4826 * np.median(np.abs(residuals[on_it])), *_NOISE_RANGE)
        weights = shares / (noise * (1 + (residuals / (_OUTLIER * noise)) ** 2)) ** 2
        prior = model.prior(unknowns)
        hessian = slopes.T @ (weights[:, None] * slopes) + prior
        unknowns = unknowns - np.linalg.solve(hessian, slopes.T @ (weights * residuals) + prior @ unknowns)
        residuals, slopes = model.residuals(unknowns)
    return unknowns, np.linalg.inv(hessian)[:2, :2]
