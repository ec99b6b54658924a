"""BlazePose on regions of an image, from the graphs bundled with MediaPipe 0.10.21.

`mediapipe.solutions.pose` re-detects inside a crop and picks the most prominent person; driving the
landmark subgraph by an explicit region keeps each person's region his own.
Bazarevsky et al., BlazePose: On-device Real-time Body Pose tracking, 2020.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

os.environ.setdefault("GLOG_minloglevel", "2")  # read once, when MediaPipe is imported

import mediapipe
from google.protobuf import text_format
from mediapipe.framework import calculator_pb2
from mediapipe.framework.formats import rect_pb2
from mediapipe.python import packet_creator, packet_getter
from mediapipe.python._framework_bindings import (
    calculator_graph,
    image_frame,
    packet,
    resource_util,
)

_DETECTION_GRAPH = """
input_stream: "image"
output_stream: "detections"
node {
  calculator: "PoseDetectionCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections"
}
"""
_LANDMARK_GRAPH = """
input_stream: "image"
input_stream: "roi"
input_side_packet: "model_complexity"
input_side_packet: "enable_segmentation"
output_stream: "landmarks"
output_stream: "auxiliary"
output_stream: "world"
output_stream: "mask"
node {
  calculator: "PoseLandmarkByRoiCpu"
  input_side_packet: "MODEL_COMPLEXITY:model_complexity"
  input_side_packet: "ENABLE_SEGMENTATION:enable_segmentation"
  input_stream: "IMAGE:image"
  input_stream: "ROI:roi"
  output_stream: "LANDMARKS:landmarks"
  output_stream: "AUXILIARY_LANDMARKS:auxiliary"
  output_stream: "WORLD_LANDMARKS:world"
  output_stream: "SEGMENTATION_MASK:mask"
}
"""
_BUNDLED_COMPLEXITY = 1  # the lite and heavy models are not in the wheel
REGION_SCALE = 1.25
"""Side of the region over the diameter of the body's circle, as in MediaPipe's own graph."""
_STEP_US = 33_333  # streams want rising timestamps; their spacing has no effect


@dataclass(frozen=True)
class BodyCircle:
    """Where a body is: the circle about it, and which way is up. It defines a square, rotated region."""

    centre_px: np.ndarray
    """(2,) mid hips."""
    rim_px: np.ndarray
    """(2,) a point on the circle, above the head."""

    @property
    def radius_px(self) -> float:
        """Radius of the circle."""
        return float(np.linalg.norm(self.rim_px - self.centre_px))

    def moved(self, offset_px: np.ndarray) -> "BodyCircle":
        """The circle shifted by (2,) pixels, as from a frame to a part of it."""
        return BodyCircle(self.centre_px + offset_px, self.rim_px + offset_px)


@dataclass(frozen=True)
class Detection:
    """One person found by the detector."""

    score: float
    circle: BodyCircle


@dataclass(frozen=True)
class PoseLandmarks:
    """One person's 33 landmarks, in the order of landmarks.BLAZEPOSE_LANDMARK_NAMES."""

    image_px: np.ndarray
    """(33, 2) pixels."""
    visibility: np.ndarray
    """(33,) in [0, 1]: not hidden and inside the image."""
    presence: np.ndarray
    """(33,) in [0, 1]: inside the image."""
    relative: np.ndarray
    """(33, 3) metres for an adult of BlazePose's own size, about the mid hips; x right, y down, z away,
    as if seen straight on: turn them by the rotation from the optical axis to the ray through the hips."""
    circle: BodyCircle
    """The body's circle found from the landmarks: the region to use in the next frame."""
    mask: np.ndarray | None
    """(height, width) float32 in [0, 1], or None if not asked for."""

    def moved(self, offset_px: np.ndarray) -> "PoseLandmarks":
        """The same landmarks with image points shifted by (2,) pixels; the mask stays where it is."""
        return replace(self, image_px=self.image_px + offset_px, circle=self.circle.moved(offset_px))


class _Graph:
    """A MediaPipe graph run one image at a time."""

    def __init__(self, graph: str, outputs: list[str], side_packets: dict[str, packet.Packet]) -> None:
        resource_util.set_resource_dir(str(Path(mediapipe.__file__).parent.parent))
        config = text_format.Parse(graph, calculator_pb2.CalculatorGraphConfig())
        self._graph = calculator_graph.CalculatorGraph(graph_config=config)
        self._results: dict[str, packet.Packet] = {}
        self._time_us = 0
        for name in outputs:
            self._graph.observe_output_stream(name, self._results.__setitem__, True)
        self._graph.start_run(side_packets)

    def run(self, **inputs: packet.Packet) -> dict[str, packet.Packet]:
        """Results by stream name, without the empty ones."""
        self._results.clear()
        self._time_us += _STEP_US
        for name, value in inputs.items():
            self._graph.add_packet_to_input_stream(name, value.at(self._time_us))
        self._graph.wait_until_idle()
        return {name: value for name, value in self._results.items() if not value.is_empty()}


