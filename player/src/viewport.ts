/** The canvas: draws the world when something changed, through the free camera or the recording one. */
import { type Camera, NoToneMapping, PCFShadowMap, Vector3, VideoTexture, WebGLRenderer } from "three";
import { Backdrop } from "./backdrop";
import { CameraView } from "./camera_view";
import type { Graphics } from "./graphics";
import { Orbit } from "./orbit";
import type { Theme } from "./palette";
import type { Rect } from "./projection";
import type { Settings } from "./settings";
import type { World } from "./world";

const LETTERBOX = 0x0b0d10;
/** Bodies wait so long for the picture that the video seeks: drawing both at once is quicker than one after the other. */
const PATIENCE_MS = 40;

export class Viewport {
  readonly canvas: HTMLCanvasElement;
  readonly orbit: Orbit;
  readonly cameraView: CameraView;
  /** Called after each drawing. */
  onDrawn: () => void = () => {};
  private readonly renderer: WebGLRenderer;
  private readonly backdrop = new Backdrop();
  private readonly texture: VideoTexture | null;
  private frame = 0;
  /** Of the animation frame that will draw; 0: none. */
  private scheduled = 0;
  private stale = true;
  /** Of the timer that ends the waiting for a picture; 0: nothing waits. */
  private waiting = 0;

  /** @throws Error if the browser has no WebGL. */
  constructor(
    private readonly holder: HTMLElement,
    private readonly world: World,
    private readonly video: HTMLVideoElement | null,
    private settings: Settings,
    private readonly graphics: Graphics,
  ) {
    this.renderer = new WebGLRenderer({ antialias: graphics.antialias, powerPreference: "high-performance" });
    this.renderer.toneMapping = NoToneMapping;
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = PCFShadowMap;
    this.renderer.shadowMap.autoUpdate = false;
    this.renderer.autoClear = false;
    this.canvas = this.renderer.domElement;
    this.canvas.setAttribute("role", "img");
    this.canvas.addEventListener("webglcontextrestored", () => this.invalidate(true));
    holder.append(this.canvas);
    this.orbit = new Orbit(this.canvas, world, () => this.invalidate());
    this.cameraView = new CameraView(this.canvas, world.camera, () => this.invalidate());
    this.texture = video ? new VideoTexture(video) : null;
    // The first picture was there before anyone waited for it.
    if (this.texture) this.texture.needsUpdate = true;
    new ResizeObserver(() => this.resize()).observe(holder);
    this.resize();
  }

  get camera(): Camera {
    return this.settings.view === "camera" ? this.cameraView.camera : this.orbit.camera;
  }

  setTheme(theme: Theme): void {
    this.world.setTheme(theme);
    this.invalidate(true);
  }

  setFrame(frame: number): void {
    this.frame = frame;
    this.orbit.setFrame(frame);
    this.cameraView.setFrame(frame);
    this.stale = true;
    if (!this.showsVideo || !this.video?.seeking) this.invalidate();
    else this.waiting ||= window.setTimeout(() => this.invalidate(), PATIENCE_MS);
  }

  setSettings(settings: Settings): void {
    this.settings = settings;
    this.orbit.enabled = settings.view !== "camera";
    this.cameraView.enabled = settings.view === "camera";
    this.invalidate(true);
  }

  /** Draws soon. @param stale Whether more than the view changed. */
  invalidate(stale = false): void {
    this.stale ||= stale;
    this.scheduled ||= requestAnimationFrame(() => this.draw());
  }

  /** A new picture of the video is there; drawn only where the canvas shows it. */
  newPicture(): void {
    // three asks the browser for news of its own, which may come later.
    if (this.texture) this.texture.needsUpdate = true;
    if (this.showsVideo) this.invalidate();
  }

  /** Draws at once what was to be drawn soon. */
  flush(): void {
    if (this.scheduled || this.waiting) this.draw();
  }

  /** Draws at once. */
  draw(): void {
    cancelAnimationFrame(this.scheduled);
    clearTimeout(this.waiting);
    this.scheduled = this.waiting = 0;
    if (this.stale) {
      const inScene = this.settings.video === "scene" ? this.pictures() : null;
      this.world.show(this.frame, this.settings, inScene);
      this.renderer.shadowMap.needsUpdate = this.settings.view !== "camera";
      this.stale = false;
    }
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.renderer.setScissorTest(false);
    this.renderer.setViewport(0, 0, width, height);
    this.renderer.setClearColor(LETTERBOX);
    this.renderer.clear();
    if (this.settings.view === "camera") this.drawCamera(height);
    else this.renderer.render(this.world.scene, this.orbit.camera);
    this.onDrawn();
  }

  /** Where a point of the world is on the canvas, pixels of CSS, and how deep; null if behind the camera. */
  project(point: Vector3): { x: number; y: number; depth: number } | null {
    const seen = point.clone().applyMatrix4(this.camera.matrixWorldInverse);
    const depth = -seen.z;
    if (depth < 0.05) return null;
    seen.applyMatrix4(this.camera.projectionMatrix);
    const { x, y, width, height } = this.imageRect();
    return { x: x + (width * (1 + seen.x)) / 2, y: y + (height * (1 - seen.y)) / 2, depth };
  }

  /** The picture as a PNG. */
  screenshot(): Promise<Blob | null> {
    this.draw();
    return new Promise((resolve) => this.canvas.toBlob(resolve, "image/png"));
  }

  /** Whether the canvas shows the video, not only the page. */
  private get showsVideo(): boolean {
    return this.settings.view === "camera" || this.settings.video === "scene";
  }

  private imageRect(): Rect {
    if (this.settings.view === "camera") return this.cameraView.rect();
    return { x: 0, y: 0, width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  private drawCamera(canvasHeight: number): void {
    const { x, y, width, height } = this.cameraView.rect();
    const bottom = canvasHeight - y - height;
    this.renderer.setViewport(x, bottom, width, height);
    this.renderer.setScissor(x, bottom, width, height);
    this.renderer.setScissorTest(true);
    const pictures = this.pictures();
    if (pictures) this.backdrop.draw(this.renderer, pictures, 1);
    this.renderer.render(this.world.scene, this.cameraView.camera);
    const { opacity } = this.settings;
    if (pictures && opacity < 1) this.backdrop.draw(this.renderer, pictures, 1 - opacity);
    this.renderer.setScissorTest(false);
  }

  /** The video; while it seeks, its last picture. */
  private pictures(): VideoTexture | null {
    return this.video?.error ? null : this.texture;
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.holder;
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, this.graphics.mostPixelRatio));
    this.renderer.setSize(width, height);
    this.world.setResolution(width, height);
    this.orbit.setAspect(width / height);
    this.draw();
  }
}
