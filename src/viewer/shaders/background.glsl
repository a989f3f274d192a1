/* The small picture of night and glow, spread over the whole. */
in highp vec2 place;
in highp float phase;
uniform sampler2D glow;
layout(location = 0) out vec4 color;

void main()
{
    /* With noise of one step of color, against bands. */
    color = vec4(texture(glow, place).rgb + (fract(phase) - 0.5) * (1.0 / 255.0), 1.0);
}
