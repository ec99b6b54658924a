import moderngl
import numpy as np

from nlf_pipeline.geometry import pinhole_matrix, project
from nlf_pipeline.offscreen import Canvas, projection_matrix


def test_clip_coordinates_are_the_pinhole_projection():
    """OpenGL's normalised coordinates -1..1 span the image's edges, half a pixel outside the outer centres."""
    rng = np.random.default_rng(0)
    size_px = (640, 360)
    K = pinhole_matrix(500.0, size_px) + [[0, 0, 7], [0, 30, -3], [0, 0, 0]]
    points = rng.normal(size=(100, 3)) + [0, 0, 5]
    clip = np.concatenate([points, np.ones((100, 1))], 1) @ projection_matrix(K, size_px).T
    x, y = (clip[:, :2] / clip[:, 3:]).T
    pixels = np.stack([(x + 1) / 2 * 640 - 0.5, (1 - y) / 2 * 360 - 0.5], 1)
    np.testing.assert_allclose(pixels, project(points, K), atol=1e-9)


def test_a_drawn_square_lands_on_its_pixels():
    canvas = Canvas((32, 24), samples=1)
    program = canvas.ctx.program(
        vertex_shader="#version 330\nin vec4 p; void main() { gl_Position = p; }",
        fragment_shader="#version 330\nout vec4 o; void main() { o = vec4(1, 0, 0, 1); }",
    )
    K = pinhole_matrix(20.0, (32, 24))
    corners = np.array([[4.5, 3.5], [10.5, 3.5], [4.5, 8.5], [10.5, 8.5]])  # covers pixels 5..10 x 4..8
    rays = np.concatenate([corners, np.ones((4, 1))], 1) @ np.linalg.inv(K).T
    clip = np.concatenate([rays * 3, np.ones((4, 1))], 1) @ projection_matrix(K, (32, 24)).T
    vertices = canvas.ctx.vertex_array(program, [(canvas.ctx.buffer(clip.astype("f4").tobytes()), "4f", "p")])
    canvas.begin()
    vertices.render(moderngl.TRIANGLE_STRIP)
    picture = canvas.read()
    expected = np.zeros((24, 32), bool)
    expected[4:9, 5:11] = True
    np.testing.assert_array_equal(picture[..., 3] == 255, expected)
    np.testing.assert_array_equal(canvas.read((5, 4, 6, 5)), picture[4:9, 5:11])
    boxes_px = [(0, 0, 7, 6), (9, 5, 8, 9)]
    canvas.begin((0, 0, 1, 1))
    canvas.begin(boxes_px=boxes_px)
    vertices.render(moderngl.TRIANGLE_STRIP)
    for left, top, width, height in boxes_px:
        part = canvas.read((left, top, width, height))
        np.testing.assert_array_equal(part, picture[top : top + height, left : left + width])
    canvas.release()
