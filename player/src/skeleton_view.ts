/** A person's joints as balls and bones as tapered sticks. */
import {
  BufferGeometry,
  Color,
  CylinderGeometry,
  Group,
  InstancedMesh,
  Matrix4,
  MeshLambertMaterial,
  Quaternion,
  SphereGeometry,
  Vector3,
} from "three";
import type { Rig } from "./rig";

const WHITE = new Color(1, 1, 1);
const UP = new Vector3(0, 1, 0);
const BALL_RADIUS = 0.028;
const STICK_RADIUS = 0.018;
/** Fingers and faces: joints closer to their parent than this, in metres, are drawn smaller. */
const SHORT_BONE = 0.06;

export class SkeletonView {
  readonly root = new Group();
  private readonly balls: InstancedMesh<BufferGeometry, MeshLambertMaterial>;
  private readonly sticks: InstancedMesh<BufferGeometry, MeshLambertMaterial>;

  constructor(private readonly rig: Rig) {
    const stick = new CylinderGeometry(0.6, 1, 1, 10, 1, true).translate(0, 0.5, 0);
    this.balls = instances(new SphereGeometry(1, 14, 10), rig.bones.length);
    this.sticks = instances(stick, rig.bones.length);
    this.root.add(this.balls, this.sticks);
  }

  /** @param inside Whether it is seen through the surface, from which it must stand out. */
  setColour(colour: Color, inside: boolean): void {
    this.balls.material.color.copy(colour).lerp(WHITE, inside ? 0.9 : 0.35);
    this.sticks.material.color.copy(colour).lerp(WHITE, inside ? 0.7 : 0);
  }

  /** Moves to where the rig's joints are. */
  update(): void {
    const matrix = new Matrix4();
    const [here, parent, scale] = [new Vector3(), new Vector3(), new Vector3()];
    const turn = new Quaternion();
    this.rig.parents.forEach((index, i) => {
      this.rig.joint(i, here);
      if (index >= 0) this.rig.joint(index, parent);
      else parent.copy(here);
      const length = here.distanceTo(parent);
      const thickness = index >= 0 && length < SHORT_BONE ? 0.4 : 1;
      this.balls.setMatrixAt(
        i,
        matrix.compose(here, turn.identity(), scale.setScalar(BALL_RADIUS * (0.5 + thickness / 2))),
      );
      turn.setFromUnitVectors(UP, here.clone().sub(parent).normalize());
      const radius = length > 1e-4 ? STICK_RADIUS * thickness : 0;
      this.sticks.setMatrixAt(i, matrix.compose(parent, turn, scale.set(radius, length, radius)));
    });
    this.balls.instanceMatrix.needsUpdate = true;
    this.sticks.instanceMatrix.needsUpdate = true;
  }
}

function instances(geometry: BufferGeometry, count: number): InstancedMesh<BufferGeometry, MeshLambertMaterial> {
  const mesh = new InstancedMesh(geometry, new MeshLambertMaterial(), count);
  mesh.frustumCulled = false;
  mesh.castShadow = true;
  return mesh;
}
