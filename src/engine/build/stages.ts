import { BadRequest } from '../../base/index.ts';
import type { Instruction, ParsedDockerfile } from './parse.ts';
import { expandWord, splitWords, type Variables } from './words.ts';

export interface Stage {
  index: number;
  /** In small letters. */
  name: string | undefined;
  from: Instruction;
  /** An image's name, `scratch`, or the name of a stage before it. */
  base: string;
  platform: string | undefined;
  instructions: Instruction[];
}

export interface StagedDockerfile {
  stages: Stage[];
  /** ARGs before the first FROM, with their values. */
  globalArgs: Map<string, string | undefined>;
  escapeChar: string;
}

/**
 * Sorts instructions into stages. @param given build arguments, and those that are always there.
 * @throws BadRequest
 */
export function readStages(parsed: ParsedDockerfile, given: Variables): StagedDockerfile {
  const { escapeChar } = parsed;
  const globalArgs = new Map<string, string | undefined>();
  const variables: Variables = (name) => globalArgs.get(name) ?? given(name);
  const stages: Stage[] = [];
  for (const instruction of parsed.instructions) {
    if (instruction.keyword === 'FROM')
      stages.push(readFrom(instruction, stages.length, { variables, escapeChar }));
    else if (stages.length > 0) stages.at(-1)!.instructions.push(instruction);
    else if (instruction.keyword === 'ARG')
      for (const { name, value } of readArgs(instruction, variables, escapeChar))
        globalArgs.set(name, given(name) ?? value);
    else throw new BadRequest('no FROM statement found');
  }
  if (stages.length === 0) throw new BadRequest('no FROM statement found');
  return { stages, globalArgs, escapeChar };
}

function readFrom(
  from: Instruction,
  index: number,
  { variables, escapeChar }: { variables: Variables; escapeChar: string },
): Stage {
  const words = splitWords(from.text, escapeChar);
  const [image, as, name] = words;
  if (image === undefined || words.length === 2 || words.length > 3 || (as && as.toUpperCase() !== 'AS'))
    throw new BadRequest(
      `dockerfile parse error on line ${from.line}: FROM requires either one or three arguments`,
    );
  const base = expandWord(image, variables, escapeChar);
  if (base === '')
    throw new BadRequest(
      `dockerfile parse error on line ${from.line}: base name (${image}) should not be blank`,
    );
  let platform: string | undefined;
  for (const flag of from.flags) {
    if (flag.name !== 'platform' || flag.value === undefined) throw unknownFlag(from, flag.name);
    platform = expandWord(flag.value, variables, escapeChar);
  }
  const stageName = name === undefined ? undefined : expandWord(name, variables, escapeChar).toLowerCase();
  if (stageName !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(stageName))
    throw new BadRequest(
      `dockerfile parse error on line ${from.line}: invalid name for build stage: "${name}", name can't start with a number or contain symbols`,
    );
  return { index, name: stageName, from, base, platform, instructions: [] };
}

export function unknownFlag(instruction: Instruction, name: string): BadRequest {
  return new BadRequest(
    `dockerfile parse error on line ${instruction.line}: unknown flag: ${name} for ${instruction.keyword}`,
  );
}

/** `ARG a b=c`. */
export function readArgs(
  instruction: Instruction,
  variables: Variables,
  escapeChar: string,
): { name: string; value: string | undefined }[] {
  const words = splitWords(instruction.text, escapeChar);
  if (words.length === 0)
    throw new BadRequest(
      `dockerfile parse error on line ${instruction.line}: ARG requires at least one argument`,
    );
  return words.map((word) => {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    return {
      name,
      value: equals < 0 ? undefined : expandWord(word.slice(equals + 1), variables, escapeChar),
    };
  });
}

/** The stage a name or number stands for, among those before `before`. */
export function stageCalled(
  stages: readonly Stage[],
  name: string,
  before = stages.length,
): Stage | undefined {
  const earlier = stages.slice(0, before);
  return (
    earlier.findLast((stage) => stage.name === name.toLowerCase()) ??
    (/^\d+$/.test(name) ? earlier[Number(name)] : undefined)
  );
}

/** @throws BadRequest when there is no such stage. */
export function targetStage(stages: readonly Stage[], target: string | undefined): Stage {
  if (target === undefined || target === '') return stages.at(-1)!;
  const found = stageCalled(stages, target);
  if (found === undefined)
    throw new BadRequest(`The target "${target}" was not found in the provided Dockerfile`);
  return found;
}

/** Which earlier stages a stage needs: its base, and those it copies or mounts from. */
export function needsOf(stages: readonly Stage[], stage: Stage): Stage[] {
  const names = [stage.base];
  for (const { keyword, flags } of stage.instructions)
    for (const { name, value } of flags) {
      if (name === 'from' && value !== undefined && keyword !== 'FROM') names.push(value);
      if (name === 'mount' && value !== undefined)
        for (const part of value.split(','))
          if (part.startsWith('from=')) names.push(part.slice('from='.length));
    }
  const found = names.map((name) => stageCalled(stages, name, stage.index));
  return [...new Set(found.filter((one) => one !== undefined))];
}

/** The stages that `target` needs, itself included, in the file's order. */
export function neededStages(stages: readonly Stage[], target: Stage): Stage[] {
  const needed = new Set<Stage>();
  const visit = (stage: Stage) => {
    if (needed.has(stage)) return;
    needed.add(stage);
    for (const one of needsOf(stages, stage)) visit(one);
  };
  visit(target);
  return stages.filter((stage) => needed.has(stage));
}
