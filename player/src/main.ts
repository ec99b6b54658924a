/** Starts the page. */
import { makeApi, type PlayerApi } from "./api";
import { loadSceneFile } from "./data";
import { element } from "./dom";
import style from "./page.css";
import { Player } from "./player";
import { Progress, stateLine } from "./progress";
import { followRun } from "./run_follower";
import type { RunNews, SceneFile } from "./scene";

declare global {
  interface Window {
    /** For tests of the page. */
    player: PlayerApi;
  }
}

async function start(): Promise<Player> {
  const file = await loadSceneFile();
  document.title = file.video_id;
  if (file.follow && !file.state?.finished) void followRun(newsHandler(file));
  if (file.clip) return Player.load(file.clip, file.video_id);
  const progress = new Progress(file.video_id);
  document.body.replaceChildren(progress.root);
  if (file.state) progress.show(file.state);
  onState.push((news) => progress.show(news.state));
  return new Promise(() => {});
}

const onState: ((news: RunNews) => void)[] = [];

/** New bodies load the page anew; the address keeps moment and view. */
function newsHandler(file: SceneFile): (news: RunNews) => void {
  const line = element("p", { class: "state-line", role: "status" });
  return (news) => {
    if (news.version !== null && news.version !== (file.clip?.version ?? null)) location.reload();
    for (const listener of onState) listener(news);
    line.textContent = file.clip ? stateLine(news.state) : "";
    if (line.textContent) document.body.append(line);
    else line.remove();
  };
}

function tellFailure(error: unknown): void {
  const progress = new Progress(document.title);
  document.body.replaceChildren(progress.root);
  const reason = error instanceof Error ? error.message : String(error);
  progress.tell(`This page cannot be shown: ${reason}`);
}

document.head.append(element("style", {}, style));
const loading = start();
loading.catch(tellFailure);
window.player = makeApi(loading);
