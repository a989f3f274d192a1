/* The number of a particle's part. */
flat in float shown;
layout(location = 0) out vec4 number;

void main()
{
    number = vec4(shown, 0.0, 0.0, 1.0);
}
