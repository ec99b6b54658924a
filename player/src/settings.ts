/** What the user has chosen, and who wants to know. */

export type View = "free" | "camera" | "top";
export type VideoPlace = "beside" | "corner" | "scene" | "off";
export type BodyStyle = "mesh" | "skeleton" | "both";
export type TrailLength = "off" | "second" | "whole";

export interface Settings {
  view: View;
  video: VideoPlace;
  bodies: BodyStyle;
  trails: TrailLength;
  labels: boolean;
  floor: boolean;
  path: boolean;
  contacts: boolean;
  /** How far the bodies cover the video in the camera's view, in [0, 1]. */
  opacity: number;
  speed: number;
  loop: boolean;
  muted: boolean;
  /** Id of the person that the view goes along with. */
  follow: number | null;
  hidden: ReadonlySet<number>;
  /** `#rrggbb` of people whose colour was changed. */
  colours: ReadonlyMap<number, string>;
  panel: boolean;
}

export const DEFAULTS: Settings = {
  view: "free",
  video: "beside",
  bodies: "mesh",
  trails: "second",
  labels: true,
  floor: true,
  path: true,
  contacts: true,
  opacity: 0.85,
  speed: 1,
  loop: true,
  muted: false,
  follow: null,
  hidden: new Set(),
  colours: new Map(),
  panel: true,
};

type Listener = (settings: Settings, before: Settings) => void;

export class Store {
  private readonly listeners: Listener[] = [];

  constructor(private current: Settings) {}

  get value(): Settings {
    return this.current;
  }

  set(change: Partial<Settings>): void {
    const before = this.current;
    this.current = { ...before, ...change };
    for (const listener of this.listeners) listener(this.current, before);
  }

  /** Calls `listener` now and after every change. */
  subscribe(listener: Listener): void {
    this.listeners.push(listener);
    listener(this.current, this.current);
  }
}
