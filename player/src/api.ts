/** `window.player`: what tests of the page use. */
import { Vector3 } from "three";
import type { Player } from "./player";
import type { Rect } from "./projection";
import type { Settings } from "./settings";

export interface PlayerApi {
  /** Kept when the first frame is drawn; refused with what went wrong. */
  ready: Promise<void>;
  nFrames(): number;
  frame(): number;
  /** Kept when the frame and its picture are drawn. */
  seek(frame: number): Promise<void>;
  play(): void;
  pause(): void;
  playing(): boolean;
  setView(view: Settings["view"]): void;
  set(settings: Partial<Settings>): void;
  settings(): Settings;
  canvas(): HTMLCanvasElement;
  /** Where the video's picture is on the canvas in the camera's view; pixels of CSS. */
  imageRect(): Rect;
  /** The box around a person's mesh on the canvas, pixels of CSS; null if absent. */
  personScreenBox(id: number): Rect | null;
}

/** Every so many vertices are looked at for a person's box. */
const STRIDE = 5;

export function makeApi(loading: Promise<Player>): PlayerApi {
  let player: Player | null = null;
  const loaded = (): Player => {
    if (!player) throw new Error("The player is not ready.");
    return player;
  };
  const ready = loading.then((it) => {
    player = it;
    it.viewport.draw();
  });
  ready.catch(() => {});
  return {
    ready,
    nFrames: () => loaded().world.clip.n_frames,
    frame: () => loaded().clock.frame,
    seek: async (frame) => {
      await loaded().clock.seek(frame);
      loaded().viewport.flush();
    },
    play: () => loaded().clock.play(),
    pause: () => loaded().clock.pause(),
    playing: () => loaded().clock.playing,
    setView: (view) => loaded().store.set({ view }),
    set: (settings) => loaded().store.set(settings),
    settings: () => loaded().store.value,
    canvas: () => loaded().viewport.canvas,
    imageRect: () => loaded().viewport.cameraView.rect(),
    personScreenBox: (id) => screenBox(loaded(), id),
  };
}

function screenBox({ world, viewport, clock }: Player, id: number): Rect | null {
  const person = world.people.find((candidate) => candidate.person.id === id);
  if (!person?.isVisible(clock.frame)) return null;
  viewport.flush();
  const point = new Vector3();
  const [xs, ys]: [number[], number[]] = [[], []];
  for (const mesh of person.meshes) {
    for (let i = 0; i < mesh.geometry.getAttribute("position").count; i += STRIDE) {
      const at = viewport.project(mesh.getVertexPosition(i, point).applyMatrix4(mesh.matrixWorld));
      if (at) {
        xs.push(at.x);
        ys.push(at.y);
      }
    }
  }
  if (!xs.length) return null;
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}
