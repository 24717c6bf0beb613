/** Points on a canvas: where they lie on the screen, how a group looks, and the painting. */
import type { Theme } from './theme';

/** What part of the plane is looked at: its centre, and how often the whole would fit. */
export interface Viewport {
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

interface Size {
  readonly clientWidth: number;
  readonly clientHeight: number;
}

const margin = 1.06;

const pixelsPerUnit = ({ clientWidth, clientHeight }: Size, { zoom }: Viewport, radius: number) =>
  (Math.min(clientWidth, clientHeight) * zoom) / (2 * margin * (radius || 1));

export function toScreen(size: Size, viewport: Viewport, radius: number, x: number, y: number) {
  const scale = pixelsPerUnit(size, viewport, radius);
  return {
    x: size.clientWidth / 2 + (x - viewport.x) * scale,
    y: size.clientHeight / 2 - (y - viewport.y) * scale,
  };
}

export function toPlane(size: Size, viewport: Viewport, radius: number, x: number, y: number) {
  const scale = pixelsPerUnit(size, viewport, radius);
  return {
    x: viewport.x + (x - size.clientWidth / 2) / scale,
    y: viewport.y - (y - size.clientHeight / 2) / scale,
    perPixel: 1 / scale,
  };
}

interface Shape {
  readonly svg: string;
  readonly path: (context: CanvasRenderingContext2D, x: number, y: number, r: number) => void;
}

/** Shapes tell groups apart once the eight colours are used up. */
const shapes: readonly Shape[] = [
  {
    svg: 'M0 -4A4 4 0 1 0 0 4A4 4 0 1 0 0 -4Z',
    path: (context, x, y, r) => context.arc(x, y, r, 0, 2 * Math.PI),
  },
  {
    svg: 'M0 -4.5L4.5 3.5L-4.5 3.5Z',
    path: (context, x, y, r) => {
      context.moveTo(x, y - 1.3 * r);
      context.lineTo(x + 1.25 * r, y + r);
      context.lineTo(x - 1.25 * r, y + r);
      context.closePath();
    },
  },
  {
    svg: 'M-3.6 -3.6H3.6V3.6H-3.6Z',
    path: (context, x, y, r) => context.rect(x - r, y - r, 2 * r, 2 * r),
  },
  {
    svg: 'M0 -5L5 0L0 5L-5 0Z',
    path: (context, x, y, r) => {
      context.moveTo(x, y - 1.4 * r);
      context.lineTo(x + 1.4 * r, y);
      context.lineTo(x, y + 1.4 * r);
      context.lineTo(x - 1.4 * r, y);
      context.closePath();
    },
  },
];

export function categoryStyle(theme: Theme, group: number): { colour: string; shape: Shape } {
  const { categories } = theme;
  return {
    colour: categories[group % categories.length] ?? theme.foreground,
    shape: shapes[Math.floor(group / categories.length) % shapes.length] as Shape,
  };
}

interface MapView {
  readonly points: readonly number[];
  readonly viewport: Viewport;
  readonly radius: number;
  readonly group: (index: number) => number;
  readonly visible: (index: number) => boolean;
  /** The point under the pointer or chosen by key, or -1. */
  readonly marked: number;
}

/** Larger than any number of points, so that its multiples come by each of them once. */
const MIXING_PRIME = 1_000_003;

export function drawMap(canvas: HTMLCanvasElement, theme: Theme, view: MapView): void {
  const { clientWidth, clientHeight } = canvas;
  const density = window.devicePixelRatio;
  const width = Math.round(clientWidth * density);
  const height = Math.round(clientHeight * density);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext('2d');
  if (!context) return;
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, clientWidth, clientHeight);

  const { points, viewport, radius, group, visible, marked } = view;
  const count = points.length / 2;
  // Crowded maps need smaller points; looking closer makes them larger again.
  const r = Math.min(5, Math.max(1.2, 70 / Math.sqrt(count + 1)) * Math.sqrt(viewport.zoom));
  const paint = (index: number, size: number) => {
    const { x, y } = toScreen(canvas, viewport, radius, points[2 * index] as number, points[2 * index + 1] as number);
    const { colour, shape } = categoryStyle(theme, group(index));
    context.fillStyle = visible(index) ? colour : theme.muted;
    context.globalAlpha = visible(index) ? 0.85 : 0.18;
    context.beginPath();
    shape.path(context, x, y, size);
    context.fill();
    return { x, y };
  };
  // What is picked out lies on top. Images often come class by class: in their order the last class would hide the others.
  const nth = (i: number) => (i * MIXING_PRIME) % count;
  for (let i = 0; i < count; i++) if (!visible(nth(i))) paint(nth(i), r);
  for (let i = 0; i < count; i++) if (visible(nth(i))) paint(nth(i), r);
  context.globalAlpha = 1;
  if (marked >= 0) {
    const { x, y } = paint(marked, r + 2);
    context.globalAlpha = 1;
    context.strokeStyle = theme.foreground;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, r + 5, 0, 2 * Math.PI);
    context.stroke();
  }
}
