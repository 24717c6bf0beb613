import { describe, expect, it } from 'vitest';
import { dashboardHtml } from '../../../extension/dashboard-html';

const page = dashboardHtml({
  cspSource: 'https://*.vscode-cdn.net',
  scriptUri: 'https://file/dashboard.js',
  styleUri: 'https://file/dashboard.css',
  nonce: 'abc123',
  title: '"><script>alert(1)</script>',
  language: 'en',
});

describe('the page of a dashboard', () => {
  it('allows nothing that it does not name', () => {
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
    expect(policy.split('; ')[0]).toBe("default-src 'none'");
    expect(policy).toContain("script-src 'nonce-abc123'");
    expect(policy).not.toMatch(/unsafe|\*[; ]|connect-src|frame-src/);
  });

  it('has no script but its own', () => {
    expect(page.match(/<script\b[^>]*>/g)).toEqual(['<script nonce="abc123" src="https://file/dashboard.js">']);
    expect(page).not.toMatch(/ on\w+=|<style|style=/);
  });
});
