/* Depth alone. */
void main()
{
    vec2 place = gl_PointCoord * 2.0 - 1.0;
    if (dot(place, place) > 1.0)
        discard;
}
