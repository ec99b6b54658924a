/** Reading what the page is given. */
import type { SceneFile } from "./scene";

/** The scene in the page, or `scene.json` beside it. */
export async function loadSceneFile(): Promise<SceneFile> {
  const embedded = document.getElementById("scene")?.textContent?.trim();
  return embedded ? (JSON.parse(embedded) as SceneFile) : fetchSceneFile();
}

export async function fetchSceneFile(): Promise<SceneFile> {
  const response = await fetch("scene.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`scene.json: ${response.status} ${response.statusText}`);
  return (await response.json()) as SceneFile;
}

/** The bytes behind a URL. Data URIs are decoded here, as a page without network may be forbidden to fetch them. */
export async function loadBytes(url: string): Promise<Uint8Array<ArrayBuffer>> {
  if (url.startsWith("data:")) return bytesOfBase64(url.slice(url.indexOf(",") + 1));
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** A URL that a media element can play and seek in. */
export function mediaUrl(url: string): string {
  if (!url.startsWith("data:")) return url;
  const type = url.slice(5, url.indexOf(";"));
  return URL.createObjectURL(new Blob([bytesOfBase64(url.slice(url.indexOf(",") + 1))], { type }));
}

export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

export function floatsOfBase64(text: string): Float32Array {
  return new Float32Array(bytesOfBase64(text).buffer);
}
