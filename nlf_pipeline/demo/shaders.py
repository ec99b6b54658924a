"""GLSL of the demo scene: skinned people and their shadows.

Light is computed linearly and encoded at the end. World: y up, floor at y = 0, metres.
"""

LIGHT_AND_NOISE = """
#version 330
uniform vec3 to_sun;
const vec3 SUN = vec3(2.15, 1.98, 1.70);
const vec3 SKY = vec3(0.50, 0.58, 0.70);
const vec3 BOUNCE = vec3(0.30, 0.27, 0.23);
// Linear up to 0.6, then a shoulder that never clips, then the display's gamma.
vec3 encode(vec3 light) {
    vec3 c = 0.68 * light;
    return pow(mix(c, 1.0 - 0.4 * exp((0.6 - c) / 0.4), step(0.6, c)), vec3(1.0 / 2.2));
}
float hash(vec3 p) {
    p = fract(p * vec3(0.1031, 0.1130, 0.0973));
    p += dot(p, p.yzx + 33.3);
    return fract((p.x + p.y) * p.z);
}
float noise(vec3 p) {
    vec3 i = floor(p), f = fract(p);
    f = f * f * (3.0 - 2.0 * f);
    vec2 e = vec2(0.0, 1.0);
    return mix(mix(mix(hash(i), hash(i + e.yxx), f.x), mix(hash(i + e.xyx), hash(i + e.yyx), f.x), f.y),
               mix(mix(hash(i + e.xxy), hash(i + e.yxy), f.x), mix(hash(i + e.xyy), hash(i + e.yyy), f.x), f.y), f.z);
}
float clouds(vec3 p) {
    return 0.5 * noise(p) + 0.25 * noise(p * 2.1) + 0.13 * noise(p * 4.3) + 0.07 * noise(p * 8.9);
}
"""

MAX_SOLES = 16
"""Points of soles that the screen shader takes."""

SHADOW = """
uniform sampler2DShadow shadow_map;
uniform mat4 to_light;
// Fraction of the sun that reaches a point: comparisons on a spiral of the given radius, metres.
float sunlit(vec3 point, float radius, float extent, int taps) {
    vec3 c = (to_light * vec4(point, 1.0)).xyz * 0.5 + 0.5;
    if (any(lessThan(c, vec3(0.0))) || any(greaterThan(c, vec3(1.0)))) return 1.0;
    float lit = 0.0;
    for (int i = 0; i < taps; i++) {
        float angle = 2.4 * float(i), r = sqrt((float(i) + 0.5) / float(taps)) * radius / extent;
        lit += texture(shadow_map, vec3(c.xy + r * vec2(cos(angle), sin(angle)), c.z));
    }
    return lit / float(taps);
}
"""

BODY_VERTEX = """
#version 330
in vec3 position;
in vec3 normal;
in vec3 colour;
in float material;
in float cover;
in vec4 joints;
in vec4 weights;
uniform mat4x3 bones[24];
uniform mat4 world_to_clip;
// Per material: skin, knit, denim, leather, hair, eye, striped knit.
const vec4 PLAIN = vec4(0.0), KNIT_GRAIN = vec4(140.0, 140.0, 140.0, 0.16), KNIT_FOLDS = vec4(15.0, 8.0, 15.0, 0.018);
const vec4 GRAIN[7] = vec4[7](vec4(60.0, 60.0, 60.0, 0.12), KNIT_GRAIN, vec4(60.0, 21.0, 60.0, 0.36),
    PLAIN, vec4(160.0, 28.0, 160.0, 0.90), PLAIN, KNIT_GRAIN);
const vec4 FOLDS[7] = vec4[7](PLAIN, KNIT_FOLDS, vec4(16.0, 9.0, 16.0, 0.014),
    PLAIN, vec4(160.0, 28.0, 160.0, 0.004), PLAIN, KNIT_FOLDS);
const vec2 GLOSS[7] = vec2[7](vec2(0.05, 20.0), vec2(0.0, 1.0), vec2(0.0, 1.0), vec2(0.10, 20.0), vec2(0.10, 12.0),
    vec2(0.25, 60.0), vec2(0.0, 1.0));
out vec3 rest;
out vec3 world;
out vec3 world_normal;
out vec3 albedo;
out float covered;
flat out vec4 grain;   // frequency, strength
flat out vec4 folds;   // frequency, depth in metres
flat out vec2 gloss;   // strength, sharpness
flat out vec2 special; // skin lets light through, knit is striped
void main() {
    mat4x3 bone = bones[int(joints.x)] * weights.x + bones[int(joints.y)] * weights.y
                + bones[int(joints.z)] * weights.z + bones[int(joints.w)] * weights.w;
    int kind = int(material + 0.5);
    rest = position;
    world = bone * vec4(position, 1.0);
    world_normal = mat3(bone) * normal;
    albedo = colour;
    covered = cover;
    grain = GRAIN[kind];
    folds = FOLDS[kind];
    gloss = GLOSS[kind];
    special = vec2(kind == 0 ? 0.18 : 0.0, kind == 6 ? 1.0 : 0.0);
    gl_Position = world_to_clip * vec4(world, 1.0);
}
"""

