/** The free view: around people, along with a person, or from above. */
import { MathUtils, PerspectiveCamera, Vector3 } from "three";
import { eyeToSee } from "./fitting";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import type { World } from "./world";
import { shotAt } from "./frames";

const MOVE_MS = 450;
const UP = new Vector3(0, 1, 0);
/** The free view at first: radians beside the recording camera's, of which the clearest is taken, and above. */
const ASIDE = [0.6, -0.6, 0.8, -0.8, 0.4, -0.4];
const RAISED = 0.36;
/** Share of the view that what matters fills at first. */
const FILLED = 0.84;
/** Metres; long ways would make people small. */
const FAR_FROM_PEOPLE = 7;
/** Metres around the recording camera that its frustum takes up. */
const FRUSTUM = 0.5;

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
  /** What the view was made to fit, until the user moves it: it fits windows of other sizes, too. */
  private fitted: { direction: Vector3; frame: number } | null = null;

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
    this.controls.addEventListener("start", () => {
      this.moving = 0;
      this.fitted = null;
    });
  }

  set enabled(enabled: boolean) {
    this.controls.enabled = enabled;
  }

  setAspect(aspect: number): void {
    this.camera.aspect = aspect;
    this.camera.updateProjectionMatrix();
    if (this.fitted) this.go(this.fit(this.fitted.direction, this.fitted.frame), false);
  }

  /** Behind the recording camera, to one side and above, with people and camera in sight. */
  goHome(animate: boolean): void {
    this.goFit(this.homeDirection(), animate);
  }

  /** From straight above, up being away from the recording camera. */
  goAbove(animate: boolean): void {
    this.goFit(new Vector3(0, 1, 1e-3).normalize(), animate);
  }

  /** Goes along with a person, if there is one of that id. */
  setFollow(id: number | null): void {
    this.follow = id;
    const here = this.followed(this.frame);
    if (!here) return;
    const offset = this.camera.position.clone().sub(this.controls.target);
    this.fitted = null;
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

  private goFit(direction: Vector3, animate: boolean): void {
    this.fitted = { direction, frame: this.frame };
    this.go(this.fit(direction, this.frame), animate);
  }

  /** From what is seen to the eye, at first. */
  private homeDirection(): Vector3 {
    const target = this.world.middleOfPeople(this.frame);
    const back = this.world.camera.position(this.frame).sub(target).setY(0);
    if (back.length() < 0.1) back.set(0, 0, 1);
    const directions = ASIDE.map((angle) => {
      const turned = back.clone().normalize().applyAxisAngle(UP, angle);
      return turned.multiplyScalar(Math.cos(RAISED)).setY(Math.sin(RAISED));
    });
    const apart = directions.map((direction) => this.leastAngle(this.fit(direction, this.frame).position));
    return directions[apart.indexOf(Math.max(...apart))]!;
  }

  /** Between any two of the people and the recording camera, as seen from `eye`: whoever is in front of another. */
  private leastAngle(eye: Vector3): number {
    const { world, frame } = this;
    const present = world.people.filter((person) => person.isVisible(frame));
    const places = [world.camera.position(frame), ...present.map((person) => person.pelvis(frame, new Vector3()))];
    const rays = places.map((place) => place.sub(eye));
    return Math.min(Math.PI, ...rays.flatMap((ray, i) => rays.slice(0, i).map((other) => ray.angleTo(other))));
  }

  /** Sees from a direction all that is not far from the people, and the recording camera. */
  private fit(direction: Vector3, frame: number): Pose {
    const { world } = this;
    const middle = world.middleOfPeople(frame);
    const near = world.places[shotAt(world.shots, frame)]!.points.filter(
      (point) => point.distanceTo(middle) < FAR_FROM_PEOPLE,
    );
    const here = world.feetAndHeads(frame).filter((point) => point.distanceTo(middle) < 2 * FAR_FROM_PEOPLE);
    const tangent = FILLED * Math.tan(MathUtils.degToRad(this.camera.fov / 2));
    const camera = [-FRUSTUM, FRUSTUM].map((side) => world.camera.position(frame).addScalar(side));
    const eye = eyeToSee([...near, ...here, ...camera], direction, tangent * this.camera.aspect, tangent);
    const depth = eye.clone().sub(middle).dot(direction);
    return { position: eye, target: eye.clone().addScaledVector(direction, -depth) };
  }

  private followed(frame: number): Vector3 | null {
    const person = this.world.people.find((candidate) => candidate.person.id === this.follow);
    return person?.isVisible(frame) ? person.pelvis(frame, new Vector3()) : null;
  }

  private changeShot(shot: number): void {
    this.fitted = null;
    this.left.set(this.shot, { position: this.camera.position.clone(), target: this.controls.target.clone() });
    this.shot = shot;
    const left = this.left.get(shot);
    if (left) this.go(left, false);
    else this.goFit(this.homeDirection(), false);
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
