/* A particle becomes a disc. Which one is drawn says a #define: VEIL (depth, by which the near side hides the far one),
 * GLOW (the soft light around the sculpture and below it), PART (numbers of parts for viewer_part_at), or none: the
 * light of the particle itself. */
uniform sampler2D positions; /* xyz, the normal as one float */
uniform sampler2D paints;    /* sRGB, part */
uniform sampler2D paints_before; /* of the shape before */
uniform float repainted;     /* 0..1 of the way from those to these */
uniform int side_bits;       /* log2 of the side of the textures */
uniform int stride;          /* from one particle that is drawn to the next, around; 1: all in their order */
uniform mat4 view_projection;
uniform vec3 eye;
uniform vec3 toward_light; /* unit length */
uniform float radius;      /* of the disc, in the world */
uniform float focal;       /* pixels per unit at distance one */
uniform float smallest;    /* size of a disc in pixels, below which it dims instead */
uniform float brightness;
uniform vec2 depths;       /* distance of the near side, one over the depth of the shape */
uniform vec3 tint;
uniform float true_colors; /* 0..1 */
uniform vec4 parts[33];    /* color, light */
uniform float solid;       /* 1: the near side hides the far side; 0: all shine through */
uniform float veil;        /* how far behind its place a particle begins to hide others */
uniform vec2 mirror;       /* GLOW: height of the floor, 1 to draw the reflection in it */

#if defined(PART)
flat out float shown;
#elif !defined(VEIL)
flat out vec4 color; /* alpha: how much it covers of what lies behind */
#ifndef GLOW
flat out float spark; /* how bright its core is */
#endif
#endif

const vec3 SHADE = vec3(0.10, 0.12, 0.22); /* what light is left in the shadow, of the color of night */

vec3 color_of(vec4 paint)
{
    int part = min(int(paint.a * 255.0 + 0.5), 32);
    return part == 0 ? paint.rgb : mix(parts[part].rgb, paint.rgb, true_colors);
}

void main()
{
    int index = (gl_VertexID * stride) & ((1 << (2 * side_bits)) - 1);
    ivec2 at = ivec2(index & ((1 << side_bits) - 1), index >> side_bits);
    vec4 place = texelFetch(positions, at, 0);
    vec3 position = place.xyz;
    vec4 paint = texelFetch(paints, at, 0);
    int part = min(int(paint.a * 255.0 + 0.5), 32);
    float own = parts[part].a;
    vec3 base = mix(color_of(texelFetch(paints_before, at, 0)), color_of(paint), repainted) * tint;

#if defined(PART)
    gl_Position = view_projection * vec4(position, 1.0);
    shown = float(part) / 255.0;
    gl_PointSize = max(2.0 * radius * focal / gl_Position.w, 3.0);
#elif defined(VEIL)
    /* A little behind its place, so that it hides the far side but no neighbor. What looks away hides nothing. */
    vec3 toward_eye = normalize(eye - position);
    gl_Position = view_projection * vec4(position - toward_eye * veil, 1.0);
    gl_PointSize = max(2.0 * radius * focal / gl_Position.w, 1.0);
    if (dot(normal_unpack(place.w), toward_eye) < -0.15)
        gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
#elif defined(GLOW)
    float light = brightness * own;
    if (mirror.y > 0.5) {
        float height = position.y - mirror.x;
        position.y = mirror.x - height;
        light *= 0.8 * exp(-2.2 * max(height, 0.0));
    }
    gl_Position = view_projection * vec4(position, 1.0);
    gl_PointSize = max(2.0 * radius * focal / gl_Position.w, 2.0);
    color = vec4(base * base * light, 0.0);
#else
    gl_Position = view_projection * vec4(position, 1.0);
    float size = 2.0 * radius * focal / gl_Position.w;
    float seed = particle_seed(uint(index));
    vec3 light = vec3(0.7);
    float shine = 0.0, seen = 1.0;
    vec3 normal = normal_unpack(place.w);
    if (dot(normal, normal) > 0.5) {
        /* A soft key light from above, a fill from the eye, and a rim where the surface turns away. */
        vec3 toward_eye = normalize(eye - position);
        float facing = dot(normal, toward_eye);
        float key = 0.5 + 0.5 * dot(normal, toward_light);
        float edge = 1.0 - abs(facing);
        /* Each particle is a grain with a face of its own: it glints when it turns that to the light. */
        vec3 face = normalize(normal + 0.35 * (vec3(fract(seed * 61.7), fract(seed * 173.3), fract(seed * 419.9)) - 0.5));
        shine = pow(max(dot(face, normalize(toward_light + toward_eye)), 0.0), 28.0);
        light = SHADE + vec3(1.0, 0.97, 0.92) * (1.05 * key * key) + vec3(0.55, 0.7, 1.0) * (0.7 * edge * edge * edge);
        seen = mix(1.0, smoothstep(-0.3, 0.1, facing), solid);
    }
    float depth = clamp((gl_Position.w - depths.x) * depths.y, 0.0, 1.0);
    float own_light = own * brightness;
    own_light *= (1.0 - 0.45 * depth) * mix(0.38, 1.0, solid); /* what shines through adds up */
    float drawn = max(size, smallest);
    float cover = seen * min(1.0, (size * size) / (drawn * drawn));
    vec3 lit = base * light + shine * 0.4;
    color = vec4(lit * own_light, mix(0.1, 1.0, solid)) * cover;
    /* A few shine out. */
    spark = (0.35 + 1.5 * seed * seed * seed * seed) * mix(1.4, 1.0, solid);
    if (cover < 0.01)
        gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = drawn;
#endif
}
