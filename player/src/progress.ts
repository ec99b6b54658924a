/** A run that is still going: its stages and how far they are. */
import { element } from "./dom";
import type { RunState, Stage } from "./scene";

const STATES: Record<Stage["state"], string> = {
  waiting: "Waiting",
  running: "Running",
  done: "Done",
  failed: "Failed",
};

export class Progress {
  readonly root = element("div", { class: "progress", role: "status" });
  private readonly list = element("ol");
  private readonly message = element("p", { class: "note" });

  constructor(videoId: string) {
    this.root.append(element("h1", {}, videoId), this.message, this.list);
  }

  show(state: RunState): void {
    const failed = state.stages.some((stage) => stage.state === "failed");
    const pending = failed ? "The run has stopped." : "The motion appears here as soon as it is there.";
    this.message.textContent = state.message ?? (state.finished ? "The run has ended without bodies." : pending);
    this.list.replaceChildren(...state.stages.map(stageRow));
  }

  tell(message: string): void {
    this.message.textContent = message;
    this.list.replaceChildren();
  }
}

/** One line on top of a player whose run goes on. */
export function stateLine({ finished, stages, message }: RunState): string {
  if (message) return message;
  if (finished) return "";
  const running = stages.filter((stage) => stage.state === "running").map(({ name }) => name);
  return running.length ? `Still running: ${running.join(", ")}` : "";
}

function stageRow({ name, state, progress }: Stage): HTMLElement {
  const share = typeof progress === "number" ? Math.round(100 * progress) : null;
  const text = state === "running" && share !== null ? `${share} %` : STATES[state];
  const row = element("li", { "data-state": state }, element("span", {}, name), element("em", {}, text));
  if (state === "running") {
    const bar = element("progress", { max: 100, "aria-label": name });
    if (share !== null) bar.value = share;
    row.append(bar);
  }
  return row;
}
