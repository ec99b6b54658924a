/** What the page is given: `<script type="application/json" id="scene">`, or `scene.json` beside the page. */

/** First frame and the one after the last. */
export type Interval = [start: number, stop: number];

/** The whole file. */
export interface SceneFile {
  format_version: 1;
  video_id: string;
  /** Served by `nlf-pipeline view`: `state.json` is fetched again while the run goes on, see `RunNews`. */
  follow?: boolean;
  /** How far the run is; absent in a page that stands alone. */
  state?: RunState;
  /** Null until bodies are there. */
  clip: Clip | null;
}

export interface Clip {
  /** Changes when the results do; the page then loads itself anew. */
  version?: string;
  fps: number;
  n_frames: number;
  /** Width and height that `cameras.K` belongs to. The embedded video may be smaller. */
  size_px: [width: number, height: number];
  /** First frame of every shot but the first. Every shot has a world of its own. */
  cuts: number[];
  /** Names of the joints, in the order of each skin's joints in the GLB. */
  joint_names: string[];
  people: Person[];
  cameras: CameraTrack;
  /** URL, or `data:model/gltf-binary;base64,...`. */
  glb: string;
  /** URL, or `data:video/mp4;base64,...`; frame i is shown from i / fps on. */
  video: string | null;
  has_audio?: boolean;
}

export interface Person {
  id: number;
  /** Any text. */
  name: string;
  /** sRGB in [0, 1]. */
  colour: [red: number, green: number, blue: number];
  /** Name of the node in the GLB that holds this person's root joint, or is it. */
  node: string;
  visible: Interval[];
  /** Frames interpolated over a short gap; part of `visible`. */
  filled?: Interval[];
  /** When each foot is planted on the floor. */
  contacts?: { left: Interval[]; right: Interval[] };
}

/** Little-endian float32 in base64. Camera axes as OpenCV's; pixel centres at integers. */
export interface CameraTrack {
  /** (frames, 4, 4), row-major, metres; maps the camera's axes to the world's. */
  T_world_cam: string;
  /** (frames, 3, 3), row-major, pixels. */
  K: string;
  /** OpenCV's coefficients; the page ignores them and says so if any is not 0. */
  distortion: number[];
}

/** `state.json`, which stays small however long the clip. */
export interface RunNews {
  state: RunState;
  /** What `clip.version` of `scene.json` would be now, null before there are bodies: if it is another, load that. */
  version: string | null;
}

export interface RunState {
  /** Nothing runs any more and nothing more will come. */
  finished: boolean;
  /** In the order of the workflow. */
  stages: Stage[];
  /** One sentence for the user, for example what went wrong. */
  message?: string;
}

export interface Stage {
  name: string;
  state: "waiting" | "running" | "done" | "failed";
  /** Share that is done, in [0, 1], where it is known. */
  progress?: number | null;
}
