"""Everybody's size from the floor they share.

One view does not tell a small person nearby from a tall one far away. But people stand on one
floor, so their feet tell their relative sizes: scaling a person about the camera moves the feet
along their viewing rays, off the common plane or onto it.
"""

import numpy as np

from nlf_pipeline.fitting.contacts import Stances

_SCALE_SD = 0.04
"""Usual relative error of an estimated size."""
_SMALLER_DOF, _LARGER_DOF = 2.0, 20.0
"""Degrees of freedom of its tails: where one person does not fit the others, that person is misjudged, and the others
keep their sizes. People much smaller than they are taken for (children) are common, much larger ones are not."""
_PITCH_SD = np.deg2rad(8.0)
_ROLL_SD = np.deg2rad(4.0)
_PERSON_HEIGHT_SD = 0.008
"""Error in the height of all of one person's soles, metres: what many steps do not average out."""
_STEP_HEIGHT_SD, _STEP_DISTANCE_SD = 0.01, 0.02
"""Errors of single steps in height, metres, and in distance, relative; only their ratio counts."""
_NOISE_RANGE = (0.01, 0.06)
"""Between these the spread of the stances about the floor is estimated, metres; with more it is no floor but stairs."""
_LIMITS = (0.8, 1.25)
_ITERATIONS = 30
_LEAST_STANCES = 3
_GIVEN_PRECISION = 1e8


def person_scales(
    stances: Stances, n_people: int, up: np.ndarray, pitch_axis: np.ndarray, is_given: np.ndarray | None = None
) -> np.ndarray:
    """Factors about the camera that put everybody's feet on one floor.

    Maximum a posteriori estimate of the plane, one factor and one residual height per person by
    Gauss-Newton, with Cauchy weights on the stances. Where the evidence is weak (few steps, people
    of whom each stands in one place, one person alone) the priors keep the factors at 1; so they stay
    where the stances do not lie in a plane (stairs).

    Args:
        stances: everybody's feet at rest.
        n_people: rows of the result.
        up: (3,) rough direction of up, scene frame.
        pitch_axis: (3,) the camera's x axis: about it up is less certain than about the others.
        is_given: (people,) bool: these are of the right size, and so is the camera's path; None for nobody.

    Returns:
        (people,) factors within [0.8, 1.25].
    """
    factors = np.ones(n_people)
    is_given = np.zeros(n_people, dtype=bool) if is_given is None else is_given
    counts = np.bincount(stances.person, minlength=n_people)
    judged = np.flatnonzero(counts >= _LEAST_STANCES)
    if len(judged) < 2:
        return factors
    stances = stances.select(np.isin(stances.person, judged))
    row = np.searchsorted(judged, stances.person)
    factors[judged] = np.exp(_solve(stances, row, is_given[judged], _tilts(up, pitch_axis)))
    return np.where(is_given, 1.0, np.clip(factors, *_LIMITS))


def _tilts(up: np.ndarray, pitch_axis: np.ndarray) -> np.ndarray:
    """(3, 3) rows: up, and the directions into which it leans with roll and with pitch."""
    up = up / np.linalg.norm(up)
    roll = pitch_axis - up * (pitch_axis @ up)
    if np.linalg.norm(roll) < 1e-3:
        roll = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    roll = roll / np.linalg.norm(roll)
    return np.stack([up, roll, np.cross(up, roll)])


def _solve(stances: Stances, row: np.ndarray, is_given: np.ndarray, tilts: np.ndarray) -> np.ndarray:
    """(k,) log factors. The unknowns are 2 tilts, the plane's offset, k log factors, k heights.

    Residuals are heights at the size before scaling, so that shrinking everything gains nothing; the
    camera's path is scaled by the mean factor, since its scale was found from the same people, but
    for people of given size, from whom it was found alone.
    """
    k = len(is_given)
    shares = np.zeros(k) if is_given.any() else np.full(k, 1 / k)
    rays = stances.point - stances.centre
    each, places = np.arange(len(row)), stances.weights()
    unknowns = np.zeros(3 + 2 * k)
    unknowns[2] = np.median(stances.point @ tilts[0])
    for _ in range(_ITERATIONS):
        lean = tilts[0] + unknowns[:2] @ tilts[1:]
        normal = lean / np.linalg.norm(lean)
        shrink = np.exp(-unknowns[3 : 3 + k])[row]
        centres = stances.centre * np.exp(shares @ unknowns[3 : 3 + k])
        below = shrink * (centres @ normal - unknowns[2])
        residual = rays @ normal + below + unknowns[3 + k :][row]
        jacobian = np.zeros((len(row), len(unknowns)))
        across = (tilts[1:] - np.outer(tilts[1:] @ normal, normal)) / np.linalg.norm(lean)
        jacobian[:, :2] = (rays + shrink[:, None] * centres) @ across.T
        jacobian[:, 2] = -shrink
        jacobian[:, 3 : 3 + k] = np.outer(shrink * (centres @ normal), shares)
        jacobian[each, 3 + row] -= below
        jacobian[each, 3 + k + row] = 1
        residual = _by_uncertainty(residual, jacobian, rays @ normal, rays @ across.T)
        spread = 1.4826 * np.median(np.abs(residual))
        noise = np.clip(spread, *_NOISE_RANGE)
        weights = places / (noise**2 * (1 + (residual / (2 * noise)) ** 2))
        prior = _prior_precisions(unknowns[3 : 3 + k], is_given)
        hessian = jacobian.T @ (weights[:, None] * jacobian) + np.diag(prior)
        unknowns = unknowns - np.linalg.solve(hessian, jacobian.T @ (weights * residual) + prior * unknowns)
    return unknowns[3 : 3 + k] if spread <= _NOISE_RANGE[1] else np.zeros(k)


def _by_uncertainty(
    residual: np.ndarray, jacobian: np.ndarray, fall: np.ndarray, fall_slopes: np.ndarray
) -> np.ndarray:
    """Residuals over how uncertain they are against the usual; `jacobian` is changed to be theirs.

    A wrong distance moves a foot along its ray, down as well as away, which would tilt a plane through bare heights.

    Args:
        residual: (n,) heights, metres.
        jacobian: (n, unknowns).
        fall: (n,) height of the foot over the camera, metres.
        fall_slopes: (n, 2) its derivatives with the tilts.
    """
    sd = np.hypot(_STEP_HEIGHT_SD, _STEP_DISTANCE_SD * fall)
    usual = np.median(sd)
    jacobian /= (sd / usual)[:, None]
    jacobian[:, :2] -= (usual * residual * _STEP_DISTANCE_SD**2 * fall / sd**3)[:, None] * fall_slopes
    return residual * usual / sd


def _prior_precisions(log_factors: np.ndarray, is_given: np.ndarray) -> np.ndarray:
    dof = np.where(log_factors < 0, _SMALLER_DOF, _LARGER_DOF)
    scale = (dof + 1) / (dof * _SCALE_SD**2 + log_factors**2)
    scale = np.where(is_given, _GIVEN_PRECISION, scale)
    tilt = [np.tan(_ROLL_SD) ** -2, np.tan(_PITCH_SD) ** -2]
    return np.concatenate([tilt, [1e-6], scale, np.full(len(log_factors), _PERSON_HEIGHT_SD**-2)])
