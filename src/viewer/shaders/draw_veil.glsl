/* Depth alone. */
flat in vec4 color;
layout(location = 0) out vec4 nothing;

void main()
{
    vec2 place = gl_PointCoord * 2.0 - 1.0;
    if (dot(place, place) > 1.0)
        discard;
    nothing = color;
}
