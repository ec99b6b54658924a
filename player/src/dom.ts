/** Small helpers for elements. Text is always set as text, never as HTML. */

type Attributes = Record<string, string | number | boolean>;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const result = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "boolean") result.toggleAttribute(name, value);
    else result.setAttribute(name, String(value));
  }
  result.append(...children);
  return result;
}

const SVG = "http://www.w3.org/2000/svg";

/** A 20 x 20 icon drawn with the text's colour. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

/** A button with an icon; its label is read out and shown as a tooltip. */
export function iconButton(path: string, label: string, onClick: () => void): HTMLButtonElement {
  const button = element("button", { type: "button", class: "icon-button", "aria-label": label, title: label });
  button.append(icon(path));
  button.addEventListener("click", onClick);
  return button;
}

export function setIcon(button: HTMLButtonElement, path: string, label: string): void {
  button.querySelector("path")?.setAttribute("d", path);
  button.setAttribute("aria-label", label);
  button.title = label;
}

/** Buttons of which one is pressed. */
export class Choice<T extends string> {
  readonly root: HTMLElement;
  private readonly buttons = new Map<T, HTMLButtonElement>();

  constructor(label: string, options: readonly (readonly [T, string, string])[], onChoose: (value: T) => void) {
    this.root = element("div", { class: "choice", role: "group", "aria-label": label });
    for (const [value, text, title] of options) {
      const button = element("button", { type: "button", title, "aria-pressed": "false" }, text);
      button.addEventListener("click", () => onChoose(value));
      this.buttons.set(value, button);
      this.root.append(button);
    }
  }

  show(value: T): void {
    for (const [key, button] of this.buttons) button.setAttribute("aria-pressed", String(key === value));
  }
}

/** A labelled switch. */
export class Toggle {
  readonly root: HTMLLabelElement;
  private readonly input: HTMLInputElement;

  constructor(label: string, title: string, onChange: (on: boolean) => void) {
    this.input = element("input", { type: "checkbox", role: "switch" });
    this.root = element("label", { class: "toggle", title }, element("span", {}, label), this.input);
    this.input.addEventListener("change", () => onChange(this.input.checked));
  }

  show(on: boolean): void {
    this.input.checked = on;
  }
}
