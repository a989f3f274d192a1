/* One triangle that covers everything, for background.glsl. What is the same sum at every pixel is worked out at the three
 * corners: in software a full screen of it costs milliseconds. */
uniform vec4 glow_part; /* the middles of the first and of the last pixel of the small picture in the texture */
uniform vec2 pixels;    /* size of the whole */
out highp vec2 place;   /* in the texture */
out highp float phase;  /* of the grain */

void main()
{
    vec2 corner = vec2(float((gl_VertexID << 1) & 2), float(gl_VertexID & 2));
    place = mix(glow_part.xy, glow_part.zw, corner);
    /* Martin Roberts' R2 sequence, even in every small neighborhood. */
    phase = dot(corner * pixels, vec2(0.7548777, 0.5698403));
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}
