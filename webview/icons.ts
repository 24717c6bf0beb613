/** The icons of the page: VS Code's own, inlined, so that no font has to load and they take the text's colour. */
import { html } from 'lit';
import { unsafeHTML } from 'lit/directives/unsafe-html.js';
import beaker from '@vscode/codicons/src/icons/beaker.svg' with { type: 'text' };
import book from '@vscode/codicons/src/icons/book.svg' with { type: 'text' };
import checklist from '@vscode/codicons/src/icons/checklist.svg' with { type: 'text' };
import error from '@vscode/codicons/src/icons/error.svg' with { type: 'text' };
import folder from '@vscode/codicons/src/icons/folder-opened.svg' with { type: 'text' };
import info from '@vscode/codicons/src/icons/info.svg' with { type: 'text' };
import pause from '@vscode/codicons/src/icons/debug-pause.svg' with { type: 'text' };
import play from '@vscode/codicons/src/icons/play.svg' with { type: 'text' };
import save from '@vscode/codicons/src/icons/save.svg' with { type: 'text' };
import scatter from '@vscode/codicons/src/icons/graph-scatter.svg' with { type: 'text' };
import stop from '@vscode/codicons/src/icons/debug-stop.svg' with { type: 'text' };
import table from '@vscode/codicons/src/icons/table.svg' with { type: 'text' };
import target from '@vscode/codicons/src/icons/target.svg' with { type: 'text' };
import warning from '@vscode/codicons/src/icons/warning.svg' with { type: 'text' };
import zoomIn from '@vscode/codicons/src/icons/zoom-in.svg' with { type: 'text' };
import zoomOut from '@vscode/codicons/src/icons/zoom-out.svg' with { type: 'text' };

const icons = {
  beaker,
  book,
  checklist,
  error,
  folder,
  info,
  pause,
  play,
  save,
  scatter,
  stop,
  table,
  target,
  warning,
  zoomIn,
  zoomOut,
};

export type IconName = keyof typeof icons;

export const icon = (name: IconName) => html`<span class="icon" aria-hidden="true">${unsafeHTML(icons[name])}</span>`;
