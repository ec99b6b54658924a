"""GLSL of the yard behind the people: paving, grass, a brick wall with windows, trees, sky."""

from nlf_pipeline.demo.shaders import LIGHT_AND_NOISE

WALL_Z, WALL_TOP = -12.5, 3.3
"""Plane of the wall behind the yard, and its height, metres."""

RAYS = """
uniform vec4 pinhole;  // fx, fy, cx, cy, pixels
uniform mat3 R_world_cam;
uniform vec3 eye;
uniform float height_px;
// Direction through a point of the window, whose first row is the picture's last.
vec3 ray_through(vec2 window) {
    vec2 pixel = vec2(window.x - 0.5, height_px - window.y - 0.5);
    return normalize(R_world_cam * vec3((pixel - pinhole.zw) / pinhole.xy, 1.0));
}
"""
YARD_SURFACES = (
    f"const float WALL_Z = {WALL_Z}, WALL_TOP = {WALL_TOP}, COPING = 0.16, PLINTH = 0.38;"
    + """
vec3 sky(vec3 d) {
    vec3 c = mix(vec3(0.75, 0.84, 0.95), vec3(0.20, 0.42, 0.80), smoothstep(0.0, 0.45, d.y));
    float cover = clouds(vec3(d.xz / max(d.y + 0.12, 0.05) * 0.55, 3.0));
    c = mix(c, vec3(1.25, 1.22, 1.18), smoothstep(0.42, 0.66, cover) * 0.85);
    float crown = 0.095 + 0.075 * noise(vec3(d.x * 7.0, 1.0, 2.0)) + 0.030 * noise(vec3(d.x * 31.0, 2.0, 5.0))
                + 0.010 * noise(vec3(d.x * 120.0, 3.0, 1.0)) + 0.005 * noise(vec3(d.x * 400.0, 4.0, 1.0));
    float leaves = 0.30 + 0.8 * noise(vec3(d.xy * 26.0, 9.0)) * (0.5 + noise(vec3(d.xy * 140.0, 4.0)));
    vec3 green = mix(vec3(0.08, 0.17, 0.05), vec3(0.22, 0.32, 0.09), noise(vec3(d.x * 9.0, 5.0, 0.0)));
    return mix(c, green * leaves * 1.5, step(d.y, crown));
}
float inside_box(vec2 p, vec2 centre, vec2 half_size) {
    vec2 q = abs(p - centre) - half_size;
    return max(q.x, q.y);
}
vec3 bricks(vec2 p) {
    vec2 b = p * vec2(4.0, 12.0);
    b.x += 0.5 * mod(floor(b.y), 2.0);
    vec2 cell = floor(b), f = fract(b);
    float mortar = min(smoothstep(0.0, 0.05, f.x), smoothstep(0.0, 0.13, f.y));
    vec3 brick = mix(vec3(0.36, 0.13, 0.08), vec3(0.50, 0.24, 0.15), hash(vec3(cell, 1.0)));
    brick = mix(brick, vec3(0.22, 0.10, 0.08), step(0.86, hash(vec3(cell, 2.0))));
    brick *= 0.80 + 0.35 * noise(vec3(p * 45.0, 0.0));
    return mix(vec3(0.47, 0.44, 0.39), brick, mortar);
}
vec3 window_pane(vec2 p, vec2 centre, vec2 half_size) {
    vec2 q = p - centre;
    float bar = min(abs(q.x), abs(q.y - 0.18));
    vec3 glass = mix(vec3(0.05, 0.07, 0.09), vec3(0.30, 0.38, 0.48), clouds(vec3(q * 2.3 + centre, 7.0)));
    float frame = -inside_box(p, centre, half_size);
    return mix(glass, vec3(0.66, 0.65, 0.60), step(frame, 0.09) + step(bar, 0.028) * step(0.09, frame));
}
vec3 poster(vec2 q, float seed) {
    vec3 a = vec3(0.75, 0.30, 0.08), b = vec3(0.06, 0.25, 0.38), c = vec3(0.80, 0.72, 0.55);
    vec3 p = mix(c, seed > 0.5 ? a : b, step(length(q - vec2(0.08, 0.12)), 0.26));
    p = mix(p, seed > 0.5 ? b : a, step(abs(q.y + 0.28 + 0.12 * sin(9.0 * q.x + seed)), 0.07));
    return mix(p, vec3(0.05), step(abs(q.y - 0.47), 0.03) * step(abs(q.x), 0.30));
}
// The wall at (x, y) = p.
vec3 wall(vec2 p, out float shade) {
    vec3 c = bricks(p) * (0.75 + 0.42 * clouds(vec3(p * 0.8, 2.0)));
    shade = 1.0;
    vec2 size = vec2(0.62, 0.72);
    for (int i = 0; i < 3; i++) {
        vec2 centre = vec2(-5.4 + 4.9 * float(i) + 0.4 * float(i * i), 1.80);
        float edge = inside_box(p, centre, size);
        if (edge < 0.0) c = window_pane(p, centre, size);
        else if (inside_box(p, centre - vec2(0.0, size.y + 0.06), vec2(size.x + 0.12, 0.06)) < 0.0)
            c = vec3(0.55, 0.53, 0.48);
        else if (inside_box(p, centre + vec2(0.0, size.y + 0.12), vec2(size.x + 0.1, 0.12)) < 0.0)
            c = vec3(0.47, 0.27, 0.19) * (0.8 + 0.4 * step(0.12, fract(p.x * 9.0)));
        if (edge < 0.0 && p.y > centre.y + size.y - 0.10) shade = 0.25;
    }
    vec2 door = p - vec2(-2.75, 1.12);
    if (inside_box(door, vec2(0.0), vec2(0.58, 1.12)) < 0.0) {
        c = vec3(0.52, 0.50, 0.46);
        if (inside_box(door, vec2(0.0, -0.05), vec2(0.48, 1.07)) < 0.0) {
            vec2 panel = abs(fract(door * vec2(2.08, 1.4) + vec2(0.0, 0.35)) - 0.5);
            c = vec3(0.03, 0.15, 0.17) * (0.75 + 0.5 * step(max(panel.x, panel.y), 0.38));
            if (length(door - vec2(0.38, -0.08)) < 0.035) c = vec3(0.7, 0.55, 0.2);
        }
    }
    for (int i = 0; i < 2; i++) {
        vec2 q = p - vec2(i == 0 ? 1.95 : 3.05, 1.75);
        if (max(abs(q.x) - 0.42, abs(q.y) - 0.58) < 0.0)
            c = poster(q, float(i)) * (0.85 + 0.25 * noise(vec3(p * 9.0, 3.0)));
    }
    if (p.y < PLINTH) c = vec3(0.33, 0.32, 0.30) * (0.65 + 0.5 * clouds(vec3(p * vec2(5.0, 9.0), 6.0)));
    c *= 0.72 + 0.28 * smoothstep(0.0, 0.5, p.y);
    if (p.y > WALL_TOP - COPING) {
        vec3 stone = vec3(0.50, 0.48, 0.44) * (0.8 + 0.3 * noise(vec3(p * 14.0, 1.0)));
        return stone * (0.55 + 0.45 * step(0.03, fract(p.x / 0.9)));
    }
    shade *= 0.2 + 0.8 * smoothstep(0.09, 0.14, WALL_TOP - COPING - p.y);
    return c;
}
vec3 paving(vec2 p) {
    vec2 b = p / vec2(0.80, 0.50);
    b.x += 0.5 * mod(floor(b.y), 2.0);
    vec2 cell = floor(b), f = fract(b);
    float gap = min(min(f.x, 1.0 - f.x) * 0.80, min(f.y, 1.0 - f.y) * 0.50);
    vec3 stone = mix(vec3(0.30, 0.29, 0.27), vec3(0.42, 0.39, 0.35), hash(vec3(cell, 4.0)));
    stone = mix(stone, vec3(0.34, 0.28, 0.24), 0.7 * step(0.8, hash(vec3(cell, 5.0))));
    stone *= 0.70 + 0.50 * clouds(vec3(p * 2.2, 1.0)) + 0.16 * (noise(vec3(p * 70.0, 0.0)) - 0.5);
    return mix(vec3(0.13, 0.12, 0.10), stone, smoothstep(0.004, 0.013, gap));
}
vec3 grass(vec2 p) {
    float blades = noise(vec3(p * vec2(55.0, 22.0), 1.0)) * 0.6 + noise(vec3(p * vec2(130.0, 45.0), 2.0)) * 0.4;
    vec3 c = mix(vec3(0.07, 0.13, 0.03), vec3(0.20, 0.30, 0.08), blades) * (0.7 + 0.6 * clouds(vec3(p * 1.5, 8.0)));
    return mix(c, vec3(0.75, 0.68, 0.30), step(0.93, noise(vec3(p * 26.0, 5.0))));
}
vec4 lit(vec3 albedo, vec3 normal, float shade) {
    vec3 sun = SUN * max(dot(normal, to_sun), 0.0) * shade;
    vec3 around = mix(BOUNCE, SKY, 0.5 + 0.5 * normal.y);
    return vec4(albedo * (sun + around), sun.g / (sun.g + around.g));
}
// What comes from the ground at (x, z) = p: light, and the fraction of it that comes from the sun.
vec4 ground(vec2 p) {
    float strip = p.y - WALL_Z;
    if (strip < 1.3) return lit(grass(p) * (0.6 + 0.4 * smoothstep(0.0, 0.35, strip)), vec3(0, 1, 0), 1.0);
    if (strip < 1.48) return lit(vec3(0.50, 0.48, 0.45) * (0.7 + 0.3 * step(0.02, fract(p.x))), vec3(0, 1, 0), 1.0);
    return lit(paving(p), vec3(0, 1, 0), 1.0);
}
// The same of the wall at (x, y) = p.
vec4 lit_wall(vec2 p) {
    float shade;
    vec3 c = wall(p, shade);
    return lit(c, vec3(0, 0, 1), shade);
}
"""
)

YARD_FRAGMENT = (
    LIGHT_AND_NOISE
    + RAYS
    + YARD_SURFACES
    + """
out vec4 colour;  // light, and the fraction of it that comes from the sun
vec4 look_along(vec3 d) {
    float to_wall = (WALL_Z - eye.z) / d.z;
    vec3 w = eye + to_wall * d;
    if (d.y < 0.0 && (d.z >= 0.0 || w.y < 0.0)) return ground((eye - eye.y / d.y * d).xz);
    if (d.z < 0.0 && w.y < WALL_TOP) return lit_wall(w.xy);
    return vec4(sky(d), 0.0);
}
void main() {
    vec4 sum = vec4(0.0);
    for (int i = 0; i < 9; i++) {
        vec2 offset = (vec2(i % 3, i / 3) - 1.0) / 3.0;
        sum += look_along(ray_through(gl_FragCoord.xy + offset));
    }
    colour = sum / 9.0;
}
"""
)
