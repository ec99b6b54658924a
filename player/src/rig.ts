/** People from the GLB: their meshes, their joints, and their motion. */
import {
  Bone,
  type AnimationClip,
  type Interpolant,
  type Object3D,
  PropertyBinding,
  SkinnedMesh,
  Vector3,
} from "three";
import { GLTFLoader, type GLTF } from "three/examples/jsm/loaders/GLTFLoader.js";

interface Channel {
  target: Object3D;
  property: "position" | "quaternion";
  /** Of one value per key. */
  values: Interpolant;
}

/** One person's skeleton with everything skinned to it. */
export class Rig {
  /** Same order as the skin's joints in the file. */
  readonly bones: readonly Bone[];
  /** Index of each bone's parent; -1 where it is no bone. */
  readonly parents: readonly number[];

  constructor(
    /** Holds the root joint, or is it. */
    readonly root: Object3D,
    readonly meshes: readonly SkinnedMesh[],
    private readonly channels: readonly Channel[],
  ) {
    this.bones = meshes[0]!.skeleton.bones;
    this.parents = this.bones.map((bone) => this.bones.indexOf(bone.parent as Bone));
  }

  /** Takes the pose of a moment. */
  pose(seconds: number): void {
    for (const { target, property, values } of this.channels) {
      const value = values.evaluate(seconds) as ArrayLike<number>;
      if (property === "position") target.position.fromArray(value as number[]);
      else target.quaternion.fromArray(value as number[]);
    }
    this.root.updateWorldMatrix(true, true);
  }

  joint(index: number, position: Vector3): Vector3 {
    return position.setFromMatrixPosition(this.bones[index]!.matrixWorld);
  }

  /** (frames, 3) positions of the root joint. */
  rootPath(fps: number, nFrames: number): Float32Array {
    const path = new Float32Array(3 * nFrames);
    const hip = this.bones[Math.max(this.parents.indexOf(-1), 0)]!;
    const moving = this.channels.filter(({ target }) => isWithin(hip, target));
    const position = new Vector3();
    for (let frame = 0; frame < nFrames; frame++) {
      for (const { target, property, values } of moving) {
        const value = values.evaluate(frame / fps) as ArrayLike<number>;
        target[property].fromArray(value as number[]);
      }
      hip.updateWorldMatrix(true, false);
      position.setFromMatrixPosition(hip.matrixWorld).toArray(path, 3 * frame);
    }
    return path;
  }
}

/**
 * Reads everybody from a GLB.
 *
 * @param names Nodes of the file that hold people's root joints.
 * @returns The scene that they are in, and a rig per name; null where the file has no such skin.
 */
export async function loadRigs(
  bytes: Uint8Array<ArrayBuffer>,
  names: readonly string[],
): Promise<{ scene: Object3D; rigs: (Rig | null)[] }> {
  const gltf = await new GLTFLoader().parseAsync(bytes.buffer, "");
  gltf.scene.updateMatrixWorld(true);
  const skins: SkinnedMesh[] = [];
  gltf.scene.traverse((node) => {
    if (node instanceof SkinnedMesh) skins.push(node);
  });
  const rigs = names.map((name) => {
    const root = nodeNamed(gltf, name);
    const meshes = skins.filter((mesh) => root && isWithin(mesh.skeleton.bones[0]!, root));
    return root && meshes.length ? new Rig(root, meshes, channelsOf(gltf.animations, gltf.scene, root)) : null;
  });
  return { scene: gltf.scene, rigs };
}

/** By the name in the file: the loader alters names that its paths cannot hold. */
function nodeNamed(gltf: GLTF, name: string): Object3D | null {
  const nodes = (gltf.parser.json as { nodes?: { name?: string }[] }).nodes ?? [];
  for (const [object, reference] of gltf.parser.associations) {
    const index = reference?.nodes;
    if (index !== undefined && nodes[index]?.name === name && "isObject3D" in object) return object as Object3D;
  }
  return null;
}

/** Scales are left out: with them the file hides people, which here their intervals do. */
function channelsOf(clips: readonly AnimationClip[], scene: Object3D, root: Object3D): Channel[] {
  const channels: Channel[] = [];
  for (const track of clips.flatMap((clip) => clip.tracks)) {
    const { nodeName, propertyName } = PropertyBinding.parseTrackName(track.name);
    if (propertyName !== "position" && propertyName !== "quaternion") continue;
    const target = PropertyBinding.findNode(scene, nodeName) as Object3D | null;
    if (!target || !isWithin(target, root)) continue;
    const values = (track as unknown as { createInterpolant(result?: unknown): Interpolant }).createInterpolant();
    channels.push({ target, property: propertyName, values });
  }
  return channels;
}

function isWithin(node: Object3D, ancestor: Object3D): boolean {
  for (let at: Object3D | null = node; at; at = at.parent) if (at === ancestor) return true;
  return false;
}
