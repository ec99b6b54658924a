"""USD files pass OpenUSD's own validators, and its own skinning and cameras find the world as it was."""

from dataclasses import replace

import numpy as np
import pytest
from motions import moving_people
from odd_motions import CASES, make
from plain_kinematics import opencv_pixels, posed_transforms, skinned_vertices
from pxr import Gf, Usd, UsdGeom, UsdSkel, UsdValidation

from nlf_pipeline.exporters import usd

MILLIMETRE = 1e-3


def exported(motion, folder):
    folder.mkdir(exist_ok=True)
    usd.write(motion, folder)
    path = folder / f"{motion.video_id}.usdc"
    assert [*folder.iterdir()] == [path] and path.read_bytes().startswith(b"PXR-USDC")
    return Usd.Stage.Open(str(path))


def skeletons(stage):
    """Every person's prim, what is bound to the skeleton, and the skeleton's query."""
    cache = UsdSkel.Cache()
    for prim in stage.GetPrimAtPath("/World/People").GetChildren():
        root = UsdSkel.Root(prim)
        cache.Populate(root, Usd.TraverseInstanceProxies())
        [binding] = cache.ComputeSkelBindings(root, Usd.TraverseInstanceProxies())
        yield prim, binding, cache.GetSkelQuery(binding.GetSkeleton())


def world_joints(stage, query, frame):
    """(joints, 3) as UsdSkel poses them."""
    transforms = np.array(query.ComputeJointSkelTransforms(frame))
    to_world = np.array(UsdGeom.Xformable(query.GetPrim()).ComputeLocalToWorldTransform(frame))
    return (transforms @ to_world)[:, 3, :3]


@pytest.mark.parametrize("case", CASES)
def test_usdskel_puts_the_joints_where_they_are(case, tmp_path):
    motion = make(case)
    n_joints = len(motion.joint_names)
    stage = exported(motion, tmp_path)
    for person, (_, _, query) in zip(motion.people, skeletons(stage), strict=True):
        assert [path.rsplit("/")[-1] for path in query.GetJointOrder()] == list(motion.joint_names)
        parents = [query.GetTopology().GetParent(joint) for joint in range(n_joints)]
        assert parents == list(motion.joint_parents)
        for frame in range(motion.n_frames):
            assert np.abs(world_joints(stage, query, frame) - person.joints[frame]).max() < MILLIMETRE


def test_usdskel_skins_as_linear_blending_does(tmp_path):
    motion = moving_people(2, 4)
    stage = exported(motion, tmp_path)
    for person, (prim, binding, query) in zip(motion.people, skeletons(stage), strict=True):
        [target] = binding.GetSkinningTargets()
        mesh = UsdGeom.Mesh(target.GetPrim())
        for frame in range(4):
            points = mesh.GetPointsAttr().Get()
            assert target.ComputeSkinnedPoints(query.ComputeSkinningTransforms(frame), points)
            transforms = posed_transforms(
                person.pose_rotvecs[frame], person.trans[frame], person.joints_rest, motion.joint_parents
            )
            expected = skinned_vertices(transforms, person.joints_rest, person.vertices_rest, motion.skin.weights)
            assert np.abs(np.array(points) - expected).max() < MILLIMETRE
            low, high = np.array(UsdSkel.Root(prim).GetExtentAttr().Get(frame))
            assert np.all(expected > low - 1e-6) and np.all(expected < high + 1e-6)
        np.testing.assert_array_equal(np.reshape(mesh.GetFaceVertexIndicesAttr().Get(), (-1, 3)), motion.skin.faces)
        from_joints = person.vertices_rest - np.repeat(person.joints_rest, 8, axis=0)
        assert np.sum(np.array(mesh.GetNormalsAttr().Get()) * from_joints, axis=1).min() > 0


def test_rotations_do_not_jump_to_their_negatives(tmp_path):
    motion = moving_people(1, 3)
    person = motion.people[0]
    turning = np.zeros((40, 24, 3))
    turning[:, :, 1] = (np.linspace(0, 15, 40)[:, None] + np.pi) % (2 * np.pi) - np.pi  # more than two turns
    still = np.zeros((40, 3))
    person = replace(
        person, pose_rotvecs=turning, trans=still, joints=np.zeros((40, 24, 3)), visible=np.ones(40, dtype=bool)
    )
    cameras = moving_people(0, 40).cameras
    stage = exported(replace(motion, people=(person,), cameras=cameras), tmp_path)
    [animation] = [UsdSkel.Animation(prim) for prim in stage.Traverse() if prim.IsA(UsdSkel.Animation)]
    quats = np.array(
        [[[q.GetReal(), *q.GetImaginary()] for q in animation.GetRotationsAttr().Get(frame)] for frame in range(40)]
    )
    assert np.sum(quats[1:] * quats[:-1], axis=-1).min() > 0.9


@pytest.mark.parametrize("zooming", [False, True])
def test_frustum_of_the_camera_sees_the_pixels_of_opencv(tmp_path, zooming):
    motion = moving_people(2, 8, zooming=zooming)
    K = motion.cameras.K.copy()
    K[:, 0, 2] += 31.0  # a principal point off the middle, and pixels that are not square
    K[:, 1, 2] -= 17.0
    K[:, 1, 1] *= 1.1
    motion = replace(motion, cameras=replace(motion.cameras, K=K))
    stage = exported(motion, tmp_path)
    camera = UsdGeom.Camera(stage.GetPrimAtPath("/World/Camera"))
    for frame in range(8):
        frustum = camera.GetCamera(frame).frustum
        to_clip = np.array(frustum.ComputeViewMatrix() * frustum.ComputeProjectionMatrix())
        for person in motion.people:
            clip = np.pad(person.joints[frame], ((0, 0), (0, 1)), constant_values=1) @ to_clip
            x, y = (clip[:, :2] / clip[:, 3:]).T
            pixels = np.stack([(x + 1) / 2 * 640 - 0.5, (1 - y) / 2 * 360 - 0.5], axis=-1)
            expected = opencv_pixels(person.joints[frame], motion.cameras.T_world_cam[frame], K[frame], np.zeros(0))
            assert np.abs(pixels - expected).max() < 0.05
    assert camera.GetFocalLengthAttr().ValueMightBeTimeVarying() == zooming
    sensor_m = camera.GetHorizontalApertureAttr().Get() / 10 * UsdGeom.GetStageMetersPerUnit(stage)
    assert sensor_m == pytest.approx(0.036)  # lengths of lenses are tenths of the unit


