"""From noisy bodies to steady motion on a floor: shapes, smoothing, sizes, the plane, planted feet."""
