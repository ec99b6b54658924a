"""Shaders of the moderngl renderer. Colours are sRGB at both ends; light adds up linearly."""

BODY_VERTEX = """#version 330
in vec3 position;
in vec3 normal;
uniform mat4 clip_world;
out vec3 world_position;
out vec3 world_normal;
void main() {
    gl_Position = clip_world * vec4(position, 1.0);
    world_position = position;
    world_normal = normal;
}
"""

BODY_FRAGMENT = """#version 330
in vec3 world_position;
in vec3 world_normal;
uniform vec3 albedo;      // linear
uniform float opacity;
uniform vec3 eye;
uniform vec3 key_light;   // direction towards it
out vec4 colour;          // premultiplied
const vec3 SKY = vec3(0.47, 0.50, 0.55);
const vec3 GROUND = vec3(0.17, 0.16, 0.15);
// light to the power of 1 / 2.2, within 0.1 of 255 up to 1.25; `pow` is slow on a CPU.
vec3 gamma(vec3 light) {
    vec3 a = sqrt(light), b = sqrt(a), c = sqrt(b);
    return 0.8727 * a + 0.2066 * b - 0.0513 * c - 0.0280 * light;
}
void main() {
    vec3 n = normalize(world_normal);
    vec3 to_eye = normalize(eye - world_position);
    float facing = max(dot(n, to_eye), 0.0);
    vec3 hemisphere = mix(GROUND, SKY, 0.5 + 0.5 * n.y);
    float key = max((dot(n, key_light) + 0.2) / 1.2, 0.0);
    float highlight = max(dot(n, normalize(key_light + to_eye)), 0.0);
    for (int doubling = 0; doubling < 5; doubling++) highlight *= highlight;  // to the power of 32
    float edge = 1.0 - facing;
    vec3 light = albedo * (hemisphere + 1.05 * key) * (1.0 - 0.35 * edge * edge) + 0.07 * highlight;
    colour = vec4(gamma(light), 1.0) * opacity;
    colour.rgb = min(colour.rgb, vec3(opacity));
}
"""

FLOOR_VERTEX = """#version 330
in vec2 corner;           // of the picture, clip coordinates
uniform mat3 ray_clip;    // from (x, y, 1) there to directions in the world
out vec3 ray;
void main() {
    gl_Position = vec4(corner, 0.0, 1.0);
    ray = ray_clip * vec3(corner, 1.0);
}
"""

FLOOR_FRAGMENT = """#version 330
in vec3 ray;
uniform vec3 eye;
uniform vec2 centre;      // x, z: around it the floor is clearest
out vec4 colour;
const vec3 HORIZON = vec3(0.925, 0.935, 0.945);
const vec3 ZENITH = vec3(0.80, 0.84, 0.88);
const vec3 LIGHT_TILE = vec3(0.845, 0.855, 0.868);
const vec3 DARK_TILE = vec3(0.775, 0.788, 0.806);
const float FADE = 9.0;   // metres
void main() {
    vec3 direction = normalize(ray);
    vec3 background = mix(HORIZON, ZENITH, smoothstep(0.0, 0.7, direction.y));
    vec2 point = eye.xz - ray.xz * (eye.y / min(ray.y, -1e-4));
    // Checkers averaged over the pixel's footprint: no stair steps and no moire far away.
    vec2 footprint = max(abs(dFdx(point)), abs(dFdy(point))) + 1e-4;
    vec2 wave = 2.0 * (abs(fract((point - 0.5 * footprint) * 0.5) - 0.5)
                     - abs(fract((point + 0.5 * footprint) * 0.5) - 0.5)) / footprint;
    vec3 tiles = mix(DARK_TILE, LIGHT_TILE, 0.5 - 0.5 * wave.x * wave.y);
    vec2 away = (point - centre) / FADE;
    float clear = ray.y < 0.0 ? exp(-dot(away, away)) : 0.0;
    colour = vec4(mix(background, tiles, clear), 1.0);
}
"""

SHADOW_VERTEX = """#version 330
in vec2 corner;           // 0 to 1
uniform mat4 clip_world;
uniform vec2 centre;      // x, z
uniform float side;       // metres
out vec2 position;
void main() {
    vec2 floor_point = centre + (corner - 0.5) * side;
    gl_Position = clip_world * vec4(floor_point.x, 0.0, floor_point.y, 1.0);
    position = corner;
}
"""

SHADOW_FRAGMENT = """#version 330
in vec2 position;
uniform sampler2DArray shadows;
uniform int number;       // which of them
out vec4 colour;          // multiplied with what is there
void main() {
    float dark = texture(shadows, vec3(position, number)).r;
    colour = vec4(mix(vec3(1.0), vec3(0.30, 0.32, 0.37), dark), 1.0);
}
"""

PLAIN_VERTEX = """#version 330
in vec3 position;
in vec2 texture_position;
uniform mat4 clip_world;
out vec2 at;
void main() {
    gl_Position = clip_world * vec4(position, 1.0);
    at = texture_position;
}
"""

PLAIN_FRAGMENT = """#version 330
in vec2 at;
uniform sampler2D image;
uniform float opacity;
out vec4 colour;          // premultiplied
void main() {
    colour = vec4(texture(image, at).rgb, 1.0) * opacity;
}
"""
