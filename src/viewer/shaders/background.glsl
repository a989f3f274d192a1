/* The small picture of night and glow, spread over the whole. */
in highp vec2 place;
uniform sampler2D glow;
uniform vec2 glow_part; /* how much of the texture is the picture */
layout(location = 0) out vec4 color;

void main()
{
    vec3 light = texture(glow, (place * 0.5 + 0.5) * glow_part).rgb;
    /* Noise of one step of color, even in every small neighborhood (Martin Roberts' R2 sequence), against bands. */
    float grain = fract(dot(gl_FragCoord.xy, vec2(0.7548777, 0.5698403))) - 0.5;
    color = vec4(light + grain * (1.0 / 255.0), 1.0);
}
