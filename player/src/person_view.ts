/** One person in the 3D view: mesh, skeleton, trail and planted feet. */
import {
  Color,
  DoubleSide,
  Group,
  Mesh,
  MeshBasicMaterial,
  MeshLambertMaterial,
  type Object3D,
  RingGeometry,
  type SkinnedMesh,
  Vector3,
} from "three";
import { isWithin, shotAt } from "./frames";
import { Ribbon } from "./ribbon";
import type { Rig } from "./rig";
import type { Clip, Interval, Person } from "./scene";
import { piecesOf } from "./segments";
import type { Settings } from "./settings";
import { SkeletonView } from "./skeleton_view";

const RING = new RingGeometry(0.1, 0.125, 40).rotateX(-Math.PI / 2);
/** Rings lie on the floor unless the foot is farther from it, as on stairs, metres. */
const NEAR_FLOOR = 0.15;
const SOLE = 0.04;
const TOP_OF_HEAD = 0.3;
/** Seconds that a short trail lasts. */
const SHORT_TRAIL = 1.2;

interface Foot {
  joint: number;
  planted: Interval[];
  ring: Mesh<RingGeometry, MeshBasicMaterial>;
}

export class PersonView {
  readonly root = new Group();
  readonly colour = new Color();
  /** (frames, 3) of the pelvis, held or interpolated where the person is not visible. */
  readonly path: Float32Array;
  readonly ribbons: Ribbon[];
  private readonly material = new MeshLambertMaterial();
  private readonly skeleton: SkeletonView;
  private readonly feet: Foot[];
  private readonly head: number;
  private frame = 0;

  constructor(
    readonly person: Person,
    readonly rig: Rig,
    private readonly clip: Clip,
    private readonly shots: readonly Interval[],
  ) {
    this.path = rig.rootPath(clip.fps, clip.n_frames);
    this.ribbons = piecesOf(this.path, person.visible, shots).map((pieces) => new Ribbon(pieces, 4, 0.9));
    this.skeleton = new SkeletonView(rig);
    this.feet = (["left", "right"] as const).map((side) => ({
      joint: clip.joint_names.indexOf(`${side}_foot`),
      planted: person.contacts?.[side] ?? [],
      ring: new Mesh(RING, new MeshBasicMaterial({ side: DoubleSide, transparent: true, opacity: 0.9 })),
    }));
    this.head = Math.max(clip.joint_names.indexOf("head"), 0);
    for (const mesh of rig.meshes) this.dress(mesh);
    this.root.add(this.skeleton.root, ...this.feet.map(({ ring }) => ring), ...this.ribbons.map(({ mesh }) => mesh));
    this.setColour(new Color().setRGB(...person.colour, "srgb"));
  }

  get meshes(): readonly SkinnedMesh[] {
    return this.rig.meshes;
  }

  isVisible(frame: number): boolean {
    return isWithin(this.person.visible, frame);
  }

  setColour(colour: Color): void {
    this.colour.copy(colour);
    for (const { ring } of this.feet) ring.material.color.copy(colour);
    for (const ribbon of this.ribbons) ribbon.setColour(colour);
  }

  /** Takes the pose of `frame` and shows of it what the settings ask for. */
  show(frame: number, settings: Settings): void {
    this.frame = frame;
    const present = this.isVisible(frame) && !settings.hidden.has(this.person.id);
    if (present) this.rig.pose(frame / this.clip.fps);
    const filled = isWithin(this.person.filled ?? [], frame);
    this.showBody(present, filled, settings);
    this.showFeet(present && settings.contacts);
    this.showTrail(settings);
  }

  /** Above the head, for the name. */
  labelPoint(target: Vector3): Vector3 {
    this.rig.joint(this.head, target);
    target.y += TOP_OF_HEAD;
    return target;
  }

  pelvis(frame: number, target: Vector3): Vector3 {
    return target.fromArray(this.path, 3 * frame);
  }

  private dress(mesh: SkinnedMesh): void {
    mesh.material = this.material;
    mesh.frustumCulled = false;
    mesh.castShadow = true;
    this.root.add(mesh as Object3D);
  }

  /** Poses that were filled in over a gap are paler. */
  private showBody(present: boolean, filled: boolean, { bodies }: Settings): void {
    this.material.color.copy(this.colour).lerp(new Color(1, 1, 1), filled ? 0.4 : 0);
    const glass = bodies === "both";
    this.material.needsUpdate ||= this.material.transparent !== glass;
    this.material.transparent = glass;
    this.material.opacity = glass ? 0.45 : 1;
    this.skeleton.setColour(this.colour, glass);
    this.material.depthWrite = !glass;
    for (const mesh of this.meshes) mesh.visible = present && bodies !== "skeleton";
    this.skeleton.root.visible = present && bodies !== "mesh";
    if (this.skeleton.root.visible) this.skeleton.update();
  }

  private showFeet(shown: boolean): void {
    for (const { joint, planted, ring } of this.feet) {
      ring.visible = shown && joint >= 0 && isWithin(planted, this.frame);
      if (!ring.visible) continue;
      this.rig.joint(joint, ring.position);
      ring.position.y = Math.abs(ring.position.y) < NEAR_FLOOR ? 0.004 : ring.position.y - SOLE;
    }
  }

  private showTrail({ trails, hidden }: Settings): void {
    const shot = shotAt(this.shots, this.frame);
    const span = trails === "second" ? SHORT_TRAIL * this.clip.fps : 0;
    this.ribbons.forEach((ribbon, i) => {
      ribbon.mesh.visible = trails !== "off" && i === shot && !hidden.has(this.person.id);
      ribbon.setTime(this.frame, span, trails === "whole" ? 0.25 : 0);
    });
  }
}
