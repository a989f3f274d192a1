/* Night, a little lighter around the sculpture, whose light falls into it and is mirrored below it. */
in highp vec2 place;
uniform sampler2D glow;
uniform vec2 glow_part; /* how much of the glow's texture is the picture */
uniform vec3 night;
uniform vec3 aura;
uniform vec2 middle; /* of the sculpture, -1..1 */
uniform vec2 extent; /* of the aura */
layout(location = 0) out vec4 color;

void main()
{
    highp vec2 away = (place - middle) / extent;
    float near = 1.0 / (1.0 + 1.3 * dot(away, away));
    float edge = 1.0 - 0.25 * dot(place, place);
    vec3 around = texture(glow, (place * 0.5 + 0.5) * glow_part).rgb;
    /* A step of noise smaller than a step of color, against bands. */
    float grain = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715)))) - 0.5;
    color = vec4(night * edge + aura * near * near + around + grain * (1.0 / 255.0), 1.0);
}
