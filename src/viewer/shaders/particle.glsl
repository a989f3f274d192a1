/* What every shader of the particles shares. The twins in C are in particle.h. */

/* A particle's own number in [0, 1): the output of a PCG generator whose state is the particle's index. */
float particle_seed(uint index)
{
    uint state = index * 747796405u + 2891336453u;
    uint word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    word = (word >> 22u) ^ word;
    return float(word >> 8u) * (1.0 / 16777216.0);
}

/* Unit vectors as one float: octahedral, twelve bits a side, exact in the mantissa. -1: there is no normal. */
float normal_pack(vec3 normal)
{
    vec2 place = normal.xy / (abs(normal.x) + abs(normal.y) + abs(normal.z));
    if (normal.z < 0.0)
        place = (1.0 - abs(place.yx)) * vec2(place.x < 0.0 ? -1.0 : 1.0, place.y < 0.0 ? -1.0 : 1.0);
    vec2 cell = floor((place * 0.5 + 0.5) * 4095.0 + 0.5);
    return cell.x * 4096.0 + cell.y;
}

vec3 normal_unpack(float code)
{
    if (code < 0.0)
        return vec3(0.0);
    float high = floor(code / 4096.0);
    vec2 place = vec2(high, code - high * 4096.0) * (2.0 / 4095.0) - 1.0;
    vec3 normal = vec3(place, 1.0 - abs(place.x) - abs(place.y));
    if (normal.z < 0.0)
        normal.xy =
            (1.0 - abs(normal.yx)) * vec2(normal.x < 0.0 ? -1.0 : 1.0, normal.y < 0.0 ? -1.0 : 1.0);
    return normalize(normal);
}
