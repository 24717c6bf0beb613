/** The editor's colours as canvases need them: read from its variables, read again when the theme changes. */

export interface Theme {
  readonly foreground: string;
  readonly muted: string;
  readonly background: string;
  readonly accent: string;
  readonly grid: string;
  readonly highContrast: boolean;
  readonly font: string;
  /** Okabe & Ito's colour-blind-safe palette, its black replaced by the text colour. */
  readonly categories: readonly string[];
}

/** Okabe-Ito order; on light ground its yellow is darkened, on dark ground its blue lightened, to keep 3:1 contrast. */
const okabeIto = (light: boolean) => [
  '#e69f00',
  '#56b4e9',
  '#009e73',
  light ? '#a89a00' : '#f0e442',
  light ? '#0072b2' : '#3a8fd9',
  '#d55e00',
  '#cc79a7',
];

export function readTheme(): Theme {
  const style = getComputedStyle(document.body);
  const variable = (name: string, otherwise: string) => style.getPropertyValue(name).trim() || otherwise;
  const kinds = document.body.classList;
  const highContrast = kinds.contains('vscode-high-contrast') || kinds.contains('vscode-high-contrast-light');
  const light = kinds.contains('vscode-light') || kinds.contains('vscode-high-contrast-light');
  const foreground = variable('--vscode-editor-foreground', light ? '#3b3b3b' : '#cccccc');
  return {
    foreground,
    muted: highContrast ? foreground : variable('--vscode-descriptionForeground', foreground),
    background: variable('--vscode-editor-background', light ? '#ffffff' : '#1f1f1f'),
    accent: variable('--vscode-charts-blue', variable('--vscode-focusBorder', '#0078d4')),
    grid: highContrast
      ? foreground
      : variable('--vscode-panel-border', variable('--vscode-editorWidget-border', '#808080')),
    highContrast,
    font: variable('--vscode-font-family', 'system-ui, sans-serif'),
    categories: [...okabeIto(light), foreground],
  };
}

/** VS Code swaps the body's class and the root's variables when the colour theme changes. */
export function onThemeChange(listener: () => void): void {
  const observer = new MutationObserver(listener);
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-kind'] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
}
