/** The floor: a grid of metres that fades into the distance, and people's shadows. */
import { Color, Group, Mesh, PlaneGeometry, ShaderMaterial, ShadowMaterial, Vector3 } from "three";
import type { Theme } from "./palette";

const VERTEX = /* glsl */ `
varying vec2 vGround;
void main() {
  vec4 world = modelMatrix * vec4(position, 1.0);
  vGround = world.xz;
  gl_Position = projectionMatrix * viewMatrix * world;
}`;

const FRAGMENT = /* glsl */ `
uniform vec3 color;
uniform float opacity;
uniform vec2 centre;
uniform float radius;
varying vec2 vGround;
float lines(vec2 at, vec2 pixel, float width) {
  vec2 distance = abs(fract(at - 0.5) - 0.5) / pixel;
  vec2 shown = clamp(width - distance, 0.0, 1.0) * clamp(0.7 / pixel - 1.0, 0.0, 1.0);
  return max(shown.x, shown.y);
}
void main() {
  float fade = 1.0 - smoothstep(0.25, 1.0, length(vGround - centre) / radius);
  vec2 pixel = max(fwidth(vGround), vec2(1e-5));
  float alpha = opacity * fade * max(0.5 * lines(vGround, pixel, 1.0), lines(vGround / 5.0, pixel / 5.0, 1.4));
  if (alpha < 0.004) discard;
  gl_FragColor = vec4(color, alpha);
}`;

const WHITE = new Color(1, 1, 1);

export class Floor {
  readonly root = new Group();
  private readonly colour = new Color();
  private readonly grid: Mesh<PlaneGeometry, ShaderMaterial>;
  private readonly shadows: Mesh<PlaneGeometry, ShadowMaterial>;

  constructor() {
    const plane = new PlaneGeometry(1, 1).rotateX(-Math.PI / 2);
    this.grid = new Mesh(
      plane,
      new ShaderMaterial({
        vertexShader: VERTEX,
        fragmentShader: FRAGMENT,
        uniforms: {
          color: { value: this.colour },
          opacity: { value: 1 },
          centre: { value: new Vector3() },
          radius: { value: 10 },
        },
        transparent: true,
        depthWrite: false,
        side: 2,
      }),
    );
    this.shadows = new Mesh(plane, new ShadowMaterial({ transparent: true, depthWrite: false }));
    this.shadows.receiveShadow = true;
    this.root.add(this.shadows, this.grid);
  }

  setTheme(theme: Theme): void {
    theme.grid.getRGB(this.colour, "srgb");
    this.grid.material.uniforms["opacity"]!.value = theme.gridOpacity;
    this.shadows.material.opacity = theme.shadowOpacity;
  }

  /** A floor of so many metres around a point. */
  place(centre: Vector3, radius: number): void {
    spread(this.grid, centre, radius, -0.002);
    (this.grid.material.uniforms["centre"]!.value as Vector3).set(centre.x, centre.z, 0);
    this.grid.material.uniforms["radius"]!.value = radius;
  }

  /** Shadows reach so many metres from a point; beyond it there are none to draw. */
  placeShadows(centre: Vector3, radius: number): void {
    spread(this.shadows, centre, radius, -0.004);
  }

  /** Over a video the lines are white, and without shadows: that floor has its own. */
  overVideo(over: boolean): void {
    this.shadows.visible = !over;
    this.grid.material.uniforms["color"]!.value = over ? WHITE : this.colour;
  }
}

function spread(plane: Mesh, centre: Vector3, radius: number, height: number): void {
  plane.position.set(centre.x, height, centre.z);
  plane.scale.set(2 * radius, 1, 2 * radius);
}
