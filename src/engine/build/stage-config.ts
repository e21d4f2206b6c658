import { posix } from 'node:path';
import { BadRequest, parseGoDurationNs } from '../../base/index.ts';
import type { ImageConfig } from '../engine.ts';
import type { ImageState } from './options.ts';
import { asExecForm, type Instruction } from './parse.ts';
import { unknownFlag } from './stages.ts';
import { expandWord, splitWords, type Variables } from './words.ts';

export interface ConfigChange {
  state: ImageState;
  instruction: Instruction;
  variables: Variables;
  escapeChar: string;
}

const DEFAULT_SHELL = ['/bin/sh', '-c'];

export function shellOf(config: ImageConfig): string[] {
  return config.Shell && config.Shell.length > 0 ? config.Shell : DEFAULT_SHELL;
}

/** The exec form as it is, the shell form behind the shell. */
export function commandOf(text: string, config: ImageConfig): string[] {
  return asExecForm(text) ?? [...shellOf(config), text];
}

/**
 * Applies an instruction that changes the image's configuration alone.
 *
 * @returns false when it is none of those: RUN, COPY, ADD, ARG, FROM.
 * @throws BadRequest
 */
export function applyToConfig(change: ConfigChange): boolean {
  const apply = CHANGES[change.instruction.keyword];
  if (apply === undefined) return false;
  if (change.instruction.text.trim() === '')
    throw parseError(change.instruction, `${change.instruction.keyword} requires at least one argument`);
  apply(change);
  return true;
}

export function parseError(instruction: Instruction, message: string): BadRequest {
  return new BadRequest(`dockerfile parse error on line ${instruction.line}: ${message}`);
}

const CHANGES: Record<string, (change: ConfigChange) => void> = {
  CMD: ({ state, instruction }) => {
    state.config.Cmd = commandOf(instruction.text, state.config);
  },
  ENTRYPOINT: ({ state, instruction }) => {
    const { config } = state;
    config.Entrypoint = commandOf(instruction.text, config);
  },
  ENV: (change) => {
    for (const [name, value] of pairsOf(change)) setEnv(change.state.config, name, value);
  },
  LABEL: (change) => {
    change.state.config.Labels = {
      ...change.state.config.Labels,
      ...Object.fromEntries(pairsOf(change)),
    };
  },
  EXPOSE: (change) => {
    const { config } = change.state;
    for (const port of wordsOf(change)) {
      if (!/^\d+(?:-\d+)?(?:\/[a-z]+)?$/.test(port))
        throw parseError(change.instruction, `invalid containerPort: ${port}`);
      const [numbers, protocol = 'tcp'] = port.split('/') as [string, string?];
      const [first, last = first] = numbers.split('-').map(Number) as [number, number?];
      for (let one = first; one <= last; one++)
        config.ExposedPorts = { ...config.ExposedPorts, [`${one}/${protocol}`]: {} };
    }
  },
  VOLUME: (change) => {
    const paths = asExecForm(change.instruction.text)?.map((one) => expanded(one, change)) ?? wordsOf(change);
    for (const path of paths) {
      if (path.trim() === '')
        throw parseError(change.instruction, 'VOLUME specified can not be an empty string');
      change.state.config.Volumes = { ...change.state.config.Volumes, [path]: {} };
    }
  },
  USER: (change) => {
    change.state.config.User = single(change);
  },
  WORKDIR: (change) => {
    const { config } = change.state;
    config.WorkingDir = posix.resolve('/', config.WorkingDir || '/', single(change));
  },
  STOPSIGNAL: (change) => {
    const signal = single(change);
    if (!/^(?:\d+|SIG[A-Z0-9+-]+|[A-Z0-9+-]+)$/i.test(signal))
      throw parseError(change.instruction, `Invalid signal: ${signal}`);
    change.state.config.StopSignal = signal;
  },
  SHELL: ({ state, instruction }) => {
    const shell = asExecForm(instruction.text);
    if (shell === undefined || shell.length === 0)
      throw parseError(instruction, 'SHELL requires the arguments to be in JSON form');
    state.config.Shell = shell;
  },
  MAINTAINER: ({ state, instruction }) => {
    state.author = instruction.text.trim();
  },
  ONBUILD: ({ state, instruction }) => {
    const [trigger = ''] = instruction.text.split(/\s/);
    if (['ONBUILD', 'FROM', 'MAINTAINER'].includes(trigger.toUpperCase()))
      throw parseError(
        instruction,
        trigger.toUpperCase() === 'ONBUILD'
          ? "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"
          : `${trigger.toUpperCase()} isn't allowed as an ONBUILD trigger`,
      );
    state.config.OnBuild = [...(state.config.OnBuild ?? []), instruction.text];
  },
  HEALTHCHECK: (change) => {
    change.state.config.Healthcheck = healthcheckOf(change.instruction);
  },
};