@dataclass(frozen=True)
class FramePacket:
    """An image handed to MediaPipe once and used for several calls."""

    packet: packet.Packet
    size_px: tuple[int, int]
    """(width, height)."""

    @classmethod
    def from_rgb(cls, image: np.ndarray) -> "FramePacket":
        """Copy a (height, width, 3) uint8 RGB image."""
        height_px, width_px = image.shape[:2]
        data = np.ascontiguousarray(image)
        frame = packet_creator.create_image_frame(image_format=image_frame.ImageFormat.SRGB, data=data)
        return cls(frame, (width_px, height_px))


class PoseDetector:
    """BlazePose's person detector. It finds people who fill at least a quarter of the image's side."""

    def __init__(self) -> None:
        self._graph = _Graph(_DETECTION_GRAPH, ["detections"], {})

    def detect(self, image: np.ndarray, offset_px: tuple[int, int] = (0, 0)) -> list[Detection]:
        """People in a (height, width, 3) uint8 RGB image.

        Args:
            image: the whole frame, or a tile of it.
            offset_px: position of the tile's top left pixel in the frame; results are in frame pixels.
        """
        results = self._graph.run(image=FramePacket.from_rgb(image).packet)
        if "detections" not in results:
            return []
        height_px, width_px = image.shape[:2]
        found = []
        for detection in packet_getter.get_proto_list(results["detections"]):
            points = [
                np.array([point.x * width_px + offset_px[0], point.y * height_px + offset_px[1]]) - 0.5
                for point in detection.location_data.relative_keypoints[:2]
            ]
            found.append(Detection(detection.score[0], BodyCircle(points[0], points[1])))
        return found


class PoseLandmarker:
    """BlazePose's landmark model on one person's region."""

    def __init__(self, masks: bool) -> None:
        """Load the bundled model; `masks` asks for a mask per call."""
        side_packets = {
            "model_complexity": packet_creator.create_int(_BUNDLED_COMPLEXITY),
            "enable_segmentation": packet_creator.create_bool(masks),
        }
        self._graph = _Graph(_LANDMARK_GRAPH, ["landmarks", "auxiliary", "world", "mask"], side_packets)

    def find(self, frame: FramePacket, circle: BodyCircle) -> PoseLandmarks | None:
        """Landmarks of the person in the region of `circle`, or None if nobody is there."""
        results = self._graph.run(image=frame.packet, roi=_region_packet(circle, frame.size_px))
        if "landmarks" not in results:
            return None
        size = np.array(frame.size_px)
        landmarks = packet_getter.get_proto(results["landmarks"]).landmark
        auxiliary = packet_getter.get_proto(results["auxiliary"]).landmark
        world = packet_getter.get_proto(results["world"]).landmark
        centre_px, rim_px = (np.array([point.x, point.y]) * size - 0.5 for point in auxiliary[:2])
        mask = packet_getter.get_image(results["mask"]).numpy_view().copy() if "mask" in results else None
        return PoseLandmarks(
            image_px=np.array([(point.x, point.y) for point in landmarks]) * size - 0.5,
            visibility=np.array([point.visibility for point in landmarks]),
            presence=np.array([point.presence for point in landmarks]),
            relative=np.array([(point.x, point.y, point.z) for point in world]),
            circle=BodyCircle(centre_px, rim_px),
            mask=mask,
        )


def _region_packet(circle: BodyCircle, size_px: tuple[int, int]) -> packet.Packet:
    """MediaPipe's NormalizedRect: a square about the circle, turned so that the body is upright."""
    right, down = circle.rim_px - circle.centre_px
    rotation = np.pi / 2 - np.arctan2(-down, right)
    side_px = 2 * circle.radius_px * REGION_SCALE
    (width_px, height_px), (x, y) = size_px, circle.centre_px + 0.5
    return packet_creator.create_proto(
        rect_pb2.NormalizedRect(
            x_center=x / width_px,
            y_center=y / height_px,
            width=side_px / width_px,
            height=side_px / height_px,
            rotation=(rotation + np.pi) % (2 * np.pi) - np.pi,
        )
    )
