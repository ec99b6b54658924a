/** Watches a run that is still going, for `nlf-pipeline view`. */
import type { RunNews } from "./scene";

const EVERY_MS = 2000;

/** Fetches `state.json` until the run is finished. A server that is gone for a moment is asked again. */
export async function followRun(onNews: (news: RunNews) => void): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    const news = await fetchNews();
    if (news) onNews(news);
    if (news?.state.finished) return;
  }
}

async function fetchNews(): Promise<RunNews | null> {
  try {
    const response = await fetch("state.json", { cache: "no-store" });
    return response.ok ? ((await response.json()) as RunNews) : null;
  } catch {
    return null;
  }
}
