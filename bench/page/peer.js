// The peer of bench/page.py: particles in float textures as a program on three.js does them, with its
// GPUComputationRenderer: a velocity pass (a spring to the target, curl noise, drag), a position pass, and points drawn
// as soft discs; where it is asked to glow, three.js's own way to do that behind them (UnrealBloomPass). Count, canvas, camera, the size of each disc in pixels and the function of the noise are Lumen's.
import {
  AddEquation, BufferAttribute, BufferGeometry, CustomBlending, DataTexture, FloatType, Matrix4, NearestFilter, OneFactor,
  OneMinusSrcAlphaFactor, PerspectiveCamera, Points, RGBAFormat, RawShaderMaterial, GLSL3, Scene, Vector2, WebGLRenderer, REVISION,
} from 'three';
import { GPUComputationRenderer } from 'three/addons/misc/GPUComputationRenderer.js';
import { EffectComposer } from 'three/addons/postprocessing/EffectComposer.js';
import { RenderPass } from 'three/addons/postprocessing/RenderPass.js';
import { UnrealBloomPass } from 'three/addons/postprocessing/UnrealBloomPass.js';
import { OutputPass } from 'three/addons/postprocessing/OutputPass.js';

const VELOCITY = `
uniform sampler2D targets;
uniform float seconds;
uniform float stepped;
uniform float noise;
void main() {
  vec2 at = gl_FragCoord.xy / resolution.xy;
  vec3 position = texture2D(positions, at).xyz;
  vec3 velocity = texture2D(velocities, at).xyz;
  vec3 force = 60.0 * (texture2D(targets, at).xyz - position) - 6.0 * velocity;
  if (noise > 0.0) force += noise * motion_noise_curl(1.6 * position + vec3(0.0, 0.0, seconds));
  gl_FragColor = vec4(velocity + stepped * force, 0.0);
}`;

const POSITION = `
uniform float stepped;
void main() {
  vec2 at = gl_FragCoord.xy / resolution.xy;
  gl_FragColor = vec4(texture2D(positions, at).xyz + stepped * texture2D(velocities, at).xyz, 1.0);
}`;

const DRAW_VERTEX = `
precision highp float;
precision highp sampler2D;
uniform sampler2D positions;
uniform mat4 viewProjection;
uniform float radius;
uniform float focal;
uniform float smallest;
in vec3 position; // where in the texture
in vec3 color;
out vec4 tint;
void main() {
  gl_Position = viewProjection * vec4(texture(positions, position.xy).xyz, 1.0);
  float size = 2.0 * radius * focal / gl_Position.w;
  float drawn = max(size, smallest);
  tint = vec4(color, 0.34) * min(1.0, size * size / (drawn * drawn));
  gl_PointSize = drawn;
}`;

const DRAW_FRAGMENT = `
precision mediump float;
in vec4 tint;
out vec4 light;
void main() {
  vec2 place = gl_PointCoord * 2.0 - 1.0;
  float left = 1.0 - dot(place, place);
  if (left <= 0.0) discard;
  light = tint * left * left;
}`;

const canvas = document.getElementById('canvas');
const pixel = new Uint8Array(4);
let renderer, compute, positions, velocities, scene, camera, material, composer, gl;
let seconds = 0;

function textureOf(side, xyz) {
  const values = new Float32Array(4 * side * side);
  for (let i = 0; i < side * side; i++) values.set(xyz.subarray(3 * i, 3 * i + 3), 4 * i);
  const texture = new DataTexture(values, side, side, RGBAFormat, FloatType);
  texture.minFilter = texture.magFilter = NearestFilter;
  texture.needsUpdate = true;
  return texture;
}

function makePoints(side, { view_projection: matrix, radius, focal, smallest }) {
  const count = side * side;
  const places = new Float32Array(3 * count);
  const colors = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) {
    places.set([((i % side) + 0.5) / side, (Math.floor(i / side) + 0.5) / side, 0], 3 * i);
    colors.set([0.2 + 0.15 * ((i * 7) % 3), 0.25, 0.5 - 0.1 * (i % 3)], 3 * i);
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute('position', new BufferAttribute(places, 3));
  geometry.setAttribute('color', new BufferAttribute(colors, 3));
  material = new RawShaderMaterial({
    glslVersion: GLSL3,
    vertexShader: DRAW_VERTEX,
    fragmentShader: DRAW_FRAGMENT,
    uniforms: {
      positions: { value: null },
      viewProjection: { value: new Matrix4().fromArray(matrix) },
      radius: { value: radius[0] },
      focal: { value: focal[0] },
      smallest: { value: smallest[0] },
    },
    transparent: true,
    depthTest: false,
    depthWrite: false,
    blending: CustomBlending,
    blendEquation: AddEquation,
    blendSrc: OneFactor,
    blendDst: OneMinusSrcAlphaFactor,
  });
  const points = new Points(geometry, material);
  points.frustumCulled = false;
  return points;
}

window.start = async ({ side, width, height, noise, glow, uniforms, positions: flat }) => {
  canvas.width = width;
  canvas.height = height;
  renderer = new WebGLRenderer({ canvas, antialias: false, alpha: false, depth: false, stencil: false });
  renderer.setPixelRatio(1);
  renderer.setSize(width, height, false);
  renderer.setClearColor(0x05060c, 1);
  gl = renderer.getContext();

  const noiseText = await (await fetch('/motion/primitives.glsl')).text();
  const start = Float32Array.from(flat);
  compute = new GPUComputationRenderer(side, side, renderer);
  const targets = textureOf(side, start);
  const still = textureOf(side, new Float32Array(start.length));
  velocities = compute.addVariable('velocities', noiseText + VELOCITY, still);
  positions = compute.addVariable('positions', POSITION, textureOf(side, start));
  compute.setVariableDependencies(velocities, [positions, velocities]);
  compute.setVariableDependencies(positions, [positions, velocities]);
  Object.assign(velocities.material.uniforms, {
    targets: { value: targets }, seconds: { value: 0 }, stepped: { value: 1 / 60 }, noise: { value: noise },
  });
  positions.material.uniforms.stepped = { value: 1 / 60 };
  const fault = compute.init();
  if (fault) throw new Error(fault);

  scene = new Scene();
  scene.add(makePoints(side, uniforms));
  camera = new PerspectiveCamera();
  if (glow) {
    composer = new EffectComposer(renderer);
    composer.addPass(new RenderPass(scene, camera));
    composer.addPass(new UnrealBloomPass(new Vector2(width, height), 0.6, 0.5, 0.0));
    composer.addPass(new OutputPass());
  }
  window.measure(3);
  return { version: REVISION };
};

function frame() {
  seconds += 1 / 60;
  velocities.material.uniforms.seconds.value = seconds;
  compute.compute();
  material.uniforms.positions.value = compute.getCurrentRenderTarget(positions).texture;
  renderer.setRenderTarget(null);
  if (composer) composer.render();
  else renderer.render(scene, camera);
}

function wait() {
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
}

window.measure = (count) => {
  const whole = [];
  const own = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    frame();
    const called = performance.now();
    wait();
    whole.push(performance.now() - start);
    own.push(called - start);
  }
  return { whole, own };
};
window.ready = true;
