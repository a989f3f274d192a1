/* The light of a particle: a bright core in a soft halo. It covers what lies behind as much as it shines (premultiplied
 * alpha), so that many particles add up to their color and not to white; the halo covers less and only adds. */
flat in vec4 color;
flat in float spark;
layout(location = 0) out vec4 light;

void main()
{
    vec2 place = gl_PointCoord * 2.0 - 1.0;
    float left = 1.0 - dot(place, place);
    if (left <= 0.0)
        discard;
    float halo = left * left;
    float core = halo * halo * halo * halo;
    light = vec4(color.rgb * (0.30 * halo + spark * core), 0.34 * color.a * halo);
}
