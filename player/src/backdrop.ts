/** The video behind the bodies in the camera's view, and again in front of them to make them translucent. */
import { Mesh, OrthographicCamera, PlaneGeometry, Scene as Scene3D, type Texture, type WebGLRenderer } from "three";
import { videoMaterial } from "./frustum";

export class Backdrop {
  private readonly scene = new Scene3D();
  private readonly camera = new OrthographicCamera(-0.5, 0.5, 0.5, -0.5, -1, 1);
  private readonly material = videoMaterial();

  constructor() {
    this.material.depthTest = false;
    this.material.depthWrite = false;
    this.scene.add(new Mesh(new PlaneGeometry(1, 1), this.material));
  }

  /** Fills the renderer's viewport. */
  draw(renderer: WebGLRenderer, texture: Texture, opacity: number): void {
    this.material.uniforms["map"]!.value = texture;
    this.material.uniforms["opacity"]!.value = opacity;
    this.material.transparent = opacity < 1;
    renderer.render(this.scene, this.camera);
  }
}
