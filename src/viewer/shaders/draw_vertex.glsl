/* A particle becomes a disc. Which one is drawn says a #define: VEIL (what hides the far side), PART (numbers of parts
 * for viewer_part_at), or neither (light). */
uniform sampler2D positions; /* xyz, the normal as one float */
uniform sampler2D paints;    /* sRGB, part */
uniform int side_bits; /* log2 of the side of the textures */
uniform mat4 view_projection;
uniform vec3 eye;
uniform vec3 toward_light; /* unit length */
uniform float radius;      /* of a particle's light, in the world */
uniform float focal;       /* pixels per unit at distance one */
uniform float smallest;    /* size of a sprite in pixels, below which it dims instead */
uniform float brightness;
uniform vec2 depths;       /* distance of the near side, one over the depth of the shape */
uniform vec3 tint;
uniform float twinkle;     /* how much, 0: still */
uniform float seconds;
uniform float true_colors; /* 0..1 */
uniform vec4 parts[33];    /* color, light */
uniform float veil;        /* how far behind its place a particle begins to hide others */

const float VEIL_SIZE = 0.55; /* of a sprite's size */

#ifdef PART
flat out float shown;
#else
flat out vec3 color;
#endif

void main()
{
    ivec2 at = ivec2(gl_VertexID & ((1 << side_bits) - 1), gl_VertexID >> side_bits);
    vec4 place = texelFetch(positions, at, 0);
    vec3 position = place.xyz;
    vec4 paint = texelFetch(paints, at, 0);
    int part = min(int(paint.a * 255.0 + 0.5), 32);
    gl_Position = view_projection * vec4(position, 1.0);
    float size = 2.0 * radius * focal / gl_Position.w;

#ifdef PART
    shown = float(part) / 255.0;
    gl_PointSize = max(size, 3.0);
#else
    vec3 normal = normal_unpack(place.w);
    vec3 toward_eye = normalize(eye - position);
    float facing = dot(normal, toward_eye);
    bool has_normal = dot(normal, normal) > 0.5;
#ifdef VEIL
    gl_PointSize = max(size * VEIL_SIZE, 1.0);
    /* A little behind its place, so that it hides the far side but no neighbor. */
    gl_Position = view_projection * vec4(position - toward_eye * veil, 1.0);
    color = vec3(0.0);
#else
    float light = brightness;
    if (has_normal) {
        /* A soft key light from above, a fill from the eye, and a rim where the surface turns away. */
        float key = max(dot(normal, toward_light), 0.0);
        float edge = 1.0 - abs(facing);
        light *= facing < 0.0 ? 0.18 : 0.26 + 0.62 * key + 0.20 * facing + 0.55 * edge * edge * edge;
    }
    float seed = particle_seed(uint(gl_VertexID));
    light *= 1.0 + twinkle * sin(seconds * (1.0 + 2.0 * seed) + 40.0 * seed);
    light *= 0.55 + 0.45 * (1.0 - clamp((gl_Position.w - depths.x) * depths.y, 0.0, 1.0));
    vec4 own = parts[part];
    vec3 base = part == 0 ? paint.rgb : mix(own.rgb, paint.rgb, true_colors);
    light *= own.a;
    float drawn = max(size, smallest);
    light *= min(1.0, (size * size) / (drawn * drawn));
    color = base * tint * light;
    gl_PointSize = drawn;
#endif
#endif
}
