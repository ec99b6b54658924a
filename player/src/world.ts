/** Everything in the 3D view, and what of it is shown. */
import {
  AmbientLight,
  Color,
  DirectionalLight,
  HemisphereLight,
  Scene as Scene3D,
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

const SHADOW_REACH = 4;

/** Where things happen in one shot. */
export interface Place {
  /** Middle of what is seen, at the height of a pelvis. */
  centre: Vector3;
  /** From there to the farthest person or camera. */
  radius: number;
}

export class World {
  readonly scene = new Scene3D();
  readonly people: readonly PersonView[];
  readonly camera: RecordingCamera;
  readonly shots: readonly Interval[];
  readonly places: readonly Place[];
  readonly frustum: FrustumView;
  private readonly floor = new Floor();
  private readonly sky = new HemisphereLight(0xffffff, 0xffffff, 1.9);
  private readonly sun = new DirectionalLight(0xffffff, 1.7);
  private readonly background = new Color();

  constructor(
    readonly clip: Clip,
    rigs: readonly (Rig | null)[],
  ) {
    this.shots = shotsOf(clip.cuts, clip.n_frames);
    this.camera = new RecordingCamera(clip.cameras, clip.size_px);
    this.people = clip.people.flatMap((person, i) => {
      const rig = rigs[i];
      return rig ? [new PersonView(person, rig, clip, this.shots)] : [];
    });
    this.places = this.shots.map((shot) => this.placeOf(shot));
    this.frustum = new FrustumView(this.camera, this.shots, clip.n_frames);
    this.scene.add(this.sky, new AmbientLight(0xffffff, 0.25), this.sun, this.sun.target, this.floor.root);
    this.scene.add(this.frustum.root, ...this.people.map(({ root }) => root));
    this.scene.background = this.background;
    this.castShadows();
  }

  setTheme(theme: Theme): void {
    this.background.copy(theme.background);
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
    if (this.frustum.root.visible) this.frustum.show(frame);
    this.floor.root.visible = settings.floor;
    this.floor.showShadows(!through);
    this.scene.background = through ? null : this.background;
    const place = this.places[shotAt(this.shots, frame)]!;
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

  private castShadows(): void {
    this.sun.castShadow = true;
    this.sun.shadow.mapSize = new Vector2(1024, 1024);
    this.sun.shadow.radius = 4;
    this.sun.shadow.normalBias = 0.02;
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
    this.sun.target.position.copy(middle).setY(0);
    this.sun.position.copy(this.sun.target.position).add(new Vector3(4, 12, 5));
  }

  private placeOf([start, stop]: Interval): Place {
    const points: Vector3[] = [];
    const step = Math.max(1, Math.floor((stop - start) / 50));
    for (let frame = start; frame < stop; frame += step) {
      points.push(this.camera.position(frame));
      for (const person of this.people) {
        if (person.isVisible(frame)) points.push(person.pelvis(frame, new Vector3()));
      }
    }
    const low = points.reduce((a, b) => a.clone().min(b), points[0] ?? new Vector3());
    const high = points.reduce((a, b) => a.clone().max(b), points[0] ?? new Vector3());
    const centre = low.clone().add(high).divideScalar(2);
    const radius = Math.max(1.5, ...points.map((point) => point.distanceTo(centre)));
    return { centre, radius };
  }
}
