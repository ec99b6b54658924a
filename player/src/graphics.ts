/** What the machine can draw in reasonable time. */

export interface Graphics {
  antialias: boolean;
  /** Pixels of the canvas per pixel of CSS, at most. */
  mostPixelRatio: number;
  /** Side of the picture that shadows are taken from. */
  shadowPixels: number;
}

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Without a graphics card every pixel counts. */
export function graphicsOfMachine(): Graphics {
  const context = document.createElement("canvas").getContext("webgl2");
  const info = context?.getExtension("WEBGL_debug_renderer_info");
  const name = info ? String(context?.getParameter(info.UNMASKED_RENDERER_WEBGL)) : "";
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return SOFTWARE.test(name)
    ? { antialias: false, mostPixelRatio: 1, shadowPixels: 512 }
    : { antialias: true, mostPixelRatio: 2, shadowPixels: 1024 };
}
