/* The position pass. The exact way of the spring follows from the velocities before and after the frame. */
uniform sampler2D positions;
uniform sampler2D velocities; /* before */
uniform sampler2D velocities_after;
uniform vec2 way_loose; /* how much of the velocity after and before the frame; see spring_step in particle.h */
uniform vec2 way_tight;
uniform int side;

layout(location = 0) out vec4 after;

void main()
{
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec2 way = mix(way_loose, way_tight, arrived(particle_seed(uint(at.y * side + at.x))));
    vec4 before = texelFetch(positions, at, 0);
    vec4 velocity = texelFetch(velocities_after, at, 0);
    /* The normal goes along, so that drawing needs this texture alone. */
    after = vec4(before.xyz + way.x * velocity.xyz + way.y * texelFetch(velocities, at, 0).xyz, velocity.w);
}
