import { expect, test } from 'vitest';
import { parseDockerfile } from './parse.ts';
import { neededStages, readStages, stageCalled, targetStage } from './stages.ts';

async function stagesOf(text: string, given: Record<string, string> = {}) {
  return readStages(await parseDockerfile(text, 'Dockerfile'), (name) => given[name]);
}

test('ARGs before the first FROM choose bases, what is given winning over the default', async () => {
  const text = 'ARG V=1\nARG N=base-$V\nFROM $N:$V AS One\nFROM scratch\n';
  expect((await stagesOf(text)).stages.map((stage) => [stage.base, stage.name])).toEqual([
    ['base-1:1', 'one'],
    ['scratch', undefined],
  ]);
  expect((await stagesOf(text, { V: '2' })).stages[0]?.base).toBe('base-2:2');
});

test('only stages that the target needs are built, through FROM, COPY and RUN --mount', async () => {
  const { stages } = await stagesOf(
    'FROM a AS unused\nFROM b AS mounted\nFROM c AS copied\nFROM copied AS base\nRUN --mount=from=mounted,target=/m x\nFROM base\nCOPY --from=2 /x /y\nFROM z\n',
  );
  expect(neededStages(stages, stages[4]!).map((stage) => stage.index)).toEqual([1, 2, 3, 4]);
});

test('a stage is found by its name in any case, or its number, among those before', async () => {
  const { stages } = await stagesOf('FROM a AS x\nFROM b AS x\nFROM c\n');
  expect(stageCalled(stages, 'X')?.index).toBe(1);
  expect(stageCalled(stages, 'x', 1)?.index).toBe(0);
  expect(stageCalled(stages, '0')?.index).toBe(0);
  expect(() => targetStage(stages, 'none')).toThrow(
    'The target "none" was not found in the provided Dockerfile',
  );
});

test.each([
  ['RUN x\n', 'no FROM statement found'],
  ['FROM\n', 'FROM requires either one or three arguments'],
  ['FROM a b c\n', 'FROM requires either one or three arguments'],
  ['FROM $none\n', 'should not be blank'],
  ['FROM a AS 1x\n', 'invalid name for build stage'],
  ['FROM --plattform=x a\n', 'dockerfile parse error on line 1: unknown flag: plattform'],
])('refuses %j', async (text, message) => {
  await expect(stagesOf(text)).rejects.toThrow(message);
});