BODY_FRAGMENT = (
    LIGHT_AND_NOISE
    + SHADOW
    + """
in vec3 rest;
in vec3 world;
in vec3 world_normal;
in vec3 albedo;
in float covered;
flat in vec4 grain;
flat in vec4 folds;
flat in vec2 gloss;
flat in vec2 special;
uniform vec3 eye;
uniform float light_extent;
out vec4 colour;

// Tilts the normal by the slope of a height that is known only here, through screen derivatives.
vec3 bumped(vec3 n, float height) {
    vec3 dx = dFdx(world), dy = dFdy(world);
    vec3 across_x = cross(dy, n), across_y = cross(n, dx);
    float area = dot(dx, across_x);
    vec3 slope = sign(area) * (dFdx(height) * across_x + dFdy(height) * across_y);
    return normalize(abs(area) * n - slope);
}
vec3 striped(vec3 base) {
    float along = rest.y + max(abs(rest.x) - 0.17, 0.0);  // down the trunk and out along the sleeves
    float band = fract(along * 13.0), soft = max(fwidth(along) * 13.0, 0.02);
    float stripe = smoothstep(0.60, 0.60 + soft, band) - smoothstep(1.0 - soft, 1.0, band);
    return mix(base, vec3(0.80, 0.78, 0.72), stripe * special.y);
}
void main() {
    float coverage = clamp(covered / max(fwidth(covered), 1e-6) + 0.5, 0.0, 1.0);
    if (coverage <= 0.0) discard;
    vec3 view = normalize(eye - world), n = normalize(world_normal);
    vec3 base = striped(albedo) * (1.0 + grain.w * (noise(rest * grain.xyz) - 0.5));
    n = bumped(n, folds.w * noise(rest * folds.xyz + 7.0));
    float direct = max((dot(n, to_sun) + special.x) / (1.0 + special.x), 0.0);
    direct *= sunlit(world + 0.014 * normalize(world_normal), 0.016, light_extent, 6);
    float up = 0.5 + 0.5 * n.y;
    float near_floor = smoothstep(-0.05, 0.45, world.y);
    vec3 ambient = mix(BOUNCE * (0.5 + 0.5 * near_floor), SKY, up) * (0.65 + 0.35 * near_floor);
    float shine = gloss.x * pow(max(dot(n, normalize(to_sun + view)), 0.0), gloss.y) * direct;
    float rim = 0.10 * pow(1.0 - max(dot(n, view), 0.0), 3.0) * up;
    colour = vec4(encode(base * (ambient + SUN * direct) + SUN * shine + SKY * rim), coverage);
}
"""
)

SHADOW_FRAGMENT = """
#version 330
in float covered;
void main() { if (covered < 0.0) discard; }
"""

ID_FRAGMENT = """
#version 330
in float covered;
uniform float person;
out vec4 colour;
void main() { if (covered < 0.0) discard; colour = vec4(person, 0.0, 0.0, 1.0); }
"""

SCREEN_VERTEX = """
#version 330
in vec2 corner;
void main() { gl_Position = vec4(corner, 0.0, 1.0); }
"""

SCREEN_FRAGMENT = (
    LIGHT_AND_NOISE
    + """
uniform sampler2D backdrop;
out vec4 colour;
void main() { colour = vec4(encode(texelFetch(backdrop, ivec2(gl_FragCoord.xy), 0).rgb), 1.0); }
"""
)

FLOOR_VERTEX = """
#version 330
in vec2 corner;
uniform mat4 world_to_clip;
out vec2 place;
void main() {
    place = corner;
    gl_Position = world_to_clip * vec4(corner.x, 0.0, corner.y, 1.0);
}
"""

FLOOR_FRAGMENT = (
    LIGHT_AND_NOISE
    + SHADOW
    + f"const int MAX_SOLES = {MAX_SOLES};"
    + """
in vec2 place;
uniform sampler2D backdrop;
uniform float light_extent;
uniform vec3 soles[MAX_SOLES];
uniform int n_soles;
out vec4 colour;
void main() {
    vec4 light = texelFetch(backdrop, ivec2(gl_FragCoord.xy), 0);
    float lit = sunlit(vec3(place.x, 0.004, place.y), 0.035, light_extent, 12);
    float open = 1.0;
    for (int i = 0; i < n_soles; i++) {
        vec2 away = place - soles[i].xz;
        float spread = 0.11 + 1.1 * soles[i].y, far = dot(away, away);
        open *= 1.0 - 0.55 * exp(-far / (spread * spread)) / (1.0 + 12.0 * soles[i].y);
        open *= 1.0 - 0.16 * exp(-far / 0.16);
    }
    light.rgb *= light.a * lit * (0.5 + 0.5 * open) + (1.0 - light.a) * open;
    colour = vec4(encode(light.rgb), 1.0);
}
"""
)
