/** The free view: around people, along with a person, or from above. */
import { MathUtils, PerspectiveCamera, Vector3 } from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import type { World } from "./world";
import { shotAt } from "./frames";

const MOVE_MS = 450;

interface Pose {
  position: Vector3;
  target: Vector3;
}

export class Orbit {
  readonly camera = new PerspectiveCamera(40, 1, 0.05, 500);
  private readonly controls: OrbitControls;
  /** Where the view was left in each shot, as each has a world of its own. */
  private readonly left = new Map<number, Pose>();
  private shot = 0;
  private frame = 0;
  private follow: number | null = null;
  private moving = 0;

  constructor(
    canvas: HTMLElement,
    private readonly world: World,
    private readonly onChange: () => void,
  ) {
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.maxPolarAngle = MathUtils.degToRad(92);
    this.controls.minDistance = 0.4;
    this.controls.maxDistance = 200;
    this.controls.zoomToCursor = true;
    this.controls.zoomSpeed = 1.2;
    this.controls.addEventListener("change", onChange);
    this.controls.addEventListener("start", () => (this.moving = 0));
  }

  set enabled(enabled: boolean) {
    this.controls.enabled = enabled;
  }

  setAspect(aspect: number): void {
    this.camera.aspect = aspect;
    this.camera.updateProjectionMatrix();
  }

  /** Behind the recording camera, to one side and above, with people and camera in sight. */
  goHome(animate: boolean): void {
    this.go(this.home(), animate);
  }

  /** From straight above, up being away from the recording camera. */
  goAbove(animate: boolean): void {
    const target = this.world.middleOfPeople(this.frame).setY(0);
    const place = this.world.places[this.shot]!;
    const distance = this.distanceFor(place.radius * 1.05);
    const centre = place.centre.clone().setY(0);
    target.lerp(centre, 0.7);
    this.go({ target, position: target.clone().add(new Vector3(0, distance, 1e-3 * distance)) }, animate);
  }

  /** Goes along with a person, if there is one of that id. */
  setFollow(id: number | null): void {
    this.follow = id;
    const here = this.followed(this.frame);
    if (!here) return;
    const offset = this.camera.position.clone().sub(this.controls.target);
    offset.setLength(MathUtils.clamp(offset.length(), 2, 7));
    this.go({ target: here, position: here.clone().add(offset) }, true);
  }

  setFrame(frame: number): void {
    const shot = shotAt(this.world.shots, frame);
    const before = this.followed(this.frame);
    this.frame = frame;
    if (shot !== this.shot) this.changeShot(shot);
    else {
      const after = this.followed(frame);
      if (before && after && !this.moving) this.shift(after.sub(before));
    }
  }

  private home(): Pose {
    const { world, frame } = this;
    const target = world.middleOfPeople(frame);
    const eye = world.camera.position(frame);
    const back = eye.clone().sub(target).setY(0);
    if (back.length() < 0.1) back.set(0, 0, 1);
    const place = world.places[this.shot]!;
    const share = MathUtils.clamp(back.length() / (4 * place.radius), 0, 0.35);
    const centre = target.clone().lerp(place.centre, 0.5).lerp(eye, share).setY(0.75);
    back.normalize().applyAxisAngle(new Vector3(0, 1, 0), MathUtils.degToRad(38));
    const direction = back.multiplyScalar(Math.cos(0.38)).setY(Math.sin(0.38));
    return {
      target: centre,
      position: centre.clone().addScaledVector(direction, this.distanceFor(place.radius * 0.95)),
    };
  }

  /** How far away a ball must be to fill the view. */
  private distanceFor(radius: number): number {
    const half = MathUtils.degToRad(this.camera.fov / 2);
    return radius / Math.sin(Math.min(half, Math.atan(Math.tan(half) * this.camera.aspect)));
  }

  private followed(frame: number): Vector3 | null {
    const person = this.world.people.find((candidate) => candidate.person.id === this.follow);
    return person?.isVisible(frame) ? person.pelvis(frame, new Vector3()) : null;
  }

  private changeShot(shot: number): void {
    this.left.set(this.shot, { position: this.camera.position.clone(), target: this.controls.target.clone() });
    this.shot = shot;
    this.go(this.left.get(shot) ?? this.home(), false);
  }

  /** Sideways only: who jumps should be seen to rise. */
  private shift(by: Vector3): void {
    by.setY(0);
    this.camera.position.add(by);
    this.controls.target.add(by);
    this.controls.update();
  }

  private go(to: Pose, animate: boolean): void {
    const from = { position: this.camera.position.clone(), target: this.controls.target.clone() };
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const begin = performance.now();
    const move = (this.moving = animate && !calm ? this.moving + 1 : 0);
    const place = (share: number): void => {
      this.camera.position.lerpVectors(from.position, to.position, share);
      this.controls.target.lerpVectors(from.target, to.target, share);
      this.controls.update();
      this.onChange();
    };
    const step = (now: number): void => {
      if (this.moving !== move) return;
      const time = MathUtils.clamp((now - begin) / MOVE_MS, 0, 1);
      place(MathUtils.smootherstep(time, 0, 1));
      if (time < 1) requestAnimationFrame(step);
      else this.moving = 0;
    };
    if (move) requestAnimationFrame(step);
    else place(1);
  }
}
