/* Night, a little lighter around the sculpture, whose own color it takes on. */
in highp vec2 place;
uniform vec3 night;
uniform vec3 aura;
uniform vec2 middle; /* of the sculpture, -1..1 */
uniform vec2 extent; /* of the aura */
layout(location = 0) out vec4 color;

void main()
{
    highp vec2 away = (place - middle) / extent;
    float near = 1.0 / (1.0 + 1.6 * dot(away, away));
    float edge = 1.0 - 0.22 * dot(place, place);
    /* A step of noise smaller than a step of color, against bands. */
    float grain = fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715)))) - 0.5;
    color = vec4(night * edge + aura * near * near + grain * (1.0 / 255.0), 1.0);
}
