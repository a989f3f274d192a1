/* Soft light, gathered in a small picture. Each covers a little of what is there, so that however much comes together
 * the sum nears the pure color and not white. */
flat in vec4 color;
layout(location = 0) out vec4 light;

void main()
{
    vec2 place = gl_PointCoord * 2.0 - 1.0;
    float left = 1.0 - dot(place, place);
    if (left <= 0.0)
        discard;
    vec3 one = color.rgb * left * left;
    light = vec4(one, min(max(one.r, max(one.g, one.b)), 1.0));
}
