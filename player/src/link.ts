/** The part of the address behind the #, which brings a moment and a view back: #t=3.2&view=camera. */
import { DEFAULTS, type Settings } from "./settings";

const CHOICES = {
  view: ["free", "camera", "top"],
  video: ["beside", "corner", "scene", "off"],
  bodies: ["mesh", "skeleton", "both"],
  trails: ["off", "second", "whole"],
} as const satisfies Partial<Record<keyof Settings, readonly string[]>>;

export interface Link {
  /** Seconds. */
  time: number | null;
  settings: Partial<Settings>;
}

export function parseLink(hash: string): Link {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const settings: Record<string, unknown> = {};
  for (const [name, allowed] of Object.entries(CHOICES)) {
    const value = values.get(name);
    if (value && (allowed as readonly string[]).includes(value)) settings[name] = value;
  }
  const follow = numberOf(values.get("follow"));
  if (follow !== null) settings["follow"] = follow;
  const time = numberOf(values.get("t"));
  return { time: time !== null && time >= 0 ? time : null, settings: settings as Partial<Settings> };
}

export function formatLink(seconds: number, settings: Settings): string {
  const values = new URLSearchParams({ t: String(Math.round(seconds * 1000) / 1000) });
  for (const name of Object.keys(CHOICES) as (keyof typeof CHOICES)[]) {
    if (settings[name] !== DEFAULTS[name] || name === "view") values.set(name, settings[name]);
  }
  if (settings.follow !== null) values.set("follow", String(settings.follow));
  return `#${values.toString()}`;
}

function numberOf(text: string | null): number | null {
  const value = text ? Number(text) : NaN;
  return Number.isFinite(value) ? value : null;
}