def test_camera_jumps_at_cuts_at_once(tmp_path):
    motion = moving_people(1, 10, cuts=(1, 4, 7), zooming=True)
    stage = exported(motion, tmp_path)
    camera = UsdGeom.Camera(stage.GetPrimAtPath("/World/Camera"))
    for cut in motion.cuts:
        before, at, half = (camera.GetCamera(time) for time in (cut - 1, cut, cut - 0.5))
        assert half.transform == before.transform != at.transform
        assert half.focalLength == before.focalLength != at.focalLength


def test_stage_tells_axes_unit_clock_and_names(tmp_path):
    names = {1: "Zoë 🕺", 2: "zoe", 3: "1st-place"}
    motion = moving_people(3, 7, names=names, fps=29.97, cuts=(3,))
    stage = exported(motion, tmp_path)
    assert UsdGeom.GetStageUpAxis(stage) == "Y" and UsdGeom.GetStageMetersPerUnit(stage) == 1
    assert stage.GetTimeCodesPerSecond() == stage.GetFramesPerSecond() == 29.97
    assert (stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (0, 6)
    assert stage.GetDefaultPrim().GetPath() == "/World"
    people = stage.GetPrimAtPath("/World/People").GetChildren()
    assert [prim.GetDisplayName() for prim in people] == list(names.values())
    assert [prim.GetCustomDataByKey("person_id") for prim in people] == [1, 2, 3]
    assert list(stage.GetDefaultPrim().GetCustomDataByKey("cuts")) == [3]


def test_names_that_become_one_identifier_stay_apart(tmp_path):
    motion = moving_people(3, 2, names={1: "a-b", 2: "a b", 3: "a_b_2"})
    stage = exported(motion, tmp_path)
    people = stage.GetPrimAtPath("/World/People").GetChildren()
    assert len({prim.GetName() for prim in people}) == 3


def test_people_show_only_where_they_were_seen(tmp_path):
    visible = np.array([[False, False, True, True, False, True], [True] * 6, [False] * 6])
    stage = exported(moving_people(3, 6, visible=visible), tmp_path)
    for row, prim in enumerate(stage.GetPrimAtPath("/World/People").GetChildren()):
        shown = [UsdGeom.Imageable(prim).ComputeVisibility(frame) != "invisible" for frame in range(6)]
        assert shown == visible[row].tolist()
        assert UsdGeom.Imageable(prim).ComputeVisibility(2.9) == UsdGeom.Imageable(prim).ComputeVisibility(2)


def test_distortion_lies_beside_the_camera(tmp_path):
    motion = moving_people(0, 2)
    motion = replace(motion, cameras=replace(motion.cameras, distortion=np.array([0.1, -0.05, 0.0, 0.001])))
    stage = exported(motion, tmp_path)
    camera = stage.GetPrimAtPath("/World/Camera")
    assert list(camera.GetAttribute("userProperties:distortion").Get()) == [0.1, -0.05, 0.0, 0.001]
    assert tuple(camera.GetAttribute("userProperties:size_px").Get()) == (640, 360)


@pytest.mark.parametrize(
    ("n_people", "n_frames", "name"), [(0, 5, None), (1, 1, None), (1, 3, "🕺"), (12, 4, None), (2, 10, "O'Neil / <b>")]
)
def test_openusds_validators_find_nothing(tmp_path, n_people, n_frames, name):
    cuts = (5,) if n_frames == 10 else ()
    stage = exported(moving_people(n_people, n_frames, names={1: name} if name else {}, cuts=cuts), tmp_path)
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert {"usdSkelValidators:SkelBindingApiValidator", "usdGeomValidators:StageMetadataChecker"} <= {
        validator.GetMetadata().name for validator in validators
    }
    errors = UsdValidation.ValidationContext(validators).Validate(stage)
    assert [f"{error.GetName()}: {error.GetMessage()}" for error in errors] == []


def test_floor_lies_under_everybody(tmp_path):
    motion = moving_people(2, 5)
    stage = exported(motion, tmp_path)
    floor = UsdGeom.Mesh(stage.GetPrimAtPath("/World/Floor"))
    points = np.array(floor.GetPointsAttr().Get())
    assert not points[:, 1].any()
    a, b, c, _ = points
    assert Gf.Cross(Gf.Vec3d(*(b - a).tolist()), Gf.Vec3d(*(c - a).tolist()))[1] > 0  # its face looks up
    places = np.concatenate([person.joints.reshape(-1, 3) for person in motion.people])
    assert np.all(places[:, [0, 2]] > points[:, [0, 2]].min(axis=0))
    assert np.all(places[:, [0, 2]] < points[:, [0, 2]].max(axis=0))


def test_same_motion_gives_the_same_bytes(tmp_path):
    written = []
    for name in ("first", "second"):
        exported(moving_people(2, 5), tmp_path / name)
        written.append((tmp_path / name / "walk.usdc").read_bytes())
    assert written[0] == written[1]
