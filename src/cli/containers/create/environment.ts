import { BadRequest } from '../../../base/index.ts';

export interface CallerFiles {
  /** The text of a file, `/dev/stdin` too. @throws Error as node:fs does */
  readText(path: string): string;
  environment: Readonly<Record<string, string | undefined>>;
}

/**
 * `--env-file` and `--env`, in that order: `NAME=value`, `NAME` takes the caller's value (and is left out when
 * the caller has none), `PREFIX*` all of the caller's that begin so.
 * @throws BadRequest
 */
export function parseEnvironment(
  files: readonly string[],
  variables: readonly string[],
  caller: CallerFiles,
): string[] {
  const result = new Map<string, string>();
  for (const file of files)
    for (const line of readLines(file, caller)) {
      const text = line.trimStart();
      if (text === '' || text.startsWith('#')) continue;
      takeVariable(text, caller, result, `unable to parse environment file ${file}: `);
    }
  for (const one of variables) takeVariable(one, caller, result, '');
  return [...result].map(([name, value]) => `${name}=${value}`);
}

function takeVariable(text: string, caller: CallerFiles, into: Map<string, string>, where: string): void {
  const equals = text.indexOf('=');
  const name = (equals < 0 ? text : text.slice(0, equals)).replace(/^\s+/, '');
  if (name === '' || (where !== '' && /\s/.test(name)))
    throw new BadRequest(`${where}invalid environment variable: ${JSON.stringify(text)}`);
  if (equals >= 0) into.set(name, text.slice(equals + 1));
  else if (name.endsWith('*')) {
    for (const [own, value] of Object.entries(caller.environment))
      if (own.startsWith(name.slice(0, -1)) && value !== undefined) into.set(own, value);
  } else {
    const value = caller.environment[name];
    if (value !== undefined) into.set(name, value);
  }
}

/** `--label-file` and `--label`, in that order. @throws BadRequest */
export function parseLabels(
  files: readonly string[],
  labels: readonly string[],
  caller: CallerFiles,
): Record<string, string> {
  const result: Record<string, string> = {};
  const take = (text: string) => {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    if (name === '')
      throw new BadRequest(`unable to process labels: invalid label format: ${JSON.stringify(text)}`);
    result[name] = equals < 0 ? '' : text.slice(equals + 1);
  };
  for (const file of files)
    for (const line of readLines(file, caller)) {
      const text = line.trim();
      if (text !== '' && !text.startsWith('#')) take(text);
    }
  for (const label of labels) take(label);
  return result;
}

function readLines(file: string, caller: CallerFiles): string[] {
  try {
    return caller.readText(file).split(/\r?\n/);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new BadRequest(`open ${file}: no such file or directory`);
    throw error;
  }
}
