/** The recording camera in the world: its frustum, its path, and the video on its image plane. */
import {
  BufferAttribute,
  BufferGeometry,
  Color,
  DoubleSide,
  Group,
  Mesh,
  ShaderMaterial,
  type Texture,
  Vector3,
} from "three";
import { shotAt } from "./frames";
import type { RecordingCamera } from "./recording_camera";
import { Ribbon } from "./ribbon";
import type { Interval } from "./scene";
import { piecesOf } from "./segments";

/** From the centre to the image plane where the video is not on it, metres. */
const SMALL = 0.45;
/** Corners: apex, top left, top right, bottom right, bottom left, and three of the mark that says which side is up. */
const EDGES = [
  [0, 1],
  [0, 2],
  [0, 3],
  [0, 4],
  [1, 2],
  [2, 3],
  [3, 4],
  [4, 1],
  [5, 6],
  [6, 7],
  [7, 5],
] as const;

export const VIDEO_VERTEX = /* glsl */ `
varying vec2 vAt;
void main() {
  vAt = uv;
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
}`;

export class FrustumView {
  readonly root = new Group();
  private readonly edges = new Ribbon([], 1.6, 0.9);
  private readonly paths: Ribbon[];
  /** What the edges were made for. */
  private shape = "";
  private readonly plane: Mesh<BufferGeometry, ShaderMaterial>;

  constructor(
    private readonly camera: RecordingCamera,
    private readonly shots: readonly Interval[],
    nFrames: number,
  ) {
    const path = new Float32Array(3 * nFrames);
    for (let frame = 0; frame < nFrames; frame++) camera.position(frame).toArray(path, 3 * frame);
    const everywhere: Interval[] = [[0, nFrames]];
    this.paths = piecesOf(path, everywhere, shots).map((pieces) => new Ribbon(pieces, 2.5, 0.85));
    this.plane = new Mesh(rectangle(), videoMaterial());
    this.plane.frustumCulled = false;
    this.root.add(this.plane, ...this.ribbons.map(({ mesh }) => mesh));
  }

  get ribbons(): readonly Ribbon[] {
    return [this.edges, ...this.paths];
  }

  setColour(colour: Color): void {
    for (const ribbon of this.ribbons) ribbon.setColour(colour);
  }

  /** The video for the image plane; none: the plane is left out. */
  setVideo(texture: Texture | null): void {
    this.plane.material.uniforms["map"]!.value = texture;
    this.plane.visible = texture !== null;
  }

  /** @param videoDepth From the centre to the image plane with the video, metres. */
  show(frame: number, videoDepth: number): void {
    const depth = this.plane.visible ? videoDepth : SMALL;
    const shape = [depth, ...this.camera.K(frame)].join();
    if (shape !== this.shape) this.build(frame, depth);
    this.shape = shape;
    const pose = this.camera.worldFromCv(frame);
    for (const part of [this.edges.mesh, this.plane]) {
      part.matrixAutoUpdate = false;
      part.matrix.copy(pose);
    }
    const shot = shotAt(this.shots, frame);
    this.edges.setTime(frame, 0, 1);
    this.paths.forEach((path, i) => {
      path.mesh.visible = i === shot;
      path.setTime(frame, 0, 0.3);
    });
  }

  /** In the camera's axes. */
  private build(frame: number, depth: number): void {
    const corners = this.camera.corners(frame, depth);
    const [topLeft, topRight] = corners as [Vector3, Vector3];
    const between = (share: number, raise: number): Vector3 =>
      topLeft
        .clone()
        .lerp(topRight, share)
        .add(new Vector3(0, -raise * depth, 0));
    const mark = [between(0.4, 0.03), between(0.5, 0.12), between(0.6, 0.03)];
    const points = [new Vector3(), ...corners, ...mark];
    const edges = EDGES.map((edge) => edge.flatMap((i) => points[i]!.toArray()));
    this.edges.setPieces(edges.map((ends) => ({ start: 0, positions: new Float32Array(ends) })));
    write(this.plane.geometry, corners);
  }
}

/** Draws a video's colours as they are, untouched by light. */
export function videoMaterial(): ShaderMaterial {
  return new ShaderMaterial({
    uniforms: { map: { value: null }, opacity: { value: 1 } },
    vertexShader: VIDEO_VERTEX,
    fragmentShader: /* glsl */ `
uniform sampler2D map;
uniform float opacity;
varying vec2 vAt;
void main() {
  gl_FragColor = vec4(texture2D(map, vAt).rgb, opacity);
}`,
    side: DoubleSide,
  });
}

/** Of four corners, still to be placed. */
function rectangle(): BufferGeometry {
  const result = new BufferGeometry();
  result.setAttribute("position", new BufferAttribute(new Float32Array(12), 3));
  result.setAttribute("uv", new BufferAttribute(new Float32Array([0, 1, 1, 1, 1, 0, 0, 0]), 2));
  result.setIndex([0, 2, 1, 0, 3, 2]);
  return result;
}

function write(target: BufferGeometry, points: readonly Vector3[]): void {
  const positions = target.getAttribute("position");
  points.forEach((point, i) => positions.setXYZ(i, point.x, point.y, point.z));
  positions.needsUpdate = true;
}
