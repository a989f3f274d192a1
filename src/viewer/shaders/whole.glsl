/* One triangle that covers everything. */
out highp vec2 place;

void main()
{
    vec2 corner = vec2(float((gl_VertexID << 1) & 2), float(gl_VertexID & 2));
    place = corner * 2.0 - 1.0;
    gl_Position = vec4(place, 0.0, 1.0);
}
