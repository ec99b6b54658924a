"""Principal components of body shape, turned so that the first are what people talk about."""

from dataclasses import dataclass

import numpy as np

from nlf_pipeline.body_kinds import N_BETAS


@dataclass(frozen=True)
class ShapeSpace:
    """body(betas) = mean + betas @ shapedirs, with betas ~ N(0, 1) for people as it was made from."""

    mean: np.ndarray
    """(vertices, 3) metres."""
    shapedirs: np.ndarray
    """(betas, vertices, 3) metres per standard deviation."""
    scores: np.ndarray
    """(people, betas) betas of the people it was made from: uncorrelated, of unit variance."""
    explained: float
    """Share of the variance of the shape that the components explain."""


def fit_shape_space(
    bodies: np.ndarray, areas: np.ndarray, stature: np.ndarray, traits: np.ndarray, n_betas: int = N_BETAS
) -> ShapeSpace:
    """Area-weighted principal components of `bodies`, rotated within their subspace.

    The first component follows stature; the second the first trait as far as it is independent of stature; the others
    are principal components of what remains. Positive means taller, or more of the trait that it follows best.

    Args:
        bodies: (people, vertices, 3) in one pose, metres.
        areas: (vertices,) weight of each vertex in the components; zero for those that only follow.
        stature: (people,) metres.
        traits: (people, traits) such as weight and gender; the first is the second component's.
        n_betas: components, at least 2 and fewer than people.
    """
    mean = bodies.mean(axis=0, dtype=np.float64)
    counted = areas > 0
    deviations = (bodies[:, counted] - mean[counted].astype(np.float32)) * np.sqrt(
        areas[counted] / areas[counted].mean()
    ).astype(np.float32)[:, None]
    rows = deviations.reshape(len(bodies), -1)
    variances, components = np.linalg.eigh((rows @ rows.T).astype(np.float64))
    leading = slice(-1, -n_betas - 1, -1)
    explained = variances[leading].sum() / variances.sum()
    scores = components[:, leading] * np.sqrt(len(bodies))
    scores = scores @ _named_axes(scores, variances[leading], stature, traits[:, 0])
    scores = scores * _signs(scores, np.column_stack([stature, traits]))
    flat = bodies.reshape(len(bodies), -1)
    shapedirs = (scores.T.astype(np.float32) @ flat / len(bodies)).reshape(n_betas, -1, 3)
    return ShapeSpace(mean, shapedirs.astype(np.float64), scores, float(explained))


def _named_axes(scores: np.ndarray, variances: np.ndarray, stature: np.ndarray, trait: np.ndarray) -> np.ndarray:
    """(betas, betas) rotation of the scores."""
    first = _unit(scores.T @ (stature - stature.mean()))
    second = scores.T @ (trait - trait.mean())
    second = _unit(second - first * (first @ second))
    rest = np.linalg.svd(np.stack([first, second]))[2][2:].T
    order = np.linalg.eigh(rest.T @ (variances[:, None] * rest))[1][:, ::-1]
    return np.column_stack([first, second, rest @ order])


def _signs(scores: np.ndarray, traits: np.ndarray) -> np.ndarray:
    """(betas,) signs that make every score grow with the trait it follows best."""
    traits = traits[:, traits.std(axis=0) > 0]
    standard = (traits - traits.mean(axis=0)) / traits.std(axis=0)
    correlations = scores.T @ standard / len(scores)
    best = np.argmax(np.abs(correlations), axis=1)
    return np.sign(correlations[np.arange(len(correlations)), best])


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)
