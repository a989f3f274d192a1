/* Night, a little lighter around the sculpture: smooth enough for a small picture. */
in highp vec2 place;
uniform vec3 night;
uniform vec3 aura;
uniform vec2 middle; /* of the sculpture, -1..1 */
uniform vec2 extent; /* of the aura */
layout(location = 0) out vec4 color;

void main()
{
    highp vec2 away = (place - middle) / extent;
    float near = 1.0 / (1.0 + 1.3 * dot(away, away));
    color = vec4(night * (1.0 - 0.25 * dot(place, place)) + aura * near * near, 1.0);
}
