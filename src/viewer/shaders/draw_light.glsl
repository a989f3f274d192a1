/* The light of a particle: a bright core in a soft halo. Blended as a screen (1 - (1 - a)(1 - b)), so that light adds
 * up without ever burning out, whatever the order. */
flat in vec3 color;
layout(location = 0) out vec4 light;

void main()
{
    vec2 place = gl_PointCoord * 2.0 - 1.0;
    float rest = 1.0 - dot(place, place);
    if (rest <= 0.0)
        discard;
    float halo = rest * rest;
    float core = halo * halo;
    light = vec4(color * (0.3 * halo + 0.7 * core * core) + 0.12 * core * core * dot(color, vec3(0.4)), 1.0);
}
