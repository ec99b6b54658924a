/** Everything in the 3D view, and what of it is shown. */
import {
  Color,
  DataTexture,
  DirectionalLight,
  HemisphereLight,
  LinearFilter,
  Scene as Scene3D,
  SRGBColorSpace,
  type Texture,
  Vector2,
  Vector3,
} from "three";
import { Floor } from "./floor";
import { shotAt, shotsOf } from "./frames";
import { FrustumView } from "./frustum";
import type { Theme } from "./palette";
import { PersonView } from "./person_view";
import { RecordingCamera } from "./recording_camera";
import type { Rig } from "./rig";
import type { Clip, Interval } from "./scene";
import type { Settings } from "./settings";

const SHADES = 64;
const SHADOW_REACH = 4;
/** Frames of a shot that are looked at to find out where it happens. */
const MOMENTS = 50;

/** Where things happen in one shot. */
export interface Place {
  /** Middle of what is seen, at the height of a pelvis. */
  centre: Vector3;
  /** From there to the farthest person or camera. */
  radius: number;
  /** Feet and heads of people, and the camera, at moments of the shot. */
  points: Vector3[];
  /** From the camera to its image plane with the video on it, metres. */
  videoDepth: number;
}

export class World {
  readonly scene = new Scene3D();
  readonly people: readonly PersonView[];
  readonly camera: RecordingCamera;
  readonly shots: readonly Interval[];
  readonly places: readonly Place[];
  readonly frustum: FrustumView;
  private readonly floor = new Floor();
  private readonly sky = new HemisphereLight(0xffffff, 0xffffff, 1.45);
  private readonly sun = new DirectionalLight(0xffffff, 2.3);
  private readonly background = new DataTexture(new Uint8Array(4 * SHADES), 1, SHADES);

  constructor(
    readonly clip: Clip,
    rigs: readonly (Rig | null)[],
    shadowPixels: number,
  ) {
    this.shots = shotsOf(clip.cuts, clip.n_frames);
    this.camera = new RecordingCamera(clip.cameras, clip.size_px);
    this.people = clip.people.flatMap((person, i) => {
      const rig = rigs[i];
      return rig ? [new PersonView(person, rig, clip, this.shots)] : [];
    });
    this.places = this.shots.map((shot) => this.placeOf(shot));
    this.frustum = new FrustumView(this.camera, this.shots, clip.n_frames);
    this.scene.add(this.sky, this.sun, this.sun.target, this.floor.root);
    this.scene.add(this.frustum.root, ...this.people.map(({ root }) => root));
    this.background.colorSpace = SRGBColorSpace;
    this.background.magFilter = LinearFilter;
    this.sun.castShadow = true;
    this.sun.shadow.mapSize = new Vector2(shadowPixels, shadowPixels);
    this.sun.shadow.normalBias = 0.02;
  }

  setTheme(theme: Theme): void {
    this.paintBackground(theme);
    this.sky.color.copy(theme.skyLight);
    this.sky.groundColor.copy(theme.groundLight);
    this.floor.setTheme(theme);
    this.frustum.setColour(theme.camera);
  }

  /** @param video The video for the image plane, if it is to be there. */
  show(frame: number, settings: Settings, video: Texture | null): void {
    const through = settings.view === "camera";
    for (const person of this.people) person.show(frame, settings);
    this.frustum.setVideo(video);
    this.frustum.root.visible = settings.path && !through;
    this.floor.root.visible = settings.floor;
    this.floor.overVideo(through);
    this.scene.background = through ? null : this.background;
    const place = this.places[shotAt(this.shots, frame)]!;
    if (this.frustum.root.visible) this.frustum.show(frame, place.videoDepth);
    this.floor.place(place.centre, Math.max(2.2 * place.radius, 8));
    this.aimSun(frame, place);
  }

  setResolution(width: number, height: number): void {
    const ribbons = [...this.frustum.ribbons, ...this.people.flatMap((person) => person.ribbons)];
    for (const ribbon of ribbons) ribbon.setResolution(width, height);
  }

  /** Middle of the people on screen; of the place if there are none. */
  middleOfPeople(frame: number): Vector3 {
    const present = this.people.filter((person) => person.isVisible(frame));
    const sum = new Vector3();
    for (const person of present) sum.add(person.pelvis(frame, new Vector3()));
    return present.length ? sum.divideScalar(present.length) : this.places[shotAt(this.shots, frame)]!.centre.clone();
  }

  /** Of the people on screen, about. */
  feetAndHeads(frame: number): Vector3[] {
    const present = this.people.filter((person) => person.isVisible(frame));
    return present.flatMap((person) =>
      [-1, 1].map((height) => person.pelvis(frame, new Vector3()).add(new Vector3(0, height, 0))),
    );
  }

  /** From the floor's colour below to the sky's above. */
  private paintBackground({ below, above }: Theme): void {
    const shade = new Color();
    const bytes = this.background.image.data as Uint8Array;
    for (let i = 0; i < SHADES; i++) {
      const { r, g, b } = shade.lerpColors(below, above, i / (SHADES - 1)).getRGB({ r: 0, g: 0, b: 0 }, SRGBColorSpace);
      bytes.set([255 * r, 255 * g, 255 * b, 255].map(Math.round), 4 * i);
    }
    this.background.needsUpdate = true;
  }

  /** The light and its shadows go where the people are. */
  private aimSun(frame: number, place: Place): void {
    const middle = this.people.length ? this.middleOfPeople(frame) : place.centre;
    let reach = SHADOW_REACH;
    for (const person of this.people) {
      if (person.isVisible(frame)) {
        reach = Math.max(reach, person.pelvis(frame, new Vector3()).distanceTo(middle) + 1.5);
      }
    }
    const lens = this.sun.shadow.camera;
    Object.assign(lens, { left: -reach, right: reach, top: reach, bottom: -reach, near: 0.5, far: 40 });
    lens.updateProjectionMatrix();
    this.floor.placeShadows(middle, reach);
    this.sun.target.position.copy(middle).setY(0);
    this.sun.position.copy(this.sun.target.position).add(new Vector3(5, 10, 6));
  }

  /** From the camera to the person who comes nearest to it, metres. */
  private nearest(start: number, stop: number, step: number): number {
    let nearest = Infinity;
    for (let frame = start; frame < stop; frame += step) {
      for (const person of this.people) {
        if (!person.isVisible(frame)) continue;
        nearest = Math.min(nearest, person.pelvis(frame, new Vector3()).distanceTo(this.camera.position(frame)));
      }
    }
    return nearest;
  }

  private placeOf([start, stop]: Interval): Place {
    const points: Vector3[] = [];
    const step = Math.max(1, Math.floor((stop - start) / MOMENTS));
    for (let frame = start; frame < stop; frame += step) {
      points.push(this.camera.position(frame), ...this.feetAndHeads(frame));
    }
    if (!this.people.length) points.push(new Vector3(0, 0, 4).applyMatrix4(this.camera.worldFromCv(start)).setY(0));
    const low = points.reduce((a, b) => a.clone().min(b), points[0] ?? new Vector3());
    const high = points.reduce((a, b) => a.clone().max(b), points[0] ?? new Vector3());
    const centre = low.clone().add(high).divideScalar(2);
    const radius = Math.max(1.5, ...points.map((point) => point.distanceTo(centre)));
    const videoDepth = Math.min(Math.max(0.55 * this.nearest(start, stop, step), 0.5), 3);
    return { centre, radius, points, videoDepth };
  }
}
