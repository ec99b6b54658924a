/** Colours of the 3D view in light and dark. */
import { Color } from "three";

export interface Theme {
  /** Colours of the background at its lower and upper edge. */
  below: Color;
  above: Color;
  /** Lines of the grid and how strong they are. */
  grid: Color;
  gridOpacity: number;
  shadowOpacity: number;
  /** Camera frustum and path. */
  camera: Color;
  skyLight: Color;
  groundLight: Color;
}

const LIGHT: Theme = {
  below: new Color("#e6eaf0"),
  above: new Color("#fafbfd"),
  grid: new Color("#8b98a9"),
  gridOpacity: 0.55,
  shadowOpacity: 0.22,
  camera: new Color("#39424e"),
  skyLight: new Color("#ffffff"),
  groundLight: new Color("#a9b1bd"),
};

const DARK: Theme = {
  below: new Color("#1a1f26"),
  above: new Color("#0e1014"),
  grid: new Color("#566273"),
  gridOpacity: 0.6,
  shadowOpacity: 0.5,
  camera: new Color("#c5ced9"),
  skyLight: new Color("#ffffff"),
  groundLight: new Color("#69717c"),
};

/** The theme that the user's system asks for, now and whenever that changes. */
export function followTheme(onTheme: (theme: Theme) => void): void {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = (): void => onTheme(dark.matches ? DARK : LIGHT);
  dark.addEventListener("change", apply);
  apply();
}
