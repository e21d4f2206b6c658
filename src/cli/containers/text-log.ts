import type { Log, LogLevel } from '../../base/index.ts';

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

/**
 * A log for people at a terminal, in the form that Podman's has (logrus, TextFormatter without colours):
 * `time="…" level=debug msg="…" field=value`.
 */
export function createTextLog(options: {
  level: LogLevel;
  write: (line: string) => void;
  fields?: Record<string, unknown>;
}): Log {
  const { level, write, fields = {} } = options;
  const say =
    (of: LogLevel, word: string) =>
    (message: string, more: Record<string, unknown> = {}) => {
      if (ORDER.indexOf(of) >= ORDER.indexOf(level)) write(textLine(word, message, { ...fields, ...more }));
    };
  return {
    debug: say('debug', 'debug'),
    info: say('info', 'info'),
    warn: say('warn', 'warning'),
    error: say('error', 'error'),
    with: (more) => createTextLog({ level, write, fields: { ...fields, ...more } }),
  };
}

export function textLine(word: string, message: string, fields: Record<string, unknown>): string {
  const time = `${new Date().toISOString().slice(0, 19)}Z`;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${quoted(textOf(value))}`);
  return `time="${time}" level=${word} msg=${JSON.stringify(message)}${rest.join('')}\n`;
}

function textOf(value: unknown): string {
  if (value instanceof Error) return value.message;
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}

function quoted(text: string): string {
  return /^[\w./@^+:-]+$/.test(text) ? text : JSON.stringify(text);
}
