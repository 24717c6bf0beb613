/** The one door to the extension host. */
import type { DashboardMemento, FromDashboard, ToDashboard } from '../protocol/messages';
import type { Choices } from './page';

interface VsCodeApi {
  postMessage(message: FromDashboard): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

export type Memento = DashboardMemento & { readonly choices: Choices };

const api = acquireVsCodeApi();

export function send(message: FromDashboard): void {
  api.postMessage(message);
}

export function listen(listener: (message: ToDashboard) => void): void {
  window.addEventListener('message', ({ data }: MessageEvent<ToDashboard>) => listener(data));
}

export function remember(memento: Memento): void {
  api.setState(memento);
}

export function remembered(): Partial<Memento> {
  return (api.getState() as Partial<Memento> | undefined) ?? {};
}

/** Hands a picture to the host, which asks where to save it. */
export async function savePng(canvas: HTMLCanvasElement, name: string): Promise<void> {
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (!blob) throw new Error(`${name}: the browser could not make a PNG of ${canvas.width} x ${canvas.height} pixels`);
  send({ type: 'save', name, mime: 'image/png', data: new Uint8Array(await blob.arrayBuffer()) });
}

export function saveCsv(text: string, name: string): void {
  send({ type: 'save', name, mime: 'text/csv', data: text });
}
