/** Lines of constant width on the screen whose points belong to frames: they can fade with age. */
import { BufferGeometry, Color, Float32BufferAttribute, Mesh, ShaderMaterial, Vector2 } from "three";
import type { Piece } from "./segments";

const VERTEX = /* glsl */ `
attribute vec3 before;
attribute vec3 after;
attribute float side;
attribute float frame;
uniform vec2 resolution;
uniform float width;
varying float vFrame;
varying float vSide;
const float NEAR = -0.02;
void main() {
  vec4 point = modelViewMatrix * vec4(position, 1.0);
  vec4 a = modelViewMatrix * vec4(before, 1.0);
  vec4 b = modelViewMatrix * vec4(after, 1.0);
  if (point.z > NEAR && a.z < NEAR) point = mix(a, point, (NEAR - a.z) / (point.z - a.z));
  else if (point.z > NEAR && b.z < NEAR) point = mix(b, point, (NEAR - b.z) / (point.z - b.z));
  if (a.z > NEAR) a = point;
  if (b.z > NEAR) b = point;
  vec4 clip = projectionMatrix * point;
  vec4 clipA = projectionMatrix * a;
  vec4 clipB = projectionMatrix * b;
  vec2 along = (clipB.xy / clipB.w - clipA.xy / clipA.w) * resolution;
  along = length(along) > 1e-4 ? normalize(along) : vec2(1.0, 0.0);
  gl_Position = clip;
  gl_Position.xy += vec2(-along.y, along.x) * side * (width + 1.0) / resolution * clip.w;
  vFrame = frame;
  vSide = side * (width + 1.0);
}`;

const FRAGMENT = /* glsl */ `
uniform vec3 color;
uniform float opacity;
uniform float now;
uniform float span;
uniform float future;
uniform float width;
varying float vFrame;
varying float vSide;
void main() {
  float age = now - vFrame;
  float seen = age < -0.001 ? future : (span > 0.0 ? 1.0 - age / span : 1.0);
  float alpha = opacity * seen * clamp(width + 0.5 - abs(vSide), 0.0, 1.0);
  if (alpha < 0.01) discard;
  gl_FragColor = vec4(color, alpha);
}`;

export class Ribbon {
  readonly mesh: Mesh<BufferGeometry, ShaderMaterial>;

  /**
   * @param pieces The lines.
   * @param width In pixels of CSS.
   */
  constructor(pieces: readonly Piece[], width: number, opacity = 1) {
    const material = new ShaderMaterial({
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      uniforms: {
        color: { value: new Color() },
        opacity: { value: opacity },
        now: { value: 0 },
        span: { value: 0 },
        future: { value: 0 },
        width: { value: width / 2 },
        resolution: { value: new Vector2(1, 1) },
      },
      transparent: true,
      depthWrite: false,
      side: 2,
    });
    this.mesh = new Mesh(geometryOf(pieces), material);
    this.mesh.frustumCulled = false;
    this.mesh.renderOrder = 2;
  }

  setPieces(pieces: readonly Piece[]): void {
    this.mesh.geometry.dispose();
    this.mesh.geometry = geometryOf(pieces);
  }

  /** sRGB; the shader writes it as it is. */
  setColour(colour: Color): void {
    colour.getRGB(this.uniform("color").value as Color, "srgb");
  }

  /**
   * @param now Frame on screen.
   * @param span Frames after which the line has faded away; 0: never.
   * @param future Opacity of what is still to come.
   */
  setTime(now: number, span: number, future: number): void {
    this.uniform("now").value = now;
    this.uniform("span").value = span;
    this.uniform("future").value = future;
  }

  setResolution(width: number, height: number): void {
    (this.uniform("resolution").value as Vector2).set(width, height);
  }

  private uniform(name: string): { value: unknown } {
    return this.mesh.material.uniforms[name]!;
  }
}

/** Two vertices per point, which know their neighbours. */
function geometryOf(pieces: readonly Piece[]): BufferGeometry {
  const columns = { position: [], before: [], after: [], side: [], frame: [] } as Record<string, number[]>;
  const index: number[] = [];
  for (const { start, positions } of pieces) {
    const n = positions.length / 3;
    for (let i = 0; i < n; i++) {
      const at = (k: number): number[] => Array.from(positions.subarray(3 * k, 3 * k + 3));
      const first = columns["frame"]!.length;
      for (const side of [-1, 1]) {
        columns["position"]!.push(...at(i));
        columns["before"]!.push(...at(Math.max(i - 1, 0)));
        columns["after"]!.push(...at(Math.min(i + 1, n - 1)));
        columns["side"]!.push(side);
        columns["frame"]!.push(start + i);
      }
      if (i + 1 < n) index.push(first, first + 1, first + 2, first + 1, first + 3, first + 2);
    }
  }
  const geometry = new BufferGeometry();
  for (const [name, values] of Object.entries(columns)) {
    geometry.setAttribute(name, new Float32BufferAttribute(values, name === "side" || name === "frame" ? 1 : 3));
  }
  geometry.setIndex(index);
  return geometry;
}
