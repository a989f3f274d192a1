/* The small picture of night and glow, spread over the whole. */
in highp vec2 place;
uniform sampler2D glow;
uniform vec4 glow_part; /* the middles of the first and of the last pixel of the picture in the texture */
layout(location = 0) out vec4 color;

void main()
{
    vec3 light = texture(glow, mix(glow_part.xy, glow_part.zw, place * 0.5 + 0.5)).rgb;
    /* Noise of one step of color, even in every small neighborhood (Martin Roberts' R2 sequence), against bands. */
    float grain = fract(dot(gl_FragCoord.xy, vec2(0.7548777, 0.5698403))) - 0.5;
    color = vec4(light + grain * (1.0 / 255.0), 1.0);
}