export function setEnv(config: ImageConfig, name: string, value: string): void {
  const line = `${name}=${value}`;
  const env = config.Env ?? [];
  const at = env.findIndex((one) => one.split('=', 1)[0] === name);
  config.Env = at < 0 ? [...env, line] : env.map((one, i) => (i === at ? line : one));
}

function expanded(word: string, { variables, escapeChar }: ConfigChange): string {
  return expandWord(word, variables, escapeChar);
}

function wordsOf(change: ConfigChange): string[] {
  return splitWords(change.instruction.text, change.escapeChar).map((word) => expanded(word, change));
}

function single(change: ConfigChange): string {
  return expanded(change.instruction.text.trim(), change);
}

/** `a=b c="d e"`, or the old `a the rest`. Variables are those from before the instruction. */
function pairsOf(change: ConfigChange): [string, string][] {
  const { instruction, escapeChar } = change;
  const words = splitWords(instruction.text, escapeChar);
  if (!words[0]!.includes('=')) {
    const [, name = '', rest = ''] = /^(\S+)\s+([\s\S]+)$/.exec(instruction.text.trim()) ?? [];
    if (name === '') throw new BadRequest(`${instruction.keyword} must have two arguments`);
    return [[expanded(name, change), expanded(rest, change)]];
  }
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 0)
      throw parseError(
        instruction,
        `Syntax error - can't find = in "${word}". Must be of the form: name=value`,
      );
    const name = expanded(word.slice(0, equals), change);
    if (name === '') throw parseError(instruction, `${instruction.keyword} names can not be blank`);
    return [name, expanded(word.slice(equals + 1), change)];
  });
}

function healthcheckOf(instruction: Instruction): NonNullable<ImageConfig['Healthcheck']> {
  const [, kind = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(instruction.text) ?? [];
  if (kind.toUpperCase() === 'NONE') {
    if (rest.trim() !== '') throw parseError(instruction, 'HEALTHCHECK NONE takes no arguments');
    return { Test: ['NONE'] };
  }
  if (kind.toUpperCase() !== 'CMD')
    throw parseError(instruction, `Unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`);
  if (rest.trim() === '') throw parseError(instruction, 'Missing command after HEALTHCHECK CMD');
  const exec = asExecForm(rest);
  const check: NonNullable<ImageConfig['Healthcheck']> = {
    Test: exec === undefined ? ['CMD-SHELL', rest] : ['CMD', ...exec],
  };
  for (const { name, value = '' } of instruction.flags) {
    if (name === 'interval') check.Interval = healthTimeNs(value);
    else if (name === 'timeout') check.Timeout = healthTimeNs(value);
    else if (name === 'start-period') check.StartPeriod = healthTimeNs(value);
    else if (name === 'start-interval') check.StartInterval = healthTimeNs(value);
    else if (name === 'retries' && /^\d+$/.test(value)) check.Retries = Number(value);
    else throw unknownFlag(instruction, name);
  }
  return check;
}

/** @throws BadRequest also for a time below zero */
function healthTimeNs(text: string): number {
  const nanoseconds = parseGoDurationNs(text);
  if (nanoseconds === undefined || nanoseconds < 0)
    throw new BadRequest(`time: invalid duration ${JSON.stringify(text)}`);
  return nanoseconds;
}
