/** Looking through the recording camera: its picture fits the window, and can be enlarged and moved about. */
import { PerspectiveCamera } from "three";
import { fitRect, type Rect } from "./projection";
import type { RecordingCamera } from "./recording_camera";

const LARGEST = 6;
const [NEAR, FAR] = [0.05, 500];

export class CameraView {
  readonly camera = new PerspectiveCamera();
  enabled = false;
  private zoom = 1;
  /** What is in the middle of the window, as a share of the picture. */
  private middle = { x: 0.5, y: 0.5 };
  private readonly touches = new Map<number, { x: number; y: number }>();

  constructor(
    private readonly canvas: HTMLElement,
    private readonly recording: RecordingCamera,
    private readonly onChange: () => void,
  ) {
    this.camera.matrixAutoUpdate = false;
    canvas.addEventListener("wheel", this.onWheel, { passive: false });
    canvas.addEventListener("pointerdown", this.onDown);
    canvas.addEventListener("pointermove", this.onMove);
    for (const name of ["pointerup", "pointercancel"] as const) {
      canvas.addEventListener(name, (event) => this.touches.delete(event.pointerId));
    }
  }

  setFrame(frame: number): void {
    this.camera.matrix.copy(this.recording.worldFromGl(frame));
    this.camera.updateMatrixWorld(true);
    this.camera.projectionMatrix.copy(this.recording.projection(frame, NEAR, FAR));
    this.camera.projectionMatrixInverse.copy(this.camera.projectionMatrix).invert();
  }

  reset(): void {
    this.zoom = 1;
    this.middle = { x: 0.5, y: 0.5 };
    this.onChange();
  }

  /** The picture within the window, from its top left corner; pixels of CSS. */
  rect(): Rect {
    const { clientWidth, clientHeight } = this.canvas;
    const [width, height] = this.recording.size;
    const fitted = fitRect(width / height, clientWidth, clientHeight);
    const size = { width: fitted.width * this.zoom, height: fitted.height * this.zoom };
    return {
      x: clientWidth / 2 - this.middle.x * size.width,
      y: clientHeight / 2 - this.middle.y * size.height,
      ...size,
    };
  }

  private readonly onWheel = (event: WheelEvent): void => {
    if (!this.enabled) return;
    event.preventDefault();
    this.zoomAt(event.offsetX, event.offsetY, Math.exp(-0.0015 * event.deltaY));
  };

  private readonly onDown = (event: PointerEvent): void => {
    if (!this.enabled) return;
    this.touches.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.canvas.setPointerCapture(event.pointerId);
  };

  private readonly onMove = (event: PointerEvent): void => {
    const before = this.touches.get(event.pointerId);
    if (!this.enabled || !before) return;
    const now = { x: event.offsetX, y: event.offsetY };
    const other = [...this.touches].find(([id]) => id !== event.pointerId)?.[1];
    this.touches.set(event.pointerId, now);
    if (!other) this.pan(now.x - before.x, now.y - before.y);
    else {
      const [apart, wasApart] = [now, before].map(({ x, y }) => Math.hypot(x - other.x, y - other.y));
      this.zoomAt((now.x + other.x) / 2, (now.y + other.y) / 2, apart! / Math.max(wasApart!, 1));
    }
  };

  private zoomAt(x: number, y: number, factor: number): void {
    const before = this.rect();
    const share = { x: (x - before.x) / before.width, y: (y - before.y) / before.height };
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), LARGEST);
    const after = this.rect();
    this.pan(x - share.x * after.width - after.x, y - share.y * after.height - after.y);
  }

  /** Keeps the picture over the middle of the window. */
  private pan(dx: number, dy: number): void {
    const { width, height } = this.rect();
    const slack = 0.5 - 0.5 / this.zoom;
    const within = (value: number): number => Math.min(Math.max(value, 0.5 - slack), 0.5 + slack);
    this.middle = { x: within(this.middle.x - dx / width), y: within(this.middle.y - dy / height) };
    this.onChange();
  }
}
