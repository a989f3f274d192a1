/* Soft light, added up in a small picture. */
flat in vec4 color;
layout(location = 0) out vec4 light;

void main()
{
    vec2 place = gl_PointCoord * 2.0 - 1.0;
    float left = 1.0 - dot(place, place);
    if (left <= 0.0)
        discard;
    light = vec4(color.rgb * left * left, 1.0);
}
