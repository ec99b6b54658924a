"""The axes that other tools have."""

import numpy as np

CAM_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
"""(4, 4) T_cam_gl: camera axes x right, y up, looking along -z, to OpenCV's x right, y down, z forward."""
Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""(3, 3) turns the world's y up into z up; x stays, and what was -z is y."""
